//! What the selection policies share: the host's arithmetic on a group, and the order of pairs. TokenSqueeze,
//! section 3.1.
//!
//! In: a group as the host hands it over. Out: indices and a [`Selection`].

pub mod example;

use ts_core::Outcome as Graded;
use ts_core::selection::{
    Candidate, GroupCounts, correct_by_length, depth_quantile, incorrect_longer_than, n_positives, pass_rate,
};
use ts_plugin_sdk::selection_policy::{Group, Outcome, Pair, Positive, Selection, Sequence};

/// The responses of one group, with the questions that policies ask of them. Indices are those of the group.
pub struct Responses(Vec<Candidate>);

impl Responses {
    /// The responses of a group.
    pub fn of(group: &Group) -> Self {
        let candidates = group.responses.iter().map(|response| Candidate {
            outcome: match response.outcome {
                Outcome::Correct => Graded::Correct,
                Outcome::Incorrect => Graded::Incorrect,
                Outcome::NoAnswer => Graded::NoAnswer,
                Outcome::Ungraded => Graded::GraderFailed,
            },
            score: response.score,
            length: response.length,
            tokens: response.tokens,
            finished: response.finished,
        });
        Responses(candidates.collect())
    }

    /// The graded responses, in the order drawn: index, whether it is correct, and the response.
    pub fn graded(&self) -> impl Iterator<Item = (usize, bool, &Candidate)> {
        let graded = self.0.iter().enumerate().filter(|(_, candidate)| candidate.outcome.is_gradable());
        graded.map(|(index, candidate)| (index, candidate.outcome.is_correct(), candidate))
    }

    /// The share of correct responses among the graded ones.
    pub fn pass_rate(&self) -> f64 {
        let counts = GroupCounts::of(&self.0);
        pass_rate(counts.n_correct, counts.n_graded)
    }

    /// The `n` shortest correct responses, shortest first; fewer if there are fewer.
    pub fn shortest_correct(&self, n: usize) -> Vec<usize> {
        let mut correct = correct_by_length(&self.0);
        correct.truncate(n);
        correct
    }

    /// The shortest wrong response; of equal lengths the one drawn first.
    pub fn shortest_wrong(&self) -> Option<usize> {
        let wrong = (0..self.0.len()).filter(|&index| self.0[index].outcome.is_wrong());
        wrong.min_by(|&a, &b| self.0[a].length.total_cmp(&self.0[b].length))
    }

    /// The first ⌈quantile · n_correct⌉ correct responses, shortest first.
    pub fn within_quantile(&self, quantile: f64) -> Vec<usize> {
        self.shortest_correct(n_positives(quantile, GroupCounts::of(&self.0).n_correct))
    }

    /// The method's positives: those within the quantile depth_alpha · (1 − pass rate).
    pub fn within_depth(&self, depth_alpha: f64) -> Vec<usize> {
        self.within_quantile(depth_quantile(depth_alpha, self.pass_rate()))
    }

    /// How many positives adaptive depth keeps: k, or `all_correct` of a problem that is always solved, for which k
    /// is 0. There may be fewer correct responses.
    pub fn n_at_depth(&self, depth_alpha: f64, all_correct: usize) -> usize {
        if self.pass_rate() == 1.0 { all_correct } else { self.within_depth(depth_alpha).len() }
    }

    /// Wrong responses longer than response `chosen`, in the order drawn.
    pub fn longer_wrong(&self, chosen: usize) -> Vec<usize> {
        incorrect_longer_than(&self.0, self.0[chosen].length)
    }

    /// Wrong responses shorter than response `chosen`, in the order drawn.
    pub fn shorter_wrong(&self, chosen: usize) -> Vec<usize> {
        let is_shorter_wrong = |&index: &usize| {
            let candidate = &self.0[index];
            candidate.outcome.is_wrong() && candidate.length < self.0[chosen].length
        };
        (0..self.0.len()).filter(is_shorter_wrong).collect()
    }

    /// Wrong responses longer than response `chosen`, and correct ones of which
    /// `is_much_longer(length, chosen length)` holds, in the order drawn.
    pub fn longer_wrong_or_much_longer(
        &self,
        chosen: usize,
        is_much_longer: impl Fn(f64, f64) -> bool,
    ) -> Vec<usize> {
        let length = self.0[chosen].length;
        let is_rejected = |candidate: &Candidate| {
            let is_longer_wrong = candidate.outcome.is_wrong() && candidate.length > length;
            is_longer_wrong || (candidate.outcome.is_correct() && is_much_longer(candidate.length, length))
        };
        (0..self.0.len()).filter(|&index| is_rejected(&self.0[index])).collect()
    }
}

/// Positives of weight 1, and pairs of weight 1 with each positive's rejected responses.
///
/// The host keeps the first `max_pairs_per_problem` pairs, and the paper does not say which. Here the
/// positives take turns, the first (shortest) first, so that a cut leaves each about as many pairs as any
/// other. The i-th of k positives begins i/k of the way into its own rejected responses and wraps around, so
/// that few turns already meet many different ones.
pub fn selection(positives: &[usize], rejected_of: impl Fn(usize) -> Vec<usize>) -> Selection {
    let mut rejected: Vec<Vec<usize>> = positives.iter().map(|&chosen| rejected_of(chosen)).collect();
    for (turn, list) in rejected.iter_mut().enumerate() {
        let start = turn * list.len() / positives.len();
        list.rotate_left(start);
    }
    let turns = rejected.iter().map(Vec::len).max().unwrap_or(0);
    let pairs = (0..turns).flat_map(|turn| {
        let of_turn = positives.iter().zip(&rejected);
        of_turn.filter_map(move |(&chosen, list)| {
            let rejected = *list.get(turn)?;
            Some(Pair { chosen: chosen as u32, rejected: rejected as u32, weight: 1.0 })
        })
    });
    Selection {
        pairs: pairs.collect(),
        positives: positives
            .iter()
            .map(|&response| Positive { response: response as u32, weight: 1.0, keep_steps: None })
            .collect(),
        sequences: vec![],
    }
}

/// A weight of either sign for each of these responses, and nothing else.
pub fn weighted(weights: impl IntoIterator<Item = (usize, f64)>) -> Selection {
    let sequence = |(response, weight)| Sequence { response: response as u32, weight };
    Selection { positives: vec![], pairs: vec![], sequences: weights.into_iter().map(sequence).collect() }
}

/// The mean; 0 of nothing.
pub fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0_usize), |(sum, n), value| (sum + value, n + 1));
    if n == 0 { 0.0 } else { sum / n as f64 }
}

#[cfg(test)]
mod tests {
    use super::example::{group, pairs, positives};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn positives_take_turns_and_spread_over_the_rejected() {
        let lists = |chosen: usize| if chosen == 0 { vec![10, 11, 12, 13] } else { vec![12, 13] };
        let chosen = selection(&[0, 1], lists);
        assert_eq!(pairs(&chosen), [(0, 10), (1, 13), (0, 11), (1, 12), (0, 12), (0, 13)]);
        assert_eq!(positives(&chosen), [0, 1]);
        assert!(selection(&[], lists).pairs.is_empty());
    }

    #[test]
    fn ungraded_responses_count_for_nothing() {
        let responses = Responses::of(&group("C10 U1 W30 U99"));
        assert_eq!(responses.pass_rate(), 0.5);
        assert_eq!(responses.shortest_correct(9), [0]);
        assert_eq!(responses.longer_wrong(0), [2]);
        let graded: Vec<_> = responses.graded().map(|(index, correct, _)| (index, correct)).collect();
        assert_eq!(graded, [(0, true), (2, false)]);
    }

    proptest! {
        #[test]
        fn every_pair_of_the_product_appears_once(sizes in prop::collection::vec(0_usize..9, 0..6)) {
            let positives: Vec<usize> = (0..sizes.len()).collect();
            let chosen = selection(&positives, |index| (100..100 + sizes[index]).collect());
            let mut found = pairs(&chosen);
            let kept = found.len();
            found.sort_unstable();
            found.dedup();
            prop_assert_eq!(found.len(), kept);
            prop_assert_eq!(kept, sizes.iter().sum::<usize>());
        }
    }
}
