//! A JSON value, and how it prints.

use std::fmt::{self, Display, Formatter, Write};

use crate::parser::{Dialect, Parser};

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it is written.
    Number(String),
    /// A text, without its escapes.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// Members, in the order in which they are written.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a text that is one value of RFC 8259, with white space around it or not. The error says what is
    /// wrong, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        Parser::new(text, Dialect::Rfc8259).whole()
    }

    /// Reads what Python's `json` writes and reads: `NaN`, `Infinity` and `-Infinity` are numbers too, a name
    /// may come twice, and a surrogate that stands alone, which no text here can hold, becomes the
    /// replacement character.
    pub fn parse_python(text: &str) -> Result<Self, String> {
        Parser::new(text, Dialect::Python).whole()
    }

    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Json::Text(text.into())
    }

    /// An object.
    pub fn object<const N: usize>(members: [(&str, Json); N]) -> Self {
        Json::Object(members.map(|(name, value)| (name.to_owned(), value)).into())
    }

    /// The member of that name, the last one, if this is an object that has one.
    pub fn get(&self, name: &str) -> Option<&Json> {
        let Json::Object(members) = self else { return None };
        members.iter().rfind(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The text, if this is one.
    pub fn as_text(&self) -> Option<&str> {
        if let Json::Text(text) = self { Some(text) } else { None }
    }

    /// The items, if this is a list.
    pub fn as_list(&self) -> Option<&[Json]> {
        if let Json::List(items) = self { Some(items) } else { None }
    }
}

impl Display for Json {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Json::Null => f.write_str("null"),
            Json::Bool(value) => write!(f, "{value}"),
            Json::Number(digits) => f.write_str(digits),
            Json::Text(text) => quoted(text, f),
            Json::List(items) => {
                f.write_char('[')?;
                for (at, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if at > 0 { ", " } else { "" })?;
                }
                f.write_char(']')
            }
            Json::Object(members) => {
                f.write_char('{')?;
                for (at, (name, value)) in members.iter().enumerate() {
                    f.write_str(if at > 0 { ", " } else { "" })?;
                    quoted(name, f)?;
                    write!(f, ": {value}")?;
                }
                f.write_char('}')
            }
        }
    }
}

fn quoted(text: &str, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            c if c.is_control() => write!(f, "\\u{:04x}", c as u32)?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_prints_as_it_was() {
        for text in [
            r#"{"a": [1, 2.0, -3e-7, null, true], "b": "x\ny\"\\é"}"#,
            "123456789012345678901234567890",
            "{}",
            "[]",
        ] {
            assert_eq!(Json::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Json::parse_python("[NaN, -Infinity]").unwrap().to_string(), "[NaN, -Infinity]");
    }

    #[test]
    fn members_are_found() {
        let json = Json::parse_python(r#"{"a": 1, "a": ["x"]}"#).unwrap();
        let items = json.get("a").and_then(Json::as_list).unwrap();
        assert_eq!((items[0].as_text(), json.get("b")), (Some("x"), None));
    }
}
