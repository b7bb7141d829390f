//! A response that is nothing but an answer.
//!
//! In: a response without its reasoning. Out: the whole of it, if it is one formula or a line that is not a
//! sentence: `28 pct`, `-10/9`, `[0,1)`, `x = 1 or x = 2`. Phrases are not taken; of words in a row a
//! sentence may be made.

use std::ops::Range;

use super::formula;
use crate::around::ending;
use crate::words::{count, is_prose, leads_with_word, trimmed};
use crate::{Found, How};

/// A bare answer is not longer than this many bytes, unless it is one formula.
const MAX_BYTES: usize = 400;

/// The whole text as an answer.
pub(crate) fn answer(text: &str) -> Option<Found> {
    let place = body(text);
    let line = &text[place.clone()];
    let is_short = line.len() <= MAX_BYTES && !line.contains('\n');
    let dollars = line.strip_prefix('$').and_then(|rest| rest.strip_suffix('$'));
    if let Some(inside) = dollars.filter(|inside| !inside.contains(['$', '\n']) && !inside.trim().is_empty())
    {
        let start = place.start + 1;
        return Some(Found::one(trimmed(text, start..start + inside.len()), How::Formula));
    }
    if let Some(formula) = formula::leading(line).filter(|formula| formula.outer.end == line.len()) {
        return Some(Found::one(formula.inner, How::Formula).shifted(place.start));
    }
    (is_short && is_line_of_symbols(line)).then(|| Found::one(place, How::Stated))
}

/// The only word of a text.
pub(crate) fn word(text: &str) -> Option<Range<usize>> {
    let place = body(text);
    let is_word = !place.is_empty() && text[place.clone()].chars().all(|c| c.is_alphabetic() || c == '-');
    is_word.then_some(place)
}

/// Whether a line has something of an answer and nothing of a sentence.
pub(crate) fn is_line_of_symbols(line: &str) -> bool {
    let has_content = line.contains(char::is_alphanumeric);
    let begins_with_number =
        line.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '−' | '$' | '.'));
    let foreign = line.chars().filter(|c| c.is_alphabetic() && *c >= '\u{2E80}').count();
    let is_sentence =
        [". ", "? ", ": ", "<<", "。", "\\boxed", "\\fbox"].iter().any(|end| line.contains(end));
    has_content
        && !is_sentence
        && !leads_with_word(line)
        && (foreign == 0 || begins_with_number && foreign <= 4)
        && (!is_prose(line) || begins_with_number && count(line) <= 2)
}

/// A text without white space, emphasis, a full stop, and tokens that end a turn.
fn body(text: &str) -> Range<usize> {
    let place = trimmed(text, 0..ending::of_turn(text));
    let is_mark = |c: char| matches!(c, '*' | '`' | '"');
    let body = &text[place.clone()];
    let start = place.start + body.len() - body.trim_start_matches(is_mark).len();
    let body = text[start..place.end].trim_end_matches(|c: char| is_mark(c) || matches!(c, '.' | ',' | ';'));
    start..start + body.len()
}
