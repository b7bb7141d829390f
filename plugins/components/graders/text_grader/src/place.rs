//! Where the answer stands.
//!
//! `stated` asks the grammar of answers that the graders share ([`ts_extract`]); a number or formula in
//! passing is an answer only where a number is asked for, and LaTeX's wrapping of texts (`\text{Paris}`) is
//! not part of the answer. `whole` is all that follows the reasoning, `last_line` the last line of it that is
//! not blank. A document in JSON may also stand in a fenced block, or be all that follows the reasoning.
//!
//! In: a response. Out: the answer's text and place. Reasoning that was never closed is not read; what stands
//! there is said to nobody, unless it is stated outright.

use std::ops::Range;

use ts_extract::{How, after_reasoning, last_line};
use ts_json::Json;

/// What LaTeX wraps texts in.
const WRAPPERS: [&str; 5] = ["\\text", "\\textbf", "\\textit", "\\mathrm", "\\mathbf"];

/// Where to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnswerFrom {
    Stated,
    Whole,
    LastLine,
}

/// An answer; neither text nor place is empty, and neither has white space around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// What stands there; several places side by side are joined by commas.
    pub(crate) text: String,
    /// From the first byte to the last.
    pub(crate) place: Range<usize>,
}

/// The answer of a response. `in_passing`: whether a number or formula will do that is not said to be the
/// answer.
pub(crate) fn answer(response: &str, from: AnswerFrom, in_passing: bool) -> Option<Answer> {
    match from {
        AnswerFrom::Stated => stated(response, in_passing),
        AnswerFrom::Whole => Answer::at(response, after_reasoning(response)?),
        AnswerFrom::LastLine => Answer::at(response, last_line(response)?),
    }
}

/// The document of a response: its last fenced block, or its answer.
pub(crate) fn document(response: &str, from: AnswerFrom) -> Option<Answer> {
    let whole = || {
        let whole = answer(response, AnswerFrom::Whole, false)?;
        (from == AnswerFrom::Stated && Json::parse(&whole.text).is_ok()).then_some(whole)
    };
    fenced(response).or_else(whole).or_else(|| answer(response, from, false))
}

fn stated(response: &str, in_passing: bool) -> Option<Answer> {
    let mut found = ts_extract::answer(response)?;
    if !in_passing && matches!(found.how, How::Formula | How::Number) {
        return None;
    }
    found.places.iter_mut().for_each(|place| *place = unwrapped(response, place.clone()));
    Some(Answer { text: found.text(response).trim().to_owned(), place: found.whole() })
}

/// The inside of `\text{…}` and its like, if a place holds nothing else.
fn unwrapped(response: &str, place: Range<usize>) -> Range<usize> {
    let text = &response[place.clone()];
    let inside = WRAPPERS.iter().find_map(|wrapper| {
        let inside =
            text.trim().strip_prefix(wrapper)?.trim_start().strip_prefix('{')?.strip_suffix('}')?.trim();
        (!inside.is_empty() && !inside.contains(['{', '}'])).then_some(inside)
    });
    inside.map_or(place, |inside| {
        let start = inside.as_ptr() as usize - response.as_ptr() as usize;
        start..start + inside.len()
    })
}

/// The inside of the last closed block between lines of three back-ticks that is marked as JSON or as
/// nothing.
fn fenced(response: &str) -> Option<Answer> {
    let tail = after_reasoning(response)?;
    let mut last = None;
    // The block that is open: where its inside starts, and whether it may be JSON.
    let mut open: Option<(usize, bool)> = None;
    let mut at = tail.start;
    for line in response[tail].split_inclusive('\n') {
        let start = at;
        at += line.len();
        let Some(mark) = line.trim().strip_prefix("```") else { continue };
        match open {
            None => open = Some((at, mark.is_empty() || mark.trim().eq_ignore_ascii_case("json"))),
            Some((inside, may_be_json)) if mark.is_empty() => {
                open = None;
                if may_be_json {
                    last = Answer::at(response, inside..start).or(last);
                }
            }
            Some(_) => {}
        }
    }
    last
}

impl Answer {
    /// The answer at a place, without the white space around it; none if nothing else stands there.
    fn at(response: &str, place: Range<usize>) -> Option<Self> {
        let text = response[place.clone()].trim_end();
        let trimmed = text.trim_start();
        let start = place.start + text.len() - trimmed.len();
        (!trimmed.is_empty())
            .then(|| Answer { text: trimmed.to_owned(), place: start..start + trimmed.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use AnswerFrom::{LastLine, Stated, Whole};

    fn text(response: &str, from: AnswerFrom) -> Option<String> {
        let answer = answer(response, from, false)?;
        assert_eq!(response[answer.place], answer.text);
        Some(answer.text)
    }

    #[test]
    fn the_whole_and_its_last_line() {
        let response = "<think>\nNo.\n</think>\n The first.\n\tThe last. \n\n";
        assert_eq!(text(response, Whole).unwrap(), "The first.\n\tThe last.");
        assert_eq!(text(response, LastLine).unwrap(), "The last.");
        assert_eq!(text("one line", LastLine).unwrap(), "one line");
    }

    #[test]
    fn nothing_is_said_in_open_reasoning_or_in_white_space() {
        for response in ["", " \n", "<think>Paris", "<think>Paris</think> ", "</think><think>Paris"] {
            assert_eq!((text(response, Whole), text(response, LastLine)), (None, None), "{response:?}");
            assert_eq!(document(response, Whole), None, "{response:?}");
        }
    }

    #[test]
    fn what_is_stated_and_what_is_in_passing() {
        assert_eq!(text("<think>London?</think> So \\boxed{ Paris }.", Stated).unwrap(), "Paris");
        assert_eq!(text("<answer>New York</answer>", Stated).unwrap(), "New York");
        assert_eq!(text("So \\boxed{\\textbf{ New York }}.", Stated).unwrap(), "New York");
        assert_eq!(text("So \\boxed{\\text{a} + \\text{b}}.", Stated).unwrap(), "\\text{a} + \\text{b}");
        let in_passing = "They went to see 12 towers, which took them all day.";
        assert_eq!(answer(in_passing, Stated, false), None);
        assert_eq!(answer(in_passing, Stated, true).unwrap().text, "12");
    }

    #[test]
    fn answers_side_by_side_are_one() {
        let response = "\\boxed{a} and \\boxed{b}";
        let answer = answer(response, Stated, false).unwrap();
        assert_eq!((answer.text.as_str(), &response[answer.place]), ("a, b", "a} and \\boxed{b"));
    }

    #[test]
    fn the_last_fenced_block_is_the_document() {
        let document = |response: &str| document(response, Stated).map(|answer| answer.text);
        let blocks = "```json\n{\"a\": 1}\n```\nor\n```JSON\n{\"a\": 2}\n```\nby\n```python\nf()\n```\n";
        assert_eq!(document(blocks).unwrap(), "{\"a\": 2}");
        assert_eq!(document("```\n[1]\n```").unwrap(), "[1]");
        assert_eq!(document("```json\n[1]\n```\n```json\n[2").unwrap(), "[1]");
        assert_eq!(document("<think>```json\n[1]\n```</think>\n {\"b\": \"c\"} ").unwrap(), "{\"b\": \"c\"}");
        assert_eq!(document("It is \\boxed{[1, 2]}.").unwrap(), "[1, 2]");
    }
}
