//! `\boxed{…}` and `\fbox{…}`.
//!
//! The last box that the text does not deny holds the answer, of nested ones the innermost; boxes that are
//! joined to it make one answer with it ([`joins`]), and so does the same value in a box of its own, exact or
//! rounded ([`sameness`]). `\boxed 5` is a box too, a doubled backslash (a text that was escaped once more)
//! no hindrance, and an escaped brace no brace. Boxes that words make one value of
//! (`\boxed{12} remainder \boxed{5}`, [`company`]) are it together. A box that is not closed ends with its
//! line or formula. If the text ends within it, what it was to hold is not known: then there is no answer,
//! and above all not in the box before it.
//!
//! In: a text. Out: the insides, without white space at their ends. Boxes that hold nothing are skipped. From
//! the end backwards, each byte is read a fixed number of times: what follows an unclosed box cannot close an
//! earlier one, so a search for a closing brace ends there.

use std::ops::Range;

use crate::around::company;
use crate::around::joint::{joins, sameness};
use crate::around::refusal::{MAX_DENIED, is_denied};
use crate::words::{is_in, trimmed};
use crate::{Found, How, Relation, Withheld};

/// Words that say of what, or how many times, a number is. Any other word behind a box is a remark.
const UNITS: &str = "mm cm m km inch inches ft feet foot yd yard mi mile mg g kg oz ounce lb pound ml l liter litre gallon \
    s sec second min minute h hr hour day week month year degree percent pct dollar cent euro yuan yen rupee meter metre \
    centimeter centimetre millimeter millimetre kilometer kilometre gram kilogram square cubic sq mph per newton joule \
    watt volt hz hundred thousand million billion trillion dozen";
/// So many boxes, the last ones, make one answer at most.
const MAX_RUN: usize = 256;
/// A unit ends within so many bytes behind a box.
const MAX_UNIT: usize = 48;

/// The boxes that hold an answer.
pub(crate) struct Run {
    /// Their insides, first to last.
    pub(crate) places: Vec<Range<usize>>,
    pub(crate) relation: Relation,
    /// From the first backslash to behind the last brace.
    pub(crate) outer: Range<usize>,
}

impl Run {
    /// The answer, and where it ends.
    pub(crate) fn found(self) -> (Found, usize) {
        let Run { places, relation, outer } = self;
        (Found { places, relation, how: How::Boxed }, outer.end)
    }
}

/// The last box that the text does not deny, with the boxes joined to it and a unit behind it.
pub fn boxed(text: &str) -> Option<Found> {
    Some(last_run(text, false).ok()??.found().0)
}

/// The last box that is not denied, and the boxes joined to it; withheld if the text ends within a box, which
/// it may do if it was cut off.
pub(crate) fn last_run(text: &str, may_be_cut: bool) -> Result<Option<Run>, Withheld> {
    if !text.contains("box") {
        return Ok(None); // this search is much faster than the one below
    }
    let mut boxes = Boxes { may_be_cut, ..Boxes::new(text) }.peekable();
    let mut candidates = boxes.by_ref().take(MAX_DENIED);
    let last = loop {
        match candidates.next().transpose()? {
            None => return Ok(None),
            Some(last) if !is_denied(text, &last.outer) => break last,
            Some(_) => {}
        }
    };
    if let Some(Ok(earlier)) = boxes.peek()
        && let Some(gap) = text.get(earlier.outer.end..last.outer.start)
        && let Some(end) = company::joined_end(text, company::bare(gap), &last.outer)
    {
        let whole = earlier.outer.start..end;
        return Ok(Some(Run { places: vec![whole.clone()], relation: Relation::Parts, outer: whole }));
    }
    let mut run = Run { places: vec![last.inside], relation: Relation::Parts, outer: last.outer };
    while let Some(Ok(earlier)) = boxes.peek()
        && let Some(gap) = text.get(earlier.outer.end..run.outer.start)
        && let Some(relation) = relation(gap, &text[run.places[run.places.len() - 1].clone()])
        && (run.places.len() == 1 || relation == run.relation)
        && (relation == Relation::Parts || !ends_within_term(&text[..earlier.outer.start]))
        && run.places.len() < MAX_RUN
        && !is_denied(text, &earlier.outer)
    {
        if relation == Relation::Nearly
            && let [rounded] = &mut run.places[..]
        {
            rounded.start = rounded.end - without_sign(&text[rounded.clone()]).len();
        }
        run.relation = relation;
        run.outer.start = earlier.outer.start;
        run.places.push(earlier.inside.clone());
        boxes.next();
    }
    run.places.reverse();
    if let [inside] = &run.places[..]
        && let Some(unit) = unit(text, run.outer.end)
        && text[inside.clone()].ends_with(|c: char| c.is_ascii_digit() || c == '}')
    {
        run.outer.end = unit.end;
        run.relation = Relation::Pieces;
        run.places.push(unit);
    }
    Ok(Some(run))
}

/// The unit right behind a box: a sign, a text inside the same formula, or words that are units.
fn unit(text: &str, end: usize) -> Option<Range<usize>> {
    let window = &text[end..text.floor_char_boundary(end + MAX_UNIT)];
    let behind = window.trim_start_matches([' ', '~']);
    let behind = ["\\,", "\\;", "\\ "].iter().find_map(|space| behind.strip_prefix(space)).unwrap_or(behind);
    let start = end + window.len() - behind.len();
    let signs = ["\\%", "%", "^\\circ", "^{\\circ}", "°"];
    if let Some(sign) = signs.iter().find(|sign| behind.starts_with(**sign)) {
        return Some(start..start + sign.len());
    }
    if ["\\text{", "\\mathrm{", "\\textrm{"].iter().any(|name| behind.starts_with(name)) {
        let (open, close) = (behind.find('{')?, behind.find('}')?);
        let content = behind[open + 1..close].trim();
        let is_unit = !content.is_empty() && content.split(' ').all(is_unit_word);
        return is_unit.then_some(start..start + close + 1);
    }
    let behind = behind.trim_start_matches(['$', '*']);
    let behind = ["\\)", "\\]"].iter().find_map(|close| behind.strip_prefix(close)).unwrap_or(behind);
    let words = behind.trim_start_matches([' ', '*']);
    let start = end + window.len() - words.len();
    let mut length = 0;
    for word in words.split_inclusive(' ') {
        let bare = word.trim_end_matches([' ', '.', ',', ';', '!', '*', '\n', '$']);
        if !is_unit_word(bare) {
            break;
        }
        length = bare.as_ptr() as usize - words.as_ptr() as usize + bare.len();
        if bare.len() + 1 < word.len() {
            break;
        }
    }
    (length > 0).then_some(start..start + length)
}

/// Whether a word is a unit, or a power of ten.
fn is_unit_word(word: &str) -> bool {
    is_in(UNITS, word) || word.strip_suffix('s').is_some_and(|one| is_in(UNITS, one))
}

/// How a gap joins the box before it to the one behind it, which holds `inside`.
fn relation(gap: &str, inside: &str) -> Option<Relation> {
    let relation = sameness(gap).or_else(|| joins(gap).then_some(Relation::Parts))?;
    Some(if without_sign(inside).len() < inside.len() { Relation::Nearly } else { relation })
}

/// Whether a text ends with a sign between two terms, so that what follows it is only one of them.
fn ends_within_term(before: &str) -> bool {
    let before = before.trim_end_matches(' ');
    before.ends_with(['+', '-', '−', '*', '/', '^', '·', '×']) && !before.ends_with("**")
        || ["\\cdot", "\\times", "\\div"].iter().any(|sign| before.ends_with(sign))
}

/// A text without the sign of near equality that it begins with, if anything follows.
fn without_sign(text: &str) -> &str {
    let rest = ["≈", "\\approx", "\\simeq"].iter().find_map(|sign| text.strip_prefix(sign));
    rest.map(str::trim_start).filter(|rest| !rest.is_empty()).unwrap_or(text)
}

/// Where the line or formula ends that an unclosed box stands in.
fn line_end(text: &str, after: usize) -> usize {
    let bytes = text.as_bytes();
    let ends = |at: &usize| match bytes[*at] {
        b'\n' | b'$' => true,
        b'\\' => matches!(bytes.get(at + 1), Some(b')' | b']')),
        b'<' => matches!(bytes.get(at + 1), Some(b'|' | b'/')),
        _ => false,
    };
    (after..text.len()).find(ends).unwrap_or(text.len())
}

/// A box.
struct Closed {
    /// From the backslash to behind the closing brace.
    outer: Range<usize>,
    inside: Range<usize>,
}

/// The boxes of a text that hold something, last to first.
struct Boxes<'a> {
    text: &'a str,
    commands: Commands<'a>,
    /// No closing brace at or behind this byte belongs to a box before it.
    limit: usize,
    /// Whether the text may have been cut off at its end.
    may_be_cut: bool,
}

impl<'a> Boxes<'a> {
    fn new(text: &'a str) -> Self {
        Boxes { text, commands: Commands { text, end: text.len() }, limit: text.len(), may_be_cut: false }
    }
}

impl Iterator for Boxes<'_> {
    type Item = Result<Closed, Withheld>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Command { start, after, is_braced } = self.commands.next()?;
            let end = if is_braced {
                let is_doubled = self.text[start..].starts_with("\\\\");
                closing_brace(&self.text.as_bytes()[..self.limit], after, is_doubled)
            } else {
                Some(token_end(self.text, after))
            };
            let is_last = self.limit == self.text.len();
            self.limit = if end.is_none() { start } else { self.limit };
            let (inside, outer) = match end {
                Some(end) => (after..end, start..end + usize::from(is_braced)),
                // In a text with more boxes behind it, an unclosed one says nothing.
                None if !is_last => continue,
                None => {
                    let end = line_end(self.text, after);
                    let is_empty = self.text[after..end].trim_ascii_start().is_empty();
                    if self.may_be_cut && (is_empty || self.text[end..].trim_ascii_start().is_empty()) {
                        return Some(Err(Withheld));
                    }
                    (after..end, start..end)
                }
            };
            let inside = trimmed(self.text, inside);
            if !inside.is_empty() {
                return Some(Ok(Closed { outer, inside }));
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

/// The brace that closes the one before `from`. A backslash escapes the byte behind it, a doubled one, in a
/// text that is escaped once more, a brace.
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
