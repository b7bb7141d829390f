//! Marks of emphasis in a statement, which are not part of what it states.
//!
//! `**25** yuan`, `` `25` ``, `<b>25</b>`. Two stars between a number or name and another are a power unless
//! an emphasis is open.
//!
//! In: a sentence. Out: its pieces between marks. `<sup>` and its like, and single stars and underscores, are
//! mathematics, and stay.

use std::ops::Range;

use crate::words::{is_in, trimmed};

/// Elements of HTML that only lay out.
const ELEMENTS: &str = "b strong i em u mark code span center p br font div big";
/// An element's tag is not longer than this many bytes.
const MAX_TAG: usize = 80;

/// The pieces of a text between marks, without white space at their ends, first to last.
pub(crate) fn pieces(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let (mut pieces, mut start, mut at, mut is_open) = (vec![], 0, 0, false);
    while at < bytes.len() {
        let length = mark(text, at, is_open);
        if length == 0 {
            at += 1;
            continue;
        }
        is_open |= bytes[at] == b'*' && !is_open;
        pieces.push(trimmed(text, start..at));
        at += length;
        start = at;
    }
    pieces.push(trimmed(text, start..text.len()));
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// The length of the marks that a text begins with.
pub(crate) fn leading(text: &str) -> usize {
    let mut at = 0;
    while at < text.len() {
        match mark(text, at, true) {
            0 => break,
            length => at += length,
        }
    }
    at
}

/// The length of the mark at a byte.
fn mark(text: &str, at: usize, is_open: bool) -> usize {
    let bytes = text.as_bytes();
    match bytes[at] {
        b'`' => 1,
        b'*' if bytes.get(at + 1) == Some(&b'*') => {
            let before = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b')');
            let behind = bytes.get(at + 2).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'(');
            if before && behind && !is_open { 0 } else { 2 }
        }
        b'<' => element(&text[at..]).unwrap_or(0),
        _ => 0,
    }
}

/// The length of the tag of an element that a text begins with.
fn element(text: &str) -> Option<usize> {
    let window = &text[1..text.floor_char_boundary(MAX_TAG)];
    let name = window.trim_start_matches('/');
    let length = name.bytes().take_while(u8::is_ascii_alphanumeric).count();
    let end = window.find('>')? + 2;
    let is_bounded = matches!(name.as_bytes().get(length), Some(b' ' | b'>' | b'/'));
    (is_bounded && is_in(ELEMENTS, &name[..length])).then_some(end)
}
