//! `[objective]`: what stage 3 minimises, where that is not the paper's.

use std::fmt::Display;

use serde::{Deserialize, Serialize};
use ts_core::objective::PairObjective;
use ts_core::sequences::{Normalise, SequenceObjective};

/// `[objective]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ObjectiveSection {
    /// The loss of a pair.
    pub pair: PairObjective,
    /// SimPO's margin, nats.
    pub gamma: f64,
    /// The loss of a sequence with a weight.
    pub sequence: SequenceObjective,
    /// Among what such weights are normalised.
    pub normalise: Normalise,
    /// How far below 1 a ratio counts.
    pub clip_low: f64,
    /// How far above 1 a ratio counts.
    pub clip_high: f64,
}

impl Default for ObjectiveSection {
    /// What `recipes/default.toml` says. Recipes that a run kept before there was a choice have no such section.
    fn default() -> Self {
        Self {
            pair: PairObjective::Dpo,
            gamma: 0.5,
            sequence: SequenceObjective::Nll,
            normalise: Normalise::None,
            clip_low: 0.2,
            clip_high: 0.2,
        }
    }
}

impl ObjectiveSection {
    /// Whether nothing is said: such a section is not written, so that recipes without it are what they were before there was one.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Checks every value; `lambda` is `train.lambda`.
    pub(crate) fn validate(&self, lambda: f64, check: &mut impl FnMut(bool, &str, &str, &dyn Display)) {
        check(
            self.pair == PairObjective::Dpo || lambda == 0.0,
            "train.lambda",
            "0 where objective.pair is not \"dpo\": only DPO-L has a length margin",
            &lambda,
        );
        let gamma = self.gamma;
        check(gamma >= 0.0 && gamma.is_finite(), "objective.gamma", "0 or above", &gamma);
        let low = self.clip_low;
        check(low > 0.0 && low < 1.0, "objective.clip_low", "above 0 and below 1", &low);
        let high = self.clip_high;
        check(high > 0.0 && high.is_finite(), "objective.clip_high", "above 0", &high);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(section: &ObjectiveSection, lambda: f64) -> Vec<String> {
        let mut wrong = Vec::new();
        section.validate(lambda, &mut |holds, key, must, was| {
            if !holds {
                wrong.push(format!("{key} must be {must}, not {was}"));
            }
        });
        wrong
    }

    #[test]
    fn values_that_cannot_be_are_named() {
        let default = ObjectiveSection::default();
        assert!(default.is_default() && wrong(&default, 1.0).is_empty());
        let simpo = ObjectiveSection { pair: PairObjective::Simpo, ..default.clone() };
        assert!(!simpo.is_default() && wrong(&simpo, 0.0).is_empty());
        assert_eq!(
            wrong(&simpo, 1.0),
            [
                "train.lambda must be 0 where objective.pair is not \"dpo\": only DPO-L has a length margin, not 1"
            ]
        );
        let section = ObjectiveSection { gamma: -1.0, clip_low: 1.0, clip_high: f64::NAN, ..default };
        assert_eq!(
            wrong(&section, 1.0),
            [
                "objective.gamma must be 0 or above, not -1",
                "objective.clip_low must be above 0 and below 1, not 1",
                "objective.clip_high must be above 0, not NaN"
            ]
        );
    }
}
