//! Tokens that are found before the text is cut, such as `<|im_end|>`.
//!
//! In: those that a `tokenizer.json` lists, and then those of the field `added_tokens_decoder` of `tokenizer_config.json`, which
//! `transformers` adds too where the first does not have them. Out: a tokenizer that knows them, by the ids that the files say.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use tokenizers::AddedToken;

use super::file::Tokenizer;

/// Most added tokens of a file.
const MAX_TOKENS: usize = 1 << 16;
/// Most bytes of one.
const MAX_BYTES: usize = 1024;

/// An added token and its id.
#[derive(Debug, Deserialize)]
pub(super) struct Added {
    pub(super) id: u32,
    #[serde(flatten)]
    token: AddedToken,
}

/// Adds tokens, which must get the ids that they say.
///
/// # Errors
/// A token that would get another, and what is too much.
pub(super) fn add(tokenizer: &mut Tokenizer, added: &[Added]) -> Result<(), String> {
    if added.len() > MAX_TOKENS {
        return Err(format!("has {} added tokens, {MAX_TOKENS} at most are read", added.len()));
    }
    if let Some(token) = added.iter().find(|added| added.token.content.len() > MAX_BYTES) {
        let (id, bytes) = (token.id, token.token.content.len());
        return Err(format!("the added token {id} has {bytes} bytes, {MAX_BYTES} at most are read"));
    }
    let tokens: Vec<AddedToken> = added.iter().map(|added| added.token.clone()).collect();
    tokenizer.add_tokens(tokens).map_err(|error| error.to_string())?;
    for Added { id, token } in added {
        let given = tokenizer.token_to_id(&token.content);
        if !token.content.is_empty() && given != Some(*id) {
            let given = given.map_or("none".to_owned(), |id| id.to_string());
            return Err(format!(
                "the added token {:?} has the id {id}, where its place in the vocabulary would be {given}",
                token.content
            ));
        }
    }
    Ok(())
}

/// Adds what a `tokenizer_config.json` lists under `added_tokens_decoder`, in the order of ids. A token that the tokenizer knows keeps
/// its id, whatever is said here.
///
/// # Errors
/// An entry that is no token, and those of [`add`].
pub(super) fn add_configured(tokenizer: &mut Tokenizer, config: &Map<String, Value>) -> Result<(), String> {
    let Some(Value::Object(listed)) = config.get("added_tokens_decoder") else { return Ok(()) };
    let mut added = BTreeMap::new();
    for (id, token) in listed {
        let wrong = |what: &str| format!("added_tokens_decoder: {what} {id:?}");
        let number = id.parse().map_err(|_| wrong("no id:"))?;
        let token = AddedToken::deserialize(token).map_err(|error| format!("{}: {error}", wrong("token")))?;
        let id = tokenizer.token_to_id(&token.content).unwrap_or(number);
        added.insert(number, Added { id, token });
    }
    add(tokenizer, &added.into_values().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;
    use crate::tokenizer::TextTokenizer;
    use crate::tokenizer::tests::byte_json;

    /// The tokenizer of 260 tokens with a configuration beside it.
    fn read(decoder: Value) -> crate::error::Result<TextTokenizer> {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, json: Value| std::fs::write(folder.path().join(name), json.to_string());
        write("tokenizer.json", byte_json()).unwrap();
        write("tokenizer_config.json", json!({"added_tokens_decoder": decoder})).unwrap();
        TextTokenizer::read(Path::new(folder.path()))
    }

    fn token(content: &str) -> Value {
        json!({"content": content, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
            "special": true})
    }

    #[test]
    fn tokens_of_the_configuration_are_added_and_known_ones_keep_their_ids() {
        let tokenizer =
            read(json!({"261": token("<b>"), "260": token("<a>"), "7": token("<think>"), "97": token("a")}));
        let tokenizer = tokenizer.unwrap();
        assert_eq!(tokenizer.encode("<a><think>ab<b>").unwrap(), [260, 258, 97, 98, 261]);
        assert!(tokenizer.is_special(261) && tokenizer.is_special(97));
        assert_eq!((tokenizer.vocab_size(), tokenizer.decode(&[261]).unwrap()), (262, "<b>".to_owned()));
    }

    #[test]
    fn what_contradicts_the_vocabulary_and_what_is_no_token_is_refused() {
        let error = |decoder: Value| read(decoder).unwrap_err().to_string();
        let skips = error(json!({"261": token("<b>")}));
        assert!(skips.contains("tokenizer_config.json: the added token \"<b>\" has the id 261"), "{skips}");
        assert!(skips.ends_with("would be 260"), "{skips}");
        let no_id = error(json!({"first": token("<b>")}));
        assert!(no_id.contains("no id: \"first\""), "{no_id}");
        let no_token = error(json!({"260": "<b>"}));
        assert!(no_token.contains("added_tokens_decoder: token \"260\": "), "{no_token}");
        let long = error(json!({"260": token(&"b".repeat(2000))}));
        assert!(long.contains("has 2000 bytes"), "{long}");
        assert_eq!(read(Value::Null).unwrap().vocab_size(), 260);
    }
}
