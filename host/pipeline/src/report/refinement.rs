//! What stage 2 did beyond one threshold that is given: the thresholds of each difficulty, and the drift of whole responses.
//!
//! In: the records of `calibration.jsonl` and `refined.jsonl`. Out: [`RefinementNumbers`], a part of the report. Of a recipe without
//! `[refine.adaptive]` and `[refine.drift]` there is none.

use serde::{Deserialize, Serialize};
use ts_run::records::{CalibrationRecord, DriftRecord, RefinedRecord};

use crate::Error;
use crate::past_run::PastRun;
use crate::responses::thresholds::{Calibration, ThresholdGroup};
use crate::stage::Stage;

/// What stage 2 did beyond the paper.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RefinementNumbers {
    /// Delta: the share of answers that may be lost; none where the threshold was given.
    pub max_loss: Option<f64>,
    /// The thresholds that were chosen, from the easiest difficulty up.
    pub thresholds: Vec<ThresholdGroup>,
    /// The drift of the refined responses, where it was measured.
    pub drift: Option<DriftNumbers>,
}

/// The drift of refined responses, each as a whole: means over them, and the largest. Nats a token.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DriftNumbers {
    /// Responses of which it was measured.
    pub n: usize,
    /// Negative log-likelihood before refinement, and after it.
    pub nll: [f64; 2],
    /// Its increase.
    pub nll_increase: Spread,
    /// Divergence of what follows the reasoning.
    pub answer_kl: Spread,
    /// The same of the twentieth of its tokens that diverges most.
    pub answer_kl_tail: Spread,
    /// Responses beyond the recipe's limits.
    pub n_beyond: usize,
}

/// A mean and a largest value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Over the responses that have a value; 0 if none has.
    pub mean: f64,
    /// Of them.
    pub max: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let (mut sum, mut n, mut max) = (0.0, 0_u32, f64::NEG_INFINITY);
        for value in values {
            (sum, n, max) = (sum + value, n + 1, max.max(value));
        }
        if n == 0 { Self::default() } else { Self { mean: sum / f64::from(n), max } }
    }
}

impl DriftNumbers {
    fn of(drifts: &[DriftRecord]) -> Self {
        let mean = |value: &dyn Fn(&DriftRecord) -> f64| Spread::of(drifts.iter().map(value)).mean;
        Self {
            n: drifts.len(),
            nll: [mean(&|drift| drift.nll_before), mean(&|drift| drift.nll_after)],
            nll_increase: Spread::of(drifts.iter().map(|drift| drift.nll_after - drift.nll_before)),
            answer_kl: Spread::of(drifts.iter().filter_map(|drift| drift.answer_kl_nats)),
            answer_kl_tail: Spread::of(drifts.iter().filter_map(|drift| drift.answer_kl_tail_nats)),
            n_beyond: drifts.iter().filter(|drift| drift.is_beyond).count(),
        }
    }
}

/// What a finished run's stage 2 did; none if its recipe asks for nothing beyond the paper.
pub(super) fn refinement_of(run: &PastRun) -> Result<Option<RefinementNumbers>, Error> {
    let (adaptive, drift) = (&run.recipe.refine.adaptive, &run.recipe.refine.drift);
    if adaptive.is_none() && drift.is_none() {
        return Ok(None);
    }
    let mut numbers = RefinementNumbers { max_loss: None, thresholds: Vec::new(), drift: None };
    if let Some(adaptive) = adaptive {
        let mut calibration = Calibration::default();
        for row in run.records::<CalibrationRecord>(Stage::Calibrate)? {
            calibration.add(&row?.record);
        }
        (numbers.max_loss, numbers.thresholds) = (Some(adaptive.max_loss), calibration.choose(adaptive));
    }
    if drift.is_some() {
        let mut drifts = Vec::new();
        for row in run.records::<RefinedRecord>(Stage::Refine)? {
            drifts.extend(row?.record.drift);
        }
        numbers.drift = Some(DriftNumbers::of(&drifts));
    }
    Ok(Some(numbers))
}

impl RefinementNumbers {
    /// A line a group of difficulties, and two on the drift.
    pub(super) fn told(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .thresholds
            .iter()
            .map(|group| {
                let verdict = group.verdict(self.max_loss.unwrap_or(0.0));
                let ThresholdGroup { n_problems, n_responses, tokens_before, tokens_after, .. } = group;
                format!(
                    "{}: {verdict}; {n_problems} problems with {n_responses} positives decided, of {tokens_before} tokens and then {tokens_after}",
                    group.name()
                )
            })
            .collect();
        let Some(DriftNumbers { n, nll, nll_increase, answer_kl, answer_kl_tail, n_beyond }) = &self.drift
        else {
            return lines;
        };
        lines.push(format!(
            "drift of {n} refined responses as a whole, nats a token: negative log-likelihood {:.3} before and {:.3} after (one by {:+.3}); of what \
             follows the reasoning, divergence {:.4} (one {:.3}), and {:.4} of the twentieth that diverges most (one {:.3})",
            nll[0],
            nll[1],
            nll_increase.max,
            answer_kl.mean,
            answer_kl.max,
            answer_kl_tail.mean,
            answer_kl_tail.max
        ));
        if *n_beyond > 0 {
            lines.push(format!("{n_beyond} of them had drifted further than the recipe allows"));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_by_hand() {
        let drift = |nll_after: f64, kl: Option<f64>, is_beyond: bool| DriftRecord {
            nll_before: 1.0,
            nll_after,
            answer_kl_nats: kl,
            answer_kl_tail_nats: kl.map(|kl| 2.0 * kl),
            is_beyond,
        };
        let numbers = DriftNumbers::of(&[
            drift(1.5, Some(0.25), true),
            drift(0.5, Some(0.75), false),
            drift(1.0, None, false),
        ]);
        assert_eq!((numbers.n, numbers.n_beyond, numbers.nll), (3, 1, [1.0, 1.0]));
        assert_eq!(numbers.nll_increase, Spread { mean: 0.0, max: 0.5 });
        assert_eq!(numbers.answer_kl, Spread { mean: 0.5, max: 0.75 });
        assert_eq!(numbers.answer_kl_tail, Spread { mean: 1.0, max: 1.5 });
        assert_eq!(DriftNumbers::of(&[]), DriftNumbers::default());
        let numbers = RefinementNumbers { max_loss: None, thresholds: vec![], drift: Some(numbers) };
        let text = numbers.told().join("\n");
        assert!(
            text.contains("negative log-likelihood 1.000 before and 1.000 after (one by +0.500)"),
            "{text}"
        );
        assert!(text.contains("divergence 0.5000 (one 0.750)") && text.contains("\n1 of them"), "{text}");
    }
}
