//! Keys and values of tokens that were already read, so that the next token costs one row and not the whole
//! context.
//!
//! Two things have a cache. A [`ContextCache`] is one sequence that grows by any number of tokens at a time:
//! a prompt, or what section 3.2 conditions on. A [`BatchCache`] is many sequences that grow by one token
//! each, every one from a context of its own; rows leave, enter and part between steps.
//!
//! A context is shared by all rows that continue it, and by whatever is read after it.
//!
//! Both exist twice, as everything in [`crate::ops`] does: *fused* for f32 on the CPU, where no row's bits depend on the other
//! rows; and *portable*, in candle's operations, for every other device and dtype. The two are each other's test.
//!
//! Nothing is evicted: both caches are as large as what is being drawn, also where layers see a window of it.

mod fused_batch;
mod fused_context;
mod key_values;
mod portable;
mod tail;

pub(crate) use key_values::room_for;

use std::ops::Range;

use candle_core::{DType, Tensor, bail};

use crate::decoder::Decoder;
use crate::error::Result;
use crate::language_model::LanguageModel;

/// The cache of one growing sequence. Cloning is cheap, and the clone grows apart.
#[derive(Clone, Debug)]
pub(crate) enum ContextCache {
    Fused(fused_context::Context),
    Portable(portable::Context),
}

impl ContextCache {
    /// An empty context, in the form that suits the model's device and dtype.
    pub(crate) fn new(model: &LanguageModel) -> Result<Self> {
        if model.device().is_cpu() && model.dtype() == DType::F32 {
            Ok(Self::Fused(fused_context::Context::new(model.frozen())))
        } else {
            Ok(Self::Portable(portable::Context::new(model.frozen())?))
        }
    }

    /// Appends `tokens` (n) and gives their final hidden states (n, D).
    pub(crate) fn extend(&mut self, decoder: &Decoder, tokens: &[u32]) -> Result<Tensor> {
        match self {
            Self::Fused(context) => context.extend(decoder, tokens),
            Self::Portable(context) => context.extend(decoder, tokens),
        }
    }
}

impl ContextCache {
    /// Final hidden states of several continuations, (tokens of all, D); the context stays as it is.
    pub(crate) fn read(&self, decoder: &Decoder, continuations: &[&[u32]]) -> Result<Tensor> {
        match self {
            Self::Fused(context) => context.read(decoder, continuations),
            Self::Portable(context) => context.read(decoder, continuations),
        }
    }
}

/// The caches of sequences that are being drawn at the same time.
#[derive(Debug)]
pub(crate) enum BatchCache {
    Fused(fused_batch::Batch),
    Portable(portable::Batch),
}

impl BatchCache {
    /// No rows, in the form of `context`.
    pub(crate) fn like(context: &ContextCache) -> Self {
        match context {
            ContextCache::Fused(_) => Self::Fused(fused_batch::Batch::default()),
            ContextCache::Portable(_) => Self::Portable(portable::Batch::default()),
        }
    }

    /// Adds a row at the end for each context.
    pub(crate) fn push(&mut self, contexts: &[&ContextCache]) -> Result<()> {
        match self {
            Self::Fused(batch) => {
                for context in contexts {
                    let ContextCache::Fused(context) = context else { return mixed() };
                    batch.push(context);
                }
                Ok(())
            }
            Self::Portable(batch) => {
                let contexts = contexts.iter().map(|context| match context {
                    ContextCache::Portable(context) => Ok(context),
                    ContextCache::Fused(_) => mixed(),
                });
                batch.push(&contexts.collect::<Result<Vec<_>>>()?)
            }
        }
    }

    /// Makes the rows copies of those at `places`, in this order: a place that is not named leaves, and one that is named twice is
    /// continued in two ways.
    pub(crate) fn select(&mut self, places: &[usize]) -> Result<()> {
        match self {
            Self::Fused(batch) => {
                batch.select(places);
                Ok(())
            }
            Self::Portable(batch) => batch.select(places),
        }
    }

    /// Appends one token to each row, in order, and gives their final hidden states (rows, D).
    pub(crate) fn step(&mut self, decoder: &Decoder, tokens: &[u32]) -> Result<Tensor> {
        match self {
            Self::Fused(batch) => batch.step(decoder, tokens),
            Self::Portable(batch) => batch.step(decoder, tokens),
        }
    }
}

/// Runs of rows of which each `shares` its context with the next.
fn runs<R>(rows: &[R], shares: impl Fn(&R, &R) -> bool) -> Vec<Range<usize>> {
    let mut end = 0;
    let range = |rows: &[R]| {
        let start = end;
        end += rows.len();
        start..end
    };
    rows.chunk_by(shares).map(range).collect()
}

/// Prefixes that were made with models on different devices cannot meet in a batch.
fn mixed<T>() -> Result<T> {
    let refuse =
        || -> candle_core::Result<T> { bail!("prefixes of models on different devices in one batch") };
    Ok(refuse()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ModelConfig;
    use crate::testing::{
        assert_tensors_close, dynamic, random_model, random_model_of, random_models, random_tokens, whole,
    };

    fn both(model: &LanguageModel) -> [ContextCache; 2] {
        [
            ContextCache::Fused(fused_context::Context::new(model.frozen())),
            ContextCache::Portable(portable::Context::new(model.frozen()).unwrap()),
        ]
    }

    #[test]
    fn a_context_in_pieces_gives_the_hidden_states_of_the_whole() {
        random_models(3).iter().for_each(a_context_in_pieces);
    }

    fn a_context_in_pieces(model: &LanguageModel) {
        let decoder = model.frozen();
        let tokens = random_tokens(1, 150);
        let expected = whole(model, &tokens);
        for mut context in both(model) {
            let mut start = 0;
            for length in [1, 70, 2, 64, 13] {
                let hidden = context.extend(decoder, &tokens[start..start + length]).unwrap();
                assert_tensors_close(&hidden, &expected.narrow(0, start, length).unwrap(), 2e-5);
                start += length;
            }
            assert_eq!(start, tokens.len());
        }
    }

    #[test]
    fn continuations_that_are_read_together_are_those_read_alone() {
        random_models(7).iter().for_each(continuations_read_together);
        continuations_read_together(&random_model_of(dynamic(random_model(7).config()), 7, DType::F32));
        let bf16 = random_model_of(random_model(7).config().clone(), 7, DType::BF16);
        continuations_read_together(&bf16);
    }

    fn continuations_read_together(model: &LanguageModel) {
        let decoder = model.frozen();
        let continuations = [random_tokens(2, 90), random_tokens(3, 1), random_tokens(4, 17)];
        let together: Vec<&[u32]> = continuations.iter().map(Vec::as_slice).collect();
        for (kind, context_len) in [(0, 0), (0, 1), (0, 70), (1, 70)] {
            let mut context = both(model)[kind].clone();
            if context_len > 0 {
                context.extend(decoder, &random_tokens(1, context_len)).unwrap();
            }
            let hidden = context.read(decoder, &together).unwrap();
            let mut start = 0;
            for tokens in together.iter() {
                let alone = context.clone().extend(decoder, tokens).unwrap();
                // Bit for bit, but for the portable cache.
                let tolerance = if kind == 0 { 0.0 } else { 2e-5 };
                assert_tensors_close(&hidden.narrow(0, start, tokens.len()).unwrap(), &alone, tolerance);
                start += tokens.len();
            }
        }
    }

    #[test]
    fn a_clone_grows_apart() {
        let model = random_model(3);
        for mut context in both(&model) {
            context.extend(model.frozen(), &[1, 2, 3]).unwrap();
            context.clone().extend(model.frozen(), &random_tokens(5, 100)).unwrap();
            let hidden = context.extend(model.frozen(), &[4]).unwrap();
            assert_tensors_close(&hidden, &whole(&model, &[1, 2, 3, 4]).narrow(0, 3, 1).unwrap(), 2e-5);
        }
    }

    #[test]
    fn rows_of_different_lengths_step_together_leave_and_enter() {
        random_models(4).iter().for_each(rows_step_together);
    }

    fn rows_step_together(model: &LanguageModel) {
        let decoder = model.frozen();
        let sequences: Vec<Vec<u32>> = (0..4).map(|i| random_tokens(10 + i, 60)).collect();
        let prompt_lens = [3, 17, 1, 40];
        for kind in 0..2 {
            let context = |i: usize| {
                let mut context = both(model)[kind].clone();
                context.extend(decoder, &sequences[i][..prompt_lens[i]]).unwrap();
                context
            };
            let mut batch = BatchCache::like(&both(model)[kind]);
            batch.push(&[&context(0), &context(1), &context(2)]).unwrap();
            // Rows by sequence, and how many tokens each has been given.
            let mut rows = vec![0, 1, 2];
            let mut given = prompt_lens;
            for step in 0..15 {
                let tokens: Vec<u32> = rows.iter().map(|&i| sequences[i][given[i]]).collect();
                let hidden = batch.step(decoder, &tokens).unwrap();
                for (row, &i) in rows.iter().enumerate() {
                    given[i] += 1;
                    let expected =
                        whole(model, &sequences[i][..given[i]]).narrow(0, given[i] - 1, 1).unwrap();
                    assert_tensors_close(&hidden.narrow(0, row, 1).unwrap(), &expected, 2e-5);
                }
                match step {
                    4 => {
                        batch.select(&[0, 2]).unwrap();
                        batch.push(&[&context(3)]).unwrap();
                        rows = vec![0, 2, 3];
                    }
                    9 => {
                        batch.select(&[1]).unwrap();
                        rows = vec![2];
                    }
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn a_row_that_parts_is_continued_in_two_ways() {
        let model = random_model(8);
        let decoder = model.frozen();
        let (prompt, first, second) = (random_tokens(1, 9), random_tokens(2, 12), random_tokens(3, 12));
        for kind in 0..2 {
            let mut context = both(&model)[kind].clone();
            context.extend(decoder, &prompt).unwrap();
            let mut batch = BatchCache::like(&context);
            batch.push(&[&context, &context]).unwrap();
            for token in &first[..4] {
                batch.step(decoder, &[*token, 0]).unwrap();
            }
            // The first goes on as it began, and as the second text does; the other leaves.
            batch.select(&[0, 0]).unwrap();
            for place in 4..12 {
                let hidden = batch.step(decoder, &[first[place], second[place]]).unwrap();
                for (row, goes_on) in [&first, &second].into_iter().enumerate() {
                    let text = [&prompt, &first[..4], &goes_on[4..=place]].concat();
                    let expected = whole(&model, &text).narrow(0, text.len() - 1, 1).unwrap();
                    assert_tensors_close(&hidden.narrow(0, row, 1).unwrap(), &expected, 2e-5);
                }
            }
        }
    }

    #[test]
    fn the_fused_cache_gives_a_row_the_same_bits_alone_and_in_company() {
        let dynamic = dynamic(random_model(5).config());
        random_models(5).iter().for_each(the_same_bits_in_company);
        the_same_bits_in_company(&random_model_of(dynamic, 5, DType::F32));
    }

    fn the_same_bits_in_company(model: &LanguageModel) {
        let decoder = model.frozen();
        let bits = |companions: usize| {
            let mut batch = fused_batch::Batch::default();
            for row in 0..=companions {
                let mut context = fused_context::Context::new(decoder);
                context.extend(decoder, &random_tokens(row as u64, 5 + row)).unwrap();
                batch.push(&context);
            }
            let mut hidden = Vec::new();
            for step in 0..40 {
                let tokens = random_tokens(step, companions + 1);
                let first = batch.step(decoder, &tokens).unwrap().narrow(0, 0, 1).unwrap();
                hidden.extend(first.flatten_all().unwrap().to_vec1::<f32>().unwrap());
            }
            hidden
        };
        let alone = bits(0);
        assert!(alone == bits(1) && alone == bits(6));
    }

    /// With dynamic scaling a cache does not give the states of the whole, but both kinds give the same.
    #[test]
    fn dynamic_scaling_turns_each_token_by_the_length_that_it_reaches() {
        let config = dynamic(&ModelConfig::tiny(40, 32, 48, 3, (4, 2)));
        let model = random_model_of(config, 6, DType::F32);
        let decoder = model.frozen();
        let tokens = random_tokens(1, 60);
        let hidden_in_pieces = |mut context: ContextCache| {
            let first = context.extend(decoder, &tokens[..30]).unwrap();
            assert_tensors_close(&first, &whole(&model, &tokens[..30]), 2e-5);
            let second = context.extend(decoder, &tokens[30..50]).unwrap();
            let mut batch = BatchCache::like(&context);
            let mut short = both(&model)[usize::from(matches!(context, ContextCache::Portable(_)))].clone();
            short.extend(decoder, &tokens[..3]).unwrap();
            batch.push(&[&context, &short]).unwrap();
            let steps = (50..60).map(|t| batch.step(decoder, &[tokens[t], tokens[t - 47]]).unwrap());
            let steps: Vec<Tensor> = steps.collect();
            Tensor::cat(&[vec![second], steps].concat(), 0).unwrap()
        };
        let [fused, portable] = both(&model).map(hidden_in_pieces);
        assert_tensors_close(&fused, &portable, 2e-5);
        let differs = (fused.narrow(0, 0, 20).unwrap()
            - whole(&model, &tokens[..50]).narrow(0, 30, 20).unwrap())
        .and_then(|difference| difference.abs()?.max_all()?.to_scalar::<f32>());
        assert!(differs.unwrap() > 1e-3);
    }
}
