//! Trains a byte-level BPE tokenizer of the Qwen2 kind, for models that are pretrained from scratch.
//!
//! In: documents, the size of the vocabulary, and the added tokens. Out: the content of a `tokenizer.json`.
//! Digits are single tokens, words take the space before them, and line breaks stay together with the
//! punctuation before them, so that the end of a paragraph is the end of a token. Every byte is in the
//! vocabulary: no text is unknown.

use std::path::PathBuf;

use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainerBuilder};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, SplitDelimiterBehavior, Tokenizer};

use crate::error::{ModelError, Result};

/// Qwen2's cut before byte pairs are merged.
const QWEN2_SPLIT: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// A token that is not a piece of text.
#[derive(Clone, Copy, Debug)]
pub struct Marker<'a> {
    /// Its text.
    pub text: &'a str,
    /// Whether a reader of the response does not see it.
    pub special: bool,
}

/// Trains a tokenizer of at most `vocab_size` tokens; the markers take the first ids, in their order.
///
/// # Errors
/// [`ModelError::Tokenizer`] with what the trainer said.
pub fn train_byte_level_bpe(
    documents: impl Iterator<Item = String> + Send,
    vocab_size: usize,
    markers: &[Marker<'_>],
) -> Result<Vec<u8>> {
    let failed = |error: tokenizers::Error| ModelError::Tokenizer {
        path: PathBuf::from("tokenizer.json"),
        reason: error.to_string(),
    };
    let mut tokenizer = Tokenizer::new(BPE::default());
    let pattern = SplitPattern::Regex(QWEN2_SPLIT.into());
    let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false).map_err(failed)?;
    tokenizer.with_pre_tokenizer(Some(Sequence::new(vec![
        PreTokenizerWrapper::Split(split),
        PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, false, false)),
    ])));
    tokenizer.with_decoder(Some(ByteLevel::default()));
    let added = |marker: &Marker<'_>| AddedToken::from(marker.text, marker.special);
    let trainer = BpeTrainerBuilder::new()
        .vocab_size(vocab_size)
        .show_progress(false)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .special_tokens(markers.iter().map(added).collect())
        .min_frequency(2)
        .build();
    tokenizer.train(&mut TrainerWrapper::BpeTrainer(trainer), documents).map_err(failed)?;
    Ok(tokenizer.to_string(false).map_err(failed)?.into_bytes())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::TextTokenizer;

    #[test]
    fn a_trained_tokenizer_reads_every_text_and_ends_tokens_at_paragraphs() {
        let text = "so 12 and 34.\n\nso 56 and 78.\n\n";
        let markers =
            [Marker { text: "<|end|>", special: true }, Marker { text: "</think>", special: false }];
        let json = train_byte_level_bpe(std::iter::repeat_n(text.to_owned(), 20), 300, &markers).unwrap();
        let tokenizer = TextTokenizer::from_bytes(&json, Path::new("tokenizer.json")).unwrap();
        assert_eq!(tokenizer.encode("<|end|></think>").unwrap(), [0, 1]);
        assert!(tokenizer.is_special(0) && !tokenizer.is_special(1));
        for text in [text, "ü → 9\u{0}", "x</think>y<|end|>"] {
            assert_eq!(tokenizer.decode(&tokenizer.encode(text).unwrap()).unwrap(), text);
        }
        let ends: Vec<String> =
            tokenizer.encode(text).unwrap().iter().map(|&t| tokenizer.decode(&[t]).unwrap()).collect();
        assert!(ends.contains(&".\n\n".to_owned()) && ends.contains(&"1".to_owned()), "{ends:?}");
    }
}
