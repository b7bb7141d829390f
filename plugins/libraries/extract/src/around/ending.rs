//! Where a text's last sentence stands.
//!
//! In: a text. Out: its end without white space, tokens that end a turn, and what closes a sentence; and its
//! last sentence. Abbreviations are not known; a full stop before white space ends a sentence.

use std::ops::Range;

use crate::words::trimmed;

/// A token that ends a turn begins in this many bytes at the end, the next one before it in as many before.
const MAX_TOKEN: usize = 32;
/// At most so many of them follow one another.
const MAX_TOKENS: usize = 4;
/// How they begin.
const TOKENS: [&str; 6] = ["<|", "<｜", "</s>", "<end_of_turn>", "<eos>", "<EOS>"];

/// Where a text ends without white space and the tokens that end a turn: `<|im_end|>` and its like.
pub(crate) fn of_turn(text: &str) -> usize {
    let mut end = text.trim_end().len();
    for _ in 0..MAX_TOKENS {
        let tail = text.floor_char_boundary(end.saturating_sub(MAX_TOKEN));
        let token = text[tail..end].rfind('<').map(|at| tail + at);
        match token.filter(|at| TOKENS.iter().any(|token| text[*at..end].starts_with(token))) {
            Some(at) => end = text[..at].trim_end().len(),
            None => break,
        }
    }
    end
}

/// Where a text ends without its last full stop too, and without emphasis and quotes around it.
pub(crate) fn of_words(text: &str) -> usize {
    let is_closing =
        |c: char| c.is_whitespace() || matches!(c, '.' | '!' | '。' | '！' | '*' | '_' | '`' | '"' | '”');
    text[..of_turn(text)].trim_end_matches(is_closing).len()
}

/// The last sentence of a text, up to [`of_words`]; none if it is longer than `max` bytes.
pub(crate) fn sentence(text: &str, max: usize) -> Option<Range<usize>> {
    const STOPS: [&str; 6] = [". ", "! ", "? ", "。", "！", "？"];
    let end = of_words(text);
    let window = text.ceil_char_boundary(end.saturating_sub(max + 1));
    let line = text[window..end].rfind('\n').map(|at| window + at + 1);
    let from = line.unwrap_or(window);
    let starts = STOPS.map(|stop| Some(from + text[from..end].rfind(stop)? + stop.len()));
    let start = starts.into_iter().flatten().max().or(line).or((window == 0).then_some(0))?;
    Some(trimmed(text, start..end))
}

/// Whether a text introduces a list behind it: by a colon, a copula in the plural, or as the end of a sentence.
pub(crate) fn introduces(text: &str) -> bool {
    let is_start = |c: char| matches!(c, ':' | '：' | '.' | '!' | '?' | '\n' | '。' | '！' | '？');
    let text = text.trim_end_matches([' ', '*']);
    text.is_empty() || text.ends_with(is_start) || text.ends_with(" are") || text.ends_with(" were")
}
