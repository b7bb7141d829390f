//! One token from one row of logits: temperature, top-p, inverse transform.
//!
//! In: logits (V,), the settings, and one uniform in [0, 1). Out: a token id; a pure function, so that the
//! same uniform gives the same token. Temperature 0 takes the likeliest token, the smaller id on a tie. Top-p
//! keeps the smallest set of likeliest tokens whose probability reaches `top_p` (Holtzman et al., "The
//! curious case of neural text degeneration", ICLR 2020).

use crate::error::{ModelError, Result};
use crate::ops::kernels;
use crate::ops::vectors::widest_vectors;

/// Tokens whose weights are summed together, so that one token is looked for among sums first and then in a run.
pub(super) const RUN: usize = 512;

/// How responses are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// Divides the logits; 0 is greedy.
    pub temperature: f64,
    /// Probability that is kept, above 0 and at most 1; 1 keeps everything.
    pub top_p: f64,
    /// Most tokens in a draw, its end-of-text token included.
    pub max_new_tokens: usize,
    /// Most draws that run at the same time; a bound on memory that changes no result.
    pub max_batch_rows: usize,
}

impl Sampling {
    /// How many prompts, of each of which `n_draws` are drawn, are to be drawn for together: two batches' worth, so that rows that
    /// finish early make room for others.
    pub fn prompts_at_once(&self, n_draws: u32) -> usize {
        (2 * self.max_batch_rows).div_ceil(n_draws.max(1) as usize).max(1)
    }

    /// Checks every setting's range.
    pub fn check(&self) -> Result<()> {
        let bad = |field, value, allowed| Err(ModelError::Sampling { field, value, allowed });
        if !(self.temperature.is_finite() && self.temperature >= 0.0) {
            return bad("temperature", self.temperature, "a number of at least 0");
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            return bad("top_p", self.top_p, "above 0 and at most 1");
        }
        if self.max_new_tokens == 0 {
            return bad("max_new_tokens", 0.0, "at least 1");
        }
        if self.max_batch_rows == 0 {
            return bad("max_batch_rows", 0.0, "at least 1");
        }
        Ok(())
    }
}

/// The token that `uniform`, in [0, 1), picks from `logits` (V,).
///
/// # Errors
/// [`ModelError::NotANumber`] if the logits hold NaN or +∞, or nothing but -∞.
pub fn pick_token(logits: &[f32], sampling: &Sampling, uniform: f64) -> Result<u32> {
    Ok(Choice::new(logits, sampling)?.pick(uniform))
}

/// One row of logits, ready for any number of uniforms.
pub(super) enum Choice {
    /// At temperature 0, the likeliest.
    Greedy(u32),
    /// The likeliest tokens and their weights, likeliest first.
    Nucleus(Vec<(usize, f32)>),
    /// The weights of all tokens, and their sums by runs of [`RUN`].
    All(Vec<f32>, Vec<f64>),
}

impl Choice {
    /// Of `logits` (V,).
    pub(super) fn new(logits: &[f32], sampling: &Sampling) -> Result<Self> {
        if logits.is_empty() {
            return Err(ModelError::Empty { what: "the vocabulary" });
        }
        let not_a_number = |token: usize| ModelError::NotANumber { value: logits[token], token };
        if let Some(token) = logits.iter().position(|logit| logit.is_nan()) {
            return Err(not_a_number(token));
        }
        let greedy = argmax(logits).filter(|&token| logits[token].is_finite());
        let Some(greedy) = greedy else {
            return Err(not_a_number(logits.iter().position(|&logit| logit == f32::INFINITY).unwrap_or(0)));
        };
        let max = logits[greedy];
        if sampling.temperature == 0.0 {
            return Ok(Self::Greedy(greedy as u32));
        }
        let inverse_temperature = (1.0 / sampling.temperature) as f32;
        let mut weights: Vec<f32> = logits.iter().map(|&logit| (logit - max) * inverse_temperature).collect();
        kernels::exp_in_place(&mut weights, 0.0);
        // The kernel's exponential never quite reaches 0, and a banned token must.
        for (weight, logit) in weights.iter_mut().zip(logits) {
            if *logit == f32::NEG_INFINITY {
                *weight = 0.0;
            }
        }
        let sums: Vec<f64> = weights.chunks(RUN).map(sum).collect();
        Ok(match sampling.top_p < 1.0 {
            true => Self::Nucleus(nucleus(&weights, sums.iter().sum(), sampling.top_p)),
            false => Self::All(weights, sums),
        })
    }

    /// The token that `uniform`, in [0, 1), picks.
    pub(super) fn pick(&self, uniform: f64) -> u32 {
        match self {
            Self::Greedy(token) => *token,
            Self::Nucleus(nucleus) => {
                let kept = || nucleus.iter().map(|(_, weight)| f64::from(*weight));
                let (place, _) = invert(kept(), uniform * kept().sum::<f64>());
                nucleus[place].0 as u32
            }
            Self::All(weights, sums) => {
                let (run, threshold) = invert(sums.iter().copied(), uniform * sums.iter().sum::<f64>());
                let weights = weights.iter().skip(run * RUN).take(RUN);
                let (place, _) = invert(weights.map(|&weight| f64::from(weight)), threshold);
                (run * RUN + place) as u32
            }
        }
    }
}

/// The first index of the largest entry, NaN set aside.
fn argmax(row: &[f32]) -> Option<usize> {
    let max = kernels::row_max(row);
    row.iter().position(|&entry| entry == max)
}

/// The smallest set of likeliest tokens that holds `top_p` of `total`, likeliest first.
pub(super) fn nucleus(weights: &[f32], total: f64, top_p: f64) -> Vec<(usize, f32)> {
    // All tokens below this together weigh less than (1 - top_p) · total, so none of them is needed. This
    // spares the sorting of most of a large vocabulary.
    let threshold = (1.0 - top_p) * total / weights.len() as f64;
    let mut candidates: Vec<(usize, f32)> =
        weights.iter().copied().enumerate().filter(|&(_, weight)| f64::from(weight) >= threshold).collect();
    candidates.sort_by(|(i, a), (j, b)| b.total_cmp(a).then(i.cmp(j)));
    let mut kept = 0.0;
    let needed = candidates.iter().position(|&(_, weight)| {
        kept += f64::from(weight);
        kept >= top_p * total
    });
    candidates.truncate(needed.map_or(candidates.len(), |last| last + 1));
    candidates
}

/// The first place at which the running sum of weights exceeds `threshold`, and what is left of `threshold` after the weights before
/// it; the last place that weighs anything if none does.
pub(super) fn invert(weights: impl Iterator<Item = f64>, threshold: f64) -> (usize, f64) {
    let (mut before, mut found) = (0.0, (0, threshold));
    for (place, weight) in weights.enumerate().filter(|(_, weight)| *weight > 0.0) {
        found = (place, threshold - before);
        before += weight;
        if before > threshold {
            break;
        }
    }
    found
}

widest_vectors! {
    /// The sum of weights, in eight lanes that are added up at the end.
    fn sum(weights: &[f32]) -> f64 {
        let mut lanes = [0.0; 8];
        let mut blocks = weights.chunks_exact(8);
        for block in &mut blocks {
            for (lane, weight) in lanes.iter_mut().zip(block) {
                *lane += f64::from(*weight);
            }
        }
        let rest: f64 = blocks.remainder().iter().map(|&weight| f64::from(weight)).sum();
        lanes.iter().sum::<f64>() + rest
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::gradcheck;

    fn sampling(temperature: f64, top_p: f64) -> Sampling {
        Sampling { temperature, top_p, max_new_tokens: 1, max_batch_rows: 1 }
    }

    /// Logits of the probabilities 0.5, 0.25, 0.125, 0.125.
    fn halves() -> Vec<f32> {
        [0.5f32, 0.25, 0.125, 0.125].iter().map(|p| p.ln()).collect()
    }

    #[test]
    fn uniforms_map_to_tokens_by_the_cumulative_distribution() {
        for (uniform, token) in
            [(0.0, 0), (0.499, 0), (0.501, 1), (0.749, 1), (0.751, 2), (0.874, 2), (0.876, 3), (0.999_999, 3)]
        {
            assert_eq!(pick_token(&halves(), &sampling(1.0, 1.0), uniform).unwrap(), token, "{uniform}");
        }
    }

    #[test]
    fn a_token_that_is_found_by_runs_is_the_one_in_order() {
        for vocab_size in [1, 511, 512, 513, 3000] {
            let logits: Vec<f32> = gradcheck::values(vocab_size, 7).iter().map(|x| 5.0 * x).collect();
            let weights: Vec<f64> = logits.iter().map(|logit| f64::from(*logit).exp()).collect();
            let total: f64 = weights.iter().sum();
            for step in 0..200 {
                let uniform = f64::from(step) / 200.0 + 0.001;
                let mut running = 0.0;
                let in_order = weights.iter().position(|weight| {
                    running += weight;
                    running > uniform * total
                });
                let token = pick_token(&logits, &sampling(1.0, 1.0), uniform).unwrap();
                assert_eq!(Some(token as usize), in_order, "{uniform} of {vocab_size}");
            }
        }
    }

    #[test]
    fn temperature_sharpens_by_hand() {
        // At temperature 1/2 probabilities are squared: 16 : 4 : 1 : 1, so token 0 has 16/22 = 0.727.
        let cold = sampling(0.5, 1.0);
        assert_eq!(pick_token(&halves(), &cold, 0.726).unwrap(), 0);
        assert_eq!(pick_token(&halves(), &cold, 0.729).unwrap(), 1);
    }

    #[test]
    fn top_p_keeps_the_smallest_set_that_reaches_it() {
        // 0.5 + 0.25 reaches 0.7; the two are renormalised to 2/3 and 1/3.
        let nucleus = sampling(1.0, 0.7);
        assert_eq!(pick_token(&halves(), &nucleus, 0.66).unwrap(), 0);
        assert_eq!(pick_token(&halves(), &nucleus, 0.67).unwrap(), 1);
        assert_eq!(pick_token(&halves(), &nucleus, 0.999_999).unwrap(), 1);
        // A tiny top_p is greedy.
        assert_eq!(pick_token(&halves(), &sampling(1.0, 1e-9), 0.999).unwrap(), 0);
    }

    #[test]
    fn temperature_zero_is_greedy_and_ties_go_to_the_smaller_id() {
        assert_eq!(pick_token(&[0.0, 2.0, 2.0, 1.0], &sampling(0.0, 1.0), 0.9).unwrap(), 1);
    }

    #[test]
    fn what_is_no_distribution_is_an_error() {
        for logits in [
            vec![0.0, f32::NAN],
            vec![f32::NAN],
            vec![0.0, f32::INFINITY],
            vec![f32::NEG_INFINITY; 3],
            vec![f32::NAN; 40],
        ] {
            for temperature in [0.0, 1.0] {
                let error = pick_token(&logits, &sampling(temperature, 1.0), 0.5).unwrap_err();
                assert!(matches!(error, ModelError::NotANumber { .. }), "{logits:?}: {error}");
                assert!(error.hint().is_some_and(|hint| hint.contains("weights") && hint.contains("dtype")));
            }
        }
        assert!(matches!(pick_token(&[], &sampling(1.0, 1.0), 0.5), Err(ModelError::Empty { .. })));
        // A banned token is fine, and is never drawn.
        assert_eq!(pick_token(&[f32::NEG_INFINITY, 0.0], &sampling(1.0, 1.0), 0.0).unwrap(), 1);
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let good = sampling(0.9, 0.95);
        assert!(good.check().is_ok());
        let error = Sampling { top_p: 0.0, ..good }.check().unwrap_err();
        assert_eq!(error.to_string(), "sampling: top_p is 0, must be above 0 and at most 1");
        assert!(Sampling { temperature: f64::NAN, ..good }.check().is_err());
        assert!(Sampling { max_batch_rows: 0, ..good }.check().is_err());
        assert!(Sampling { max_new_tokens: 0, ..good }.check().is_err());
    }

    proptest! {
        #[test]
        fn a_nucleus_token_is_never_less_likely_than_one_outside(
            logits in prop::collection::vec(-5.0f32..5.0, 1..40), top_p in 0.01f64..1.0, uniform in 0.0f64..1.0,
        ) {
            let token = pick_token(&logits, &sampling(1.0, top_p), uniform).unwrap() as usize;
            let weights: Vec<f64> = logits.iter().map(|&l| f64::from(l).exp()).collect();
            let total: f64 = weights.iter().sum();
            let likelier: f64 = weights.iter().filter(|&&w| w > weights[token]).sum();
            prop_assert!(likelier <= top_p * total * (1.0 + 1e-5));
        }
    }
}
