//! Programs between tags that are no fences: prompts of data sets ask for them.
//!
//! In: a text. Out: the inside of the last such pair that looks like a program; a tag that is never closed holds all that
//! follows. Left out on purpose: attributes, and any other tag.

use std::ops::Range;

use super::shape;
use crate::language::Language;

const TAGS: &[(&str, &str)] = &[
    ("[PYTHON]", "[/PYTHON]"),
    ("[CODE]", "[/CODE]"),
    ("[BEGIN]", "[DONE]"),
    ("<code>", "</code>"),
    ("<python>", "</python>"),
    ("<answer>", "</answer>"),
];

/// The place of the last program between tags, without blank lines around it.
pub(super) fn last(text: &str, language: &Language) -> Option<Range<usize>> {
    let inside = |(open, close): &(&str, &str)| {
        let start = text.rfind(open)? + open.len();
        let end = text[start..].find(close).map_or(text.len(), |end| start + end);
        let lead = text[start..end].len() - text[start..end].trim_start().len();
        let start = text[start..start + lead].rfind('\n').map_or(start, |at| start + at + 1);
        let place = start..(start + text[start..end].trim_end().len());
        shape::is_program(&text[place.clone()], language).then_some(place)
    };
    TAGS.iter().filter_map(inside).max_by_key(|place| place.start)
}
