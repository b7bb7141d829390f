//! Numbers in prose.
//!
//! A number is digits with separators (`1,000.99`, `1{,}000`, `2,74`, `5:30`), at most one slash, and around
//! them what belongs to it: a leading point, a whole part before a fraction, a currency sign, a sign where
//! none is subtracted from, a percent sign or word.
//!
//! In: a text. Out: the first or the last number. Not counted are digits that are part of a word, an exponent
//! or an index (`m2`, `x^2`), the markers of lists, and labels (`Step 2`), unless there is nothing else.

use std::ops::Range;

use crate::around::refusal::{MAX_DENIED, is_denied};
use crate::words::is_in;

/// Words whose number is a label: `Step 2`.
const LABELLED: &str = "step part case problem question figure section chapter";

/// Units that scale a number or say by which scale it is.
const UNITS: [&str; 11] = ["%", "\\%", "percent", "pct", "cents", "¢", "°C", "°F", "℃", "℉", "°"];

/// Another number that `or` joins to one stands within so many bytes.
const MAX_ALTERNATIVE: usize = 32;

/// The first number of a text.
pub(crate) fn first(text: &str) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut from = 0;
    let mut passed_over = None;
    while let Some(digit) = bytes[from..].iter().position(u8::is_ascii_digit) {
        let number = around(bytes, from + digit);
        if stands_alone(bytes, number.start) {
            let place = with_company(text, number);
            return Some(place.start..alternatives_end(text, place.end));
        }
        from = number.end;
        passed_over.get_or_insert(number);
    }
    passed_over
}

/// The last number of a text.
pub(crate) fn last(text: &str) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let (mut end, mut denied) = (text.len(), 0);
    let mut passed_over = None;
    while let Some(digit) = bytes[..end].iter().rposition(u8::is_ascii_digit) {
        let number = around(bytes, digit);
        end = number.start;
        let is_plain =
            stands_alone(bytes, number.start) && !is_marker(bytes, &number) && !is_label(text, &number);
        if (is_plain || passed_over.is_none()) && is_denied(text, &number) {
            denied += 1;
            if denied == MAX_DENIED {
                break;
            }
            continue;
        }
        if is_plain {
            let place = with_company(text, number);
            return Some(alternatives_start(text, place.start)..place.end);
        }
        passed_over.get_or_insert(number);
    }
    passed_over
}

/// Where the numbers end that `or` joins to one that ends at `end`: `5 or 6`, `5 or maybe 6`.
fn alternatives_end(text: &str, end: usize) -> usize {
    let window = &text[end..text.floor_char_boundary(end + MAX_ALTERNATIVE)];
    let Some(rest) = window.strip_prefix(" or ") else { return end };
    let word = rest.strip_prefix("maybe ").unwrap_or(rest);
    let digits = word.trim_start_matches(['$', '-']);
    let length = digits.bytes().take_while(u8::is_ascii_digit).count();
    if length > 0 { end + window.len() - digits.len() + length } else { end }
}

/// Where the numbers start that `or` joins to one that starts at `start`.
fn alternatives_start(text: &str, start: usize) -> usize {
    let window = &text[text.ceil_char_boundary(start.saturating_sub(MAX_ALTERNATIVE))..start];
    let before = window.strip_suffix("maybe ").unwrap_or(window);
    let joined = ["or ", "或", "and "].iter().find_map(|or| Some((before.strip_suffix(or)?, *or == "and ")));
    let Some((before, is_range)) = joined else { return start };
    let before = before.trim_end_matches([' ', ',']);
    let rest = before.trim_end_matches(|c: char| c.is_ascii_digit());
    if is_range && !rest.ends_with("between ") {
        return start;
    }
    if rest.len() < before.len() { start - window.len() + rest.len() } else { start }
}

/// The digits, separators and slash around one digit.
fn around(bytes: &[u8], digit: usize) -> Range<usize> {
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let is_separator = |at: usize| matches!(bytes[at], b',' | b'.' | b':');
    let (mut start, mut end) = (digit, digit + 1);
    let mut has_slash = false;
    while start > 0 {
        let before = start - 1;
        start = if is_digit(before) {
            before
        } else if start < 2 {
            break;
        } else if is_separator(before) && is_digit(start - 2) {
            before
        } else if bytes[before] == b'/' && is_digit(start - 2) && !has_slash {
            has_slash = true;
            before
        } else if start > 3 && matches!(&bytes[start - 3..start], b"{,}" | b",\\!") && is_digit(start - 4) {
            start - 3
        } else {
            break;
        };
    }
    while end < bytes.len() {
        end += if is_digit(end) || is_separator(end) && is_digit(end + 1) {
            1
        } else if bytes[end] == b'/' && is_digit(end + 1) && !has_slash {
            has_slash = true;
            1
        } else if matches!(bytes.get(end..end + 3), Some(b"{,}" | b",\\!")) && is_digit(end + 3) {
            3
        } else {
            break;
        };
    }
    start..end
}

/// Whether digits are not part of a word, an exponent or an index.
fn stands_alone(bytes: &[u8], start: usize) -> bool {
    start == 0 || !(bytes[start - 1].is_ascii_alphabetic() || matches!(bytes[start - 1], b'^' | b'_'))
}

/// Whether a number counts the items of a list.
fn is_marker(bytes: &[u8], number: &Range<usize>) -> bool {
    let begins_line = bytes[..number.start]
        .iter()
        .rev()
        .find(|byte| !matches!(byte, b' ' | b'*' | b'#'))
        .is_none_or(|byte| *byte == b'\n');
    begins_line
        && number.len() <= 2
        && matches!(bytes.get(number.end), Some(b'.' | b')'))
        && bytes.get(number.end + 1).is_some_and(|byte| matches!(byte, b' ' | b'*'))
}

/// Whether a number names a thing, of which the word before it says what it is: `Step 2`.
fn is_label(text: &str, number: &Range<usize>) -> bool {
    let before = text[..number.start].strip_suffix(' ').unwrap_or_default();
    let word = before.rsplit(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    is_in(LABELLED, word)
}

/// A number with what belongs to it on both sides.
fn with_company(text: &str, number: Range<usize>) -> Range<usize> {
    let (mut before, after) = (&text[..number.start], &text[number.end..]);
    let strip = |text: &mut &str, suffixes: &[&str]| {
        let stripped = suffixes.iter().find_map(|suffix| text.strip_suffix(suffix));
        *text = stripped.unwrap_or(text);
    };
    let is_bound =
        |text: &str, more: &[char]| text.ends_with(|c: char| c.is_ascii_alphanumeric() || more.contains(&c));
    let without_point = before.strip_suffix('.').filter(|text| !is_bound(text, &['.']));
    before = without_point.unwrap_or(before);
    if text[number.clone()].contains('/')
        && let Some(whole) = before.strip_suffix(' ')
        && is_bound(whole, &[])
    {
        let digits = whole.trim_end_matches(|c: char| c.is_ascii_digit());
        if digits.len() < whole.len() && !is_bound(digits, &['.', ',', '/', ':', '^', '_']) {
            before = digits;
        }
    }
    strip(&mut before, &["\\$", "$", "€", "£", "¥", "₹"]);
    let unsigned = ["-", "−", "+"].iter().find_map(|sign| before.strip_suffix(sign));
    before = unsigned.filter(|text| !is_bound(text, &[')', '}', '%'])).unwrap_or(before);
    let unit = after.strip_prefix(' ').unwrap_or(after);
    let percent = UNITS.iter().find_map(|percent| unit.strip_prefix(percent));
    before.len()..percent.map_or(number.end, |rest| text.len() - rest.len())
}
