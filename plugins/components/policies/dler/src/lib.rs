//! Selection policy `dler`: the truncation penalty of DLER (arXiv 2510.15110), as weights of either sign: a reward of 1
//! for a correct response of at most `target_tokens` tokens and of 0 for every other, less the mean of the group, which
//! is the advantage that its equation 3 normalises over a batch (`objective.normalise = "batch"`).
//!
//! In: a graded group. Out: a weight for each graded response; nothing where all rewards are the same: DLER's dynamic
//! sampling drops such problems (section 3.3), and draws others in their place, which one round cannot.
//!
//! There the model is trained round by round, and clips each token's ratio, upwards at 1.28.

use ts_plugin_sdk::selection_policy::{Group, Selection};
use ts_plugin_sdk::{
    Description, Plugin, SelectionPolicy, Settings, Value, description, export_selection_policy, setting,
};
use ts_policy_sdk::{Responses, mean, weighted};

/// Correct within a budget, or nothing.
struct Dler {
    /// The most tokens of a response that is worth something.
    target_tokens: u32,
}

impl Plugin for Dler {
    fn describe() -> Description {
        let doc = "Correct responses of more tokens than this are worth nothing; from 1 to 10000000 tokens.";
        let settings = vec![setting("target_tokens", Value::Integer(4000), doc)];
        let summary = "Weighs responses by whether they are correct within a token budget.";
        description("dler", env!("CARGO_PKG_VERSION"), summary, settings)
    }

    fn configure(settings: &Settings) -> Result<Self, String> {
        Ok(Dler { target_tokens: settings.integer_within("target_tokens", 1..=10_000_000)? as u32 })
    }
}

impl SelectionPolicy for Dler {
    fn select(&self, group: &Group) -> Result<Selection, String> {
        let responses = Responses::of(group);
        let rewards = || {
            responses.graded().map(|(index, is_correct, candidate)| {
                let is_within = is_correct && candidate.tokens <= self.target_tokens;
                (index, if is_within { 1.0 } else { 0.0 })
            })
        };
        let mean = mean(rewards().map(|(_, reward)| reward));
        if mean == 0.0 || mean == 1.0 {
            return Ok(weighted([]));
        }
        Ok(weighted(rewards().map(|(index, reward)| (index, reward - mean))))
    }
}

export_selection_policy!(Dler);

#[cfg(test)]
mod tests {
    use super::*;
    use ts_policy_sdk::example::{group, weights};

    /// One of four is correct within 20 tokens: a mean of ¼.
    #[test]
    fn hand_worked_advantages() {
        let chosen = Dler { target_tokens: 20 }.select(&group("C20 C21 U1 W10 N5")).unwrap();
        assert_eq!(weights(&chosen), [(0, 0.75), (1, -0.25), (3, -0.25), (4, -0.25)]);
    }

    #[test]
    fn groups_without_a_difference_are_dropped() {
        let policy = Dler { target_tokens: 20 };
        for all_the_same in ["C20 C1", "C21 W5", "U3", ""] {
            assert!(weights(&policy.select(&group(all_the_same)).unwrap()).is_empty(), "{all_the_same}");
        }
    }
}
