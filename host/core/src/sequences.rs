//! Sequences with signed weights: what a policy says of single responses, whichever way. Their weights as they are
//! normalised, and the loss of one.
//!
//! In go weights, above 0 for what is to become likelier and below 0 for the opposite, and mean log-probabilities
//! a token; out come weights, and losses in nats. With weight A and mean log-probabilities log p under the model in
//! training and log p_ref under the one that drew the response:
//!
//! ```text
//! nll           = −A · log p
//! clipped_ratio = −min( ρ · A, clip(ρ, 1 − clip_low, 1 + clip_high) · A ),   ρ = p / p_ref
//! ```
//!
//! The second is PPO's surrogate (Schulman et al. 2017, equation 7) of a ratio of whole responses, normalised by their
//! length, as in GSPO (Zheng et al. 2025, equation 7) and in O1-Pruner's published trainer. GRPO clips each token's
//! ratio instead. Where the model is still the reference, ρ is 1, and all three have the same gradient.
//!
//! A group's weights are normalised as GRPO's rewards are (Shao et al. 2024, section 4.1.2), a batch's as DLER's
//! (Liu et al. 2025, equation 3). Training computes the losses on tensors in `ts-model`; its tests compare with these.

use serde::{Deserialize, Serialize};

/// The loss of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SequenceObjective {
    /// [`weighted_nll`].
    #[default]
    Nll,
    /// [`clipped_ratio`].
    ClippedRatio,
}

/// Among what weights are normalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Normalise {
    /// They stay as the policy gave them.
    #[default]
    None,
    /// The sequences of one problem.
    Group,
    /// The sequences of one optimiser step.
    Batch,
}

/// How far apart weights must be, relative to the largest, to count as different: rounding errors of a mean are not
/// a difference that is worth a standard deviation.
const SAME: f64 = 1e-9;

/// The weights less their mean, divided by their standard deviation (of a sample: over n − 1, as TRL and verl divide).
///
/// Weights that are all the same say nothing of one another, and come out as 0; so does a single one.
pub fn normalised(weights: &[f64]) -> Vec<f64> {
    let n = weights.len() as f64;
    let mean = weights.iter().sum::<f64>() / n;
    let centred: Vec<f64> = weights.iter().map(|weight| weight - mean).collect();
    let largest = |values: &[f64]| values.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    if weights.len() < 2 || largest(&centred) <= SAME * largest(weights) {
        return vec![0.0; weights.len()];
    }
    let deviation = (centred.iter().map(|value| value * value).sum::<f64>() / (n - 1.0)).sqrt();
    centred.iter().map(|value| value / deviation).collect()
}

/// −weight · mean_logp, in nats a token.
pub fn weighted_nll(weight: f64, mean_logp: f64) -> f64 {
    -weight * mean_logp
}

/// PPO's clipped surrogate of one sequence, negated: there is nothing to gain from a ratio above 1 + `clip_high` of what
/// has a weight above 0, nor from one below 1 − `clip_low` of what has a weight below 0.
pub fn clipped_ratio(
    weight: f64,
    mean_logp: f64,
    reference_mean_logp: f64,
    clip_low: f64,
    clip_high: f64,
) -> f64 {
    let ratio = (mean_logp - reference_mean_logp).exp();
    -(ratio * weight).min(ratio.clamp(1.0 - clip_low, 1.0 + clip_high) * weight)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    /// Of 1, 2 and 6 the mean is 3, the squares of the distances are 4, 1 and 9, and the deviation is the root of 7.
    #[test]
    fn hand_worked_normalisation() {
        let deviation = 7_f64.sqrt();
        let expected = [-2.0 / deviation, -1.0 / deviation, 3.0 / deviation];
        for (got, expected) in normalised(&[1.0, 2.0, 6.0]).into_iter().zip(expected) {
            assert!(close(got, expected), "{got} {expected}");
        }
    }

    #[test]
    fn equal_weights_say_nothing() {
        assert_eq!(normalised(&[]), [0.0; 0]);
        assert_eq!(normalised(&[5.0]), [0.0]);
        assert_eq!(normalised(&[0.1; 3]), [0.0; 3]); // whose mean is not 0.1 in binary
        assert_eq!(normalised(&[0.0; 4]), [0.0; 4]);
        assert!(normalised(&[1.0, 1.0 + 1e-6])[1] > 0.7); // small is not the same
    }

    /// Ratios of e^0.1 = 1.105 and e^0.3 = 1.350 with a clip at 1.2, either sign.
    #[test]
    fn hand_worked_surrogate() {
        let loss = |weight, change: f64| clipped_ratio(weight, -1.0 + change, -1.0, 0.2, 0.2);
        assert!(close(loss(2.0, 0.0), -2.0) && close(loss(-2.0, 0.0), 2.0));
        assert!(close(loss(2.0, 0.1), -2.0 * 0.1_f64.exp()));
        assert!(close(loss(2.0, 0.3), -2.4)); // gone far enough
        assert!(close(loss(-2.0, 0.3), 2.0 * 0.3_f64.exp())); // the wrong way is never cut
        assert!(close(loss(-2.0, -0.3), 1.6)); // gone far enough
        assert!(close(loss(2.0, -0.3), -2.0 * (-0.3_f64).exp()));
        assert!(close(clipped_ratio(1.0, -0.7, -1.0, 0.2, 0.28), -1.28));
        assert!(close(weighted_nll(-0.5, -3.0), -1.5));
    }

    proptest! {
        #[test]
        fn normalised_weights_have_mean_0_and_deviation_1(
            weights in prop::collection::vec(-10.0..10.0_f64, 2..40), scale in 0.01..100.0_f64, shift in -5.0..5.0_f64,
        ) {
            prop_assume!(weights.iter().any(|weight| (weight - weights[0]).abs() > 1e-3));
            let out = normalised(&weights);
            let n = out.len() as f64;
            prop_assert!(out.iter().sum::<f64>().abs() < 1e-9);
            prop_assert!((out.iter().map(|value| value * value).sum::<f64>() / (n - 1.0) - 1.0).abs() < 1e-9);
            let moved: Vec<f64> = weights.iter().map(|weight| scale * weight + shift).collect();
            for (a, b) in out.iter().zip(normalised(&moved)) {
                prop_assert!((a - b).abs() < 1e-6, "{a} {b}");
            }
        }

        /// At the reference the surrogate has the gradient of the weighted likelihood.
        #[test]
        fn at_the_reference_both_losses_push_alike(weight in -3.0..3.0_f64, logp in -5.0..0.0_f64) {
            let slope = |at: &dyn Fn(f64) -> f64| (at(logp + 1e-6) - at(logp - 1e-6)) / 2e-6;
            let surrogate = slope(&|x| clipped_ratio(weight, x, logp, 0.2, 0.2));
            prop_assert!((surrogate - slope(&|x| weighted_nll(weight, x))).abs() < 1e-5);
        }

        /// The surrogate is never below what the ratio alone gives.
        #[test]
        fn clipping_only_forgoes(weight in -3.0..3.0_f64, logp in -5.0..0.0_f64, reference in -5.0..0.0_f64) {
            let unclipped = -weight * (logp - reference).exp();
            prop_assert!(clipped_ratio(weight, logp, reference, 0.2, 0.2) >= unclipped - 1e-12);
        }
    }
}
