//! A context that was read once and is continued many times.
//!
//! In: tokens. Out: their keys and values, and the last token's hidden state, which predicts what follows.
//! Section 3.2 needs the same context for its rewrites (sampling continues it) and for their divergences (the
//! original and every rewrite are read after it), so both take a [`Prefix`]. [`Prefix::extend`] moves on to
//! the next step without reading anything twice; a clone shares what was read so far.
//!
//! A prefix belongs to the model with the weights that it was made with. Nothing checks that.

use candle_core::Tensor;

use crate::error::{ModelError, Result};
use crate::language_model::LanguageModel;
use crate::network::cache::ContextCache;

/// The cache of one context.
#[derive(Clone, Debug)]
pub struct Prefix {
    tokens: Vec<u32>,
    cache: ContextCache,
    /// Final hidden state of the last token, (1, D).
    last_hidden: Tensor,
}

impl Prefix {
    /// Reads a context of at least one token.
    pub fn new(model: &LanguageModel, tokens: &[u32]) -> Result<Self> {
        Self::with_cache(ContextCache::new(model)?, model, tokens)
    }

    /// The same into a given, empty cache.
    pub(crate) fn with_cache(mut cache: ContextCache, model: &LanguageModel, tokens: &[u32]) -> Result<Self> {
        let Some(last) = tokens.len().checked_sub(1) else {
            return Err(ModelError::Empty { what: "the context" });
        };
        check_length(model, tokens.len())?;
        let hidden = cache.extend(model.frozen(), tokens)?;
        Ok(Self { tokens: tokens.to_vec(), cache, last_hidden: hidden.narrow(0, last, 1)? })
    }

    /// Appends tokens; none is fine.
    pub fn extend(&mut self, model: &LanguageModel, tokens: &[u32]) -> Result<()> {
        if let Some(last) = tokens.len().checked_sub(1) {
            check_length(model, self.tokens.len() + tokens.len())?;
            self.last_hidden = self.cache.extend(model.frozen(), tokens)?.narrow(0, last, 1)?;
            self.tokens.extend_from_slice(tokens);
        }
        Ok(())
    }

    /// Final hidden states of each of `continuations` after this prefix, (tokens, D); they are read together, and the prefix stays as
    /// it is.
    ///
    /// # Errors
    /// [`ModelError::Empty`] for one of no tokens.
    pub fn hidden_after(&self, model: &LanguageModel, continuations: &[&[u32]]) -> Result<Vec<Tensor>> {
        for continuation in continuations {
            if continuation.is_empty() {
                return Err(ModelError::Empty { what: "the continuation" });
            }
            check_length(model, self.tokens.len() + continuation.len())?;
        }
        if continuations.is_empty() {
            return Ok(Vec::new());
        }
        let hidden = self.cache.read(model.frozen(), continuations)?;
        let mut start = 0;
        let of = |tokens: &&[u32]| {
            start += tokens.len();
            Ok(hidden.narrow(0, start - tokens.len(), tokens.len())?)
        };
        continuations.iter().map(of).collect()
    }

    /// The tokens that were read.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Final hidden state of the last token, (1, D).
    pub fn last_hidden(&self) -> &Tensor {
        &self.last_hidden
    }

    pub(crate) fn cache(&self) -> &ContextCache {
        &self.cache
    }
}

/// Refuses more positions than the model was made for.
pub(crate) fn check_length(model: &LanguageModel, needed: usize) -> Result<()> {
    let limit = model.config().max_positions();
    if needed > limit { Err(ModelError::ContextTooLong { needed, limit }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_tensors_close, random_model, random_tokens, whole};

    #[test]
    fn extending_and_continuing_agree_with_reading_the_whole() {
        let model = random_model(6);
        let tokens = random_tokens(2, 40);
        let mut prefix = Prefix::new(&model, &tokens[..10]).unwrap();
        prefix.extend(&model, &tokens[10..25]).unwrap();
        prefix.extend(&model, &[]).unwrap();
        assert_eq!(prefix.tokens(), &tokens[..25]);
        let expected = whole(&model, &tokens);
        assert_tensors_close(prefix.last_hidden(), &expected.narrow(0, 24, 1).unwrap(), 2e-5);
        let after = prefix.hidden_after(&model, &[&tokens[25..]]).unwrap().remove(0);
        assert_tensors_close(&after, &expected.narrow(0, 25, 15).unwrap(), 2e-5);
        // Continuing left nothing behind.
        let again = prefix.hidden_after(&model, &[&tokens[25..]]).unwrap().remove(0);
        assert_tensors_close(&after, &again, 0.0);
    }

    #[test]
    fn an_empty_and_an_overlong_context_are_refused() {
        let model = random_model(6);
        assert!(matches!(Prefix::new(&model, &[]), Err(ModelError::Empty { .. })));
        let limit = model.config().max_position_embeddings;
        let error = Prefix::new(&model, &vec![1; limit + 1]).unwrap_err();
        assert!(matches!(error, ModelError::ContextTooLong { .. }), "{error}");
        let mut prefix = Prefix::new(&model, &vec![1; limit]).unwrap();
        assert!(prefix.extend(&model, &[1]).is_err());
        assert!(prefix.hidden_after(&model, &[&[1]]).is_err());
    }
}
