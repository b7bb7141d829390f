//! How much a rewritten step changes what the model expects next. TokenSqueeze, section 3.2.
//!
//! `KL( Q(·| p, s_≤i, t_<j) ‖ Q(·| p, s_<i, s'_i, t_<j) )` at each position j of a window t, the original's
//! own text after step s_i; original first, over the whole vocabulary, in nats. In: a [`Prefix`] (p, s_<i),
//! the original step and the window. Out: for each rewrite s'_i, one divergence per window token. t_1 is
//! predicted by the last token of the step, t_j by t_(j-1).
//!
//! The original is read once. Logits are made for a few positions at a time: at a vocabulary of 152k, 512
//! positions would take 311 MB for each candidate.
//!
//! The reduction to one number, mean or sum, and its threshold are settings of stage 2.

use candle_core::{D, DType, Tensor};
use candle_nn::ops::log_softmax;
use rayon::prelude::*;

use crate::decoder::Decoder;
use crate::error::{ModelError, Result};
use crate::language_model::LanguageModel;
use crate::ops::Contents;
use crate::prefix::Prefix;

/// Logits held at a time for each of the two texts: 4 Mi numbers, 16 MiB in f32.
pub(crate) const MAX_LOGITS: usize = 4 << 20;

/// Tokens of rewrites and their windows that are read together, or one rewrite's if it has more.
const MAX_READ_TOKENS: usize = 2048;

/// The original's side of the divergence, ready to be compared with any number of rewrites.
#[derive(Debug)]
pub struct WindowKl<'a> {
    model: &'a LanguageModel,
    prefix: &'a Prefix,
    window: Vec<u32>,
    /// Final hidden states that predict the window, (T, D).
    original: Tensor,
    /// Positions whose logits are made at a time.
    chunk: usize,
    /// The original's logits, (T, V), if they fit into one chunk.
    original_logits: Option<Tensor>,
}

impl<'a> WindowKl<'a> {
    /// Reads the original: `prefix` is the context before the step, `window` its text after it.
    ///
    /// # Errors
    /// [`ModelError::Empty`] for an empty window; [`ModelError::ContextTooLong`].
    pub fn new(
        model: &'a LanguageModel,
        prefix: &'a Prefix,
        original_step: &[u32],
        window: &[u32],
    ) -> Result<Self> {
        let vocab_size = model.config().vocab_size;
        Self::with_chunk(model, prefix, original_step, window, (MAX_LOGITS / vocab_size).max(1))
    }

    fn with_chunk(
        model: &'a LanguageModel,
        prefix: &'a Prefix,
        original_step: &[u32],
        window: &[u32],
        chunk: usize,
    ) -> Result<Self> {
        if window.is_empty() {
            return Err(ModelError::Empty { what: "the window" });
        }
        let original = predictors(model, prefix, &[original_step], window)?.remove(0);
        let original_logits =
            if window.len() <= chunk { Some(model.frozen().logits(&original)?) } else { None };
        Ok(Self { model, prefix, window: window.to_vec(), original, chunk, original_logits })
    }

    /// Divergence of the original from each of `rewrites` at each position of the window, (T,), in nats. The rewrites are read
    /// together.
    ///
    /// An empty rewrite is allowed: the window then follows the prefix at once.
    pub fn score(&self, rewrites: &[&[u32]]) -> Result<Vec<Vec<f64>>> {
        let longest = rewrites.iter().map(|rewrite| rewrite.len()).max().unwrap_or(0);
        let at_once = (MAX_READ_TOKENS / (longest + self.window.len())).max(1);
        let mut divergences = Vec::with_capacity(rewrites.len());
        for rewrites in rewrites.chunks(at_once) {
            for rewritten in predictors(self.model, self.prefix, rewrites, &self.window)? {
                divergences.push(self.divergences(&rewritten)?);
            }
        }
        Ok(divergences)
    }

    /// Given the hidden states that predict the window after a rewrite, (T, D).
    fn divergences(&self, rewritten: &Tensor) -> Result<Vec<f64>> {
        let decoder = self.model.frozen();
        let mut divergences = Vec::with_capacity(self.window.len());
        for start in (0..self.window.len()).step_by(self.chunk) {
            let n = self.chunk.min(self.window.len() - start);
            let original = match &self.original_logits {
                Some(logits) => logits.clone(),
                None => logits_of(decoder, &self.original, start, n)?,
            };
            let rewritten = logits_of(decoder, rewritten, start, n)?;
            divergences.extend(kl_by_row(&original, &rewritten)?);
        }
        Ok(divergences)
    }
}

/// Final hidden states that predict `window` after `prefix` and each of `steps`, (T, D).
fn predictors(
    model: &LanguageModel,
    prefix: &Prefix,
    steps: &[&[u32]],
    window: &[u32],
) -> Result<Vec<Tensor>> {
    // The window's last token predicts nothing that is asked for.
    let known = &window[..window.len() - 1];
    let continuations: Vec<Vec<u32>> = steps.iter().map(|step| [step, known].concat()).collect();
    let not_empty = continuations.iter().map(Vec::as_slice).filter(|tokens| !tokens.is_empty());
    let mut hidden = prefix.hidden_after(model, &not_empty.collect::<Vec<_>>())?.into_iter();
    let mut of = |step: &&[u32]| {
        let hidden = if step.len() + known.len() > 0 { hidden.next() } else { None };
        Ok(match (step.len().checked_sub(1), hidden) {
            (Some(last), Some(hidden)) => hidden.narrow(0, last, window.len())?,
            // The prefix itself predicts the window's first token.
            (_, Some(hidden)) => Tensor::cat(&[prefix.last_hidden(), &hidden], 0)?,
            (_, None) => prefix.last_hidden().clone(),
        })
    };
    steps.iter().map(&mut of).collect()
}

fn logits_of(decoder: &Decoder, hidden: &Tensor, start: usize, n: usize) -> Result<Tensor> {
    decoder.logits(&hidden.narrow(0, start, n)?.contiguous()?)
}

/// `KL( softmax(p) ‖ softmax(q) )` of each row of two (n, V) logits, in nats.
fn kl_by_row(p: &Tensor, q: &Tensor) -> Result<Vec<f64>> {
    if p.device().is_cpu() && p.dtype() == DType::F32 {
        let (n, vocab_size) = p.dims2()?;
        let (p, q) = (Contents::of(p)?, Contents::of(q)?);
        let rows = p.par_chunks_exact(vocab_size).zip(q.par_chunks_exact(vocab_size));
        let divergences: Vec<f64> = rows.map(|(p, q)| kl_divergence(p, q)).collect();
        debug_assert_eq!(divergences.len(), n);
        return Ok(divergences);
    }
    let log_p = log_softmax(&p.to_dtype(DType::F32)?, D::Minus1)?;
    let log_q = log_softmax(&q.to_dtype(DType::F32)?, D::Minus1)?;
    let divergences = (log_p.exp()? * (log_p - log_q)?)?.sum(D::Minus1)?;
    Ok(divergences.to_dtype(DType::F64)?.to_vec1()?.into_iter().map(not_below_zero).collect())
}

/// `Σ_v p_v (log p_v - log q_v)` of two rows of logits, in f64.
fn kl_divergence(p_logits: &[f32], q_logits: &[f32]) -> f64 {
    // With a = p's logits, b = q's: log p_v - log q_v = (a_v - b_v) - (lse a - lse b).
    let (p_max, q_max) = (max(p_logits), max(q_logits));
    let (mut p_sum, mut q_sum, mut weighted) = (0.0, 0.0, 0.0);
    for (&a, &b) in p_logits.iter().zip(q_logits) {
        let (a, b) = (f64::from(a) - p_max, f64::from(b) - q_max);
        let weight = a.exp();
        p_sum += weight;
        q_sum += b.exp();
        if weight > 0.0 {
            weighted += weight * (a - b);
        }
    }
    not_below_zero(weighted / p_sum - (p_sum.ln() - q_sum.ln()))
}

/// Rounding can leave a difference of equals just below 0. What is not a number stays that: it must not pass for 0.
fn not_below_zero(divergence: f64) -> f64 {
    if divergence < 0.0 { 0.0 } else { divergence }
}

fn max(logits: &[f32]) -> f64 {
    f64::from(crate::ops::kernels::row_max(logits))
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::testing::{assert_close, random_model, random_tokens, whole};

    #[test]
    fn divergence_by_hand() {
        // KL( (1/2, 1/2) ‖ (1/4, 3/4) ) = ln 2 / 2 + ln(2/3) / 2 = ln(4/3) / 2.
        let p = [5.0f32, 5.0];
        let q = [0.25f32.ln(), 0.75f32.ln()];
        let expected = (4.0f64 / 3.0).ln() / 2.0;
        assert_close(kl_divergence(&p, &q), expected, 1e-7);
        // The other way round: KL( (1/4, 3/4) ‖ (1/2, 1/2) ) = ln(1/2) / 4 + 3 ln(3/2) / 4.
        let reverse = 0.5f64.ln() / 4.0 + 0.75 * 1.5f64.ln();
        assert_close(kl_divergence(&q, &p), reverse, 1e-7);
        assert_eq!(kl_divergence(&p, &p), 0.0);
        // The portable way, in the same direction.
        let rows =
            |row: &[f32]| Tensor::new(row, &Device::Cpu).unwrap().unsqueeze(0).unwrap().to_dtype(DType::F64);
        let portable = kl_by_row(&rows(&p).unwrap(), &rows(&q).unwrap()).unwrap();
        assert_close(portable[0], expected, 1e-6);
    }

    #[test]
    fn no_divergence_is_below_zero_and_none_that_is_not_a_number_is_zero() {
        let row = |scale: f32| (0..400).map(move |i| (i as f32 * 0.7).sin() + scale * (i as f32 * 1.3).cos());
        let rows = |step: f32| Tensor::from_iter((0..50).flat_map(|n| row(n as f32 * step)), &Device::Cpu);
        let (p, q) = (rows(0.0).unwrap(), rows(1e-7).unwrap());
        for dtype in [DType::F32, DType::F16] {
            let rows = |t: &Tensor| t.reshape((50, 400)).unwrap().to_dtype(dtype).unwrap();
            let divergences = kl_by_row(&rows(&p), &rows(&q)).unwrap();
            assert!(divergences.iter().all(|kl| (0.0..1e-5).contains(kl)), "{dtype:?}: {divergences:?}");
            let not_numbers = (rows(&p) * f64::NAN).unwrap();
            for (p, q) in [(&rows(&p), &not_numbers), (&not_numbers, &rows(&q))] {
                let divergences = kl_by_row(p, q).unwrap();
                assert!(divergences.iter().all(|kl| kl.is_nan()), "{dtype:?}: {divergences:?}");
            }
        }
    }

    /// The definition, from two full forward passes.
    fn naive(
        model: &LanguageModel,
        context: &[u32],
        step: &[u32],
        rewrite: &[u32],
        window: &[u32],
    ) -> Vec<f64> {
        let probabilities = |step: &[u32], j: usize| {
            let text = [context, step, &window[..j]].concat();
            let hidden = whole(model, &text).narrow(0, text.len() - 1, 1).unwrap();
            let logits =
                model.frozen().logits(&hidden).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let sum: f64 = logits.iter().map(|&logit| f64::from(logit).exp()).sum();
            logits.iter().map(|&logit| f64::from(logit).exp() / sum).collect::<Vec<_>>()
        };
        let at = |j: usize| {
            let (p, q) = (probabilities(step, j), probabilities(rewrite, j));
            p.iter().zip(&q).map(|(p, q)| p * (p / q).ln()).sum()
        };
        (0..window.len()).map(at).collect()
    }

    #[test]
    fn agrees_with_the_definition_in_chunks_and_at_once() {
        let model = random_model(21);
        let (context, step, window) = (random_tokens(1, 12), random_tokens(2, 7), random_tokens(3, 20));
        let prefix = Prefix::new(&model, &context).unwrap();
        for chunk in [1, 6, 20, 1000] {
            let scorer = WindowKl::with_chunk(&model, &prefix, &step, &window, chunk).unwrap();
            let rewrites = [vec![], random_tokens(4, 1), random_tokens(5, 9)];
            let together = scorer.score(&rewrites.each_ref().map(Vec::as_slice)).unwrap();
            for (rewrite, actual) in rewrites.iter().zip(together) {
                let expected = naive(&model, &context, &step, rewrite, &window);
                assert_eq!(actual, scorer.score(&[rewrite]).unwrap()[0], "alone");
                assert_eq!(actual.len(), 20);
                assert!(expected[0] > 1e-3, "a test that tests something");
                for (actual, expected) in actual.iter().zip(&expected) {
                    assert_close(*actual, *expected, 1e-5);
                }
            }
            assert!(scorer.score(&[&step]).unwrap()[0].iter().all(|&kl| kl == 0.0), "the original itself");
        }
    }

    #[test]
    fn a_window_of_one_token_and_an_empty_one() {
        let model = random_model(22);
        let prefix = Prefix::new(&model, &[1, 2]).unwrap();
        let scorer = WindowKl::new(&model, &prefix, &[3, 4], &[5]).unwrap();
        assert_close(
            scorer.score(&[&[6]]).unwrap()[0][0],
            naive(&model, &[1, 2], &[3, 4], &[6], &[5])[0],
            1e-5,
        );
        assert_eq!(scorer.score(&[&[]]).unwrap()[0].len(), 1);
        assert!(matches!(WindowKl::new(&model, &prefix, &[3], &[]), Err(ModelError::Empty { .. })));
    }
}
