//! `\boxed{…}` and `\fbox{…}`.
//!
//! The last closed box holds the answer, of nested ones the innermost; boxes that are joined to it make one answer
//! with it ([`joins`]). `\boxed 5` is a box too, a doubled backslash (a text that was escaped once more) no
//! hindrance, and an escaped brace no brace.
//!
//! In: a text. Out: the insides, without white space at their ends. Left out on purpose: boxes that hold nothing.
//! From the end backwards, each byte is read a fixed number of times: what follows an unclosed box cannot close
//! an earlier one, so a search for a closing brace ends there.

use std::ops::Range;

use crate::joint::joins;
use crate::words::trimmed;

/// The insides of the last box, and of the boxes joined to it, first to last; an unclosed one if no other is there.
pub fn boxed(text: &str) -> Option<Vec<Range<usize>>> {
    last_run(text).or_else(|| unfinished(text).map(|place| vec![place]))
}

/// The insides of the last closed box and of the boxes joined to it, first to last.
pub(crate) fn last_run(text: &str) -> Option<Vec<Range<usize>>> {
    if !text.contains("box") {
        return None; // this search is much faster than the one below
    }
    let mut boxes = Boxes::new(text);
    let last = boxes.next()?;
    let mut places = vec![last.inside];
    let mut start = last.outer.start;
    for earlier in boxes {
        if earlier.outer.end > start || !joins(&text[earlier.outer.end..start]) {
            break;
        }
        places.push(earlier.inside);
        start = earlier.outer.start;
    }
    places.reverse();
    Some(places)
}

/// What the last box holds that is opened and never closed, up to the end of its line or formula.
pub(crate) fn unfinished(text: &str) -> Option<Range<usize>> {
    let mut commands = Commands { text, end: text.len() };
    let is_open = |after: &usize| closing_brace(text.as_bytes(), *after, false).is_none();
    let after = commands.find_map(|command| command.is_braced.then_some(command.after).filter(is_open))?;
    let length = text[after..].find(['\n', '$']).unwrap_or(text.len() - after);
    let place = trimmed(text, after..after + length);
    (!place.is_empty()).then_some(place)
}

/// A closed box.
struct Closed {
    /// From the backslash to behind the closing brace.
    outer: Range<usize>,
    inside: Range<usize>,
}

/// The closed boxes of a text that hold something, last to first.
struct Boxes<'a> {
    text: &'a str,
    commands: Commands<'a>,
    /// No closing brace at or behind this byte belongs to a box before it.
    limit: usize,
}

impl<'a> Boxes<'a> {
    fn new(text: &'a str) -> Self {
        Boxes { text, commands: Commands { text, end: text.len() }, limit: text.len() }
    }
}

impl Iterator for Boxes<'_> {
    type Item = Closed;

    fn next(&mut self) -> Option<Closed> {
        loop {
            let Command { start, after, is_braced } = self.commands.next()?;
            let end = if is_braced {
                let is_doubled = self.text[start..].starts_with("\\\\");
                closing_brace(&self.text.as_bytes()[..self.limit], after, is_doubled)
            } else {
                Some(token_end(self.text, after))
            };
            let Some(end) = end else {
                self.limit = start;
                continue;
            };
            let inside = trimmed(self.text, after..end);
            if !inside.is_empty() {
                return Some(Closed { outer: start..end + usize::from(is_braced), inside });
            }
        }
    }
}

/// `\boxed` or `\fbox` in a text.
struct Command {
    start: usize,
    /// Behind its opening brace, if it has one, or behind its name.
    after: usize,
    is_braced: bool,
}

/// The commands that make a box, last to first.
struct Commands<'a> {
    text: &'a str,
    end: usize,
}

impl Iterator for Commands<'_> {
    type Item = Command;

    fn next(&mut self) -> Option<Command> {
        let bytes = self.text.as_bytes();
        while let Some(at) = self.text[..self.end].rfind('\\') {
            self.end = at;
            let Some(name) =
                ["\\boxed", "\\fbox"].iter().find(|name| bytes[at..].starts_with(name.as_bytes()))
            else {
                continue;
            };
            let named = at + name.len();
            let spaces = bytes[named..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let start = if at > 0 && bytes[at - 1] == b'\\' { at - 1 } else { at };
            match bytes.get(named + spaces) {
                Some(b'{') => return Some(Command { start, after: named + spaces + 1, is_braced: true }),
                Some(byte) if spaces > 0 || !byte.is_ascii_alphabetic() => {
                    return Some(Command { start, after: named, is_braced: false });
                }
                _ => {}
            }
        }
        None
    }
}

/// The brace that closes the one before `from`. A backslash escapes the byte behind it, a doubled one, in a text
/// that is escaped once more, a brace.
fn closing_brace(bytes: &[u8], from: usize, is_doubled: bool) -> Option<usize> {
    let (mut at, mut depth) = (from, 0usize);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if is_doubled && bytes[at..].starts_with(b"\\\\") => {
                at += 1 + usize::from(matches!(bytes.get(at + 2), Some(b'{' | b'}')));
            }
            b'\\' => at += 1,
            b'{' => depth += 1,
            b'}' if depth == 0 => return Some(at),
            b'}' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    None
}

/// Where the token ends that follows a box's name without braces.
fn token_end(text: &str, from: usize) -> usize {
    let token = from + text[from..].len() - text[from..].trim_start().len();
    let is_end = |c: char| c.is_whitespace() || matches!(c, '$' | ',' | ';' | ')' | ']' | '}');
    let end = token + text[token..].find(is_end).unwrap_or(text.len() - token);
    token + text[token..end].trim_end_matches(['.', '\\', '*']).len()
}
