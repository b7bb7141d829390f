//! Text to tokens and back, with the byte offset at which each token ends.
//!
//! In: a `tokenizer.json` of byte pairs, byte-level as those of the Qwen2 family are, or with marked spaces
//! as Llama 2's is. Out: token ids, text, and for section 3.2 [`TextTokenizer::token_ends`], which says where
//! in the decoded text each token stops, so that a plugin's byte offsets become token positions.
//!
//! A token may hold part of a UTF-8 character. Decoding replaces what is not valid UTF-8 by U+FFFD, exactly
//! as the `tokenizers` crate does, and offsets count bytes of that decoded text.
//!
//! A tokenizer may come from anybody: [`file`] reads it without trust, and the work of encoding is linear in
//! the text but for the logarithm in merging.
//!
//! Decoders that drop or add spaces depending on a token's neighbours are refused when a tokenizer is loaded:
//! a token has no text of its own there.

mod added;
mod decoder;
mod file;
mod normalizer;
mod pattern;
mod pre_tokenizer;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use self::file::Tokenizer;
use self::normalizer::Normalizers;
use crate::config::read_object;
use crate::error::{ModelError, Result};
use crate::files;

/// The file's name in a checkpoint folder.
const NAME: &str = "tokenizer.json";

/// Most bytes of that file. The largest known one has 33 MB.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// The name of the file beside it, which may add tokens and have the chat template.
pub(crate) const CONFIG_NAME: &str = "tokenizer_config.json";

/// Most bytes of a text that is encoded: more than the longest context that models have.
const MAX_TEXT_BYTES: usize = 4 << 20;

/// Most bytes that a text may have after normalizers.
const MAX_NORMALIZED_BYTES: usize = 64 << 20;

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
    /// Reads `tokenizer.json` of a checkpoint folder, and the tokens that `tokenizer_config.json` adds.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(NAME);
        let missing = || ModelError::io(&path)(std::io::ErrorKind::NotFound.into());
        let json = files::read(folder, NAME, MAX_FILE_BYTES)?.ok_or_else(missing)?;
        let config = read_object(folder, CONFIG_NAME)?.unwrap_or_default();
        Self::with_config(&json, &path, &config)
    }

    /// Reads the content of a `tokenizer.json`; `path` is for messages only.
    pub fn from_bytes(json: &[u8], path: &Path) -> Result<Self> {
        Self::with_config(json, path, &Map::new())
    }

    fn with_config(json: &[u8], path: &Path, config: &Map<String, Value>) -> Result<Self> {
        let bad = |path: PathBuf| |reason: String| ModelError::Tokenizer { path, reason };
        let (mut inner, decoder) = file::read(json).map_err(bad(path.to_owned()))?;
        added::add_configured(&mut inner, config).map_err(bad(path.with_file_name(CONFIG_NAME)))?;
        let mut bytes = Vec::new();
        for (token, id) in inner.get_vocab(true) {
            let id = id as usize;
            if bytes.len() <= id {
                bytes.resize(id + 1, Vec::new());
            }
            bytes[id] = decoder.bytes(&token);
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
    /// [`ModelError::Encode`] for a text of more than 4 MiB, or less where normalizers could make it 64 MiB
    /// long, or one that the vocabulary cannot spell.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let failed = |reason: String| ModelError::Encode { bytes: text.len(), reason };
        let growth = self.inner.get_normalizer().map_or(1, Normalizers::growth);
        let most = MAX_TEXT_BYTES.min(MAX_NORMALIZED_BYTES / growth);
        if text.len() > most {
            return Err(failed(format!("{most} at most are encoded")));
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
    use std::collections::HashMap;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::decoder::byte_level_alphabet;
    use super::*;

    /// A byte-level tokenizer of 256 bytes, one merge and three special tokens.
    pub(crate) fn byte_tokenizer() -> TextTokenizer {
        from_json(&byte_json())
    }

    fn from_json(json: &Value) -> TextTokenizer {
        TextTokenizer::from_bytes(json.to_string().as_bytes(), Path::new("tokenizer.json")).unwrap()
    }

    pub(crate) fn byte_json() -> Value {
        let mut vocab: HashMap<String, u32> = HashMap::new();
        for (character, byte) in byte_level_alphabet() {
            vocab.insert(character.to_string(), u32::from(byte));
        }
        vocab.insert("ĊĊ".into(), 256);
        let added = |id: u32, content: &str| {
            json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                   "normalized": false, "special": true})
        };
        json!({
            "version": "1.0", "truncation": null, "padding": null, "normalizer": null, "post_processor": null,
            "added_tokens": [added(257, "<|end|>"), added(258, "<think>"), added(259, "</think>")],
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false},
            "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false},
            "model": {"type": "BPE", "vocab": vocab, "merges": [["Ċ", "Ċ"]], "ignore_merges": false}
        })
    }

    /// A tokenizer as Llama 2 has it: marked spaces, and a token for each byte.
    fn marked_json() -> Value {
        let mut vocab: HashMap<String, u32> =
            (0..=255_u8).map(|byte| (format!("<0x{byte:02X}>"), u32::from(byte) + 3)).collect();
        let words = ["<unk>", "<s>", "</s>"]
            .into_iter()
            .zip(0..)
            .chain(["▁", "a", "b", "▁a", "ab", "€"].into_iter().zip(259..));
        vocab.extend(words.map(|(token, id)| (token.to_owned(), id)));
        let added = |id: u32, content: &str| {
            json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                   "normalized": false, "special": true})
        };
        json!({
            "version": "1.0", "truncation": null, "padding": null, "pre_tokenizer": null, "post_processor": null,
            "added_tokens": [added(0, "<unk>"), added(1, "<s>"), added(2, "</s>")],
            "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
            "decoder": {"type": "Sequence", "decoders": [
                {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
                {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
            "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true, "vocab": vocab,
                "merges": ["▁ a", "a b"]}
        })
    }

    #[test]
    fn marked_spaces_and_fallback_bytes_are_encoded_as_the_library_does() {
        let (ours, theirs) = (from_json(&marked_json()), library(&marked_json()));
        for text in ["", "a", " ab  a\n", "<s>a ab</s> b", "ü€漢\u{1F600}", "▁a<0x41>"] {
            let tokens = ours.encode(text).unwrap();
            assert_eq!(tokens, theirs.encode(text, false).unwrap().get_ids(), "{text:?}");
            // Theirs drops the first space.
            let (decoded, ends) = ours.token_ends(&tokens).unwrap();
            let dropped = decoded.strip_prefix(' ').unwrap_or(&decoded);
            assert_eq!(dropped, theirs.decode(&tokens, false).unwrap(), "{text:?}");
            assert_eq!((ends.len(), ends.last().copied().unwrap_or(0)), (tokens.len(), decoded.len()));
        }
    }

    #[test]
    fn how_long_a_text_may_be_depends_on_what_normalizers_make_of_it() {
        let mut json = byte_json();
        json["normalizer"] =
            json!({"type": "Replace", "pattern": {"String": "a"}, "content": "b".repeat(64)});
        let tokenizer = from_json(&json);
        assert_eq!(tokenizer.encode(&"a".repeat(1000)).unwrap().len(), 64_000);
        let error = tokenizer.encode(&"a".repeat((1 << 20) + 1)).unwrap_err().to_string();
        assert!(error.contains("1048576 at most"), "{error}");
    }

    fn library(json: &Value) -> tokenizers::Tokenizer {
        tokenizers::Tokenizer::from_bytes(json.to_string()).unwrap()
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
        assert_eq!(error.to_string(), "tokenizer t.json: decoder: \"WordPiece\" is not implemented here");
    }

    proptest! {
        #[test]
        fn decoding_agrees_with_the_tokenizers_crate(tokens in prop::collection::vec(0u32..260, 0..40)) {
            let tokenizer = byte_tokenizer();
            let (text, ends) = tokenizer.token_ends(&tokens).unwrap();
            prop_assert_eq!(&text, &library(&byte_json()).decode(&tokens, false).unwrap());
            prop_assert_eq!(ends.len(), tokens.len());
            prop_assert!(ends.is_sorted());
            prop_assert!(ends.iter().all(|&end| text.is_char_boundary(end)));
            prop_assert_eq!(ends.last().copied().unwrap_or(0), text.len());
        }
    }
}
