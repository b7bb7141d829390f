//! [`pick_token`] for logits that lie on a device: what crosses to the host is some hundred numbers of a row, not its vocabulary.
//!
//! In: logits (R, V) and one uniform in [0, 1) a row. Out: a token a row. Weights e^((l − max)/temperature) stay on the device; the
//! host gets their sums by runs of [`RUN`] tokens, finds the run in which the uniform falls, and gets the weights of that one. A
//! nucleus is found by halving the interval in which its smallest weight lies.
//!
//! Sums are in f32 here; a uniform goes through a nucleus by id, where the host goes by weight; and tokens that tie at its edge are
//! all kept. But for that the tokens are those of [`pick_token`].

use candle_core::{D, DType, Tensor};

use crate::error::Result;
use crate::sampler::{RUN, Sampling, invert, pick_token};

/// Times that the interval of a nucleus' smallest weight is halved: its width is 2⁻⁴⁰ of the largest weight then.
const HALVINGS: usize = 40;

/// The token that each of `uniforms` picks from its row of `logits` (R, V).
///
/// # Errors
/// [`crate::ModelError::NotANumber`] for a row that is no distribution.
pub(super) fn pick_tokens(logits: &Tensor, sampling: &Sampling, uniforms: &[f64]) -> Result<Vec<u32>> {
    let logits = logits.to_dtype(DType::F32)?.contiguous()?;
    let max = logits.max_keepdim(D::Minus1)?;
    let is_greedy = sampling.temperature == 0.0;
    let inverse_temperature = if is_greedy { 1.0 } else { 1.0 / sampling.temperature };
    let weights = (logits.broadcast_sub(&max)? * inverse_temperature)?.exp()?;
    if is_greedy {
        let totals = weights.sum(D::Minus1)?.to_vec1::<f32>()?;
        refuse_no_distribution(totals.into_iter().map(f64::from), &logits, sampling)?;
        return first_of_the_largest(&logits, &max);
    }
    let weights = if sampling.top_p < 1.0 { nucleus(&weights, sampling.top_p)? } else { weights };
    let (n_rows, vocab_size) = weights.dims2()?;
    let n_runs = vocab_size.div_ceil(RUN);
    let runs = weights.pad_with_zeros(1, 0, n_runs * RUN - vocab_size)?.reshape((n_rows, n_runs, RUN))?;
    let sums = runs.sum(D::Minus1)?.to_vec2::<f32>()?;
    let wide = |weights: &[f32]| weights.iter().map(|&weight| f64::from(weight)).collect::<Vec<_>>();
    let sums: Vec<Vec<f64>> = sums.iter().map(|sums| wide(sums)).collect();
    let totals: Vec<f64> = sums.iter().map(|sums| sums.iter().sum()).collect();
    refuse_no_distribution(totals.iter().copied(), &logits, sampling)?;

    let drawn = sums.into_iter().zip(totals).zip(uniforms);
    let chosen: Vec<(usize, f64)> =
        drawn.map(|((sums, total), uniform)| invert(sums.into_iter(), uniform * total)).collect();
    let rows = chosen.iter().enumerate().map(|(row, (run, _))| (row * n_runs + run) as u32);
    let rows = Tensor::from_vec(rows.collect::<Vec<_>>(), n_rows, weights.device())?;
    let runs = runs.reshape((n_rows * n_runs, RUN))?.index_select(&rows, 0)?.to_vec2::<f32>()?;
    let token = |(weights, (run, threshold)): (&Vec<f32>, &(usize, f64))| {
        (run * RUN + invert(wide(weights).into_iter(), *threshold).0) as u32
    };
    Ok(runs.iter().zip(&chosen).map(token).collect())
}

/// Looks at each row's sum of weights, which is a number unless some logit is none.
fn refuse_no_distribution(
    totals: impl Iterator<Item = f64>,
    logits: &Tensor,
    sampling: &Sampling,
) -> Result<()> {
    for (row, _) in totals.enumerate().filter(|(_, total)| !(total.is_finite() && *total > 0.0)) {
        // The host says which number it is.
        pick_token(&logits.get(row)?.to_vec1::<f32>()?, sampling, 0.0)?;
    }
    Ok(())
}

/// The smallest id of those whose logit is the row's largest.
fn first_of_the_largest(logits: &Tensor, max: &Tensor) -> Result<Vec<u32>> {
    let (_, vocab_size) = logits.dims2()?;
    // f32 holds every id below 2²⁴.
    let ids = Tensor::arange(0.0f32, vocab_size as f32, logits.device())?
        .broadcast_as(logits.shape())?
        .contiguous()?;
    let others = ids.ones_like()?.affine(vocab_size as f64, 0.0)?;
    let first = logits.broadcast_eq(max)?.where_cond(&ids, &others)?.min(D::Minus1)?;
    Ok(first.to_vec1::<f32>()?.into_iter().map(|id| id as u32).collect())
}

/// The weights (R, V) of the likeliest tokens that together have `top_p` of a row's, and 0 for the others.
fn nucleus(weights: &Tensor, top_p: f64) -> Result<Tensor> {
    let needed = (weights.sum_keepdim(D::Minus1)? * top_p)?;
    let above = |threshold: &Tensor| weights.broadcast_ge(threshold)?.to_dtype(DType::F32)? * weights;
    // Tokens of at least `enough` have what is needed, those of at least `too_few` have not. The largest weight is 1.
    let mut enough = needed.zeros_like()?;
    let mut too_few = (needed.ones_like()? * 2.0)?;
    for _ in 0..HALVINGS {
        let middle = ((&enough + &too_few)? * 0.5)?;
        let suffices = above(&middle)?.sum_keepdim(D::Minus1)?.ge(&needed)?;
        enough = suffices.where_cond(&middle, &enough)?;
        too_few = suffices.where_cond(&too_few, &middle)?;
    }
    Ok(above(&enough)?)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::ModelError;
    use crate::gradcheck::tensor;
    use crate::sampler;

    fn sampling(temperature: f64, top_p: f64) -> Sampling {
        Sampling { temperature, top_p, max_new_tokens: 1, max_batch_rows: 1 }
    }

    #[test]
    fn the_tokens_are_those_of_the_host() -> Result<()> {
        for (n_rows, vocab_size) in [(40, 7), (60, 512), (50, 1300)] {
            let logits = (tensor(&[n_rows, vocab_size], 3) * 6.0)?;
            let uniforms: Vec<f64> = (0..n_rows).map(|row| (row as f64 + 0.5) / n_rows as f64).collect();
            for settings in
                [(0.0, 1.0), (1.0, 1.0), (0.7, 1.0), (1.0, 0.9), (0.6, 0.95), (2.0, 0.3), (1.0, 1e-9)]
            {
                let sampling = sampling(settings.0, settings.1);
                let tokens = pick_tokens(&logits, &sampling, &uniforms)?;
                for (row, (&token, &uniform)) in tokens.iter().zip(&uniforms).enumerate() {
                    let logits = logits.get(row)?.to_vec1::<f32>()?;
                    let expected = match settings.1 < 1.0 {
                        false => pick_token(&logits, &sampling, uniform)?,
                        true => by_id(&logits, &sampling, uniform),
                    };
                    assert_eq!(token, expected, "{settings:?}, row {row}");
                }
            }
        }
        Ok(())
    }

    /// The token that `uniform` picks from the host's nucleus, by id.
    fn by_id(logits: &[f32], sampling: &Sampling, uniform: f64) -> u32 {
        let weights: Vec<f32> =
            logits.iter().map(|logit| (logit / sampling.temperature as f32).exp()).collect();
        let total = weights.iter().map(|&weight| f64::from(weight)).sum();
        let mut kept = sampler::nucleus(&weights, total, sampling.top_p);
        kept.sort_by_key(|(token, _)| *token);
        let weights = || kept.iter().map(|(_, weight)| f64::from(*weight));
        kept[invert(weights(), uniform * weights().sum::<f64>()).0].0 as u32
    }

    #[test]
    fn ties_and_banned_tokens_by_hand() -> Result<()> {
        const BANNED: f32 = f32::NEG_INFINITY;
        let logits = Tensor::new(&[[0.0, 2.0, 2.0, 1.0], [BANNED, 0.0, BANNED, 0.0]], &Device::Cpu)?;
        assert_eq!(pick_tokens(&logits, &sampling(0.0, 1.0), &[0.9, 0.9])?, [1, 1]);
        let of_second =
            |uniform| Ok::<_, ModelError>(pick_tokens(&logits, &sampling(1.0, 1.0), &[0.0, uniform])?[1]);
        assert_eq!(
            [of_second(0.0)?, of_second(0.49)?, of_second(0.51)?, of_second(0.999_999)?],
            [1, 1, 3, 3]
        );
        Ok(())
    }

    #[test]
    fn what_is_no_distribution_is_an_error() -> Result<()> {
        for bad in [f32::NAN, f32::INFINITY] {
            for (temperature, top_p) in [(0.0, 1.0), (1.0, 1.0), (1.0, 0.9)] {
                let logits = Tensor::new(&[[0.0, 1.0], [0.0, bad]], &Device::Cpu)?;
                let error = pick_tokens(&logits, &sampling(temperature, top_p), &[0.5, 0.5]).unwrap_err();
                assert!(matches!(error, ModelError::NotANumber { token: 1, .. }), "{bad}: {error}");
            }
        }
        let nothing = Tensor::full(f32::NEG_INFINITY, (1, 3), &Device::Cpu)?;
        assert!(pick_tokens(&nothing, &sampling(1.0, 1.0), &[0.5]).is_err());
        Ok(())
    }
}
