//! Mathematics without delimiters at the end of a text: `The point is (1, 2).`, `So x > 3.`, `The length is 2√3.`
//!
//! In: a text. Out: the run of numbers, single letters, signs and mathematical words that its last line ends with, if it
//! is something that a number alone cannot be: a tuple or an interval, a root, a power of a letter, an
//! inequality, equations joined by `and`. Left out on purpose: arithmetic (`3 * 4 = 12`), of which the last number is
//! the answer.

use std::ops::Range;

use crate::words::{is_in, trimmed};

/// Words that may stand in a run.
const WORDS: &str = "sin cos tan cot sec csc log ln exp sqrt pi infinity and or";

/// Runs are looked for in this many bytes.
const MAX_BYTES: usize = 300;

/// The run that a text ends with.
pub(crate) fn last(text: &str) -> Option<Range<usize>> {
    let end = text.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '.' | '!' | '*' | '。')).len();
    let mut start = end;
    while let Some(c) = text[..start].chars().next_back() {
        if end - start > MAX_BYTES || c == '\n' {
            break;
        }
        if c.is_alphabetic() && c != 'π' {
            let length = text[..start]
                .chars()
                .rev()
                .take_while(|c| c.is_alphabetic())
                .map(char::len_utf8)
                .sum::<usize>();
            let word = &text[start - length..start];
            let is_letter =
                word.len() == 1 && !(matches!(word, "a" | "A" | "I") && text[start..].starts_with(' '));
            if !(is_letter || is_in(WORDS, word)) {
                break;
            }
            start -= length;
        } else if c.is_ascii_digit() || c == ' ' || "+-*/^=<>()[],:.|√π°∞∪∩×·÷≤≥≠−".contains(c)
        {
            start -= c.len_utf8();
        } else {
            break;
        }
    }
    let place = trimmed(text, start..end);
    let lead = text[place.clone()].trim_start_matches(|c: char| " ,.:*=)]/".contains(c)).len();
    let place = place.end - lead..place.end;
    let run = &text[place.clone()];
    let is_apart = !text[..place.start].ends_with(char::is_alphanumeric);
    (is_apart && is_balanced(run) && says_more(run)).then_some(place)
}

/// Whether a run is more than a number or a sum.
fn says_more(run: &str) -> bool {
    // `5 x 3`: the letter is a sign there.
    let multiplies =
        run.match_indices(" x ").any(|(at, _)| run[..at].ends_with(|c: char| c.is_ascii_digit()));
    if run.contains("<<") || multiplies || run.starts_with("and ") || run.starts_with("or ") {
        return false;
    }
    let has_letter = run.contains(|c: char| c.is_ascii_alphabetic());
    let inside = run.split_once(['(', '[']).is_some_and(|(_, rest)| rest.contains(','));
    let is_tuple = inside && run.starts_with(['(', '[']) && run.ends_with([')', ']']);
    let is_root = run.contains('√') || run.contains("sqrt");
    let is_power = run.contains('^') && has_letter;
    let is_inequality = has_letter && run.contains(['<', '>', '≤', '≥', '≠']);
    let is_system = run.matches('=').count() > 1 && (run.contains(" and ") || run.contains(" or "));
    is_tuple || is_root || is_power || is_inequality || is_system
}

/// Whether every bracket has a partner; `[2, 5)` has.
fn is_balanced(run: &str) -> bool {
    let mut depth = 0_i32;
    for byte in run.bytes() {
        depth += match byte {
            b'(' | b'[' => 1,
            b')' | b']' => -1,
            _ => 0,
        };
        if depth < 0 {
            return false;
        }
    }
    depth == 0 && !run.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_are_more_than_a_number() {
        for (text, expected) in [
            ("The point is (1, 2).", Some("(1, 2)")),
            ("The domain is [2, 5).", Some("[2, 5)")),
            ("The length is 2√3.", Some("2√3")),
            ("So x > 3.", Some("x > 3")),
            ("It simplifies to x^2 - 1.", Some("x^2 - 1")),
            ("The solutions are x = 3 and x = 4.", Some("x = 3 and x = 4")),
            ("She has 3 * 4 = 12", None),
            ("5 x 3^2 = 45", None),
            ("that is $<<3*4=12>>12", None),
            ("I ate a 5", None),
            ("an area of 50 cm^2", None),
            ("(see above", None),
            ("", None),
        ] {
            assert_eq!(last(text).map(|place| &text[place]), expected, "{text}");
        }
    }
}
