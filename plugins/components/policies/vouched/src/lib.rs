//! Selection policy `vouched`: adaptive depth among those correct responses that others of about their length vouch
//! for. Beyond the paper.
//!
//! Where short cuts sometimes hit, the shortest correct response to a problem is often luck: most of the responses about as
//! short are wrong. To imitate it is to imitate the short cut. So a correct response stands only if, of the `neighbours`
//! graded responses that are next shorter and as many that are next longer, at least as large a share is correct as
//! of the whole group:
//!
//! ```text
//! vouched(i):   correct among i − n … i + n without i   ≥   tolerance · p · (how many these are)
//! ```
//!
//! At an end of the group there are fewer. Of the vouched responses the first k = ⌈depth_alpha · (1 − p) · c⌉ are positives,
//! as `q_dyn` has it; of a problem that is always solved, `all_correct`. Negatives of a positive are the wrong
//! responses longer than it, and with a `shorter_weight` above 0 the shorter ones too, in pairs of that weight: those teach
//! that a short cut is not preferred.
//!
//! In: a graded group. Out: indices. Of equal lengths the response drawn first counts as the shorter one.

use ts_plugin_sdk::selection_policy::{Group, Selection};
use ts_plugin_sdk::{
    Description, Plugin, SelectionPolicy, Settings, Value, description, export_selection_policy, setting,
};
use ts_policy_sdk::{Responses, selection};

/// Adaptive depth among vouched responses.
struct Vouched {
    /// As of `q_dyn`.
    depth_alpha: f64,
    /// As of `q_dyn`.
    all_correct: usize,
    /// Graded responses on either side that vouch.
    neighbours: usize,
    /// The share of the pass rate that they must reach.
    tolerance: f64,
    /// The weight of pairs whose rejected response is the shorter one; 0 makes none.
    shorter_weight: f64,
}

impl Vouched {
    /// The correct responses that their neighbours vouch for, shortest first.
    fn vouched(&self, responses: &Responses) -> Vec<usize> {
        let mut graded: Vec<(usize, bool, f64)> = responses
            .graded()
            .map(|(index, is_correct, candidate)| (index, is_correct, candidate.length))
            .collect();
        graded.sort_by(|a, b| a.2.total_cmp(&b.2)); // stable
        let n_correct = graded.iter().filter(|(_, is_correct, _)| *is_correct).count();
        let is_vouched = |&place: &usize| {
            let around =
                place.saturating_sub(self.neighbours)..(place + self.neighbours + 1).min(graded.len());
            let n_others = around.len() - 1;
            let n_vouching = graded[around].iter().filter(|(_, is_correct, _)| *is_correct).count() - 1;
            // In whole numbers, so that a share equal to the pass rate is not below it by rounding.
            (n_vouching * graded.len()) as f64 >= self.tolerance * (n_correct * n_others) as f64
        };
        let correct = (0..graded.len()).filter(|&place| graded[place].1);
        correct.filter(is_vouched).map(|place| graded[place].0).collect()
    }
}

impl Plugin for Vouched {
    fn describe() -> Description {
        let settings = vec![
            setting("depth_alpha", Value::Number(0.2), "As of q_dyn; above 0 and at most 1."),
            setting("all_correct", Value::Integer(0), "As of q_dyn; 0 or more."),
            setting(
                "neighbours",
                Value::Integer(2),
                "Graded responses on either side that vouch; from 1 to 1000.",
            ),
            setting(
                "tolerance",
                Value::Number(0.8),
                "Share of the pass rate that they must reach; from 0 to 1.",
            ),
            setting(
                "shorter_weight",
                Value::Number(0.3),
                "Weight of pairs against shorter wrong responses; 0 makes none; from 0 to 1.",
            ),
        ];
        let summary = "Adaptive depth among correct responses that others of about their length vouch for.";
        description("vouched", env!("CARGO_PKG_VERSION"), summary, settings)
    }

    fn configure(settings: &Settings) -> Result<Self, String> {
        let depth_alpha = settings.number_within("depth_alpha", 0.0..=1.0)?;
        if depth_alpha == 0.0 {
            return Err("depth_alpha must be above 0".to_owned());
        }
        Ok(Vouched {
            depth_alpha,
            all_correct: settings.integer_within("all_correct", 0..=i64::from(u32::MAX))? as usize,
            neighbours: settings.integer_within("neighbours", 1..=1000)? as usize,
            tolerance: settings.number_within("tolerance", 0.0..=1.0)?,
            shorter_weight: settings.number_within("shorter_weight", 0.0..=1.0)?,
        })
    }
}

impl SelectionPolicy for Vouched {
    fn select(&self, group: &Group) -> Result<Selection, String> {
        let responses = Responses::of(group);
        let mut positives = self.vouched(&responses);
        positives.truncate(responses.n_at_depth(self.depth_alpha, self.all_correct));
        let mut selection = selection(&positives, |chosen| {
            let mut rejected = responses.longer_wrong(chosen);
            if self.shorter_weight > 0.0 {
                rejected.extend(responses.shorter_wrong(chosen));
            }
            rejected
        });
        let length = |response: u32| group.responses[response as usize].length;
        for pair in &mut selection.pairs {
            if length(pair.rejected) < length(pair.chosen) {
                pair.weight = self.shorter_weight;
            }
        }
        Ok(selection)
    }
}

export_selection_policy!(Vouched);

#[cfg(test)]
mod tests {
    use super::*;
    use ts_policy_sdk::example::{group, pairs, positives};

    fn policy() -> Vouched {
        Vouched { depth_alpha: 1.0, all_correct: 1, neighbours: 2, tolerance: 1.0, shorter_weight: 0.0 }
    }

    fn select(policy: &Vouched, line: &str) -> Selection {
        policy.select(&group(line)).unwrap()
    }

    #[test]
    fn a_correct_response_among_wrong_ones_is_luck() {
        // p = 4/7. C10: 0 of 2 around it are correct; C20: 2 of 4; C21: 2 of 4; C22: 2 of 3, of which 4/7 is 1.7.
        let line = "W30 C22 C21 C20 W12 W11 C10 U15";
        assert_eq!(positives(&select(&policy(), line)), [1]);
        // Two thirds of p, 1.5 of 4, is enough for 2 of 4. k = ⌈3/7 · 4⌉ = 2.
        assert_eq!(positives(&select(&Vouched { tolerance: 2.0 / 3.0, ..policy() }, line)), [3, 2]);
        // Without a need for others it is `q_dyn`.
        assert_eq!(positives(&select(&Vouched { tolerance: 0.0, ..policy() }, line)), [6, 3]);
    }

    #[test]
    fn shorter_wrong_responses_are_rejected_where_it_is_asked_for() {
        let line = "W5 C10 C11 C12 W20";
        assert_eq!(pairs(&select(&policy(), line)), [(1, 4), (3, 4)]);
        let both = select(&Vouched { shorter_weight: 0.5, ..policy() }, line);
        assert_eq!(pairs(&both), [(1, 4), (3, 0), (1, 0), (3, 4)]);
        let weights: Vec<f64> = both.pairs.iter().map(|pair| pair.weight).collect();
        assert_eq!(weights, [1.0, 0.5, 0.5, 1.0]);
    }

    #[test]
    fn always_and_never_solved() {
        assert_eq!(positives(&select(&policy(), "C20 C10")), [1]);
        assert_eq!(positives(&select(&policy(), "C20")), [0]); // nobody speaks against it
        assert_eq!(positives(&select(&policy(), "W20 W10")), []);
        assert_eq!(positives(&select(&policy(), "U20")), []);
        assert_eq!(positives(&select(&policy(), "")), []);
        assert_eq!(positives(&select(&policy(), "C10 W20")), []); // nobody of its length is right
    }
}
