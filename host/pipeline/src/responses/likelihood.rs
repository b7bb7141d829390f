//! Whether a rewrite is about as likely as the step that it replaces: `refine.max_nll_increase`. Beyond the paper.
//!
//! In: rewrites of one step. Out: whether the negative log-likelihood of each, nats a token in the step's context, is not above the
//! original's by more than the limit. A divergence says what a rewrite does to the text after it, and nothing of the rewrite itself.

use std::collections::HashMap;

use ts_model::log_prob::score_after;
use ts_model::{LanguageModel, Prefix};

use crate::Error;

/// The likelihoods of one step's rewrites, each found once.
pub(crate) struct Likelihood<'a> {
    model: &'a LanguageModel,
    prefix: &'a Prefix,
    original: &'a [u32],
    max_increase: f64,
    /// Of the original, nats a token, once it was asked for.
    original_nll: Option<f64>,
    known: HashMap<Vec<u32>, bool>,
}

impl<'a> Likelihood<'a> {
    /// Of rewrites of `original` after `prefix`; `max_increase` in nats a token.
    pub(crate) fn new(
        (model, prefix): (&'a LanguageModel, &'a Prefix),
        original: &'a [u32],
        max_increase: f64,
    ) -> Self {
        Self { model, prefix, original, max_increase, original_nll: None, known: HashMap::new() }
    }

    /// Whether a rewrite, of at least one token, is likely enough. One whose likelihood is not a number is not.
    pub(crate) fn allows(&mut self, rewrite: &[u32]) -> Result<bool, Error> {
        if let Some(known) = self.known.get(rewrite) {
            return Ok(*known);
        }
        let nll = |tokens: &[u32]| -> Result<f64, Error> {
            Ok(-score_after(self.model, self.prefix, tokens)? / tokens.len() as f64)
        };
        let original_nll = self.original_nll.map_or_else(|| nll(self.original), Ok)?;
        let allowed = nll(rewrite)? <= original_nll + self.max_increase;
        self.original_nll = Some(original_nll);
        self.known.insert(rewrite.to_vec(), allowed);
        Ok(allowed)
    }
}
