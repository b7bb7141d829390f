//! Reasoning, and what a response says apart from it.
//!
//! A response says its parts: the text around its reasoning, and what it sets apart as its response. A tag
//! that closes what was never opened ends reasoning that the prompt opened. Reasoning that is never closed
//! goes to the end of the text, and a second opening changes nothing.
//!
//! In: a text. Out: its parts, and what the last tag of an answer holds. What the reasoning says is not read
//! here; who finds no answer elsewhere may look at the whole text.

use std::ops::Range;

use super::tag::{Part, Side, Tag, Tags};
use crate::Withheld;
use crate::words::trimmed;

/// So many parts of a text, the last ones, are told apart.
const MAX_PARTS: usize = 8;

/// What a response says, apart from its reasoning.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// First to last; all but the last hold something. Empty if all is reasoning.
    pub(crate) parts: Vec<Range<usize>>,
    /// Where reasoning begins that is never closed.
    pub(crate) open: Option<usize>,
    /// Whether there is reasoning.
    pub(crate) has_reasoning: bool,
    /// Whether there are tags of an answer.
    pub(crate) has_answers: bool,
}

/// What a response says.
pub(crate) fn said(response: &str) -> Said {
    let mut said = Said::default();
    let mut start = 0; // of the part that is read
    let (mut has_closed, mut is_behind_response) = (false, false);
    for Tag { part, side, place } in Tags::new(response) {
        let is_token = response.as_bytes().get(place.start + 1) == Some(&b'|');
        match (part, side) {
            (Part::Reasoning, Side::Open) if said.open.is_none() => {
                said.push(response, start..place.start);
                (said.open, said.has_reasoning) = (Some(place.end), true);
                continue;
            }
            (Part::Reasoning, Side::Close) => {
                if said.open.is_none() && has_closed {
                    said.push(response, start..place.start);
                } else if said.open.is_none() {
                    said.parts.clear();
                }
                (said.has_reasoning, has_closed) = (true, true);
            }
            // A response that begins is not part of reasoning; that its tag is mentioned may well be.
            (Part::Message, _) | (Part::Response, Side::Open) if said.open.is_some() && is_token => {}
            (Part::Response, _) if said.open.is_none() => said.push(response, start..place.start),
            _ => {
                said.has_answers |= part == Part::Answer;
                continue;
            }
        }
        is_behind_response = (part, side) == (Part::Response, Side::Close);
        (start, said.open) = (place.end, None);
    }
    let is_blank = response[start..].trim_ascii_start().is_empty();
    if said.open.is_none() && !(is_behind_response && is_blank && !said.parts.is_empty()) {
        said.parts.push(start..response.len());
    }
    said
}

impl Said {
    fn push(&mut self, response: &str, part: Range<usize>) {
        if response[part.clone()].trim_ascii_start().is_empty() {
            return;
        }
        if self.parts.len() == MAX_PARTS {
            self.parts.remove(0);
        }
        self.parts.push(part);
    }
}

/// The text after the reasoning; none if more reasoning is opened there and never closed.
pub fn after_reasoning(response: &str) -> Option<Range<usize>> {
    let Said { mut parts, open, .. } = said(response);
    if open.is_none() { parts.pop() } else { None }
}

/// The last line after the reasoning that is not blank, white space behind it left out; none as for
/// [`after_reasoning`], or if every line is blank.
pub fn last_line(response: &str) -> Option<Range<usize>> {
    let tail = after_reasoning(response)?;
    let end = tail.start + response[tail.clone()].trim_end().len();
    let start = response[tail.start..end].rfind('\n').map_or(tail.start, |at| tail.start + at + 1);
    (start < end).then_some(start..end)
}

/// The inside of the last tag of an answer that is closed and holds something; withheld if another is opened
/// behind it.
pub(crate) fn tagged(text: &str) -> Result<Option<Range<usize>>, Withheld> {
    let (mut open, mut last) = (None, None);
    for Tag { part, side, place } in Tags::new(text) {
        match (part, side) {
            (Part::Answer, Side::Open) => open = Some(place.end),
            (Part::Answer, Side::Close) => {
                let inside = open.take().map(|open| trimmed(text, open..place.start));
                last = inside.filter(|inside| !inside.is_empty()).or(last);
            }
            _ => {}
        }
    }
    if open.is_some() && last.is_some() { Err(Withheld) } else { Ok(last) }
}
