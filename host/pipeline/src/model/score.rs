//! What a model thinks of texts: the log-probability of every token after the first.

use std::io::BufRead;

use serde::{Deserialize, Serialize};
use ts_model::ModelError;
use ts_model::log_prob::{Sequence, score_tokens};

use super::{InputLines, OpenModel};
use crate::Error;

/// Tokens of one forward pass.
const MAX_PASS_TOKENS: usize = 8192;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    id: Option<serde_json::Value>,
    tokens: Vec<u32>,
}

/// A line of the output.
#[derive(Debug, PartialEq, Serialize)]
pub struct Scored {
    /// As it was given; the line's number where none was.
    pub id: serde_json::Value,
    /// Of each token after the first, given those before it, in nats.
    pub log_probs: Vec<f32>,
}

/// Scores each line `{id, tokens}` of the input, in order.
///
/// # Errors
/// A line that is not such an object, or whose tokens the model cannot take: fewer than two, more than its positions, one that it
/// does not have; those of `sink`.
pub fn score<R: BufRead, E: Send + From<ModelError> + From<Error>>(
    open: &OpenModel,
    mut input: InputLines<R>,
    mut sink: impl FnMut(Scored) -> Result<(), E>,
) -> Result<(), E> {
    let config = open.model.config();
    let lines = std::iter::from_fn(|| {
        let read = input.read::<Input>().transpose()?;
        Some(read.and_then(|(line, Input { id, tokens })| {
            let (n, most) = (tokens.len(), config.max_positions());
            if let Some(token) = tokens.iter().find(|&&token| token as usize >= config.vocab_size) {
                return Err(input.fault(line, format!("the model has no token {token}")));
            }
            match n {
                0 | 1 => {
                    Err(input.fault(line, format!("{n} tokens: only what follows a token has a probability")))
                }
                _ if n > most => {
                    Err(input.fault(line, format!("{n} tokens, and the model has {most} positions")))
                }
                _ => Ok((id.unwrap_or_else(|| line.into()), tokens)),
            }
        }))
    });
    let mut lines = lines.map(|line| line.map_err(Error::from)).peekable();
    // Several short texts go through the model together.
    let together = std::iter::from_fn(|| {
        let mut group: Vec<(serde_json::Value, Vec<u32>)> = Vec::new();
        let mut n_tokens = 0;
        while let Some(next) = lines.peek() {
            let size = next.as_ref().map_or(0, |(_, tokens)| tokens.len());
            if !group.is_empty() && (n_tokens + size > MAX_PASS_TOKENS || next.is_err()) {
                break;
            }
            match lines.next()? {
                Ok(line) => group.push(line),
                Err(error) => return Some(Err(error)),
            }
            n_tokens += size;
        }
        (!group.is_empty()).then_some(Ok(group))
    });
    let score_group = |group: Vec<(serde_json::Value, Vec<u32>)>| -> Result<Vec<Scored>, E> {
        let (ids, tokens): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        let sequences: Vec<_> = tokens.into_iter().map(|tokens| Sequence { tokens, prompt_len: 1 }).collect();
        let scores = score_tokens(&open.model, &sequences).map_err(Error::from)?;
        Ok(ids.into_iter().zip(scores).map(|(id, log_probs)| Scored { id, log_probs }).collect())
    };
    let together = together.map(|group| group.map_err(E::from));
    open.workers.for_each_ordered(together, score_group, |scored| scored.into_iter().try_for_each(&mut sink))
}
