//! What a problem asks: a text, or the messages of a conversation.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The roles that a message of a problem may have.
const ROLES: [&str; 4] = ["system", "developer", "user", "assistant"];

/// What a problem asks, without a chat template around it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Prompt {
    /// What a user says; a recipe's `[prompt]` may add to it.
    Text(String),
    /// A conversation whose last message is a user's. It goes through the chat template whole.
    Messages(Vec<Message>),
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `system`, `developer`, `user` or `assistant`.
    pub role: String,
    /// What is said.
    pub content: String,
}

impl Prompt {
    /// Reads a prompt as problem sets have it: a text, or a list of objects with `role` and `content` alone.
    ///
    /// # Errors
    /// What it should be, to be said after `must be`.
    pub fn from_value(value: Value) -> Result<Self, &'static str> {
        match value {
            Value::String(text) => Ok(Self::Text(text)),
            Value::Array(items) if items.is_empty() => Err("a text, or messages, at least one"),
            Value::Array(items) => {
                let messages = items.into_iter().map(message).collect::<Option<Vec<_>>>();
                let messages = messages.ok_or(
                    "a text, or messages: each with a `role` (system, developer, user or assistant) and a text \
                     as `content`, and nothing else",
                )?;
                match messages.last() {
                    Some(last) if last.role == "user" => Ok(Self::Messages(messages)),
                    _ => Err("messages of which the last is a user's"),
                }
            }
            _ => Err("a text, or messages (a list of objects with `role` and `content`)"),
        }
    }

    /// What the user says: the text, or the texts of the user's messages with an empty line between them. This is what plugins see,
    /// and by what problems are held to be the same.
    pub fn question(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Messages(messages) => {
                let said = messages.iter().filter(|message| message.role == "user");
                Cow::Owned(said.map(|message| message.content.as_str()).collect::<Vec<_>>().join("\n\n"))
            }
        }
    }
}

impl From<&str> for Prompt {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Prompt {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// A message; fields without a value, which tables have, count as none.
fn message(value: Value) -> Option<Message> {
    let Value::Object(mut fields) = value else { return None };
    fields.retain(|_, value| !value.is_null());
    let (Value::String(role), Value::String(content)) = (fields.remove("role")?, fields.remove("content")?)
    else {
        return None;
    };
    (fields.is_empty() && ROLES.contains(&role.as_str())).then_some(Message { role, content })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(role: &str, content: &str) -> Value {
        json!({"role": role, "content": content})
    }

    #[test]
    fn a_text_and_messages_read_back_as_they_are_written() {
        for value in [json!("What?"), json!([said("system", "S"), said("user", "What?")])] {
            let prompt = Prompt::from_value(value.clone()).unwrap();
            assert_eq!(serde_json::to_value(&prompt).unwrap(), value);
            assert_eq!(serde_json::from_value::<Prompt>(value).unwrap(), prompt);
            assert_eq!(prompt.question(), "What?");
        }
        let turns = json!([said("user", "a"), said("assistant", "b"), said("user", "c")]);
        assert_eq!(Prompt::from_value(turns).unwrap().question(), "a\n\nc");
        let with_null = json!([{"role": "user", "content": "a", "name": null}]);
        assert!(Prompt::from_value(with_null).is_ok());
    }

    #[test]
    fn other_values_are_refused() {
        for (value, reason) in [
            (json!(1), "a text, or messages (a list"),
            (json!([]), "at least one"),
            (json!([said("user", "a"), said("assistant", "b")]), "the last is a user's"),
            (json!(["a"]), "each with a `role`"),
            (json!([said("tool", "a")]), "each with a `role`"),
            (json!([{"role": "user", "content": [{"type": "text"}]}]), "each with a `role`"),
            (json!([{"role": "user", "content": "a", "tool_calls": []}]), "nothing else"),
        ] {
            let error = Prompt::from_value(value.clone()).unwrap_err();
            assert!(error.contains(reason), "{value}: {error}");
        }
    }
}
