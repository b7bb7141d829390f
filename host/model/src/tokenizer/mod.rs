//! Text to tokens and back, with the byte offset at which each token ends.
//!
//! In: a `tokenizer.json` whose decoder is byte-level, as those of the Qwen2 family are. Out: token ids,
//! text, and for section 3.2 [`TextTokenizer::token_ends`], which says where in the decoded text each token
//! stops, so that a plugin's byte offsets become token positions.
//!
//! A token may hold part of a UTF-8 character. Decoding replaces what is not valid UTF-8 by U+FFFD, exactly
//! as the `tokenizers` crate does, and offsets count bytes of that decoded text.
//!
//! A tokenizer may come from anybody: [`file`] reads it without trust, and the work of encoding is linear in the text but for
//! the logarithm in merging.
//!
//! Left out on purpose: SentencePiece-like decoders, which drop or add spaces depending on a token's
//! neighbours; a token has no text of its own there. Such a tokenizer is refused when it is loaded.

mod file;
mod pattern;
mod pre_tokenizer;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use self::file::Tokenizer;
use crate::error::{ModelError, Result};
use crate::files;

/// The file's name in a checkpoint folder.
const NAME: &str = "tokenizer.json";

/// Most bytes of that file. The largest known one has 33 MB.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// Most bytes of a text that is encoded: more than the longest context that models have.
const MAX_TEXT_BYTES: usize = 4 << 20;

/// A tokenizer, with every token's bytes at hand.
#[derive(Clone, Debug)]
pub struct TextTokenizer {
    inner: Tokenizer,
    /// The bytes of each token, by id; empty for ids without a token.
    bytes: Vec<Vec<u8>>,
    /// Whether each id is a special token.
    special: Vec<bool>,
}

impl TextTokenizer {
    /// Reads `tokenizer.json` of a checkpoint folder.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(NAME);
        let missing = || ModelError::io(&path)(std::io::ErrorKind::NotFound.into());
        let json = files::read(folder, NAME, MAX_FILE_BYTES)?.ok_or_else(missing)?;
        Self::from_bytes(&json, &path)
    }

    /// Reads the content of a `tokenizer.json`; `path` is for messages only.
    pub fn from_bytes(json: &[u8], path: &Path) -> Result<Self> {
        let bad = |reason: String| ModelError::Tokenizer { path: PathBuf::from(path), reason };
        let inner = file::read(json).map_err(bad)?;
        let alphabet = byte_level_alphabet();
        let mut bytes = Vec::new();
        for (token, id) in inner.get_vocab(true) {
            let id = id as usize;
            if bytes.len() <= id {
                bytes.resize(id + 1, Vec::new());
            }
            bytes[id] = token_bytes(&token, &alphabet);
        }
        let mut special = vec![false; bytes.len()];
        for (id, token) in inner.get_added_tokens_decoder() {
            if let Some(flag) = special.get_mut(id as usize) {
                *flag = token.special;
            }
        }
        Ok(Self { inner, bytes, special })
    }

    /// One more than the largest token id. A model's `vocab_size` may be larger, because it is padded.
    pub fn vocab_size(&self) -> usize {
        self.bytes.len()
    }

    /// The id of the token whose text is exactly `token`, such as `<think>`.
    pub fn token_id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// Whether a token is special, that is, never part of what a person wrote.
    pub fn is_special(&self, token: u32) -> bool {
        self.special.get(token as usize).copied().unwrap_or(false)
    }

    /// The tokens of `text`. Special tokens that are spelt out are recognised; none is added.
    ///
    /// # Errors
    /// [`ModelError::Encode`] for a text of more than 4 MiB, or one that the vocabulary cannot spell.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let failed = |reason: String| ModelError::Encode { bytes: text.len(), reason };
        if text.len() > MAX_TEXT_BYTES {
            return Err(failed(format!("{MAX_TEXT_BYTES} at most are encoded")));
        }
        let encoding = self.inner.encode_fast(text, false).map_err(|error| failed(error.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The text of `tokens`, special tokens included.
    pub fn decode(&self, tokens: &[u32]) -> Result<String> {
        Ok(self.token_ends(tokens)?.0)
    }

    /// The text of `tokens` without special tokens: what a reader of the response sees.
    pub fn decode_plain(&self, tokens: &[u32]) -> Result<String> {
        let plain: Vec<u32> = tokens.iter().copied().filter(|&token| !self.is_special(token)).collect();
        self.decode(&plain)
    }

    /// The text of `tokens`, and for each token the offset in that text, in bytes, at which it ends.
    ///
    /// Offsets never decrease, lie on character boundaries, and the last one is the text's length. A token
    /// that ends inside a character ends, by this count, where that character begins: the token that
    /// completes it owns it.
    ///
    /// # Errors
    /// [`ModelError::UnknownToken`] for an id that the vocabulary does not have.
    pub fn token_ends(&self, tokens: &[u32]) -> Result<(String, Vec<usize>)> {
        let mut raw = Vec::new();
        let mut raw_ends = Vec::with_capacity(tokens.len());
        for &token in tokens {
            raw.extend_from_slice(self.token_bytes(token)?);
            raw_ends.push(raw.len());
        }
        Ok(decode_with_offsets(&raw, &raw_ends))
    }

    /// The bytes that one token stands for.
    pub fn token_bytes(&self, token: u32) -> Result<&[u8]> {
        match self.bytes.get(token as usize) {
            Some(bytes) => Ok(bytes),
            None => Err(ModelError::UnknownToken { token, vocab_size: self.bytes.len() }),
        }
    }
}

/// The byte that each character of a byte-level vocabulary stands for.
///
/// Printable bytes stand for themselves; the others, in order, take the characters from U+0100 on (GPT-2's
/// scheme).
fn byte_level_alphabet() -> HashMap<char, u8> {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let mut substitutes = (0x100..).filter_map(char::from_u32);
    (0..=u8::MAX)
        .filter_map(|byte| {
            let character = if printable(byte) { Some(char::from(byte)) } else { substitutes.next() };
            character.map(|character| (character, byte))
        })
        .collect()
}

/// The bytes of a vocabulary entry; one with a character outside the alphabet (an added token) stands for
/// itself.
fn token_bytes(token: &str, alphabet: &HashMap<char, u8>) -> Vec<u8> {
    let bytes: Option<Vec<u8>> = token.chars().map(|character| alphabet.get(&character).copied()).collect();
    bytes.unwrap_or_else(|| token.as_bytes().to_vec())
}

/// Decodes lossily and carries offsets into `raw`, which never decrease, over to the text.
fn decode_with_offsets(raw: &[u8], raw_ends: &[usize]) -> (String, Vec<usize>) {
    let mut text = String::with_capacity(raw.len());
    let mut ends = Vec::with_capacity(raw_ends.len());
    let mut raw_ends = raw_ends.iter().copied().peekable();
    let mut raw_start = 0;
    for chunk in raw.utf8_chunks() {
        let (valid, invalid) = (chunk.valid(), chunk.invalid());
        let text_start = text.len();
        while let Some(end) = raw_ends.next_if(|&end| end < raw_start + valid.len()) {
            ends.push(text_start + valid.floor_char_boundary(end - raw_start));
        }
        text.push_str(valid);
        raw_start += valid.len();
        // Ends inside the invalid bytes, and at their beginning, come before the replacement character.
        while raw_ends.next_if(|&end| end < raw_start + invalid.len()).is_some() {
            ends.push(text.len());
        }
        if !invalid.is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
            raw_start += invalid.len();
        }
    }
    ends.extend(raw_ends.map(|_| text.len()));
    (text, ends)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// A byte-level tokenizer of 256 bytes, one merge and three special tokens.
    pub(crate) fn byte_tokenizer() -> TextTokenizer {
        let mut vocab: HashMap<String, u32> = HashMap::new();
        for (character, byte) in byte_level_alphabet() {
            vocab.insert(character.to_string(), u32::from(byte));
        }
        vocab.insert("ĊĊ".into(), 256);
        let added = |id: u32, content: &str| {
            json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                   "normalized": false, "special": true})
        };
        let json = json!({
            "version": "1.0", "truncation": null, "padding": null, "normalizer": null, "post_processor": null,
            "added_tokens": [added(257, "<|end|>"), added(258, "<think>"), added(259, "</think>")],
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false},
            "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false},
            "model": {"type": "BPE", "vocab": vocab, "merges": [["Ċ", "Ċ"]], "ignore_merges": false}
        });
        TextTokenizer::from_bytes(json.to_string().as_bytes(), Path::new("tokenizer.json")).unwrap()
    }

    #[test]
    fn text_and_special_tokens_go_round() {
        let tokenizer = byte_tokenizer();
        let text = "<think>1 + 1\n\n</think>zwei €<|end|>";
        let tokens = tokenizer.encode(text).unwrap();
        assert_eq!((tokens[0], tokens.contains(&256)), (258, true));
        assert_eq!(tokenizer.decode(&tokens).unwrap(), text);
        assert_eq!(tokenizer.decode_plain(&tokens).unwrap(), "1 + 1\n\nzwei €");
        assert!(tokenizer.is_special(257) && !tokenizer.is_special(256) && !tokenizer.is_special(9999));
    }

    #[test]
    fn a_character_in_three_tokens_belongs_to_the_last() {
        // "a€b": the euro sign is E2 82 AC.
        let (text, ends) = byte_tokenizer().token_ends(&[0x61, 0xE2, 0x82, 0xAC, 0x62]).unwrap();
        assert_eq!((text.as_str(), ends), ("a€b", vec![1, 1, 1, 4, 5]));
    }

    #[test]
    fn what_is_not_utf_8_is_replaced_and_offsets_stay_consistent() {
        // A lone continuation byte, then a euro sign cut off after two bytes, then "b".
        let (text, ends) = byte_tokenizer().token_ends(&[0x82, 0xE2, 0x82, 0x62]).unwrap();
        assert_eq!((text.as_str(), ends), ("\u{FFFD}\u{FFFD}b", vec![3, 3, 6, 7]));
        // Cut off at the very end: the text still ends where the last token does.
        let (text, ends) = byte_tokenizer().token_ends(&[0x61, 0xE2]).unwrap();
        assert_eq!((text.as_str(), ends), ("a\u{FFFD}", vec![1, 4]));
    }

    #[test]
    fn unknown_ids_and_other_decoders_are_refused() {
        let tokenizer = byte_tokenizer();
        assert!(matches!(
            tokenizer.decode(&[260]),
            Err(ModelError::UnknownToken { token: 260, vocab_size: 260 })
        ));
        let word_piece = json!({"version": "1.0", "added_tokens": [], "decoder": {"type": "WordPiece", "prefix": "##",
            "cleanup": true}, "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}});
        let error =
            TextTokenizer::from_bytes(word_piece.to_string().as_bytes(), Path::new("t.json")).unwrap_err();
        assert_eq!(error.to_string(), "tokenizer t.json: its decoder is not byte-level");
    }

    proptest! {
        #[test]
        fn decoding_agrees_with_the_tokenizers_crate(tokens in prop::collection::vec(0u32..260, 0..40)) {
            let tokenizer = byte_tokenizer();
            let (text, ends) = tokenizer.token_ends(&tokens).unwrap();
            prop_assert_eq!(&text, &tokenizer.inner.decode(&tokens, false).unwrap());
            prop_assert_eq!(ends.len(), tokens.len());
            prop_assert!(ends.is_sorted());
            prop_assert!(ends.iter().all(|&end| text.is_char_boundary(end)));
            prop_assert_eq!(ends.last().copied().unwrap_or(0), text.len());
        }
    }
}
