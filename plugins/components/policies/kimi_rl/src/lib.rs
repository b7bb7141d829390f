//! Selection policy `kimi_rl`: correctness and the length reward of Kimi k1.5's reinforcement learning, as weights of
//! either sign. Kimi k1.5 (arXiv 2501.12599), section 2.3.3:
//!
//! ```text
//! len_reward(i) = λ            if correct        λ = 0.5 − (len(i) − min_len) / (max_len − min_len)
//!                 min(0, λ)    if not
//! ```
//!
//! and 0 for all where all are of one length; min_len and max_len are those of the group. It is added to the reward of 1
//! for a correct response with a weighting parameter, which the report does not give: `length_weight`.
//!
//! In: a graded group. Out: a weight for each graded response. They are rewards: the recipe has the host normalise them
//! within the group. There the model is improved round by round, by mirror descent; a run here is one round.

use ts_plugin_sdk::selection_policy::{Group, Selection};
use ts_plugin_sdk::{
    Description, Plugin, SelectionPolicy, Settings, Value, description, export_selection_policy, setting,
};
use ts_policy_sdk::{Responses, weighted};

/// Correctness and length as one reward.
struct KimiRl {
    /// What the length reward is multiplied by.
    length_weight: f64,
}

impl Plugin for KimiRl {
    fn describe() -> Description {
        let doc = "What the length reward is multiplied by before it is added to that of correctness; from 0 to 100.";
        let settings = vec![setting("length_weight", Value::Number(1.0), doc)];
        let summary = "Weighs responses by correctness and by Kimi k1.5's length reward.";
        description("kimi_rl", env!("CARGO_PKG_VERSION"), summary, settings)
    }

    fn configure(settings: &Settings) -> Result<Self, String> {
        Ok(KimiRl { length_weight: settings.number_within("length_weight", 0.0..=100.0)? })
    }
}

impl SelectionPolicy for KimiRl {
    fn select(&self, group: &Group) -> Result<Selection, String> {
        let responses = Responses::of(group);
        let lengths = || responses.graded().map(|(.., candidate)| candidate.length);
        let (least, most) = (lengths().fold(f64::INFINITY, f64::min), lengths().fold(0.0, f64::max));
        let length_reward = |is_correct: bool, length: f64| {
            if most <= least {
                return 0.0;
            }
            let lambda = 0.5 - (length - least) / (most - least);
            if is_correct { lambda } else { lambda.min(0.0) }
        };
        let weight = |is_correct, length| {
            let correctness = if is_correct { 1.0 } else { 0.0 };
            correctness + self.length_weight * length_reward(is_correct, length)
        };
        Ok(weighted(responses.graded().map(|(index, is_correct, c)| (index, weight(is_correct, c.length)))))
    }
}

export_selection_policy!(KimiRl);

#[cfg(test)]
mod tests {
    use super::*;
    use ts_policy_sdk::example::{group, weights};

    /// Lengths from 10 to 50: λ is 0.5, 0.25, 0, −0.5 at 10, 20, 30, 50.
    #[test]
    fn hand_worked_rewards() {
        let chosen = KimiRl { length_weight: 1.0 }.select(&group("C10 C20 W10 W50 U99 C30 N30")).unwrap();
        let expected = [(0, 1.5), (1, 1.25), (2, 0.0), (3, -0.5), (5, 1.0), (6, 0.0)];
        assert_eq!(weights(&chosen), expected);
        assert!(chosen.positives.is_empty() && chosen.pairs.is_empty());
        let half = KimiRl { length_weight: 0.5 }.select(&group("C10 W50")).unwrap();
        assert_eq!(weights(&half), [(0, 1.25), (1, -0.25)]);
    }

    #[test]
    fn of_one_length_only_correctness_counts() {
        let chosen = KimiRl { length_weight: 1.0 }.select(&group("C10 W10 C10")).unwrap();
        assert_eq!(weights(&chosen), [(0, 1.0), (1, 0.0), (2, 1.0)]);
        assert!(weights(&KimiRl { length_weight: 1.0 }.select(&group("U5")).unwrap()).is_empty());
    }
}
