//! Where a text's last sentence stands.
//!
//! In: a text. Out: its end without white space, tokens that end a turn, and what closes a sentence; and its last
//! sentence. Left out on purpose: abbreviations; a full stop before white space ends a sentence.

use std::ops::Range;

use crate::thinking::last_tag;
use crate::words::trimmed;

/// A token that ends a turn, `<|im_end|>` and its like, begins in this many bytes at the end.
const MAX_TOKEN: usize = 32;

/// Where a text ends without white space and the token that ends a turn.
pub(crate) fn of_turn(text: &str) -> usize {
    let tail = text.floor_char_boundary(text.len().saturating_sub(MAX_TOKEN));
    let end = last_tag(&text[tail..], "<|").map_or(text.len(), |at| tail + at);
    text[..end].trim_end().len()
}

/// Where a text ends without its last full stop too, and without emphasis and quotes around it.
pub(crate) fn of_words(text: &str) -> usize {
    let is_closing =
        |c: char| c.is_whitespace() || matches!(c, '.' | '!' | '。' | '！' | '*' | '_' | '`' | '"' | '”');
    text[..of_turn(text)].trim_end_matches(is_closing).len()
}

/// The last sentence of a text, up to [`of_words`].
pub(crate) fn sentence(text: &str) -> Range<usize> {
    let end = of_words(text);
    let line = text[..end].rfind('\n').map_or(0, |at| at + 1);
    let starts =
        [". ", "! ", "? ", "。", "！", "？"].map(|stop| Some(text[line..end].rfind(stop)? + stop.len()));
    trimmed(text, line + starts.into_iter().flatten().max().unwrap_or(0)..end)
}
