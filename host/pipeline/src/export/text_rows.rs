//! Pairs as texts: the rendered prompt, and the responses with their special tokens spelt out.
//!
//! In: a run's examples. Out: `train.jsonl`, a line a pair with `prompt`, `chosen`, `rejected`, and a [`Count`] of what the texts do not
//! carry: ids that a tokenizer makes otherwise of them, responses without an end.

use std::path::Path;

use serde::Serialize;

use super::shared::{Lines, Names, retokenised};
use crate::responses::selected::Response;
use crate::training::examples::for_each_example;
use crate::{Error, Run};

/// How a trainer turns texts into ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tokenised {
    /// The prompt and the response each for itself.
    Apart,
    /// Both as one text.
    Together,
}

/// A line of `train.jsonl`.
#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    prompt: &'a str,
    chosen: &'a str,
    rejected: &'a str,
}

/// What was written, and what of it a trainer sees otherwise.
#[derive(Default)]
pub(super) struct Count {
    pub(super) n_pairs: usize,
    /// Examples that are only imitated, for which there is no row.
    pub(super) n_imitated: usize,
    pub(super) n_too_long: usize,
    /// Pairs with a weight other than 1.
    pub(super) n_weighted: usize,
    /// Pairs that the chosen response of which is not imitated.
    pub(super) n_not_imitated: usize,
    /// Pairs with a response that came as text alone.
    pub(super) n_retokenised: usize,
    /// Pairs of which a text does not tokenise back to the ids.
    pub(super) other_ids: Names,
    /// Pairs with a response that was cut off, and so ends without end-of-text token.
    pub(super) cut_off: Names,
    /// Tokens of the longest prompt with a response.
    pub(super) longest: usize,
}

/// Writes the rows.
///
/// # Errors
/// As [`for_each_example`]; [`Error::NoExamples`] without any pair.
pub(super) fn write(run: &Run<'_>, path: &Path, tokenised: Tokenised) -> Result<Count, Error> {
    let ends = run.checkpoint_folder().config()?.eos_token_ids;
    let mut lines = Lines::create(path)?;
    let mut count = Count::default();
    let counts = for_each_example(run, false, |item| {
        let Some(rejected) = item.rejected else {
            count.n_imitated += 1;
            return Ok(());
        };
        let id = &item.record.id;
        count.n_pairs += 1;
        count.n_weighted += usize::from(item.weights.pair != 1.0);
        count.n_not_imitated += usize::from(item.weights.sft == 0.0);
        count.n_retokenised += usize::from(item.is_retokenised());
        let prompt = run.prompt_text(item.problem)?;
        let mut same = true;
        let mut text_of = |response: Response<'_>| -> Result<String, Error> {
            let text = run.tokenizer.decode(response.tokens)?;
            count.longest = count.longest.max(item.prompt.len() + response.tokens.len());
            same &= match tokenised {
                Tokenised::Apart => run.tokenizer.encode(&text).is_ok_and(|ids| ids == response.tokens),
                Tokenised::Together => {
                    let ids = run.tokenizer.encode(&format!("{prompt}{text}"));
                    ids.is_ok_and(|ids| ids == [item.prompt, response.tokens].concat())
                }
            };
            Ok(text)
        };
        let (chosen, rejected_text) = (text_of(item.chosen)?, text_of(rejected)?);
        if !same {
            count.other_ids.push(id);
        }
        let is_cut_off =
            |response: Response<'_>| response.tokens.last().is_none_or(|last| !ends.contains(last));
        if is_cut_off(item.chosen) || is_cut_off(rejected) {
            count.cut_off.push(id);
        }
        lines.push(&Row { id, prompt: &prompt, chosen: &chosen, rejected: &rejected_text })
    })?;
    lines.finish()?;
    if count.n_pairs == 0 {
        let reason = format!("{} responses to imitate, and no pair", count.n_imitated);
        return Err(Error::NoExamples { reason });
    }
    count.n_too_long = counts.n_too_long;
    Ok(count)
}

impl Count {
    /// How many of what, a line each.
    pub(super) fn lines(&self, max_context_tokens: usize) -> Vec<String> {
        let mut lines = vec![format!(
            "{} pairs as texts, of up to {} tokens with their prompts",
            self.n_pairs, self.longest
        )];
        if self.n_too_long > 0 {
            let n = self.n_too_long;
            lines.push(format!("{n} examples are longer than {max_context_tokens} tokens and left out"));
        }
        lines.push(match self.other_ids.count {
            0 => "every text tokenises back to the ids that the run has".to_owned(),
            n => format!(
                "{n} of them do not tokenise back to the ids that the run has {}: the trainer sees other tokens there",
                self.other_ids.list()
            ),
        });
        lines.extend(retokenised(self.n_retokenised, "pairs have a response that came"));
        lines
    }

    /// What no trainer of pairs as texts carries.
    pub(super) fn differences(&self, lambda: f64) -> Vec<String> {
        let mut lines = Vec::new();
        if lambda != 0.0 {
            lines.push(format!(
                "the length margin (lambda {lambda}) is not carried: no column of a pair reaches the loss, which is plain DPO"
            ));
        }
        if self.n_imitated > 0 {
            let n = self.n_imitated;
            lines.push(format!("{n} responses that are only imitated, in no pair, are not in the rows"));
        }
        if self.n_weighted > 0 {
            lines.push(format!("{} pairs have a weight other than 1, which is not carried", self.n_weighted));
        }
        if self.n_not_imitated > 0 {
            let n = self.n_not_imitated;
            lines.push(format!(
                "the chosen responses of {n} pairs are imitated, which the recipe does not ask for"
            ));
        }
        lines
    }

    /// That a trainer ends what was cut off.
    pub(super) fn ended(&self) -> Option<String> {
        (self.cut_off.count > 0).then(|| {
            format!(
                "{} pairs have a response that was cut off at the token limit {}: the trainer adds an end-of-text token that the model did \
                 not write",
                self.cut_off.count,
                self.cut_off.list()
            )
        })
    }
}
