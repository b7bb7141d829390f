//! Selection policy `l1`: the rewards of length-controlled policy optimization, L1 (arXiv 2503.04697), as weights. There the prompt asks for
//! a number of tokens, and a response of n_y is worth, with n_gold the number and α = 0.0003,
//!
//! ```text
//! exact:      1[correct] − α·|n_gold − n_y|
//! at most:    1[correct] · clip(α·(n_gold − n_y) + 0.5, 0, 1)
//! ```
//!
//! In: a graded group. Out: a weight for each graded response. They are rewards: the recipe has the host normalise them
//! within the group. There each prompt has a number of its own, and the model is trained round by round; here the number is one for all,
//! which `prompt.instruction` may tell the model, and a run is one round.

use ts_plugin_sdk::selection_policy::{Group, Selection};
use ts_plugin_sdk::{
    Description, Plugin, SelectionPolicy, Settings, Value, description, export_selection_policy, setting,
};
use ts_policy_sdk::{Responses, weighted};

/// Correctness, and the distance to a number of tokens.
struct L1 {
    /// The number of tokens that is asked for.
    target_tokens: u32,
    /// What a token of distance costs.
    alpha: f64,
    /// Whether it is the most, and fewer are worth more.
    at_most: bool,
}

impl Plugin for L1 {
    fn describe() -> Description {
        let settings = vec![
            setting(
                "target_tokens",
                Value::Integer(4000),
                "The tokens that are asked for; from 1 to 10000000.",
            ),
            setting("alpha", Value::Number(0.0003), "What each token of distance costs; from 0 to 1."),
            setting(
                "at_most",
                Value::Boolean(true),
                "Whether the tokens that are asked for are the most: fewer are worth more then, and wrong responses nothing. Otherwise they \
                 are to be met.",
            ),
        ];
        let summary = "Weighs responses by correctness and by the distance to a number of tokens.";
        description("l1", env!("CARGO_PKG_VERSION"), summary, settings)
    }

    fn configure(settings: &Settings) -> Result<Self, String> {
        Ok(L1 {
            target_tokens: settings.integer_within("target_tokens", 1..=10_000_000)? as u32,
            alpha: settings.number_within("alpha", 0.0..=1.0)?,
            at_most: settings.boolean("at_most")?,
        })
    }
}

impl SelectionPolicy for L1 {
    fn select(&self, group: &Group) -> Result<Selection, String> {
        let reward = |is_correct: bool, tokens: u32| {
            let correctness = if is_correct { 1.0 } else { 0.0 };
            let left = self.alpha * (f64::from(self.target_tokens) - f64::from(tokens));
            match self.at_most {
                true => correctness * (left + 0.5).clamp(0.0, 1.0),
                false => correctness - left.abs(),
            }
        };
        let responses = Responses::of(group);
        Ok(weighted(responses.graded().map(|(index, is_correct, c)| (index, reward(is_correct, c.tokens)))))
    }
}

export_selection_policy!(L1);

#[cfg(test)]
mod tests {
    use super::*;
    use ts_policy_sdk::example::{group, weights};

    /// α = 1/64, which is exact: 32 tokens of distance are worth one half.
    #[test]
    fn hand_worked_rewards() {
        let given = group("C40 C72 C8 C88 W40 U1 N72");
        let exact = L1 { target_tokens: 40, alpha: 1.0 / 64.0, at_most: false }.select(&given).unwrap();
        let expected = [(0, 1.0), (1, 0.5), (2, 0.5), (3, 0.25), (4, 0.0), (6, -0.5)];
        assert_eq!(weights(&exact), expected);
        let at_most = L1 { target_tokens: 40, alpha: 1.0 / 64.0, at_most: true }.select(&given).unwrap();
        let expected = [(0, 0.5), (1, 0.0), (2, 1.0), (3, 0.0), (4, 0.0), (6, 0.0)];
        assert_eq!(weights(&at_most), expected);
        assert!(exact.positives.is_empty() && exact.pairs.is_empty());
    }
}
