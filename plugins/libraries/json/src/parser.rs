//! From text to value.

use std::collections::BTreeSet;

use crate::value::Json;

/// How deep lists and objects may nest.
const MAX_DEPTH: usize = 400;

impl Json {
    /// Reads a text that is one value of RFC 8259, with white space around it or not. The error says what is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        Parser::new(text, Dialect::Rfc8259).whole()
    }

    /// Reads what Python's `json` writes and reads: `NaN`, `Infinity` and `-Infinity` are numbers too, a name may come twice, and
    /// a surrogate that stands alone, which no text here can hold, becomes the replacement character.
    pub fn parse_python(text: &str) -> Result<Self, String> {
        Parser::new(text, Dialect::Python).whole()
    }
}

/// What counts as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// What the standard says, and no name twice.
    Rfc8259,
    /// What Python's `json` takes.
    Python,
}

/// A text and how far it is read.
struct Parser<'a> {
    text: &'a str,
    at: usize,
    dialect: Dialect,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, dialect: Dialect) -> Self {
        Self { text, at: 0, dialect }
    }

    /// The one value that the text is.
    fn whole(mut self) -> Result<Json, String> {
        let value = self.value(0)?;
        match self.peek() {
            None => Ok(value),
            Some(_) => Err(self.unexpected()),
        }
    }

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
        let (mut members, mut names) = (Vec::new(), BTreeSet::new());
        self.sequence(b'{', b'}', |parser| {
            parser.peek();
            let name = parser.string()?;
            parser.expect(b':')?;
            let value = parser.value(depth + 1)?;
            if parser.dialect == Dialect::Rfc8259 && !names.insert(name.clone()) {
                return Err(format!("it has two members `{name}`"));
            }
            members.push((name, value));
            Ok(())
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

    fn string(&mut self) -> Result<String, String> {
        let start = self.at;
        if !self.takes("\"") {
            return Err(self.unexpected());
        }
        let bad = || format!("the text at byte {start} has a character or escape that JSON has not");
        let (mut text, mut units) = (String::new(), Vec::new());
        loop {
            let c = self.next()?;
            if c == '\\' && self.takes("u") {
                units.push(self.hexadecimal().ok_or_else(bad)?);
                continue;
            }
            self.flush(&mut units, &mut text).ok_or_else(bad)?;
            let c = match c {
                '"' => return Ok(text),
                '\\' => match self.next()? {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    c @ ('"' | '\\' | '/') => c,
                    _ => return Err(bad()),
                },
                '\0'..='\x1f' => return Err(bad()),
                c => c,
            };
            text.push(c);
        }
    }

    /// Appends what escapes wrote in UTF-16.
    fn flush(&self, units: &mut Vec<u16>, text: &mut String) -> Option<()> {
        for c in char::decode_utf16(units.drain(..)) {
            let is_replaced = self.dialect == Dialect::Python;
            text.push(c.ok().or(is_replaced.then_some(char::REPLACEMENT_CHARACTER))?);
        }
        Some(())
    }

    fn hexadecimal(&mut self) -> Option<u16> {
        let digits = self.text.get(self.at..self.at + 4)?;
        let is_digits = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        self.at += 4;
        is_digits.then(|| u16::from_str_radix(digits, 16).ok())?
    }

    fn number(&mut self) -> Result<Json, String> {
        let start = self.at;
        if self.dialect == Dialect::Python && self.takes("-Infinity") {
            return Ok(Json::Number("-Infinity".to_owned()));
        }
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        let length = self.text.as_bytes()[start..].iter().take_while(|byte| is_part(byte)).count();
        let text = &self.text[start..start + length];
        if !is_number(text) {
            return Err(format!("`{text}` at byte {start} is not a number"));
        }
        self.at += length;
        Ok(Json::Number(text.to_owned()))
    }

    fn word(&mut self) -> Result<Json, String> {
        for (word, value) in [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))]
        {
            if self.takes(word) {
                return Ok(value);
            }
        }
        for word in ["NaN", "Infinity"] {
            if self.dialect == Dialect::Python && self.takes(word) {
                return Ok(Json::Number(word.to_owned()));
            }
        }
        Err(self.unexpected())
    }

    fn next(&mut self) -> Result<char, String> {
        let c = self.text[self.at..].chars().next().ok_or("a text does not end")?;
        self.at += c.len_utf8();
        Ok(c)
    }

    fn takes(&mut self, word: &str) -> bool {
        let is_next = self.text[self.at..].starts_with(word);
        self.at += if is_next { word.len() } else { 0 };
        is_next
    }

    fn expect(&mut self, byte: u8) -> Result<(), String> {
        if self.peek() != Some(byte) {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(())
    }

    /// The next byte that is not white space.
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

/// Whether a text is a number: digits, without zeros in front, and digits after a point and after an `e`.
fn is_number(text: &str) -> bool {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.strip_prefix(['+', '-']).unwrap_or(exponent)),
        None => (unsigned, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    is_digits(whole)
        && is_digits(fraction)
        && is_digits(exponent)
        && (whole == "0" || !whole.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_are_read() {
        assert_eq!(Json::parse(r#""\u00e9\ud83d\ude00\n\/""#), Ok(Json::text("é😀\n/")));
        assert_eq!(Json::parse_python(r#""\ud83d\ude00\ud83d\t""#), Ok(Json::text("😀\u{fffd}\t")));
    }

    #[test]
    fn python_takes_more() {
        for text in ["NaN", "[-Infinity, Infinity]", r#"{"a": 1, "a": 2}"#, r#""\ud800""#] {
            assert!(Json::parse_python(text).is_ok() && Json::parse(text).is_err(), "{text}");
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
            ("01", "is not a number"),
            ("1.", "is not a number"),
            ("-", "is not a number"),
            ("1.e5", "is not a number"),
            ("1-2", "is not a number"),
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

    proptest! {
        #[test]
        fn what_is_json_is_what_others_take_for_it(text in "[\\[\\]{}:,\"\\\\0-9eE+.u tnlrfalse-]{0,24}|.*") {
            let is_json = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            match Json::parse(&text) {
                // A number beyond 64-bit floats, which `serde_json` refuses.
                Ok(_) => prop_assert!(is_json || text.contains(['e', 'E'])),
                Err(fault) => prop_assert!(!is_json || fault.contains("two members"), "{}", fault),
            }
        }

        #[test]
        fn what_prints_is_read_back(text: String, items in prop::collection::vec(any::<i64>(), 0..4)) {
            let items = items.iter().map(|item| Json::Number(item.to_string())).collect();
            let json = Json::object([(&text, Json::List(items)), ("text", Json::text(text.clone()))]);
            let read = Json::parse_python(&json.to_string());
            prop_assert_eq!(read, Ok(json));
        }
    }
}
