//! Mode `json`: the same value (RFC 8259). The order of an object's members does not matter, a list's order does, and
//! numbers are compared as the decimals that they are, of any size: `1.0` is `1`, and `0.1` is not `0.10000000000000001`.
//!
//! The parser is its own because numbers and members must be seen as they are written: common ones round the first to
//! 64-bit floats and drop all but the last of two members of one name. Here two such members are no JSON.
//!
//! In: a reference and an answer. Out: right or wrong. Left out on purpose: schemas and tolerances inside a document.

use std::collections::BTreeMap;

use crate::decimal::Decimal;
use crate::{Judged, Reference};

/// How deep lists and objects may nest.
const MAX_DEPTH: usize = 128;

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Json {
    Null,
    Boolean(bool),
    Number(Decimal),
    Text(String),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

/// The value to be given.
pub(crate) struct Document(Json);

impl Document {
    pub(crate) fn read(reference: &str) -> Result<Self, String> {
        Json::parse(reference).map(Document).map_err(|fault| format!("the reference is no JSON: {fault}"))
    }
}

impl Reference for Document {
    fn judge(&self, answer: &str) -> Judged {
        match Json::parse(answer) {
            Ok(answer) => Judged::of(answer == self.0, ""),
            Err(fault) => Judged::of(false, format!("the answer is no JSON: {fault}")),
        }
    }
}

impl Json {
    /// Reads a text that is one value, with white space around it or not. The error says what is wrong, and where.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { text, at: 0 };
        let value = parser.value(0)?;
        match parser.peek() {
            None => Ok(value),
            Some(_) => Err(parser.unexpected()),
        }
    }
}

/// A text and how far it is read.
struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn value(&mut self, depth: usize) -> Result<Json, String> {
        if depth > MAX_DEPTH {
            return Err(format!("it nests deeper than {MAX_DEPTH}"));
        }
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => self.string().map(Json::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, String> {
        let mut members = BTreeMap::new();
        self.sequence(b'{', b'}', |parser| {
            parser.peek();
            let name = parser.string()?;
            parser.expect(b':')?;
            let value = parser.value(depth + 1)?;
            match members.insert(name.clone(), value) {
                None => Ok(()),
                Some(_) => Err(format!("it has two members `{name}`")),
            }
        })?;
        Ok(Json::Object(members))
    }

    fn list(&mut self, depth: usize) -> Result<Json, String> {
        let mut items = Vec::new();
        self.sequence(b'[', b']', |parser| {
            items.push(parser.value(depth + 1)?);
            Ok(())
        })?;
        Ok(Json::List(items))
    }

    /// Items between brackets, with commas between them.
    fn sequence(
        &mut self,
        open: u8,
        close: u8,
        mut item: impl FnMut(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        self.expect(open)?;
        if self.peek() == Some(close) {
            return self.expect(close);
        }
        loop {
            item(self)?;
            match self.peek() {
                Some(b',') => self.expect(b',')?,
                _ => return self.expect(close),
            }
        }
    }

    /// A string, escapes and all: its end is found here, its contents are read by `serde_json`.
    fn string(&mut self) -> Result<String, String> {
        let bytes = &self.text.as_bytes()[self.at..];
        if bytes.first() != Some(&b'"') {
            return Err(self.unexpected());
        }
        let mut end = 1;
        while bytes.get(end).is_some_and(|byte| *byte != b'"') {
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        let literal = self.text.get(self.at..self.at + end + 1).ok_or("a text does not end")?;
        let text = serde_json::from_str(literal).map_err(|_| {
            format!("the text at byte {} has a character or escape that JSON has not", self.at)
        })?;
        self.at += literal.len();
        Ok(text)
    }

    fn number(&mut self) -> Result<Json, String> {
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        let length = self.text.as_bytes()[self.at..].iter().take_while(|byte| is_part(byte)).count();
        let text = &self.text[self.at..self.at + length];
        let number = if is_well_formed(text) { Decimal::parse(text) } else { None };
        let number = number.ok_or_else(|| format!("`{text}` at byte {} is no number", self.at))?;
        self.at += length;
        Ok(Json::Number(number))
    }

    fn word(&mut self) -> Result<Json, String> {
        let words = [("null", Json::Null), ("true", Json::Boolean(true)), ("false", Json::Boolean(false))];
        let rest = &self.text[self.at..];
        let (word, value) =
            words.into_iter().find(|(word, _)| rest.starts_with(word)).ok_or_else(|| self.unexpected())?;
        self.at += word.len();
        Ok(value)
    }

    fn expect(&mut self, byte: u8) -> Result<(), String> {
        if self.peek() != Some(byte) {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(())
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    fn unexpected(&self) -> String {
        match self.text[self.at..].chars().next() {
            Some(c) => format!("`{c}` at byte {} is out of place", self.at),
            None => "it ends too early".to_owned(),
        }
    }
}

/// Whether a number that [`Decimal::parse`] understands is JSON's too: digits before a point and after it, and no zeros
/// in front.
fn is_well_formed(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let whole = unsigned.find(|c: char| !c.is_ascii_digit()).map_or(unsigned, |end| &unsigned[..end]);
    let ends_in_point = unsigned
        .split_once('.')
        .is_some_and(|(_, fraction)| !fraction.starts_with(|c: char| c.is_ascii_digit()));
    !whole.is_empty() && (whole == "0" || !whole.starts_with('0')) && !ends_in_point
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn same(one: &str, other: &str) -> bool {
        Json::parse(one).unwrap() == Json::parse(other).unwrap()
    }

    #[test]
    fn values_are_equal_whatever_their_notation() {
        for (one, other) in [
            (r#"{"a": 1, "b": [true, null]}"#, "{\"b\":[true,null],\n\t\"a\":1.0}"),
            (r#""\u00e9\ud83d\ude00\n""#, "\"é😀\\n\""),
            ("100", "1e2"),
            ("-0", "0.0"),
            ("[ ]", "[]"),
            ("{ }", "{}"),
            ("123456789012345678901234567890.0", "123456789012345678901234567890"),
        ] {
            assert!(same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn values_differ() {
        for (one, other) in [
            ("[1, 2]", "[2, 1]"),
            ("0.1", "0.10000000000000001"),
            ("9007199254740993", "9007199254740992"),
            ("1", "\"1\""),
            ("null", "false"),
            (r#"{"a": 1}"#, r#"{"a": 1, "b": null}"#),
            ("{}", "[]"),
            ("1e400", "1e401"),
        ] {
            assert!(!same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn what_is_no_json_says_why() {
        for (text, part) in [
            ("", "ends too early"),
            ("[1,]", "`]` at byte 3"),
            ("[1 2]", "`2` at byte 3"),
            ("{\"a\" 1}", "`1` at byte 5"),
            ("{a: 1}", "`a` at byte 1"),
            ("{\"a\":1, \"a\":1}", "two members `a`"),
            (r#"{"a":1, "\u0061":1}"#, "two members `a`"),
            ("\"open", "does not end"),
            ("\"\\", "does not end"),
            ("\"\\é\"", "at byte 0"),
            ("\"\\ud800\"", "at byte 0"),
            ("\"a\nb\"", "at byte 0"),
            ("01", "is no number"),
            ("1.", "is no number"),
            ("-", "is no number"),
            ("1.e5", "is no number"),
            ("1-2", "is no number"),
            (".5", "`.` at byte 0"),
            ("nullx", "`x` at byte 4"),
            ("True", "`T` at byte 0"),
            ("{} {}", "`{` at byte 3"),
        ] {
            let fault = Json::parse(text).unwrap_err();
            assert!(fault.contains(part), "{text}: {fault}");
        }
        let deep = |depth| "[".repeat(depth) + &"]".repeat(depth);
        assert!(Json::parse(&deep(MAX_DEPTH)).is_ok());
        assert!(Json::parse(&deep(100_000)).unwrap_err().contains("deeper"));
    }

    #[test]
    fn an_answer_that_is_no_json_is_wrong_and_a_reference_is_bad() {
        let judged = Document::read("[1]").unwrap().judge("[1");
        assert_eq!(judged, Judged::of(false, "the answer is no JSON: it ends too early"));
        assert!(Document::read("[1").is_err());
    }

    fn documents() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::hash_map(any::<String>(), inner, 0..4)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_a_writer_writes_is_read_alike_dense_or_spaced(value in documents()) {
            prop_assert!(same(&value.to_string(), &serde_json::to_string_pretty(&value).unwrap()));
        }

        #[test]
        fn equality_is_that_of_the_values(one in documents(), other in documents()) {
            prop_assert_eq!(same(&one.to_string(), &other.to_string()), one == other);
        }

        #[test]
        fn what_is_json_is_what_others_take_for_it(text in "[\\[\\]{}:,\"\\\\0-9eE+.u tnlrfalse-]{0,24}|.*") {
            let is_json = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            match Json::parse(&text) {
                // A number beyond 64-bit floats, which `serde_json` refuses.
                Ok(_) => prop_assert!(is_json || text.contains(['e', 'E'])),
                Err(fault) => prop_assert!(!is_json || fault.contains("two members"), "{}", fault),
            }
        }
    }
}
