//! Preference pairs of one problem: each positive with its negatives, up to a cap. Section 3.1, appendix A.1.
//!
//! In go the graded responses and the positives; out come pairs of indices, the best first.
//! Left out on purpose: which responses are positives, and texts. A pair names two responses and nothing
//! more.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::selection::{Candidate, incorrect_longer_than};

/// A preference between two responses to one problem.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// Index of the preferred response.
    pub chosen: usize,
    /// Index of the other one.
    pub rejected: usize,
    /// Its weight in the preference term; finite, not negative; 1 is usual.
    pub weight: f64,
}

/// What the cap on pairs counts over.
///
/// The paper's appendix says at most 64 pairs per problem; its summary says per positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairScope {
    /// At most `max_pairs` for the whole problem: the paper's.
    #[default]
    Problem,
    /// At most `max_pairs` for each chosen response.
    Positive,
}

/// Every positive with every wrong response longer than it, each pair of weight 1.
///
/// The order is that of `positives`, and for each of them that in which the negatives were drawn. The paper
/// does not say which pairs survive the cap; in this order they are those of the first positives, and among
/// these a random sample, since draws are independent. An index out of range is passed over.
pub fn pair_with_longer_incorrect(candidates: &[Candidate], positives: &[usize]) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for &chosen in positives {
        let Some(positive) = candidates.get(chosen) else {
            continue;
        };
        let negatives = incorrect_longer_than(candidates, positive.length);
        pairs.extend(negatives.into_iter().map(|rejected| Pair { chosen, rejected, weight: 1.0 }));
    }
    pairs
}

/// The first pairs, in their order, as many as the cap lets through; all of them if there are fewer.
pub fn cap_pairs(pairs: &[Pair], scope: PairScope, max_pairs: usize) -> Vec<Pair> {
    let mut kept_of_positive = HashMap::new();
    let mut kept = Vec::new();
    for pair in pairs {
        let n_kept = match scope {
            PairScope::Problem => kept.len(),
            PairScope::Positive => *kept_of_positive.entry(pair.chosen).or_insert(0),
        };
        if n_kept < max_pairs {
            kept.push(*pair);
            kept_of_positive.insert(pair.chosen, n_kept + 1);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome::{Correct, Incorrect, NoAnswer};
    use crate::selection::candidate;
    use proptest::prelude::*;

    fn pair(chosen: usize, rejected: usize) -> Pair {
        Pair { chosen, rejected, weight: 1.0 }
    }

    #[test]
    fn positives_meet_longer_wrong_responses() {
        let group = [
            candidate(Correct, 10),
            candidate(Incorrect, 15),
            candidate(Correct, 20),
            candidate(NoAnswer, 25),
            candidate(Incorrect, 5),
        ];
        let pairs = pair_with_longer_incorrect(&group, &[0, 2, 99]);
        assert_eq!(pairs, [pair(0, 1), pair(0, 3), pair(2, 3)]);
    }

    #[test]
    fn the_cap_counts_over_its_scope() {
        let pairs = [pair(0, 5), pair(0, 6), pair(1, 5), pair(0, 7), pair(1, 6), pair(1, 7)];
        assert_eq!(cap_pairs(&pairs, PairScope::Problem, 3), [pair(0, 5), pair(0, 6), pair(1, 5)]);
        assert_eq!(
            cap_pairs(&pairs, PairScope::Positive, 2),
            [pair(0, 5), pair(0, 6), pair(1, 5), pair(1, 6)]
        );
        assert!(cap_pairs(&pairs, PairScope::Problem, 0).is_empty());
    }

    proptest! {
        #[test]
        fn a_cap_keeps_a_subsequence_within_its_bounds(
            indices in prop::collection::vec((0_usize..5, 0_usize..9), 0..80),
            max_pairs in 0_usize..20,
        ) {
            let pairs: Vec<Pair> = indices.into_iter().map(|(c, r)| pair(c, r)).collect();
            let of_problem = cap_pairs(&pairs, PairScope::Problem, max_pairs);
            prop_assert_eq!(&of_problem[..], &pairs[..pairs.len().min(max_pairs)]);

            let of_positive = cap_pairs(&pairs, PairScope::Positive, max_pairs);
            for chosen in 0..5 {
                let all: Vec<_> = pairs.iter().filter(|p| p.chosen == chosen).collect();
                let kept: Vec<_> = of_positive.iter().filter(|p| p.chosen == chosen).collect();
                prop_assert_eq!(&kept[..], &all[..all.len().min(max_pairs)]);
            }
        }
    }
}
