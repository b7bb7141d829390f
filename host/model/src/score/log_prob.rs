//! Log-probabilities of responses: what DPO-L and SFT are made of. TokenSqueeze, section 3.3.
//!
//! `log π(y|x) = Σ_t log π(y_t | x, y_<t)`, natural logarithm, over the tokens of the response. In:
//! [`Sequence`]s. Out: a tensor (n_sequences,) on candle's graph, or plain f64 numbers for a model that is
//! not being trained. Sequences are packed one after another, so no token is padding, and [`pack_by_tokens`]
//! cuts many of them into batches of bounded size.
//!
//! Nothing is divided by length: which length a response has is a plugin's business.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;
use std::sync::Arc;

use candle_core::{DType, Tensor};

use crate::decoder::Decoder;
use crate::error::{ModelError, Result};
use crate::language_model::LanguageModel;
use crate::ops::Segments;
use crate::prefix::Prefix;

/// A prompt and its response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// The prompt's tokens and then the response's.
    pub tokens: Vec<u32>,
    /// How many of them are the prompt's.
    pub prompt_len: usize,
}

impl Sequence {
    /// A response after its prompt.
    pub fn new(prompt: &[u32], response: &[u32]) -> Self {
        Self { tokens: [prompt, response].concat(), prompt_len: prompt.len() }
    }

    /// Number of tokens in the response.
    pub fn response_len(&self) -> usize {
        self.tokens.len().saturating_sub(self.prompt_len)
    }
}

/// Sequences laid one after another, N tokens in all.
#[derive(Clone, Debug)]
pub struct Packed {
    /// The tokens, (N,).
    pub ids: Arc<[u32]>,
    /// The token after each position, (N,); none in prompts and at each sequence's end.
    pub targets: Arc<[Option<u32>]>,
    /// Which rows each sequence has.
    pub segments: Segments,
    /// Which sequence each row belongs to, (N,); a shared one to the first of those that share it.
    pub owners: Arc<[u32]>,
    /// How many sequences there are.
    pub n_sequences: usize,
}

impl Packed {
    /// Packs sequences in their order, each for itself.
    ///
    /// # Errors
    /// [`ModelError::BadSequence`] for one without a prompt or without a response.
    pub fn new(sequences: &[Sequence]) -> Result<Self> {
        Self::with_stems(sequences, |_, _| 0..0)
    }

    /// The same with a prompt that several sequences begin with computed once, all but its last token: that one's row predicts what
    /// differs. Log-probabilities are the same bits; gradients are sums in another order. Where the decoder's angles depend on a
    /// sequence's length nothing is shared.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn sharing_prompts(decoder: &Decoder, sequences: &[Sequence]) -> Result<Self> {
        let longest = sequences.iter().map(|sequence| sequence.tokens.len()).max().unwrap_or(0);
        if decoder.rotary().follows_length(longest) {
            return Self::new(sequences);
        }
        let mut stems: HashMap<&[u32], Range<usize>> = HashMap::new();
        Self::with_stems(sequences, |Sequence { tokens, prompt_len }, first_row| {
            let stem = &tokens[..prompt_len - 1];
            match stems.entry(stem) {
                _ if stem.is_empty() => 0..0,
                Entry::Occupied(known) => known.get().clone(),
                Entry::Vacant(new) => {
                    new.insert(first_row..first_row + stem.len());
                    0..0
                }
            }
        })
    }

    /// Packs sequences whose first tokens are the rows that `stem_of` gives for a sequence and the row that comes next.
    fn with_stems<'a>(
        sequences: &'a [Sequence],
        mut stem_of: impl FnMut(&'a Sequence, usize) -> Range<usize>,
    ) -> Result<Self> {
        let n_tokens = sequences.iter().map(|sequence| sequence.tokens.len()).sum();
        let mut ids: Vec<u32> = Vec::with_capacity(n_tokens);
        let mut targets = Vec::with_capacity(n_tokens);
        let mut owners = Vec::with_capacity(n_tokens);
        let mut segments = Vec::with_capacity(sequences.len());
        for (index, sequence) in sequences.iter().enumerate() {
            let Sequence { tokens, prompt_len } = sequence;
            if *prompt_len == 0 || *prompt_len >= tokens.len() {
                return Err(ModelError::BadSequence { index, tokens: tokens.len(), prompt_len: *prompt_len });
            }
            let stem = stem_of(sequence, ids.len());
            let own = &tokens[stem.len()..];
            targets.resize(ids.len() + prompt_len - stem.len() - 1, None);
            targets.extend(tokens[*prompt_len..].iter().copied().map(Some));
            targets.push(None);
            ids.extend_from_slice(own);
            owners.resize(ids.len(), index as u32);
            segments.push((stem, own.len()));
        }
        Ok(Self {
            ids: ids.into(),
            targets: targets.into(),
            segments: Segments::with_stems(segments),
            owners: owners.into(),
            n_sequences: sequences.len(),
        })
    }

    /// Sums a value per row, (N,), over each sequence: (n_sequences,).
    pub fn sum_by_sequence(&self, values: &Tensor) -> Result<Tensor> {
        let owners = Tensor::from_slice(&self.owners, self.owners.len(), values.device())?;
        let zeros = Tensor::zeros(self.n_sequences, values.dtype(), values.device())?;
        Ok(zeros.index_add(&owners, values, 0)?)
    }
}

/// Cuts `sequences` into runs of at most `max_tokens` tokens each; a longer sequence gets a run of its own.
pub fn pack_by_tokens(sequences: &[Sequence], max_tokens: usize) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let (mut start, mut tokens) = (0, 0);
    for (index, sequence) in sequences.iter().enumerate() {
        if index > start && tokens + sequence.tokens.len() > max_tokens {
            runs.push(start..index);
            (start, tokens) = (index, 0);
        }
        tokens += sequence.tokens.len();
    }
    if start < sequences.len() {
        runs.push(start..sequences.len());
    }
    runs
}

/// Log-probability of each row's target, (N,), in nats; 0 where there is none.
pub fn token_log_probs(decoder: &Decoder, packed: &Packed) -> Result<Tensor> {
    let hidden = decoder.hidden(packed.ids.clone(), &packed.segments)?;
    Ok(decoder.lm_head().target_log_probs(&hidden, packed.targets.clone())?)
}

/// `log π(response | prompt)` of each sequence, in nats, without gradients: summed in f64, in batches of at
/// most `max_tokens` tokens.
pub fn score_sequences(model: &LanguageModel, sequences: &[Sequence], max_tokens: usize) -> Result<Vec<f64>> {
    let mut scores = vec![0.0; sequences.len()];
    for run in pack_by_tokens(sequences, max_tokens) {
        let packed = Packed::sharing_prompts(model.frozen(), &sequences[run.clone()])
            .map_err(|error| offset_index(error, run.start))?;
        let log_probs = token_log_probs(model.frozen(), &packed)?.to_dtype(DType::F32)?.to_vec1::<f32>()?;
        for (owner, log_prob) in packed.owners.iter().zip(log_probs) {
            scores[run.start + *owner as usize] += f64::from(log_prob);
        }
    }
    Ok(scores)
}

/// `log π(tokens | prefix)`, in nats, without gradients: 0 of no tokens. Only the tokens are read.
///
/// # Errors
/// [`ModelError::ContextTooLong`].
pub fn score_after(model: &LanguageModel, prefix: &Prefix, tokens: &[u32]) -> Result<f64> {
    let Some((_, known)) = tokens.split_last() else { return Ok(0.0) };
    let hidden = match known {
        [] => prefix.last_hidden().clone(),
        _ => Tensor::cat(&[prefix.last_hidden(), &prefix.hidden_after(model, &[known])?[0]], 0)?,
    };
    let targets: Arc<[Option<u32>]> = tokens.iter().copied().map(Some).collect();
    let log_probs = model.frozen().lm_head().target_log_probs(&hidden, targets)?;
    let log_probs = log_probs.to_dtype(DType::F32)?.to_vec1::<f32>()?;
    Ok(log_probs.into_iter().map(f64::from).sum())
}

/// Log-probability of each token of each response, in nats, in one forward pass.
///
/// # Errors
/// [`ModelError::BadSequence`] for a sequence without a prompt or without a response.
pub fn score_tokens(model: &LanguageModel, sequences: &[Sequence]) -> Result<Vec<Vec<f32>>> {
    let packed = Packed::new(sequences)?;
    let log_probs = token_log_probs(model.frozen(), &packed)?.to_dtype(DType::F32)?.to_vec1::<f32>()?;
    let mut scores: Vec<Vec<f32>> = vec![Vec::new(); sequences.len()];
    for ((owner, target), log_prob) in packed.owners.iter().zip(&*packed.targets).zip(log_probs) {
        if target.is_some() {
            scores[*owner as usize].push(log_prob);
        }
    }
    Ok(scores)
}

/// Turns an index within a batch into one within all sequences.
fn offset_index(error: ModelError, start: usize) -> ModelError {
    match error {
        ModelError::BadSequence { index, tokens, prompt_len } => {
            ModelError::BadSequence { index: index + start, tokens, prompt_len }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::testing::{
        assert_close, assert_tensors_close, dynamic, random_model, random_model_of, random_models,
        random_tokens, whole,
    };

    fn sequences() -> Vec<Sequence> {
        (0..5)
            .map(|i| Sequence { tokens: random_tokens(i, 6 + 3 * i as usize), prompt_len: 2 + i as usize })
            .collect()
    }

    #[test]
    fn packing_by_hand() {
        let packed = Packed::new(&[Sequence::new(&[1, 2], &[3, 4]), Sequence::new(&[5], &[6])]).unwrap();
        assert_eq!(&*packed.ids, [1, 2, 3, 4, 5, 6]);
        assert_eq!(&*packed.targets, [None, Some(3), Some(4), None, Some(6), None]);
        assert_eq!(&*packed.owners, [0, 0, 0, 0, 1, 1]);
        let values = Tensor::new(&[0f32, 1.0, 2.0, 0.0, 10.0, 0.0], &Device::Cpu).unwrap();
        assert_eq!(packed.sum_by_sequence(&values).unwrap().to_vec1::<f32>().unwrap(), [3.0, 10.0]);
    }

    #[test]
    fn sequences_without_a_prompt_or_a_response_are_refused() {
        let model = random_model(1);
        let mut all = sequences();
        all.push(Sequence::new(&[1, 2], &[]));
        let error = score_sequences(&model, &all, 8).unwrap_err();
        assert!(matches!(error, ModelError::BadSequence { index: 5, tokens: 2, prompt_len: 2 }), "{error}");
        assert!(Packed::new(&[Sequence::new(&[], &[1])]).is_err());
    }

    #[test]
    fn runs_cover_everything_within_the_budget() {
        let runs = pack_by_tokens(&sequences(), 20); // lengths 6, 9, 12, 15, 18
        assert_eq!(runs, [0..2, 2..3, 3..4, 4..5]);
        assert_eq!(pack_by_tokens(&sequences(), 1).len(), 5);
        assert!(pack_by_tokens(&[], 10).is_empty());
    }

    #[test]
    fn agrees_with_the_logits_and_with_itself_in_any_batch() {
        let model = random_model(2);
        let packed = Packed::new(&sequences()).unwrap();
        let together = packed.sum_by_sequence(&token_log_probs(model.trainable(), &packed).unwrap()).unwrap();
        let together = together.to_vec1::<f32>().unwrap();
        let scored = score_sequences(&model, &sequences(), 16).unwrap();
        let by_token = score_tokens(&model, &sequences()).unwrap();
        for (index, sequence) in sequences().iter().enumerate() {
            let logits =
                model.frozen().logits(&whole(&model, &sequence.tokens)).unwrap().to_vec2::<f32>().unwrap();
            let mut expected = 0.0;
            for t in sequence.prompt_len..sequence.tokens.len() {
                let row: Vec<f64> = logits[t - 1].iter().map(|&logit| f64::from(logit)).collect();
                let log_sum_exp = row.iter().map(|logit| logit.exp()).sum::<f64>().ln();
                expected += row[sequence.tokens[t] as usize] - log_sum_exp;
            }
            assert_close(f64::from(together[index]), expected, 1e-5);
            assert_close(scored[index], expected, 1e-5);
            assert_eq!(by_token[index].len(), sequence.response_len());
            assert_close(by_token[index].iter().map(|&x| f64::from(x)).sum(), expected, 1e-5);
        }
    }

    #[test]
    fn what_follows_a_prefix_has_the_log_probability_of_a_response_to_it() {
        let model = random_model(2);
        for sequence in sequences() {
            let (prompt, response) = sequence.tokens.split_at(sequence.prompt_len);
            let prefix = Prefix::new(&model, prompt).unwrap();
            let expected = score_sequences(&model, std::slice::from_ref(&sequence), 64).unwrap()[0];
            assert_close(score_after(&model, &prefix, response).unwrap(), expected, 1e-5);
            let first = score_sequences(&model, &[Sequence::new(prompt, &response[..1])], 64).unwrap()[0];
            assert_close(score_after(&model, &prefix, &response[..1]).unwrap(), first, 1e-5);
            assert_eq!(score_after(&model, &prefix, &[]).unwrap(), 0.0);
        }
    }

    /// Two prompts, of three tokens and of one, with two responses each; the prompt of three comes back at the end.
    fn pairs() -> Vec<Sequence> {
        vec![
            Sequence::new(&[1, 2, 3], &[4, 5]),
            Sequence::new(&[6], &[7]),
            Sequence::new(&[6], &[8, 9]),
            Sequence::new(&[1, 2, 3], &[10]),
        ]
    }

    #[test]
    fn a_shared_prompt_is_laid_out_once_but_for_its_last_token() {
        let model = random_model(1);
        let packed = Packed::sharing_prompts(model.frozen(), &pairs()).unwrap();
        assert_eq!(*packed.ids, [1, 2, 3, 4, 5, 6, 7, 6, 8, 9, 3, 10]);
        let targets: Vec<u32> = packed.targets.iter().map(|target| target.unwrap_or(0)).collect();
        assert_eq!(targets, [0, 0, 4, 5, 0, 7, 0, 8, 9, 0, 10, 0]);
        assert_eq!(*packed.owners, [0, 0, 0, 0, 0, 1, 1, 2, 2, 2, 3, 3]);
        assert_eq!(packed.segments, Segments::with_stems([(0..0, 5), (0..0, 2), (0..0, 3), (0..2, 2)]));
    }

    #[test]
    fn sharing_a_prompt_changes_no_bit_of_the_log_probabilities_and_gives_the_same_gradients() {
        let prompt = random_tokens(1, 70);
        let sequences: Vec<_> =
            [(2, 9), (3, 1), (4, 80)].map(|(seed, n)| Sequence::new(&prompt, &random_tokens(seed, n))).into();
        for model in random_models(3) {
            let of = |packed: Packed| {
                let log_probs = token_log_probs(model.trainable(), &packed).unwrap();
                let sums = packed.sum_by_sequence(&log_probs).unwrap();
                let loss = (sums.sqr().unwrap().sum_all().unwrap() / 1e5).unwrap();
                let targets: Vec<f32> = log_probs.to_vec1().unwrap();
                let targets =
                    targets.into_iter().zip(&*packed.targets).filter(|(_, target)| target.is_some());
                let gradients = crate::optim::gradients_of(&loss, model.parameters()).unwrap();
                (packed.ids.len(), targets.map(|(log_prob, _)| log_prob).collect::<Vec<_>>(), gradients)
            };
            let (n_apart, apart, gradients_apart) = of(Packed::new(&sequences).unwrap());
            let shared = Packed::sharing_prompts(model.frozen(), &sequences).unwrap();
            let (n_shared, shared, gradients) = of(shared);
            assert_eq!((n_apart, n_shared), (300, 300 - 2 * 69));
            assert!(shared == apart);
            for (shared, apart) in gradients.iter().zip(&gradients_apart) {
                assert_tensors_close(shared, apart, 1e-4);
            }
        }
    }

    #[test]
    fn nothing_is_shared_where_angles_depend_on_the_length() {
        // Angles are those of the table up to 10 tokens.
        let model = random_model_of(dynamic(random_model(1).config()), 1, DType::F32);
        let n_rows = |n: usize| {
            let sequences = [Sequence::new(&[1; 4], &[2, 3]), Sequence::new(&[1; 4], &random_tokens(2, n))];
            Packed::sharing_prompts(model.frozen(), &sequences).unwrap().segments.n_rows()
        };
        assert_eq!((n_rows(6), n_rows(7)), (6 + 7, 6 + 11));
    }
}
