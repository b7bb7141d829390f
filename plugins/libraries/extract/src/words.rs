//! Words as opposed to formulas: the little that a search for answers must know of them.
//!
//! A plain word is two or more letters in a row that are neither a command of LaTeX nor inside braces nor the
//! name of a function; `a` and `I` before a space are words too.
//!
//! In: a piece of text. Out: whether it reads as prose.

use std::ops::Range;

/// Names of functions and constants, which stand in formulas written in plain text.
pub(crate) const FUNCTIONS: &str =
    "sin cos tan cot sec csc arcsin arccos arctan log ln exp sqrt pi gcd lcm min max mod";

/// A range without the white space at its ends.
pub(crate) fn trimmed(text: &str, place: Range<usize>) -> Range<usize> {
    let inside = &text[place.clone()];
    let start = place.start + inside.len() - inside.trim_start().len();
    start..start + inside.trim().len()
}

/// The same range in a text that has `by` more bytes in front.
pub(crate) fn shifted(place: Range<usize>, by: usize) -> Range<usize> {
    place.start + by..place.end + by
}

/// Whether a text begins with a plain word.
pub(crate) fn leads_with_word(text: &str) -> bool {
    let (word, rest) = split_word(text);
    let mut behind = rest.chars();
    let ends = match behind.next() {
        None | Some(',' | ':' | '.' | '-') => true,
        Some('\'' | '’') => behind.next().is_some_and(char::is_alphabetic),
        Some(c) => c.is_whitespace(),
    };
    let is_long = |word: &str| word.chars().nth(1).is_some();
    let is_article = || matches!(word, "a" | "A" | "I") && is_long(split_word(rest.trim_start()).0);
    ends && (is_long(word) && !is_in(FUNCTIONS, word) || is_article())
}

/// The letters that a text begins with, and the rest.
pub(crate) fn split_word(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_alphabetic()).unwrap_or(text.len()))
}

/// Whether two plain words follow one another, with only white space between.
pub(crate) fn is_prose(text: &str) -> bool {
    words(text).any(|(_, follows)| follows)
}

/// How many plain words a text has.
pub(crate) fn count(text: &str) -> usize {
    words(text).count()
}

/// The plain words, each with whether it directly follows another.
fn words(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let bytes = text.as_bytes();
    let (mut at, mut depth, mut follows) = (0, 0usize, false);
    std::iter::from_fn(move || {
        while at < bytes.len() {
            let byte = bytes[at];
            if byte.is_ascii_alphabetic() {
                let start = at;
                at += letters(&bytes[at..]);
                let word = &text[start..at];
                let is_article = matches!(word, "a" | "A" | "I")
                    && bytes.get(at) == Some(&b' ')
                    && letters(&bytes[at + 1..]) > 1;
                if depth == 0 && (word.len() > 1 && !is_in(FUNCTIONS, word) || is_article) {
                    return Some((word, std::mem::replace(&mut follows, true)));
                }
                follows = false;
                continue;
            }
            match byte {
                b'\\' => at += letters(&bytes[at + 1..]),
                b'{' => depth += 1,
                b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            follows &= byte.is_ascii_whitespace();
            at += 1;
        }
        None
    })
}

fn letters(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_alphabetic()).count()
}

/// Whether a list, with spaces between, has a word, in either case.
pub(crate) fn is_in(list: &str, word: &str) -> bool {
    list.split(' ').any(|other| other.eq_ignore_ascii_case(word))
}
