//! Where in a response its answer stands.
//!
//! Looked for in this order, each time the last one: `\boxed{…}`; `<answer>…</answer>`; a statement (`####
//! x`, `… answer is x`, `answer: x`, a line `A: x`). First after the last `</think>`, then, if nothing is
//! stated there, in the whole response. Failing all: the last number after the last `</think>`, but none in
//! reasoning that was opened and never closed, where it would be a number in passing.
//!
//! In: a response. Out: a range of bytes. Left out on purpose: which of several statements the author meant;
//! the last one counts. One pass for each form, whatever the text.

use std::ops::Range;

/// What comes before a stated answer, lower case.
const STATEMENTS: [&str; 4] = ["####", "answer is", "answer:", "answer**:"];

/// The place of the answer, if one is stated.
pub(crate) fn answer(response: &str) -> Option<Range<usize>> {
    let tail_start = response.rfind("</think>").map_or(0, |at| at + "</think>".len());
    let stated_from = |start: usize| {
        let text = &response[start..];
        let place = boxed(text).or_else(|| tagged(text)).or_else(|| statement(text))?;
        Some(start + place.start..start + place.end)
    };
    if let Some(place) =
        stated_from(tail_start).or_else(|| if tail_start > 0 { stated_from(0) } else { None })
    {
        return Some(place);
    }
    if tail_start == 0 && response.contains("<think>") {
        return None;
    }
    let place = numbers(&response[tail_start..]).last()?;
    Some(tail_start + place.start..tail_start + place.end)
}

/// The inside of the last `\boxed{…}` that is closed; of nested ones the innermost.
pub(crate) fn boxed(text: &str) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut open: Vec<(usize, bool)> = Vec::new();
    let mut last: Option<Range<usize>> = None;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => match after_box(&bytes[at..]) {
                Some(length) => {
                    at += length;
                    open.push((at, true));
                }
                None => at += 2, // the next byte is escaped
            },
            b'{' => {
                at += 1;
                open.push((at, false));
            }
            b'}' => {
                if let Some((start, true)) = open.pop()
                    && last.as_ref().is_none_or(|last| last.start < start)
                {
                    last = Some(start..at);
                }
                at += 1;
            }
            _ => at += 1,
        }
    }
    last
}

/// The length of `\boxed{` or `\fbox{`, spaces before the brace included, if the bytes start with one.
fn after_box(bytes: &[u8]) -> Option<usize> {
    let command =
        [b"\\boxed".as_slice(), b"\\fbox"].into_iter().find(|command| bytes.starts_with(command))?;
    let spaces = bytes[command.len()..].iter().take_while(|byte| **byte == b' ').count();
    let brace = command.len() + spaces;
    (bytes.get(brace) == Some(&b'{')).then_some(brace + 1)
}

/// The inside of the last `<answer>…</answer>`.
fn tagged(text: &str) -> Option<Range<usize>> {
    let end = text.rfind("</answer>")?;
    let start = text[..end].rfind("<answer>")? + "<answer>".len();
    Some(start..end)
}

/// What the last statement states: the rest of its line, or the next line with text.
fn statement(text: &str) -> Option<Range<usize>> {
    let lower = text.to_ascii_lowercase();
    let line_start = if lower.starts_with("a:") { Some(2) } else { None };
    let labelled = lower.rfind("\na:").map(|at| at + 3).or(line_start);
    let phrases = STATEMENTS.iter().filter_map(|phrase| lower.rfind(phrase).map(|at| at + phrase.len()));
    let start = phrases.chain(labelled).max()?;
    let is_lead = |c: char| c.is_whitespace() || matches!(c, ':' | '*');
    let start = start + text[start..].find(|c| !is_lead(c))?;
    let line = text[start..].lines().next().unwrap_or_default();
    let place = stated(line)?;
    Some(start + place.start..start + place.end)
}

/// The answer in a line that states it: its formula if it starts with one, a number in a sentence, or the line
/// up to the end of its sentence.
fn stated(line: &str) -> Option<Range<usize>> {
    for (opening, closing) in [("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]")] {
        if let Some(inside) = line.strip_prefix(opening)
            && let Some(length) = inside.find(closing)
            && length > 0
        {
            return Some(opening.len()..opening.len() + length);
        }
    }
    let sentence = line.find(". ").map_or(line, |end| &line[..end]);
    let sentence = sentence.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '.' | '*' | ','));
    let is_prose =
        sentence.starts_with(char::is_alphabetic) && sentence.contains(' ') && !sentence.contains('=');
    if is_prose && let Some(number) = numbers(sentence).next() {
        return Some(number);
    }
    (!sentence.is_empty()).then_some(0..sentence.len())
}

/// Every number of a text, first to last: digits with separators and a decimal point, a sign where none is
/// subtracted from, a whole denominator, a percent sign.
fn numbers(text: &str) -> impl Iterator<Item = Range<usize>> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() && !digit(at) {
            at += 1;
        }
        if at == bytes.len() {
            return None;
        }
        let start = sign_start(bytes, at);
        while digit(at) || (matches!(bytes.get(at), Some(b',' | b'.')) && digit(at + 1)) {
            at += 1;
        }
        if bytes.get(at) == Some(&b'/') && digit(at + 1) {
            at += 1;
            while digit(at) {
                at += 1;
            }
        }
        for percent in ["%", "\\%"] {
            if text[at..].starts_with(percent) {
                at += percent.len();
            }
        }
        Some(start..at)
    })
}

/// Where a number starts whose first digit is at `at`: at its leading point, or at a minus sign before it, with
/// or without a dollar sign between.
fn sign_start(bytes: &[u8], at: usize) -> usize {
    let before = |at: usize| at.checked_sub(1).map(|before| bytes[before]);
    let mut start = at;
    if before(start) == Some(b'.') && !before(start - 1).is_some_and(|byte| byte.is_ascii_alphanumeric()) {
        start -= 1;
    }
    let mut sign = start;
    if before(sign) == Some(b'$') {
        sign -= 1;
    }
    let is_sign = before(sign) == Some(b'-')
        && !before(sign - 1).is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b')' | b'}'));
    if is_sign { sign - 1 } else { start }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(response: &str) -> Option<&str> {
        answer(response).map(|place| &response[place])
    }

    #[test]
    fn the_last_closed_box_wins() {
        assert_eq!(found("\\boxed{1} no, \\boxed{\\frac{1}{2}} yes"), Some("\\frac{1}{2}"));
        assert_eq!(found("\\boxed{4}}}} and \\boxed{{{5}"), Some("4"));
        assert_eq!(found("\\boxed{\\boxed{17}}"), Some("17"));
        assert_eq!(found("\\boxed {\\{1,2\\}} 9"), Some("\\{1,2\\}"));
    }

    #[test]
    fn after_the_reasoning_comes_first() {
        assert_eq!(found("<think>\\boxed{3}</think>\nThe answer is 4."), Some("4"));
        assert_eq!(found("<think>\\boxed{3}</think>\nDone."), Some("3"));
        assert_eq!(found("<think>so 12 and then"), None);
        assert_eq!(found("<think>7</think> It is 8, not 9"), Some("9"));
    }

    #[test]
    fn statements() {
        for (response, expected) in [
            ("3*360 = 1080.\n#### 1,080", "1,080"),
            ("2 + 1 = 3. The answer is 3.", "3"),
            ("**Final Answer:** 540 meters", "540 meters"),
            ("**Answer**: 5\nthanks", "5"),
            ("Step 2.\nA: 26", "26"),
            ("Answer:\n$\\frac{1}{2}$ as said", "\\frac{1}{2}"),
            ("The answer is therefore 5 apples.", "5"),
            ("<answer>7</answer>", "7"),
            ("The final answer is $x = 5$.", "x = 5"),
        ] {
            assert_eq!(found(response), Some(expected), "{response}");
        }
    }

    #[test]
    fn the_last_number_is_the_last_resort() {
        for (response, expected) in [
            ("16 - 3 = <<16-3=13>>13", "13"),
            ("about -$1,250.50.", "-$1,250.50"),
            ("a third, 1/3, is 33.3\\%", "33.3\\%"),
            ("it costs .5", ".5"),
            ("so x=-4", "-4"),
        ] {
            assert_eq!(found(response), Some(expected), "{response}");
        }
        assert_eq!(found("no idea"), None);
    }

    proptest! {
        #[test]
        fn any_text_gives_a_place_on_character_boundaries(text in "(\\\\boxed|\\{|\\}|[-1.$,/%π ]|answer is|\nA:|</think>){0,30}") {
            if let Some(place) = answer(&text) {
                prop_assert!(text.get(place).is_some());
            }
        }
    }
}
