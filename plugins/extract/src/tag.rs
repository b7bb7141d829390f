//! Tags that set the parts of a response apart: its reasoning, what it says to the reader, its answer.
//!
//! | form | example |
//! |---|---|
//! | a name in angle brackets, with a namespace and attributes perhaps | `<think>…</think>`, `<seed:think effort="1">…` |
//! | a name in triangles, or in capitals in square brackets | `◁think▷…◁/think▷`, `[THINK]…[/THINK]` |
//! | a special token with a side in its name | `<\|begin_of_thought\|>…<\|end_of_thought\|>`, `<\|START_THINKING\|>…` |
//! | a channel | `<\|channel\|>analysis<\|message\|>…<\|end\|>…<\|channel\|>final<\|message\|>…` |
//!
//! In: a text. Out: its tags, first to last, each with its part and its side. Left out on purpose: whether they are
//! paired, and names that no model is known to have been trained on.

use std::ops::Range;

use crate::words::is_in;

/// What stands between tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// What a model says to itself.
    Reasoning,
    /// What it says to the reader, of any length.
    Response,
    /// The answer alone.
    Answer,
    /// Whatever a channel holds.
    Message,
}

/// Which end of its part a tag is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Open,
    Close,
}

/// A tag and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) part: Part,
    pub(crate) side: Side,
    pub(crate) place: Range<usize>,
}

/// Names of tags, without namespace and side.
const PARTS: [(&str, Part); 24] = [
    ("think", Part::Reasoning),
    ("thinking", Part::Reasoning),
    ("thought", Part::Reasoning),
    ("thoughts", Part::Reasoning),
    ("reasoning", Part::Reasoning),
    ("reason", Part::Reasoning),
    ("reflection", Part::Reasoning),
    ("analysis", Part::Reasoning),
    ("scratchpad", Part::Reasoning),
    ("cot", Part::Reasoning),
    ("chain_of_thought", Part::Reasoning),
    ("deliberation", Part::Reasoning),
    ("rationale", Part::Reasoning),
    ("monologue", Part::Reasoning),
    ("inner_monologue", Part::Reasoning),
    ("internal_monologue", Part::Reasoning),
    ("inner_thoughts", Part::Reasoning),
    ("thinking_process", Part::Reasoning),
    ("reasoning_process", Part::Reasoning),
    ("longcat_think", Part::Reasoning),
    ("response", Part::Response),
    ("solution", Part::Response),
    ("answer", Part::Answer),
    ("final_answer", Part::Answer),
];
/// What begins or ends the name of a special token, and says its side.
const PREFIXES: [(&str, Side); 6] = [
    ("begin_of_", Side::Open),
    ("start_of_", Side::Open),
    ("begin_", Side::Open),
    ("start_", Side::Open),
    ("end_of_", Side::Close),
    ("end_", Side::Close),
];
const SUFFIXES: [(&str, Side); 3] = [("_start", Side::Open), ("_begin", Side::Open), ("_end", Side::Close)];
/// Channels of reasoning; every other one speaks to the reader.
const REASONING_CHANNELS: &str = "analysis commentary thought";
/// The name of a tag has at least so many bytes.
const MIN_BYTES: usize = 3;
/// The name of a tag has at most so many bytes, and so have its attributes.
const MAX_BYTES: usize = 48;

/// What opens a tag, and what closes it.
const BRACKETS: [(char, &[u8]); 3] = [('<', b">"), ('[', b"]"), ('◁', "▷".as_bytes())];
/// The bytes of names.
const NAME: [bool; 256] = name_bytes();

/// The tags of a text, first to last.
pub(crate) struct Tags<'a> {
    text: &'a str,
    /// Where each bracket stands next; the text's length if nowhere.
    next: [usize; 3],
}

impl<'a> Tags<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Tags { text, next: BRACKETS.map(|(bracket, _)| text.find(bracket).unwrap_or(text.len())) }
    }
}

impl Iterator for Tags<'_> {
    type Item = Tag;

    fn next(&mut self) -> Option<Tag> {
        loop {
            let [angle, square, triangle] = self.next;
            let start = angle.min(square).min(triangle);
            if start == self.text.len() {
                return None;
            }
            let kind = usize::from(start != angle) + usize::from(start != angle && start != square);
            let (bracket, close) = BRACKETS[kind];
            let from = start + bracket.len_utf8();
            self.next[kind] = next(self.text, from, bracket);
            if let Some(tag) = tag(self.text, start..from, close) {
                return Some(tag);
            }
        }
    }
}

/// Where a bracket stands next. What is near is found without the cost of beginning a search.
fn next(text: &str, from: usize, bracket: char) -> usize {
    const NEAR: usize = 8;
    let bytes = text.as_bytes();
    let near = bytes.len().min(from + NEAR);
    let found =
        (from..near).find(|at| bytes[*at] == b'<' && bracket == '<' || bytes[*at] == b'[' && bracket == '[');
    found.or_else(|| text[from..].find(bracket).map(|length| from + length)).unwrap_or(text.len())
}

/// The tag that a bracket opens.
fn tag(text: &str, bracket: Range<usize>, close: &[u8]) -> Option<Tag> {
    let bytes = text.as_bytes();
    let mut from = bracket.end;
    while matches!(bytes.get(from), Some(b'/' | b'|')) {
        from += 1;
    }
    let mut end = from;
    while end < bytes.len() && NAME[usize::from(bytes[end])] && end - from < MAX_BYTES {
        end += 1;
    }
    if end - from < MIN_BYTES {
        return None;
    }
    let (lead, name) = (&bytes[bracket.end..from], &text[from..end]);
    while matches!(bytes.get(end), Some(b'/' | b'|')) {
        end += 1;
    }
    if close == b">" && bytes.get(end) == Some(&b' ') {
        let is_inside = |byte: &&u8| !matches!(byte, b'<' | b'>' | b'\n');
        end += bytes[end..].iter().take(MAX_BYTES).take_while(is_inside).count();
    }
    if !bytes[end..].starts_with(close) || close == b"]" && name.bytes().any(|byte| byte.is_ascii_lowercase())
    {
        return None;
    }
    let place = bracket.start..end + close.len();
    match name {
        "channel" if lead == b"|" => return Some(channel(text, place)),
        "end" if lead == b"|" => return Some(Tag { part: Part::Message, side: Side::Close, place }),
        _ => {}
    }
    let (part, side) = meaning(name)?;
    let side = if lead.contains(&b'/') { Side::Close } else { side };
    Some(Tag { part, side, place })
}

const fn name_bytes() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'_' | b':' | b'-');
        byte += 1;
    }
    table
}

/// What the name of a tag says.
fn meaning(name: &str) -> Option<(Part, Side)> {
    let name = &name[name.rfind(':').map_or(0, |colon| colon + 1)..];
    let named = |name: &str| {
        let is_name =
            |(other, _): &&(&str, Part)| other.len() == name.len() && other.eq_ignore_ascii_case(name);
        PARTS.iter().find(is_name).map(|(_, part)| *part)
    };
    let cut = |affix: &str, is_prefix: bool| {
        let at = name.len().checked_sub(affix.len())?;
        let (found, rest) = if is_prefix {
            (name.get(..affix.len())?, &name[affix.len()..])
        } else {
            (name.get(at..)?, &name[..at])
        };
        found.eq_ignore_ascii_case(affix).then_some(rest)
    };
    let sided = |(affix, side): &(&str, Side), is_prefix| Some((named(cut(affix, is_prefix)?)?, *side));
    if !name.contains('_') {
        return named(name).map(|part| (part, Side::Open));
    }
    (named(name).map(|part| (part, Side::Open)))
        .or_else(|| PREFIXES.iter().find_map(|prefix| sided(prefix, true)))
        .or_else(|| SUFFIXES.iter().find_map(|suffix| sided(suffix, false)))
}

/// A channel's opening, with the channel's name and the mark behind it.
fn channel(text: &str, place: Range<usize>) -> Tag {
    const MESSAGE: &str = "<|message|>";
    let after = &text[place.end..];
    let name = &after[..after.bytes().take_while(u8::is_ascii_alphabetic).count()];
    let part = if is_in(REASONING_CHANNELS, name) { Part::Reasoning } else { Part::Response };
    let message = if after[name.len()..].starts_with(MESSAGE) { MESSAGE.len() } else { 0 };
    Tag { part, side: Side::Open, place: place.start..place.end + name.len() + message }
}
