//! Tags that set the parts of a response apart: its reasoning, what it says to the reader, its answer.
//!
//! | form | example |
//! |---|---|
//! | a name in angle brackets, with a namespace and attributes perhaps | `<think>…</think>`, `<seed:think effort="1">…` |
//! | a name in triangles, or in capitals in square brackets | `◁think▷…◁/think▷`, `[THINK]…[/THINK]` |
//! | a special token with a side in its name | `<\|begin_of_thought\|>…<\|end_of_thought\|>`, `<\|START_THINKING\|>…` |
//! | a channel | `<\|channel\|>analysis<\|message\|>…<\|end\|>…<\|channel\|>final<\|message\|>…` |
//!
//! In: a text. Out: its tags, first to last, each with its part and its side. Tags need not be paired. Only
//! names that a model is known to have been trained on are looked for.

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
const PARTS: [(&str, Part); 25] = [
    ("antthinking", Part::Reasoning),
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
const PREFIXES: [(&str, Side); 9] = [
    ("beginof", Side::Open),
    ("startof", Side::Open),
    ("endof", Side::Close),
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

/// So many slashes and bars stand before a name, or behind one, at most.
const MAX_MARKS: usize = 3;
/// For each byte, in both cases, the names of tags that begin with it: a bit for each.
const PARTS_AT: [u32; 256] = parts_at();
/// The bytes of names.
const NAME: u8 = 1;
/// What may stand before a name, or what a `◁` ends in.
const BEGIN: u8 = 2;
/// Capitals.
const CAPITAL: u8 = 4;
/// Of what kinds each byte is.
const KINDS: [u8; 256] = kinds();

/// The tags of a text, first to last.
pub(crate) struct Tags<'a> {
    text: &'a str,
    /// Behind the bytes that were searched for brackets.
    at: usize,
    /// The high bits of those of the last eight bytes that may be brackets and were not looked at yet.
    brackets: u64,
}

impl<'a> Tags<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Tags { text, at: 0, brackets: 0 }
    }

    /// Where a bracket may stand next: a `<`, a `[`, or the second byte of a `◁`.
    fn bracket(&mut self) -> Option<usize> {
        let bytes = self.text.as_bytes();
        while self.brackets == 0 {
            let rest = bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
            let mut eight = [0; 8];
            match rest.first_chunk() {
                Some(chunk) => eight = *chunk,
                None => eight[..rest.len()].copy_from_slice(rest),
            }
            self.at += 8;
            self.brackets = brackets(u64::from_le_bytes(eight));
        }
        let bit = self.brackets.trailing_zeros() as usize;
        self.brackets &= self.brackets - 1;
        Some(self.at - 8 + bit / 8)
    }
}

impl Iterator for Tags<'_> {
    type Item = Tag;

    fn next(&mut self) -> Option<Tag> {
        let bytes = self.text.as_bytes();
        while let Some(at) = self.bracket() {
            if !opens_name(&bytes[at + 1..]) {
                continue; // as most do
            }
            let tag = match bytes[at] {
                b'<' => tag(self.text, at..at + 1, b">"),
                b'[' => tag(self.text, at..at + 1, b"]"),
                _ if at > 0 && bytes[at - 1..].starts_with("◁".as_bytes()) => {
                    tag(self.text, at - 1..at + 2, "▷".as_bytes())
                }
                _ => None,
            };
            if tag.is_some() {
                return tag;
            }
        }
        None
    }
}

/// The high bits of those of eight bytes that may be brackets: every text is searched, so eight at once.
fn brackets(eight: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const LOW: u64 = ONES * 0x7F;
    // Zero bytes alone keep their high bit clear when their low bits are added to 0x7F.
    let others = |byte: u8| {
        let others = eight ^ (ONES * u64::from(byte));
        ((others & LOW) + LOW) | others
    };
    !(others(b'<') & others(b'[') & others("◁".as_bytes()[1]) | LOW)
}

/// The tag that a bracket opens.
fn tag(text: &str, bracket: Range<usize>, close: &[u8]) -> Option<Tag> {
    let bytes = text.as_bytes();
    let from = skip_marks(bytes, bracket.end);
    let kind = if close[0] == b']' { CAPITAL } else { NAME };
    let (mut start, mut end) = (from, from + run(&bytes[from..], kind));
    while bytes.get(end) == Some(&b':') && end - from < MAX_BYTES {
        start = end + 1; // of the name without its namespace
        end = start + run(&bytes[start..], kind);
    }
    if end - start < MIN_BYTES {
        return None;
    }
    let (lead, name) = (&bytes[bracket.end..from], &bytes[start..end]);
    end = skip_marks(bytes, end);
    if close[0] == b'>' && bytes.get(end) == Some(&b' ') {
        let is_inside = |byte: &&u8| !matches!(byte, b'<' | b'>' | b'\n');
        end += bytes[end..].iter().take(MAX_BYTES).take_while(is_inside).count();
    }
    if bytes.get(end) != Some(&close[0]) || close.len() > 1 && !bytes[end..].starts_with(close) {
        return None;
    }
    let place = bracket.start..end + close.len();
    if let [b'|'] = lead {
        match name {
            b"channel" => return Some(channel(text, place)),
            b"end" => return Some(Tag { part: Part::Message, side: Side::Close, place }),
            _ => {}
        }
    }
    let (part, side) = meaning(name)?;
    let side = if matches!(lead, [b'/', ..] | [b'|', b'/', ..]) { Side::Close } else { side };
    Some(Tag { part, side, place })
}

/// Whether what follows a bracket, or the second byte of one, may be slashes, bars and a name.
fn opens_name(bytes: &[u8]) -> bool {
    let from = match bytes.first() {
        Some(byte) if KINDS[usize::from(*byte)] & NAME != 0 => 0,
        Some(byte) if KINDS[usize::from(*byte)] & BEGIN != 0 => skip_marks(bytes, 1),
        _ => return false,
    };
    bytes.get(from + 1).is_some_and(|byte| KINDS[usize::from(*byte)] & NAME != 0)
}

/// How many bytes of a kind a text begins with; so many as a name has at most.
fn run(bytes: &[u8], kind: u8) -> usize {
    let bytes = &bytes[..bytes.len().min(MAX_BYTES)];
    bytes.iter().take_while(|byte| KINDS[usize::from(**byte)] & kind != 0).count()
}

/// Behind the slashes and bars around a name.
fn skip_marks(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while at < bytes.len() && at - from < MAX_MARKS && matches!(bytes[at], b'/' | b'|') {
        at += 1;
    }
    at
}

const fn parts_at() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < PARTS.len() {
        let byte = PARTS[index].0.as_bytes()[0];
        table[byte as usize] |= 1 << index;
        table[byte.to_ascii_uppercase() as usize] |= 1 << index;
        index += 1;
    }
    table
}

const fn kinds() -> [u8; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        let is_name = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let is_begin = matches!(byte, b'/' | b'|') || byte == "◁".as_bytes()[2];
        let is_capital = is_name && !byte.is_ascii_lowercase();
        table[at] = (NAME * is_name as u8) | (BEGIN * is_begin as u8) | (CAPITAL * is_capital as u8);
        at += 1;
    }
    table
}

/// What the name of a tag says.
fn meaning(name: &[u8]) -> Option<(Part, Side)> {
    if let Some(part) = named(name) {
        return Some((part, Side::Open));
    }
    let prefixed = |(prefix, side): &(&str, Side)| {
        let (start, rest) = name.split_at_checked(prefix.len())?;
        Some((named(rest).filter(|_| is(prefix, start))?, *side))
    };
    let suffixed = |(suffix, side): &(&str, Side)| {
        let (rest, end) = name.split_at_checked(name.len().checked_sub(suffix.len())?)?;
        Some((named(rest).filter(|_| is(suffix, end))?, *side))
    };
    let ends = (name.first()?.to_ascii_lowercase(), name.last()?.to_ascii_lowercase());
    let found = if matches!(ends.0, b'b' | b's' | b'e') { PREFIXES.iter().find_map(prefixed) } else { None };
    found.or_else(|| {
        if matches!(ends.1, b't' | b'n' | b'd') { SUFFIXES.iter().find_map(suffixed) } else { None }
    })
}

/// The part that a name names.
fn named(name: &[u8]) -> Option<Part> {
    let mut candidates = name.first().map_or(0, |byte| PARTS_AT[usize::from(*byte)]);
    while candidates != 0 {
        let (other, part) = PARTS[candidates.trailing_zeros() as usize];
        candidates &= candidates - 1;
        if is(other, name) {
            return Some(part);
        }
    }
    None
}

/// Whether bytes are a name, in either case.
fn is(name: &str, bytes: &[u8]) -> bool {
    name.len() == bytes.len() && name.bytes().zip(bytes).all(|(one, other)| one == other.to_ascii_lowercase())
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
