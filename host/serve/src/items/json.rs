//! Where the parts of a JSON text stand.
//!
//! A tree of values takes up to a hundred times its text; offsets take nothing. So a body stays the text that
//! it is: it is checked whole by serde_json ([`check`]), which keeps one byte for each level that is open,
//! and after that only split.
//!
//! In: a text, and a range of it that holds one value. Out: ranges of what is in it, and decoded texts.
//! Numbers are handed on as they are written, with every digit.

use std::borrow::Cow;
use std::ops::Range;

use serde::de::IgnoredAny;

/// Levels of lists and objects in each other.
const MAX_DEPTH: usize = 128;

/// Where the one value of a text stands; or why the text is not JSON.
pub(crate) fn check(bytes: &[u8]) -> Result<(&str, Range<usize>), String> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| format!("not JSON: byte {} is not UTF-8", error.valid_up_to()))?;
    if is_deep(bytes) {
        return Err(format!("lists and objects are nested more than {MAX_DEPTH} levels deep"));
    }
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| format!("not JSON: {error}"))?;
    let start = blank(text, 0);
    Ok((text, start..end_of(text, start)))
}

/// Whether something stands deeper than [`MAX_DEPTH`], in what need not be JSON; no more is read than it
/// takes to know.
fn is_deep(bytes: &[u8]) -> bool {
    let (mut depth, mut is_text, mut is_escaped) = (0_usize, false, false);
    bytes.iter().any(|byte| {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b'{' | b'[' if !is_text => depth += 1,
            b'}' | b']' if !is_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > MAX_DEPTH
    })
}

/// What kind of value a text is, in words.
pub(crate) fn kind(value: &str) -> &'static str {
    match value.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b'"') => "a text",
        Some(b'n') => "null",
        Some(b't' | b'f') => "true or false",
        _ => "a number",
    }
}

/// The elements of the list that stands in this range.
pub(crate) fn elements(text: &str, list: &Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let mut at = blank(text, list.start + 1);
    std::iter::from_fn(move || {
        if text.as_bytes()[at] == b']' {
            return None;
        }
        let value = at..end_of(text, at);
        at = past_comma(text, value.end);
        Some(value)
    })
}

/// Name and value of each member of the object that stands in this range.
pub(crate) fn members(
    text: &str,
    object: &Range<usize>,
) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    let mut at = blank(text, object.start + 1);
    std::iter::from_fn(move || {
        if text.as_bytes()[at] == b'}' {
            return None;
        }
        let name = at..end_of(text, at);
        let start = blank(text, blank(text, name.end) + 1);
        let value = start..end_of(text, start);
        at = past_comma(text, value.end);
        Some((name, value))
    })
}

/// What a text in quotes says; or that it is half a character.
pub(crate) fn decode(quoted: &str) -> Result<Cow<'_, str>, &'static str> {
    if !quoted.contains('\\') {
        return Ok(quoted[1..quoted.len() - 1].into());
    }
    // What is decoded is never longer.
    let mut decoded = String::with_capacity(quoted.len() - 2);
    decode_into(quoted, |piece| decoded.push_str(piece))?;
    Ok(decoded.into())
}

/// Decodes a text in quotes without keeping it.
pub(crate) fn check_text(quoted: &str) -> Result<(), &'static str> {
    decode_into(quoted, |_| ())
}

fn decode_into(quoted: &str, mut take: impl FnMut(&str)) -> Result<(), &'static str> {
    let mut rest = &quoted[1..quoted.len() - 1];
    while let Some(at) = rest.find('\\') {
        take(&rest[..at]);
        let escape = rest.as_bytes()[at + 1];
        let mut used = at + 2;
        let decoded = match escape {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = unit(rest, used);
                used += 4;
                let second = rest[used..].starts_with("\\u").then(|| unit(rest, used + 2));
                let mut units = char::decode_utf16([Some(first), second].into_iter().flatten());
                let decoded = units.next().and_then(Result::ok).ok_or("half a surrogate pair")?;
                used += if decoded.len_utf16() == 2 { 6 } else { 0 };
                decoded
            }
            other => char::from(other),
        };
        take(decoded.encode_utf8(&mut [0; 4]));
        rest = &rest[used..];
    }
    take(rest);
    Ok(())
}

/// The four hexadecimal digits here.
fn unit(text: &str, at: usize) -> u16 {
    // They were checked with the rest.
    u16::from_str_radix(&text[at..at + 4], 16).unwrap_or_default()
}

/// Where the next thing stands that is not a blank.
fn blank(text: &str, at: usize) -> usize {
    let blanks = text.as_bytes()[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    at + blanks.count()
}

fn past_comma(text: &str, at: usize) -> usize {
    let at = blank(text, at);
    if text.as_bytes()[at] == b',' { blank(text, at + 1) } else { at }
}

/// Where the value that starts here ends.
fn end_of(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (start, 0_usize);
    loop {
        match bytes[at] {
            b'"' => {
                at += 1;
                while bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' => {}
            // A number or a name.
            _ => {
                let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
                at += bytes[at..].iter().take_while(|byte| !ends(byte)).count() - 1;
            }
        }
        at += 1;
        if depth == 0 {
            return at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    /// A tree of the ranges, for comparison with serde_json's.
    fn tree(text: &str, value: &Range<usize>) -> Value {
        let slice = &text[value.clone()];
        match slice.as_bytes()[0] {
            b'{' => members(text, value)
                .map(|(name, value)| (decode(&text[name]).unwrap().into_owned(), tree(text, &value)))
                .collect(),
            b'[' => elements(text, value).map(|element| tree(text, &element)).collect(),
            b'"' => decode(slice).unwrap().as_ref().into(),
            _ => serde_json::from_str(slice).unwrap(),
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_parts_are_those_of_the_value(value in value(), pretty in any::<bool>()) {
            let text = if pretty { format!("\n{value:#} ") } else { value.to_string() };
            let (text, whole) = check(text.as_bytes()).unwrap();
            prop_assert_eq!(tree(text, &whole), value);
        }

        #[test]
        fn no_bytes_break_it(bytes in prop::collection::vec(prop::sample::select(br#"{}[]",:\u0d8 1e-.tn"#.to_vec()), 0..40)) {
            let known = serde_json::from_slice::<IgnoredAny>(&bytes).is_ok();
            let checked = check(&bytes);
            prop_assert_eq!(checked.is_ok(), known);
            if let Ok((text, whole)) = checked && kind(&text[whole.clone()]) == "a text" {
                let decoded = serde_json::from_slice::<String>(&bytes);
                prop_assert_eq!(decode(&text[whole]).ok().map(Cow::into_owned), decoded.ok());
            }
        }
    }

    #[test]
    fn escapes_are_decoded_and_half_a_pair_is_refused() {
        for (quoted, text) in [
            (r#""""#, Ok("")),
            (r#""a\"\\\/\b\f\n\r\t""#, Ok("a\"\\/\u{8}\u{c}\n\r\t")),
            (r#""\u00e9\ud83d\ude00x""#, Ok("é😀x")),
            (r#""\ud83d""#, Err("half a surrogate pair")),
            (r#""\ud83dx""#, Err("half a surrogate pair")),
            (r#""\ude00""#, Err("half a surrogate pair")),
            (r#""\u0041\u0042""#, Ok("AB")),
        ] {
            assert_eq!(decode(quoted).as_deref().map_err(|why| *why), text, "{quoted}");
            assert_eq!(check_text(quoted).is_ok(), text.is_ok(), "{quoted}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
        assert!(check(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(check(nested(MAX_DEPTH + 1).as_bytes()).unwrap_err().contains("more than 128 levels"));
        assert!(check(nested(1_000_000).as_bytes()).is_err());
    }
}
