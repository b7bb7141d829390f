//! JSON as Python's `json.dumps` writes it: what the filter `tojson` gives in transformers' templates.
//!
//! Of it the separators, `indent`, `ensure_ascii` and `sort_keys` are heeded. Nothing is escaped for HTML.

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

use super::methods::pay;

/// How values are written.
struct Style {
    indent: Option<String>,
    /// Between two items, and between a key and its value.
    separators: [String; 2],
    is_ascii: bool,
    is_sorted: bool,
}

/// The filter.
pub(super) fn tojson(state: &State<'_, '_>, value: &Value, kwargs: Kwargs) -> Result<String, Error> {
    let indent = match kwargs.get::<Option<Value>>("indent")? {
        Some(indent) if indent.is_none() => None,
        Some(indent) => Some(match indent.as_str() {
            Some(text) => text.to_owned(),
            None => {
                let n = usize::try_from(indent)?;
                pay(state, n)?;
                " ".repeat(n)
            }
        }),
        None => None,
    };
    let separators = match kwargs.get::<Option<Vec<String>>>("separators")? {
        Some(separators) => separators
            .try_into()
            .map_err(|_| Error::new(ErrorKind::InvalidOperation, "separators must be two texts"))?,
        None if indent.is_some() => [",".to_owned(), ": ".to_owned()],
        None => [", ".to_owned(), ": ".to_owned()],
    };
    let style = Style {
        indent,
        separators,
        is_ascii: kwargs.get::<Option<bool>>("ensure_ascii")?.unwrap_or(false),
        is_sorted: kwargs.get::<Option<bool>>("sort_keys")?.unwrap_or(false),
    };
    kwargs.assert_all_used()?;
    let mut out = String::new();
    style.write(state, value, 0, &mut out)?;
    Ok(out)
}

impl Style {
    fn write(
        &self,
        state: &State<'_, '_>,
        value: &Value,
        depth: usize,
        out: &mut String,
    ) -> Result<(), Error> {
        let before = out.len();
        match value.kind() {
            ValueKind::None => out.push_str("null"),
            ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => out.push_str(&number(value)),
            ValueKind::String => self.write_text(value.as_str().unwrap_or_default(), out),
            ValueKind::Seq | ValueKind::Iterable => {
                let items: Vec<Value> = value.try_iter()?.collect();
                self.write_all(state, ['[', ']'], items, depth, out, |item, out| {
                    self.write(state, &item, depth + 1, out)
                })?;
            }
            ValueKind::Map => {
                let mut keys: Vec<Value> = value.try_iter()?.collect();
                if self.is_sorted {
                    keys.sort();
                }
                self.write_all(state, ['{', '}'], keys, depth, out, |key, out| {
                    match key.as_str() {
                        Some(text) => self.write_text(text, out),
                        None => self.write_text(&key_of(&key), out),
                    }
                    out.push_str(&self.separators[1]);
                    self.write(state, &value.get_item(&key)?, depth + 1, out)
                })?;
            }
            kind => {
                let reason = format!("{kind} cannot be written as JSON");
                return Err(Error::new(ErrorKind::InvalidOperation, reason));
            }
        }
        pay(state, out.len() - before)
    }

    fn write_all<T>(
        &self,
        state: &State<'_, '_>,
        [open, close]: [char; 2],
        items: Vec<T>,
        depth: usize,
        out: &mut String,
        mut write: impl FnMut(T, &mut String) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let is_empty = items.is_empty();
        let new_line = |depth: usize, out: &mut String| -> Result<(), Error> {
            let Some(indent) = self.indent.as_ref().filter(|_| !is_empty) else { return Ok(()) };
            pay(state, indent.len().saturating_mul(depth))?;
            out.push('\n');
            out.push_str(&indent.repeat(depth));
            Ok(())
        };
        out.push(open);
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                out.push_str(&self.separators[0]);
            }
            new_line(depth + 1, out)?;
            write(item, out)?;
        }
        new_line(depth, out)?;
        out.push(close);
        Ok(())
    }

    fn write_text(&self, text: &str, out: &mut String) {
        out.push('"');
        for c in text.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                c if c < ' ' || (self.is_ascii && !c.is_ascii()) => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        out.push_str(&format!("\\u{unit:04x}"));
                    }
                }
                c => out.push(c),
            }
        }
        out.push('"');
    }
}

/// A number as Python prints it.
fn number(value: &Value) -> String {
    if value.is_integer() {
        return value.to_string();
    }
    let Ok(number) = f64::try_from(value.clone()) else { return value.to_string() };
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let plain = format!("{number:?}");
    match plain.split_once('e') {
        // Rust leaves out the sign and the zero that Python writes.
        Some((digits, exponent)) => {
            let (sign, exponent) = match exponent.strip_prefix('-') {
                Some(exponent) => ('-', exponent),
                None => ('+', exponent),
            };
            format!("{}e{sign}{exponent:0>2}", digits.strip_suffix(".0").unwrap_or(digits))
        }
        None => plain,
    }
}

/// A key that is no text.
fn key_of(key: &Value) -> String {
    match key.kind() {
        ValueKind::Bool => if key.is_true() { "true" } else { "false" }.to_owned(),
        ValueKind::None => "null".to_owned(),
        _ => number(key),
    }
}
