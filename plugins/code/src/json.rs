//! JSON, with numbers as they are written: an integer keeps all its digits, and a float is told from an integer.
//!
//! Python's `NaN`, `Infinity` and `-Infinity` are numbers too.
//!
//! In: text. Out: a tree, which prints as JSON again. Left out on purpose: surrogates that stand alone, which no text
//! here can hold; they become the replacement character.

use std::fmt::{self, Display, Formatter, Write};

/// How deep lists and objects may nest.
const MAX_DEPTH: usize = 400;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    /// As it is written.
    Number(String),
    Text(String),
    List(Vec<Json>),
    /// In the order in which they are written.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads one value. The error says what is wrong, and where.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { text, at: 0 };
        let value = parser.value(0)?;
        parser.space();
        if parser.at == text.len() { Ok(value) } else { Err(parser.unexpected()) }
    }

    pub(crate) fn text(text: impl Into<String>) -> Self {
        Json::Text(text.into())
    }

    pub(crate) fn object<const N: usize>(members: [(&str, Json); N]) -> Self {
        Json::Object(members.map(|(name, value)| (name.to_owned(), value)).into())
    }

    /// The member of that name, if this is an object that has one.
    pub(crate) fn get(&self, name: &str) -> Option<&Json> {
        let Json::Object(members) = self else { return None };
        members.iter().rfind(|(known, _)| known == name).map(|(_, value)| value)
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        if let Json::Text(text) = self { Some(text) } else { None }
    }

    pub(crate) fn as_list(&self) -> Option<&[Json]> {
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

/// A text and how far it is read.
struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn value(&mut self, depth: usize) -> Result<Json, String> {
        if depth > MAX_DEPTH {
            return Err(format!("more than {MAX_DEPTH} levels deep"));
        }
        self.space();
        for (word, value) in [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))]
        {
            if self.takes(word) {
                return Ok(value);
            }
        }
        if self.takes("[") {
            let mut items = Vec::new();
            self.series(']', |parser| {
                items.push(parser.value(depth + 1)?);
                Ok(())
            })?;
            return Ok(Json::List(items));
        }
        if self.takes("{") {
            let mut members = Vec::new();
            self.series('}', |parser| {
                parser.space();
                let name = parser.string()?;
                parser.space();
                parser.expects(":")?;
                members.push((name, parser.value(depth + 1)?));
                Ok(())
            })?;
            return Ok(Json::Object(members));
        }
        if self.rest().starts_with('"') { self.string().map(Json::Text) } else { self.number() }
    }

    /// Items with commas between them, up to `end`.
    fn series(
        &mut self,
        end: char,
        mut item: impl FnMut(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        let end = end.encode_utf8(&mut [0; 4]).to_owned();
        self.space();
        if self.takes(&end) {
            return Ok(());
        }
        loop {
            item(self)?;
            self.space();
            if self.takes(&end) {
                return Ok(());
            }
            self.expects(",")?;
        }
    }

    fn number(&mut self) -> Result<Json, String> {
        let start = self.at;
        self.takes("-");
        if !self.takes("Infinity") && !self.takes("NaN") {
            let whole = self.digits()?;
            if whole.len() > 1 && whole.starts_with('0') {
                return Err(format!("a number with a leading zero at byte {start}"));
            }
            if self.takes(".") {
                self.digits()?;
            }
            if self.takes("e") || self.takes("E") {
                let _ = self.takes("+") || self.takes("-");
                self.digits()?;
            }
        }
        Ok(Json::Number(self.text[start..self.at].to_owned()))
    }

    /// At least one digit.
    fn digits(&mut self) -> Result<&str, String> {
        let rest = self.rest();
        let length = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        if length == 0 {
            return Err(self.unexpected());
        }
        self.at += length;
        Ok(&self.text[self.at - length..self.at])
    }

    fn string(&mut self) -> Result<String, String> {
        self.expects("\"")?;
        let mut units: Vec<u16> = Vec::new();
        let mut text = String::new();
        loop {
            let c = self.next()?;
            if c == '\\' {
                let unit = match self.next()? {
                    'u' => {
                        units.push(self.hexadecimal()?);
                        continue;
                    }
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    c @ ('"' | '\\' | '/') => c,
                    _ => return Err(format!("an unknown escape before byte {}", self.at)),
                };
                flush(&mut units, &mut text);
                text.push(unit);
                continue;
            }
            flush(&mut units, &mut text);
            if c == '"' {
                return Ok(text);
            }
            text.push(c);
        }
    }

    fn hexadecimal(&mut self) -> Result<u16, String> {
        let digits = self.rest().get(..4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let unit = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok());
        let unit = unit.ok_or_else(|| self.unexpected())?;
        self.at += 4;
        Ok(unit)
    }

    fn next(&mut self) -> Result<char, String> {
        let c = self.rest().chars().next().ok_or_else(|| self.unexpected())?;
        self.at += c.len_utf8();
        Ok(c)
    }

    fn space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn takes(&mut self, word: &str) -> bool {
        let is_next = self.rest().starts_with(word);
        self.at += if is_next { word.len() } else { 0 };
        is_next
    }

    fn expects(&mut self, word: &str) -> Result<(), String> {
        if self.takes(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn unexpected(&self) -> String {
        match self.rest().chars().next() {
            Some(c) => format!("unexpected {c:?} at byte {}", self.at),
            None => "unexpected end".to_owned(),
        }
    }
}

/// Appends what escapes wrote in UTF-16.
fn flush(units: &mut Vec<u16>, text: &mut String) {
    text.extend(char::decode_utf16(units.drain(..)).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_prints_as_it_was() {
        for text in [
            r#"{"a": [1, 2.0, -3e-7, null, true], "b": "x\ny\"\\é"}"#,
            "123456789012345678901234567890",
            "[NaN, -Infinity]",
            "{}",
            "[]",
        ] {
            assert_eq!(Json::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Json::parse(r#""\ud83d\ude00\ud83d\t""#), Ok(Json::text("😀\u{fffd}\t")));
    }

    #[test]
    fn what_is_no_json_says_where() {
        for (text, fault) in [
            ("[1,]", "unexpected ']' at byte 3"),
            ("{\"a\" 1}", "unexpected '1' at byte 5"),
            ("\"x", "unexpected end"),
            ("01", "a number with a leading zero at byte 0"),
            ("1 2", "unexpected '2' at byte 2"),
            ("'a'", "unexpected '\\'' at byte 0"),
        ] {
            assert_eq!(Json::parse(text), Err(fault.to_owned()), "{text}");
        }
        assert!(Json::parse(&"[".repeat(100_000)).unwrap_err().contains("levels deep"));
    }
}
