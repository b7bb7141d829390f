//! Texts in documents that a program reads back: what is invisible is written as the format's own escapes, so
//! that the document means the same and can be looked at.

use std::borrow::Cow;
use std::fmt::Write;

use crate::is_invisible;

/// A JSON document without raw invisible characters but its own line feeds.
///
/// Outside of its texts a document holds none, and inside JSON escapes only those below 32 by itself.
///
/// ```
/// assert_eq!(ts_text::json("{\n\"a\": \"\u{9b}2J\"}"), "{\n\"a\": \"\\u009b2J\"}");
/// ```
pub fn json(document: &str) -> Cow<'_, str> {
    let hides = |c: char| is_invisible(c) && c != '\n';
    if !document.contains(hides) {
        return Cow::Borrowed(document);
    }
    let mut out = String::with_capacity(document.len() + 16);
    for c in document.chars() {
        if !hides(c) {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // A text takes whatever is written into it.
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    Cow::Owned(out)
}

/// A text as a TOML string on one line, quotes included.
///
/// ```
/// assert_eq!(ts_text::toml("a \"b\"\n"), r#""a \"b\"\n""#);
/// ```
pub fn toml(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        let _ = match c {
            '"' | '\\' => write!(out, "\\{c}"),
            '\n' => write!(out, "\\n"),
            '\r' => write!(out, "\\r"),
            '\t' => write!(out, "\\t"),
            _ if is_invisible(c) => write!(out, "\\U{:08x}", u32::from(c)),
            _ => write!(out, "{c}"),
        };
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn documents_mean_the_same(text in any::<String>()) {
            let value = serde_json::Value::from(text.clone());
            let shown = json(&format!("{value:#}")).into_owned();
            prop_assert!(!shown.chars().any(is_invisible), "{shown:?}");
            prop_assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text.clone());

            let shown = toml(&text);
            prop_assert!(!shown.chars().any(is_invisible), "{shown:?}");
            let table: toml::Table = format!("a = {shown}").parse().unwrap();
            prop_assert_eq!(table["a"].as_str(), Some(text.as_str()));
        }
    }

    #[test]
    fn invisible_texts_are_read_back() {
        let text = "\0\u{1b}\u{7f}\u{9b}\u{202e}\u{e0041}\"\\\n\t\r";
        assert_eq!(
            serde_json::from_str::<String>(&json(&serde_json::json!(text).to_string())).unwrap(),
            text
        );
        let table: toml::Table = format!("a = {}", toml(text)).parse().unwrap();
        assert_eq!(table["a"].as_str(), Some(text));
    }
}
