//! What a model answers: responses to prompts, as many as are asked for.

use std::io::BufRead;

use serde::Serialize;
use serde_json::Value;
use ts_core::seed::derive_seed;
use ts_model::ModelError;
use ts_model::generate::{Draw, Finish, Prompt, Request, Sampling, Unwatched};
use ts_model::serve::{items_held, parts_of_draws, serve};

use super::{Encoded, InputLines, OpenModel};
use crate::Error;

/// How to draw.
#[derive(Clone, Copy, Debug)]
pub struct Generation {
    /// Responses to each prompt.
    pub n_draws: u32,
    /// With an input's identifier and a draw's number it decides the draw's seed.
    pub seed: u64,
    /// Temperature and the rest; temperature 0 takes the likeliest token.
    pub sampling: Sampling,
}

/// A line of the output.
#[derive(Debug, PartialEq, Serialize)]
pub struct Generated {
    /// As it was given; the line's number where none was.
    pub id: Value,
    /// The number of the draw, from 0.
    pub draw: u32,
    /// The response's tokens, the one that ends the text included.
    pub tokens: Vec<u32>,
    /// Its text, without special tokens.
    pub text: String,
    /// Whether the model ended it, and not the limit.
    pub finished: bool,
}

/// Answers each line of the input: `tokens`, a `prompt` as it stands, or `messages` in the checkpoint's chat template; in order, a
/// line a draw.
///
/// # Errors
/// A line that is none of these, or has no room for an answer; those of `sink`.
pub fn generate<R: BufRead, E: Send + From<ModelError> + From<Error>>(
    open: &OpenModel,
    mut input: InputLines<R>,
    how: &Generation,
    mut sink: impl FnMut(Generated) -> Result<(), E>,
) -> Result<(), E> {
    let n_workers = open.workers.count();
    let mut read = || -> Result<Option<(Value, Vec<u32>)>, Error> {
        let Some((line, Encoded { id, tokens, .. })) = open.encoder.next(&mut input)? else {
            return Ok(None);
        };
        let (n, new, most) = (tokens.len(), how.sampling.max_new_tokens, open.model.config().max_positions());
        if n == 0 || n + new > most {
            let reason =
                format!("a prompt of {n} tokens with {new} new ones, and the model has {most} positions");
            return Err(input.fault(line, reason).into());
        }
        Ok(Some((id, tokens)))
    };
    let mut is_over = false;
    let mut prompts = std::iter::from_fn(|| {
        if is_over {
            return None;
        }
        let prompt = read().transpose();
        is_over = !matches!(prompt, Some(Ok(_)));
        prompt
    });
    // Whether there are as many prompts as workers is known when so many were read.
    let first: Vec<_> = prompts.by_ref().take(n_workers).collect();
    let per_item = how.n_draws.div_ceil(parts_of_draws(first.len() as u64, how.n_draws, n_workers)).max(1);
    let items = first.into_iter().chain(prompts).flat_map(|prompt| match prompt {
        Ok((id, tokens)) => {
            let starts = (0..how.n_draws).step_by(per_item as usize);
            starts
                .map(|first_draw| Ok(Asked { id: id.clone(), tokens: tokens.clone(), first_draw }))
                .collect()
        }
        Err(error) => vec![Err(E::from(error))],
    });
    let request = |Asked { id, tokens, first_draw }: &Asked| {
        let name = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
        let draws = *first_draw..how.n_draws.min(first_draw + per_item);
        let seeds = draws.map(|draw| derive_seed(how.seed, "generate", &name, u64::from(draw)));
        Ok(Request { prompt: Prompt::Tokens(tokens.clone()), seeds: seeds.collect() })
    };
    let answers = |Asked { id, first_draw, .. }: Asked, draws: Vec<Draw>| {
        let answer = |(draw, Draw { tokens, finish }): (u32, Draw)| {
            Ok(Generated {
                id: id.clone(),
                draw,
                text: open.encoder.tokenizer.decode_plain(&tokens)?,
                finished: finish == Finish::EndOfText,
                tokens,
            })
        };
        (first_draw..).zip(draws).map(answer).collect::<Result<Vec<_>, E>>()
    };
    open.workers.serve_ordered(
        items_held(&how.sampling, how.n_draws, n_workers),
        items,
        |inbox| serve(&open.model, &how.sampling, &mut Unwatched, inbox, request, answers),
        |answers| answers.into_iter().try_for_each(&mut sink),
    )
}

/// Responses to one prompt, or some of them.
struct Asked {
    id: Value,
    tokens: Vec<u32>,
    /// The number of the first.
    first_draw: u32,
}
