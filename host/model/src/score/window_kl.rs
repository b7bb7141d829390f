//! How much a rewritten step changes what the model expects next. TokenSqueeze, section 3.2.
//!
//! `KL( Q(·| p, s_≤i, t_<j) ‖ Q(·| p, s_<i, s'_i, t_<j) )` at each position j of a window t, the original's
//! own text after step s_i; original first, over the whole vocabulary, in nats. In: a [`Prefix`] (p, s_<i),
//! the original step and the window. Out: for each rewrite s'_i, one divergence per window token. t_1 is
//! predicted by the last token of the step, t_j by t_(j-1).
//!
//! No more is read than the choice takes. The original is read once, when the first rewrite is scored, and not at all where the
//! reading of the step before shows it ([`WindowKl::after`], [`Scored::Whole`]). A rewrite is read with the window's first positions
//! first: a divergence is never negative, so one whose sum there has passed the limit is refused without the rest.
//!
//! Logits are made for a few positions at a time: at a vocabulary of 152k, 512 positions would take 311 MB for each candidate.
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

/// Positions of a window that are looked at first. Most rewrites that fail do so within these.
pub(crate) const FIRST_POSITIONS: usize = 16;

/// By this much must the sum over the first positions pass the limit, so that no rounding of the sum over all decides.
const MARGIN: f64 = 1.05;

/// The original's side of the divergence, ready to be compared with any number of rewrites.
#[derive(Debug)]
pub struct WindowKl<'a> {
    model: &'a LanguageModel,
    prefix: &'a Prefix,
    step: Vec<u32>,
    window: Vec<u32>,
    /// Final hidden states of the step and the window without its last token, (L + T - 1, D), once they are known.
    original: Option<Tensor>,
    /// The stretches of positions whose logits are made together.
    stretches: Vec<Stretch>,
}

/// Neighbouring positions of the window.
#[derive(Debug)]
struct Stretch {
    start: usize,
    len: usize,
    is_kept: bool,
    /// The original's logits there, (len, V), if they are kept and were made.
    original_logits: Option<Tensor>,
}

/// What was found of a rewrite.
#[derive(Clone, Debug)]
pub enum Scored {
    /// All of it.
    Whole {
        /// Divergence at each position of the window, (T,), nats.
        kl_nats: Vec<f64>,
        /// What the model makes of the window after this rewrite: final hidden states of all its tokens but the last, (T - 1, D). None
        /// if there are no such tokens, or if more context would change them.
        after: Option<Tensor>,
    },
    /// Its divergences add up to more than the limit.
    Refused {
        /// At the first positions of the window, nats; 0 at the others, which were not looked at.
        kl_nats: Vec<f64>,
    },
}

impl<'a> WindowKl<'a> {
    /// `prefix` is the context before the step, `window` its text after it. `known` are final hidden states of the first tokens of
    /// both, one after the other, (n, D), as [`Self::after`] or [`Scored::Whole`] gave them for the step before; they are used if
    /// there are enough of them.
    ///
    /// # Errors
    /// [`ModelError::Empty`] for an empty window.
    pub fn new(
        model: &'a LanguageModel,
        prefix: &'a Prefix,
        original_step: &[u32],
        window: &[u32],
        known: Option<&Tensor>,
    ) -> Result<Self> {
        let vocab_size = model.config().vocab_size;
        let chunk = (MAX_LOGITS / vocab_size).max(1);
        Self::with_chunk(model, prefix, (original_step, window), known, chunk)
    }

    fn with_chunk(
        model: &'a LanguageModel,
        prefix: &'a Prefix,
        (step, window): (&[u32], &[u32]),
        known: Option<&Tensor>,
        chunk: usize,
    ) -> Result<Self> {
        if window.is_empty() {
            return Err(ModelError::Empty { what: "the window" });
        }
        let all_are_kept = window.len() <= chunk;
        let first = FIRST_POSITIONS.min(chunk).min(window.len());
        let mut stretches = vec![(0, first)];
        stretches.extend(
            (first..window.len()).step_by(chunk).map(|start| (start, chunk.min(window.len() - start))),
        );
        let stretch =
            |(start, len)| Stretch { start, len, is_kept: all_are_kept || start == 0, original_logits: None };
        let stretches = stretches.into_iter().map(stretch).collect();
        let (step, window) = (step.to_vec(), window.to_vec());
        let mut this = Self { model, prefix, step, window, original: None, stretches };
        let needed = this.step.len() + this.window.len() - 1;
        if let Some(known) = known.filter(|known| needed > 0 && known.dims()[0] >= needed)
            && this.lasts()
        {
            this.original = Some(known.narrow(0, 0, needed)?);
        }
        Ok(this)
    }

    /// T, how many positions the window has.
    pub fn n_positions(&self) -> usize {
        self.window.len()
    }

    /// What the model makes of the original's text after the step, if it was read: final hidden states of all tokens of the window
    /// but the last, (T - 1, D). None as in [`Scored::Whole`].
    pub fn after(&self) -> Result<Option<Tensor>> {
        let n = self.window.len() - 1;
        match &self.original {
            Some(original) if n > 0 && self.lasts() => Ok(Some(original.narrow(0, self.step.len(), n)?)),
            _ => Ok(None),
        }
    }

    /// Divergence of the original from each of `rewrites` at each position of the window, (T,), in nats. The rewrites are read
    /// together.
    ///
    /// An empty rewrite is allowed: the window then follows the prefix at once.
    ///
    /// # Errors
    /// [`ModelError::ContextTooLong`].
    pub fn score(&mut self, rewrites: &[&[u32]]) -> Result<Vec<Vec<f64>>> {
        let whole = |scored| match scored {
            Scored::Whole { kl_nats, .. } | Scored::Refused { kl_nats } => kl_nats,
        };
        Ok(self.score_below(rewrites, f64::INFINITY)?.into_iter().map(whole).collect())
    }

    /// The same, as far as it takes to know which rewrites' divergences add up to less than `limit_nats`: those that are sure to pass
    /// it are refused.
    ///
    /// # Errors
    /// [`ModelError::ContextTooLong`].
    pub fn score_below(&mut self, rewrites: &[&[u32]], limit_nats: f64) -> Result<Vec<Scored>> {
        let first = self.stretches[0].len;
        let mut scored: Vec<Option<Scored>> = vec![None; rewrites.len()];
        // Where a text's angles follow its length, a part of it shows nothing of the whole.
        if limit_nats.is_finite() && 2 * first < self.window.len() && self.lasts() {
            let by_first = self.read_each(rewrites, first, |this, states| this.divergences(&states, 1))?;
            for (scored, mut kl_nats) in scored.iter_mut().zip(by_first) {
                if kl_nats.iter().sum::<f64>() >= MARGIN * limit_nats {
                    kl_nats.resize(self.window.len(), 0.0);
                    *scored = Some(Scored::Refused { kl_nats });
                }
            }
        }
        let open =
            || scored.iter().enumerate().filter(|(_, scored)| scored.is_none()).map(|(index, _)| index);
        let (open, positions): (Vec<usize>, usize) = (open().collect(), self.window.len());
        let rewrites: Vec<&[u32]> = open.iter().map(|&index| rewrites[index]).collect();
        let all = self.read_each(&rewrites, positions, |this, states| {
            let kl_nats = this.divergences(&states, this.stretches.len())?;
            let is_below = kl_nats.iter().sum::<f64>() < limit_nats;
            // Of those that may be chosen; a copy, so that the states of others are not kept with them.
            let after = match is_below && limit_nats.is_finite() && positions > 1 && this.lasts() {
                true => Some(states.narrow(0, 1, positions - 1)?.copy()?),
                false => None,
            };
            Ok(Scored::Whole { kl_nats, after })
        })?;
        open.into_iter().zip(all).for_each(|(index, whole)| scored[index] = Some(whole));
        Ok(scored.into_iter().flatten().collect())
    }

    /// Whether what is known of a token stays as it is when more tokens follow.
    fn lasts(&self) -> bool {
        let reach = self.prefix.tokens().len() + self.step.len() + self.window.len();
        !self.model.frozen().rotary().follows_length(reach)
    }

    /// Gives `find` the final hidden states that predict the first `n` positions of the window after each rewrite, (n, D).
    fn read_each<T>(
        &mut self,
        rewrites: &[&[u32]],
        n: usize,
        mut find: impl FnMut(&mut Self, Tensor) -> Result<T>,
    ) -> Result<Vec<T>> {
        let longest = rewrites.iter().map(|rewrite| rewrite.len()).max().unwrap_or(0);
        let at_once = (MAX_READ_TOKENS / (longest + n)).max(1);
        let mut found = Vec::with_capacity(rewrites.len());
        for rewrites in rewrites.chunks(at_once) {
            // The last of these tokens predicts nothing that is asked for.
            let read = read(self.model, self.prefix, rewrites, &self.window[..n - 1])?;
            for (rewrite, states) in rewrites.iter().zip(read) {
                let states = predicting(self.prefix, states.as_ref(), rewrite.len(), n)?;
                found.push(find(self, states)?);
            }
        }
        Ok(found)
    }

    /// Divergences at the positions of the first `n_stretches`, given the states that predict them after a rewrite.
    fn divergences(&mut self, rewritten: &Tensor, n_stretches: usize) -> Result<Vec<f64>> {
        let mut divergences = Vec::with_capacity(self.window.len());
        for index in 0..n_stretches {
            let original = self.original_logits(index)?;
            let Stretch { start, len, .. } = self.stretches[index];
            let rewritten = logits_of(self.model.frozen(), rewritten, start, len)?;
            divergences.extend(kl_by_row(&original, &rewritten)?);
        }
        Ok(divergences)
    }

    /// Reads the original, unless it is known; scoring does it where it has not been done.
    ///
    /// # Errors
    /// [`ModelError::ContextTooLong`].
    pub fn read_original(&mut self) -> Result<()> {
        if self.original.is_none() {
            let known = &self.window[..self.window.len() - 1];
            self.original = read(self.model, self.prefix, &[&self.step], known)?.remove(0);
        }
        Ok(())
    }

    /// The original's logits in a stretch, (len, V).
    fn original_logits(&mut self, index: usize) -> Result<Tensor> {
        let Stretch { start, len, is_kept, original_logits: known } = &self.stretches[index];
        if let Some(logits) = known {
            return Ok(logits.clone());
        }
        let (start, len, is_kept) = (*start, *len, *is_kept);
        let (n, positions) = (self.step.len(), self.window.len());
        self.read_original()?;
        let states = predicting(self.prefix, self.original.as_ref(), n, positions)?;
        let logits = logits_of(self.model.frozen(), &states, start, len)?;
        if is_kept {
            self.stretches[index].original_logits = Some(logits.clone());
        }
        Ok(logits)
    }
}

/// Final hidden states of each of `steps` and of `window` after it, (tokens, D), all read together after `prefix`; none for no tokens.
fn read(
    model: &LanguageModel,
    prefix: &Prefix,
    steps: &[&[u32]],
    window: &[u32],
) -> Result<Vec<Option<Tensor>>> {
    let texts: Vec<Vec<u32>> = steps.iter().map(|step| [step, window].concat()).collect();
    let not_empty: Vec<&[u32]> = texts.iter().map(Vec::as_slice).filter(|text| !text.is_empty()).collect();
    let mut states = prefix.hidden_after(model, &not_empty)?.into_iter();
    Ok(texts.iter().map(|text| if text.is_empty() { None } else { states.next() }).collect())
}

/// The states that predict the `n` tokens after a step, (n, D), given those of a step of so many tokens and of what follows it.
fn predicting(prefix: &Prefix, states: Option<&Tensor>, step: usize, n: usize) -> Result<Tensor> {
    Ok(match (step.checked_sub(1), states) {
        (Some(last), Some(states)) => states.narrow(0, last, n)?,
        // The prefix itself predicts the window's first token.
        (_, Some(states)) => Tensor::cat(&[prefix.last_hidden(), &states.narrow(0, 0, n - 1)?], 0)?,
        (_, None) => prefix.last_hidden().clone(),
    })
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
    use crate::testing::{
        assert_close, dynamic, random_model, random_model_of, random_models, random_tokens, whole,
    };

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
            let mut scorer = WindowKl::with_chunk(&model, &prefix, (&step, &window), None, chunk).unwrap();
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

    fn scorer<'a>(
        model: &'a LanguageModel,
        prefix: &'a Prefix,
        (step, window): (&[u32], &[u32]),
        known: Option<&Tensor>,
    ) -> WindowKl<'a> {
        WindowKl::new(model, prefix, step, window, known).unwrap()
    }

    #[test]
    fn what_is_refused_early_is_what_passes_the_limit_and_the_rest_has_the_same_bits() {
        for model in random_models(23) {
            let prefix = Prefix::new(&model, &random_tokens(1, 12)).unwrap();
            let (step, window) = (random_tokens(2, 7), random_tokens(3, 60));
            // Some are nearly the step, so that their divergences differ by far.
            let rewrites: Vec<Vec<u32>> = (0..24)
                .map(|i| match i % 3 {
                    0 => step[..6].to_vec(),
                    _ => [&random_tokens(50 + i, 1 + i as usize % 3), &step[i as usize % 7..]].concat(),
                })
                .collect();
            let rewrites: Vec<&[u32]> = rewrites.iter().map(Vec::as_slice).collect();
            let all = scorer(&model, &prefix, (&step, &window), None).score(&rewrites).unwrap();
            let mut sums: Vec<f64> = all.iter().map(|kl| kl.iter().sum()).collect();
            sums.sort_by(f64::total_cmp);
            for limit in [0.0, 0.9 * sums[0], sums[6], sums[20], 2.0 * sums[23]] {
                let scored =
                    scorer(&model, &prefix, (&step, &window), None).score_below(&rewrites, limit).unwrap();
                assert_eq!(scored.len(), rewrites.len());
                for (all, scored) in all.iter().zip(scored) {
                    match scored {
                        Scored::Refused { kl_nats } => {
                            assert_eq!(all[..FIRST_POSITIONS], kl_nats[..FIRST_POSITIONS]);
                            assert_eq!(kl_nats.len(), 60);
                            assert!(all.iter().sum::<f64>() >= limit && kl_nats.iter().sum::<f64>() >= limit);
                        }
                        Scored::Whole { kl_nats, .. } => {
                            assert_eq!(all, &kl_nats);
                            let first: f64 = kl_nats[..FIRST_POSITIONS].iter().sum();
                            assert!(first < MARGIN * limit, "{first} is above {limit}, and all was read");
                        }
                    }
                }
            }
        }
    }

    /// What was read for one step shows the original of the next, whether the rewrite took the step's place or not.
    #[test]
    fn the_next_step_s_original_is_known_from_this_one_s_reading() {
        let model = random_model(24);
        let response = random_tokens(2, 80);
        let (step, next) = (0..9, 9..21);
        let rewrite = random_tokens(4, 3);
        for chosen in [&response[step.clone()], &rewrite] {
            let prefix = Prefix::new(&model, &random_tokens(1, 12)).unwrap();
            let mut this = scorer(&model, &prefix, (&response[step.clone()], &response[step.end..]), None);
            assert!(this.after().unwrap().is_none(), "nothing was read yet");
            let Scored::Whole { after: Some(of_rewrite), .. } =
                this.score_below(&[&rewrite], 1e9).unwrap().remove(0)
            else {
                panic!("below the limit");
            };
            let after = if chosen == rewrite { of_rewrite } else { this.after().unwrap().unwrap() };
            let mut longer = prefix.clone();
            longer.extend(&model, chosen).unwrap();
            let places = (&response[next.clone()], &response[next.end..]);
            let candidates: [&[u32]; 2] = [&response[10..15], &response[next.clone()]];
            let read_again = scorer(&model, &longer, places, None).score(&candidates).unwrap();
            let mut known = scorer(&model, &longer, places, Some(&after));
            assert!(known.original.is_some());
            // The same bits, on a model whose layers see everything.
            assert_eq!(known.score(&candidates).unwrap(), read_again);
            let too_few = after.narrow(0, 0, 60).unwrap();
            assert!(scorer(&model, &longer, places, Some(&too_few)).original.is_none());
        }
    }

    #[test]
    fn where_angles_follow_the_length_nothing_is_known_before_it_is_read() {
        let model = random_model_of(dynamic(random_model(25).config()), 25, DType::F32);
        let prefix = Prefix::new(&model, &random_tokens(1, 40)).unwrap();
        let (step, window) = (random_tokens(2, 9), random_tokens(3, 60));
        let mut scorer = scorer(&model, &prefix, (&step, &window), None);
        let scored = scorer.score_below(&[&step[2..]], 1e-9).unwrap().remove(0);
        assert!(matches!(scored, Scored::Whole { after: None, kl_nats } if kl_nats.len() == 60));
        assert!(scorer.after().unwrap().is_none());
    }

    #[test]
    fn a_window_of_one_token_and_an_empty_one() {
        let model = random_model(22);
        let prefix = Prefix::new(&model, &[1, 2]).unwrap();
        let mut one = scorer(&model, &prefix, (&[3, 4], &[5]), None);
        assert_close(one.score(&[&[6]]).unwrap()[0][0], naive(&model, &[1, 2], &[3, 4], &[6], &[5])[0], 1e-5);
        assert_eq!(one.score(&[&[]]).unwrap()[0].len(), 1);
        let scored = one.score_below(&[&[6]], 1e9).unwrap().remove(0);
        assert!(matches!(scored, Scored::Whole { after: None, .. }));
        let empty = WindowKl::new(&model, &prefix, &[3], &[], None);
        assert!(matches!(empty, Err(ModelError::Empty { .. })));
    }
}
