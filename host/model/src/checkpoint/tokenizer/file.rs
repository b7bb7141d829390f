//! A `tokenizer.json`, read without trust.
//!
//! In: its bytes. Out: a [`Tokenizer`] whose size is bounded by the file's and whose work is linear in the
//! text, or what of it this host does not take. Every part is checked before the `tokenizers` crate sees it:
//! that crate believes its files, and a token's id, a merge or a pattern can make it panic, take all memory
//! or never come back.
//!
//! `truncation`, `padding` and `post_processor` are ignored, because they change what was asked to be
//! encoded. `transformers` sets the first two aside as well.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use tokenizers::models::bpe::{BPE, BpeBuilder, Vocab};
use tokenizers::{DecoderWrapper, PostProcessorWrapper, TokenizerBuilder, TokenizerImpl};

use super::added::{self, Added};
use super::decoder::Decoder;
use super::normalizer::Normalizers;
use super::pre_tokenizer::Steps;
use crate::checkpoint::json::Bounded;

/// Byte pairs, and this crate's own steps before them. It decodes nothing.
pub(super) type Tokenizer = TokenizerImpl<BPE, Normalizers, Steps, PostProcessorWrapper, DecoderWrapper>;

/// Most tokens, and most merges. The largest known vocabulary has 262,144 of the first and 514,906 of the
/// second.
const MAX_TOKENS: usize = 1 << 20;
/// Ids that may be without a token, beyond as many as there are tokens.
const SPARE_IDS: usize = 1 << 16;
/// Most values of a section that says how texts are cut.
const MAX_SECTION_VALUES: usize = 10_000;

/// Reads a `tokenizer.json`: what encodes, and what says which bytes a token stands for.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(json: &[u8]) -> Result<(Tokenizer, Decoder), String> {
    let file: File = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    if file.version.as_deref().is_some_and(|version| version != "1.0") {
        return Err(format!(
            "is of version {:?}, and only \"1.0\" is known",
            file.version.unwrap_or_default()
        ));
    }
    let decoder = Decoder::read(&file.decoder.0)?;
    let pre_tokenizer = Steps::read(&file.pre_tokenizer.0)?;
    let normalizer = Normalizers::read(&file.normalizer.0)?;
    let n_tokens = file.model.vocab.0.len() + file.added_tokens.0.len();
    let ids = file.model.vocab.0.values().copied().chain(file.added_tokens.0.iter().map(|token| token.id));
    let largest = ids.max().unwrap_or(0);
    if largest as usize > 2 * n_tokens + SPARE_IDS {
        return Err(format!("has a token with the id {largest}, and {n_tokens} tokens in all"));
    }
    let mut tokenizer = TokenizerBuilder::new()
        .with_model(file.model.build()?)
        .with_normalizer(Some(normalizer))
        .with_pre_tokenizer(Some(pre_tokenizer))
        .build()
        .map_err(|error| error.to_string())?;
    added::add(&mut tokenizer, &file.added_tokens.0)?;
    Ok((tokenizer, decoder))
}

/// A part of the file that says how, not what: small.
type Section = Bounded<MAX_SECTION_VALUES>;

/// The file as it is written; other fields are passed over.
#[derive(Deserialize)]
struct File {
    version: Option<String>,
    #[serde(default)]
    added_tokens: List<Added, MAX_TOKENS>,
    #[serde(default)]
    normalizer: Section,
    #[serde(default)]
    pre_tokenizer: Section,
    #[serde(default)]
    decoder: Section,
    model: Model,
}

/// The vocabulary, and how it is merged.
#[derive(Deserialize)]
struct Model {
    r#type: Option<String>,
    dropout: Option<f64>,
    unk_token: Option<String>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    #[serde(default)]
    fuse_unk: bool,
    #[serde(default)]
    byte_fallback: bool,
    #[serde(default)]
    ignore_merges: bool,
    vocab: TokenIds,
    merges: List<Merge, MAX_TOKENS>,
}

impl Model {
    fn build(self) -> Result<BPE, String> {
        if let Some(kind) = self.r#type.filter(|kind| kind != "BPE") {
            return Err(format!("model: {kind:?} is not implemented, only \"BPE\" is"));
        }
        if self.dropout.is_some_and(|dropout| dropout != 0.0) {
            return Err("model: dropout would give other tokens each time".into());
        }
        let affixes = [
            ("continuing_subword_prefix", self.continuing_subword_prefix),
            ("end_of_word_suffix", self.end_of_word_suffix),
        ];
        if let Some((name, _)) =
            affixes.iter().find(|(_, affix)| affix.as_ref().is_some_and(|it| !it.is_empty()))
        {
            return Err(format!("model: {name} is not implemented"));
        }
        let vocab = self.vocab.0;
        check_ids(&vocab)?;
        let mut merged = String::new();
        for (index, Merge(left, right)) in self.merges.0.iter().enumerate() {
            merged.clear();
            merged.push_str(left);
            merged.push_str(right);
            if let Some(token) = [left, right, &merged].into_iter().find(|token| !vocab.contains_key(*token))
            {
                let token: String = token.chars().take(80).collect();
                return Err(format!(
                    "model: merge {index} needs the token {token:?}, which is not in the vocabulary"
                ));
            }
        }
        let merges = self.merges.0.into_iter().map(|Merge(left, right)| (left, right)).collect();
        let mut builder = BpeBuilder::new()
            .vocab_and_merges(vocab, merges)
            .fuse_unk(self.fuse_unk)
            .byte_fallback(self.byte_fallback)
            .ignore_merges(self.ignore_merges);
        if let Some(token) = self.unk_token {
            builder = builder.unk_token(token);
        }
        builder.build().map_err(|error| format!("model: {error}"))
    }
}

/// Refuses two tokens of one id.
fn check_ids(vocab: &Vocab) -> Result<(), String> {
    let mut token_of: HashMap<u32, &str> = HashMap::with_capacity(vocab.len());
    for (token, id) in vocab {
        if let Some(other) = token_of.insert(*id, token) {
            // In an order that does not depend on the hash table's.
            let (first, second) = if other < token.as_str() { (other, &**token) } else { (&**token, other) };
            return Err(format!("model: the tokens {first:?} and {second:?} have the same id, {id}"));
        }
    }
    Ok(())
}

/// Tokens and their ids: at most [`MAX_TOKENS`], none twice.
struct TokenIds(Vocab);

impl<'de> Deserialize<'de> for TokenIds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TokensVisitor;
        impl<'de> Visitor<'de> for TokensVisitor {
            type Value = TokenIds;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("tokens and their ids")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<TokenIds, A::Error> {
                let mut vocab = Vocab::default();
                while let Some((token, id)) = map.next_entry::<String, u32>()? {
                    if vocab.len() == MAX_TOKENS {
                        return Err(A::Error::custom(format_args!("more than {MAX_TOKENS} tokens")));
                    }
                    if let Some(other) = vocab.get(&token) {
                        return Err(A::Error::custom(format_args!(
                            "the token {token:?} is a duplicate, with the ids {other} and {id}"
                        )));
                    }
                    vocab.insert(token, id);
                }
                Ok(TokenIds(vocab))
            }
        }
        deserializer.deserialize_map(TokensVisitor)
    }
}

/// At most `MOST` things.
struct List<T, const MOST: usize>(Vec<T>);

impl<T, const MOST: usize> Default for List<T, MOST> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for List<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<T, const MOST: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for ListVisitor<T, MOST> {
            type Value = List<T, MOST>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {MOST}")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(List::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    if list.len() == MOST {
                        return Err(A::Error::custom(format_args!("a list of more than {MOST}")));
                    }
                    list.push(item);
                }
                Ok(List(list))
            }
        }
        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}

/// Two tokens that become one: `["a", "b"]`, or as older files have it `"a b"`.
struct Merge(String, String);

impl<'de> Deserialize<'de> for Merge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MergeVisitor;
        impl<'de> Visitor<'de> for MergeVisitor {
            type Value = Merge;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a merge of two tokens")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Merge, E> {
                match text.split_once(' ') {
                    Some((left, right)) if !right.contains(' ') => {
                        Ok(Merge(left.to_owned(), right.to_owned()))
                    }
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Merge, A::Error> {
                let two = (items.next_element()?, items.next_element()?, items.next_element::<String>()?);
                match two {
                    (Some(left), Some(right), None) => Ok(Merge(left, right)),
                    _ => Err(A::Error::custom("a merge is of two tokens")),
                }
            }
        }
        deserializer.deserialize_any(MergeVisitor)
    }
}
