//! What a model answers: responses to prompts, as many as are asked for.

use std::io::BufRead;

use serde::Serialize;
use serde_json::Value;
use ts_core::seed::derive_seed;
use ts_model::ModelError;
use ts_model::generate::{Finish, Prompt, Request, Sampling, Unwatched, generate as draw};

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
    let at_once = how.sampling.prompts_at_once(how.n_draws);
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
    let groups = std::iter::from_fn(|| {
        let mut group = Vec::new();
        while group.len() < at_once && !is_over {
            match read() {
                Ok(Some(prompt)) => group.push(prompt),
                Ok(None) => is_over = true,
                Err(error) => {
                    is_over = true;
                    return Some(Err(E::from(error)));
                }
            }
        }
        (!group.is_empty()).then_some(Ok(group))
    });
    let answer = |group: Vec<(Value, Vec<u32>)>| -> Result<Vec<Generated>, E> {
        let seeds = |id: &Value| {
            let name = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
            (0..how.n_draws).map(|draw| derive_seed(how.seed, "generate", &name, u64::from(draw))).collect()
        };
        let requests: Vec<Request> = group
            .iter()
            .map(|(id, tokens)| Request { prompt: Prompt::Tokens(tokens.clone()), seeds: seeds(id) })
            .collect();
        let draws = draw(&open.model, &requests, &how.sampling, &mut Unwatched)?;
        let mut answers = Vec::new();
        for ((id, _), draws) in group.into_iter().zip(draws) {
            for (number, draw) in draws.into_iter().enumerate() {
                answers.push(Generated {
                    id: id.clone(),
                    draw: number as u32,
                    text: open.encoder.tokenizer.decode_plain(&draw.tokens)?,
                    finished: draw.finish == Finish::EndOfText,
                    tokens: draw.tokens,
                });
            }
        }
        Ok(answers)
    };
    open.workers.for_each_ordered(groups, answer, |answers| answers.into_iter().try_for_each(&mut sink))
}
