//! How much of a text is read closely.
//!
//! An answer stands at the end, so the last [`BYTES`] of a part are searched, from the first white space in
//! them: a number that is cut is none. Before these, only a box counts, with the text around it. So the work
//! on a long text is one quick look at each byte.
//!
//! In: a text and a part of it. Out: parts of that part. Statements that more than [`BYTES`] of text follow
//! are not found.

use std::ops::Range;

/// So much of a part is searched at its end, and so much around a box before it.
pub(crate) const BYTES: usize = 32 << 10;

/// The end of a part; empty if it has no white space to begin at.
pub(crate) fn near(text: &str, part: &Range<usize>) -> Range<usize> {
    if part.len() <= BYTES {
        return part.clone();
    }
    let start = text.ceil_char_boundary(part.end - BYTES);
    let space = text.as_bytes()[start..part.end].iter().position(u8::is_ascii_whitespace);
    space.map_or(part.end, |space| start + space)..part.end
}

/// The surroundings of the last box that begins before the end of a part; none if there is none.
pub(crate) fn far(text: &str, part: &Range<usize>) -> Option<Range<usize>> {
    let end = near(text, part).start;
    if end == part.start {
        return None;
    }
    let bytes = &text.as_bytes()[part.start..part.end];
    // Most texts have no backslash there, and this search is the faster one where it finds none.
    let mut at = text[part.start..end].rfind('\\')?;
    while !matches!(bytes.get(at + 1..at + 5), Some(b"boxe" | b"fbox")) {
        at = bytes[..at].iter().rposition(|byte| *byte == b'\\')?;
    }
    let end = text.floor_char_boundary((part.start + at + BYTES / 2).min(part.end));
    let start = text.ceil_char_boundary(end.saturating_sub(BYTES));
    Some(start.max(part.start)..end)
}
