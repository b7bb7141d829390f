//! `[rounds]`: the whole method again, with the model that came of it.

use std::fmt::Display;

use serde::{Deserialize, Serialize};

/// `[rounds]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoundsSection {
    /// Rounds, the first one included.
    pub count: u32,
    /// Delta: a round is accepted if the lower bound of its change in accuracy is above −delta. A share, 0 to 1.
    pub max_loss: f64,
    /// The problems on which that is measured: `embedded` or `embedded-teeth`, or a file.
    pub tuning: String,
    /// 0 is all.
    pub max_tuning: usize,
    /// From the second round on the token limit of the samples is this quantile of the lengths of the correct samples of the round before. 0
    /// is none.
    pub token_limit_quantile: f64,
}

impl Default for RoundsSection {
    /// What `recipes/default.toml` says. Recipes that a run kept before there were rounds have no such section.
    fn default() -> Self {
        Self {
            count: 1,
            max_loss: 0.05,
            tuning: "embedded".to_owned(),
            max_tuning: 0,
            token_limit_quantile: 0.0,
        }
    }
}

/// Most rounds. Each has a folder, and numbers of draws of its own.
const MAX_ROUNDS: u32 = 64;

impl RoundsSection {
    /// Whether nothing is said: such a section is not written, so that recipes of one round are what they were before there were rounds.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Reports values that cannot be to `check`: whether it holds, the key, what it must be, what it was.
    pub(crate) fn validate(&self, check: &mut impl FnMut(bool, &str, &str, &dyn Display)) {
        let count = self.count;
        check((1..=MAX_ROUNDS).contains(&count), "rounds.count", &format!("1 to {MAX_ROUNDS}"), &count);
        let max_loss = self.max_loss;
        check((0.0..=1.0).contains(&max_loss), "rounds.max_loss", "0 to 1", &max_loss);
        check(!self.tuning.is_empty(), "rounds.tuning", "`embedded` or a file of problems", &"empty");
        let quantile = self.token_limit_quantile;
        check((0.0..=1.0).contains(&quantile), "rounds.token_limit_quantile", "0 to 1", &quantile);
    }
}
