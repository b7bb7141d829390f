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
/// The name of a tag has at most so many bytes, and so have its attributes.
const MAX_BYTES: usize = 48;

/// The tags of a text, first to last.
pub(crate) struct Tags<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Tags<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Tags { text, at: 0 }
    }
}

impl Iterator for Tags<'_> {
    type Item = Tag;

    fn next(&mut self) -> Option<Tag> {
        let bytes = self.text.as_bytes();
        while let Some(length) = bytes[self.at..].iter().position(|byte| matches!(byte, b'<' | b'[' | 0xE2)) {
            let start = self.at + length;
            self.at = start + 1;
            if let Some(tag) = tag(self.text, start) {
                self.at = tag.place.end;
                return Some(tag);
            }
        }
        None
    }
}

/// The tag that begins at a byte.
fn tag(text: &str, start: usize) -> Option<Tag> {
    let bytes = &text.as_bytes()[start..];
    let (open, close): (&str, &[u8]) = match bytes {
        [b'<', b'a'..=b'z' | b'A'..=b'Z' | b'/' | b'|', ..] => ("<", b">"),
        [b'[', b'A'..=b'Z' | b'/', ..] => ("[", b"]"),
        _ if bytes.starts_with("◁".as_bytes()) => ("◁", "▷".as_bytes()),
        _ => return None,
    };
    // Most of what a bracket opens is no tag: the first letters and the length of names tell.
    let first = bytes[open.len()..].iter().find(|byte| !matches!(byte, b'/' | b'|'))?;
    if !b"abcdefilmrstABCDEFILMRST".contains(first) {
        return None;
    }
    let marks = |at: usize| bytes[at..].iter().take_while(|byte| matches!(byte, b'/' | b'|')).count();
    let from = open.len() + marks(open.len());
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'-');
    let length = bytes[from..].iter().take(MAX_BYTES).take_while(is_part).count();
    if length < 3 {
        return None;
    }
    let (lead, name) = (&bytes[open.len()..from], &text[start + from..start + from + length]);
    let mut end = from + length + marks(from + length);
    if open == "<" && bytes.get(end) == Some(&b' ') {
        end += bytes[end..]
            .iter()
            .take(MAX_BYTES)
            .take_while(|byte| !matches!(byte, b'<' | b'>' | b'\n'))
            .count();
    }
    if length == 0
        || !bytes[end..].starts_with(close)
        || open == "[" && name.bytes().any(|b| b.is_ascii_lowercase())
    {
        return None;
    }
    end += close.len();
    match name {
        "channel" if lead == b"|" => return Some(channel(text, start..start + end)),
        "end" if lead == b"|" => {
            return Some(Tag { part: Part::Message, side: Side::Close, place: start..start + end });
        }
        _ => {}
    }
    let (part, side) = meaning(name)?;
    let side = if lead.contains(&b'/') { Side::Close } else { side };
    Some(Tag { part, side, place: start..start + end })
}

/// What the name of a tag says.
fn meaning(name: &str) -> Option<(Part, Side)> {
    let name = &name[name.rfind(':').map_or(0, |colon| colon + 1)..];
    let named = |name: &str| {
        let is_name = |(other, _): &&(&str, Part)| other.eq_ignore_ascii_case(name);
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
