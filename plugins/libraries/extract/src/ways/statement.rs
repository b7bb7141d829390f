//! Words that announce an answer.
//!
//! `#### x`; `answer` in several languages with what connects it to the answer: a colon, a copula
//! (`the answer to this is x`), a formula, or the end of a heading; and `A:` at the start of a line.
//!
//! In: a text. Out: what the last announcement announces, or, for each from the last to the first, the text
//! that follows it ([`Statements`]). What is only supposed (`If x were 4, the answer …`) announces nothing,
//! and words that make another value of the answer (`Half of the answer is 7`) belong to what is stated. Of
//! several announcements the last one that holds something counts. Every announcement ends the text of the
//! one before it, so all are read in linear time. The search looks for the rarest letter of each word.

use std::ops::Range;

use super::bare;
use super::sentence::stated;
use crate::words::is_in;
use crate::{Found, How, words};

/// What kind of words announce.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `####`: the rest of the line is the answer.
    Marker,
    /// `A:` at the start of a line.
    Label,
    /// A noun, to which something must connect the answer.
    Noun,
}

/// Words that announce, each with the index of the byte to look for.
const CUES: [(&str, usize, Kind); 16] = [
    ("answer", 3, Kind::Noun),
    ("####", 3, Kind::Marker),
    ("a:", 1, Kind::Label),
    ("ans:", 3, Kind::Label),
    ("答案", 0, Kind::Noun),
    ("最终结果", 0, Kind::Noun),
    ("最后结果", 0, Kind::Noun),
    ("答え", 0, Kind::Noun),
    ("réponse", 3, Kind::Noun),
    ("reponse", 2, Kind::Noun),
    ("respuesta", 3, Kind::Noun),
    ("risposta", 3, Kind::Noun),
    ("resposta", 3, Kind::Noun),
    ("antwort", 3, Kind::Noun),
    ("твет", 4, Kind::Noun),
    ("정답", 0, Kind::Noun),
];
/// For each byte, in both cases, the words that it is looked for in: a bit for each.
const CUES_AT: [u16; 256] = cues_at();
/// Words between a noun and its answer.
const COPULAS: [&str; 22] = [
    " is ",
    " is:",
    " is\n",
    " is\r",
    " are ",
    " are:",
    " was ",
    " be ",
    " be:",
    " equals ",
    " est ",
    " es ",
    " ist ",
    " lautet ",
    " è ",
    " é ",
    "是",
    "为",
    "為",
    "は",
    " comes to ",
    " comes out to ",
];
/// Words that may stand between a noun and its copula.
const MODIFIERS: [&str; 22] = [
    ",",
    " to ",
    " of ",
    " for ",
    " in ",
    " (",
    " here",
    " then",
    " thus",
    " therefore",
    " must",
    " should",
    " corre",
    " final",
    " would",
    " will",
    " à ",
    " a la ",
    " zur ",
    " auf ",
    "就",
    "应",
];
/// The copula of a modified noun stands within this many bytes.
const MAX_MODIFIER: usize = 120;
/// What stands on a line before an announcement is not longer than this many bytes.
const MAX_LEAD: usize = 24;
/// Words right before the answer that make another value of it.
const MULTIPLES: &str = "half twice double triple thrice times than plus minus";
/// The same with `of` behind them.
const PORTIONS: &str = "third quarter fourth fifth tenth percent square cube root negative opposite reciprocal inverse \
    digits multiple logarithm factorial";
/// Words that make it none at all.
const FAULTS: &str = "wrong incorrect false mistaken";
/// Words right before an announcement that is only supposed.
const HYPOTHESES: &str = "suppose assume assuming imagine if whether";
/// Who may hold a wrong answer, and how.
const OTHERS: &str = "many some people students one others most everyone they";
const SAYINGS: &str = "say says think thinks claim claims believe believes guess expect conclude";
/// So many words before an announcement are looked at for them, and so much of its sentence.
const MAX_CHANGING: usize = 5;
const MAX_SENTENCE: usize = 80;
/// If so many announcements hold nothing, the text has none that does.
pub(crate) const MAX_STATEMENTS: usize = 200;

/// What the last statement that holds something states.
pub(crate) fn last(text: &str) -> Option<Found> {
    Statements::new(text).take(MAX_STATEMENTS).find_map(|Statement { start, rest }| {
        let before = lead(&text[..start]);
        if is_supposed(before) {
            return None;
        }
        let found = stated(&text[rest.clone()])?.shifted(rest.start);
        let end = found.whole().end;
        if is_wrong(before) && text[end..].bytes().any(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let changed = changed_before(before).map(|at| start - before.len() + at..end);
        Some(changed.map_or(found, |whole| Found::one(whole, How::Stated)))
    })
}

/// What stands before an announcement in its sentence.
fn lead(before: &str) -> &str {
    let window = &before[before.ceil_char_boundary(before.len().saturating_sub(MAX_SENTENCE))..];
    let start = window.rfind(['.', '!', '?', '\n', '。', ':']);
    &window[start.map_or(0, |at| window.ceil_char_boundary(at + 1))..]
}

/// Whether a sentence only supposes what it announces (`Suppose the answer is 5`), or says that others hold
/// it, or is about what is not so (`If x were 4, the answer would be …`).
fn is_supposed(lead: &str) -> bool {
    let words = || lead.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
    let has = |list: &str| words().any(|word| is_in(list, word));
    let last = words().rev().find(|word| !is_in("the that this our final", word));
    let is_hypothesis = last.is_some_and(|word| is_in(HYPOTHESES, word));
    let is_hearsay = has(OTHERS) && last.is_some_and(|word| is_in(SAYINGS, word));
    let begins = words().next().is_some_and(|word| is_in("if had were suppose", word));
    is_hypothesis || is_hearsay || begins && words().skip(1).any(|word| is_in("were had", word))
}

/// Whether the announcement is of a wrong answer.
fn is_wrong(lead: &str) -> bool {
    let last = lead.trim_end_matches([' ', '*']).rsplit(|c: char| !c.is_alphabetic()).next();
    last.is_some_and(|word| is_in(FAULTS, word))
}

/// Where the words begin by which an announcement is not of the answer itself: `Half of the answer is 7`.
fn changed_before(lead: &str) -> Option<usize> {
    let mut rest = lead.trim_end_matches([' ', '*']);
    let mut words = 0;
    let mut is_of = false;
    while words < MAX_CHANGING && !rest.is_empty() {
        let start = rest.rfind(|c: char| !c.is_alphabetic()).map_or(0, |at| rest.ceil_char_boundary(at + 1));
        let word = &rest[start..];
        if is_in(MULTIPLES, word) || is_in(FAULTS, word) || is_of && is_in(PORTIONS, word) {
            return Some(start);
        }
        if !is_in("the this that our final correct of", word) {
            return None;
        }
        is_of |= word == "of";
        rest = rest[..start].trim_end_matches(' ');
        words += 1;
    }
    None
}

/// An announcement.
pub(crate) struct Statement {
    /// Where its words begin.
    pub(crate) start: usize,
    /// The text that follows it, up to the next announcement.
    pub(crate) rest: Range<usize>,
}

/// The announcements, last to first.
pub(crate) struct Statements<'a> {
    text: &'a str,
    /// Where the search goes on, backwards.
    end: usize,
    /// Where the announcement behind begins.
    limit: usize,
}

impl<'a> Statements<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Statements { text, end: text.len(), limit: text.len() }
    }
}

impl Iterator for Statements<'_> {
    type Item = Statement;

    fn next(&mut self) -> Option<Statement> {
        let bytes = self.text.as_bytes();
        while let Some(at) = bytes[..self.end].iter().rposition(|byte| CUES_AT[usize::from(*byte)] != 0) {
            self.end = at;
            let Some((cue, kind)) = cue(bytes, at) else { continue };
            let text = &self.text[..self.limit];
            let rest = if cue.end <= self.limit { announced(text, &cue, kind) } else { None };
            self.limit = self.limit.min(cue.start);
            if let Some(rest) = rest {
                return Some(Statement { start: cue.start, rest });
            }
        }
        None
    }
}

/// The words that announce around the byte at `at`.
fn cue(bytes: &[u8], at: usize) -> Option<(Range<usize>, Kind)> {
    let mut candidates = CUES_AT[usize::from(bytes[at])];
    while candidates != 0 {
        let (word, anchor, kind) = CUES[candidates.trailing_zeros() as usize];
        candidates &= candidates - 1;
        let Some(start) = at.checked_sub(anchor) else { continue };
        let is_whole = kind == Kind::Marker || start == 0 || !bytes[start - 1].is_ascii_alphanumeric();
        let found = bytes.get(start..start + word.len()).unwrap_or_default();
        if is_whole && found.eq_ignore_ascii_case(word.as_bytes()) {
            return Some((start..start + word.len(), kind));
        }
    }
    None
}

/// What follows an announcement, without white space and emphasis in front; `None` if it announces nothing.
fn announced(text: &str, cue: &Range<usize>, kind: Kind) -> Option<Range<usize>> {
    let after = &text[cue.end..];
    let offset = match kind {
        Kind::Marker => Some(0),
        Kind::Label => begins_line(text, cue.start).then_some(0),
        Kind::Noun => connection(text, cue),
    };
    let is_lead = |c: char| {
        c.is_whitespace() || matches!(c, ':' | '：' | '*' | '_' | '`' | '"' | '“' | '=' | '】' | '」')
    };
    if let Some(cell) = cell(text, cue) {
        return (!cell.is_empty()).then_some(cell);
    }
    let offset = offset?;
    let rest = after[offset..].trim_start_matches(is_lead);
    let is_heading = || words::leads_with_word(rest) && rest.contains('\n');
    if rest.is_empty()
        || rest.starts_with("not ")
        || kind == Kind::Marker && is_heading()
        || kind == Kind::Label && rest.contains("\nB:")
    {
        return None;
    }
    Some(text.len() - rest.len()..text.len())
}

/// The next cell of a table, if the announcement is a cell of one: `| Answer | 25 |`.
fn cell(text: &str, cue: &Range<usize>) -> Option<Range<usize>> {
    let is_mark = |c: char| matches!(c, ' ' | '*' | '_' | ':' | '`');
    let after = text[cue.end..].trim_start_matches(is_mark).strip_prefix('|')?;
    let before = text[text.ceil_char_boundary(cue.start.saturating_sub(MAX_LEAD))..cue.start].trim_end();
    let before = before.trim_end_matches(|c: char| is_mark(c) || c.is_alphabetic());
    let length =
        after.find(['|', '\n']).filter(|end| before.ends_with('|') && after[*end..].starts_with('|'))?;
    let inside = after[..length].trim_matches(is_mark);
    let start = text.len() - after.len() + after[..length].find(inside)?;
    let is_rule = inside.bytes().all(|byte| byte == b'-');
    Some(if is_rule { start..start } else { start..start + inside.len() })
}

/// The length of what connects a noun to its answer.
fn connection(text: &str, cue: &Range<usize>) -> Option<usize> {
    let after = &text[cue.end..];
    let plain = after.trim_start_matches(['s', '*', '_', '"', ')', '>', '】', '」']);
    let marks = after.len() - plain.len();
    if plain.starts_with([':', '：', '=']) {
        return Some(marks);
    }
    let starts_with =
        |list: &[&str], text: &str| list.iter().find(|word| text.starts_with(**word)).map(|word| word.len());
    if let Some(length) = starts_with(&COPULAS, plain) {
        return Some(marks + length);
    }
    if starts_with(&MODIFIERS, plain).is_some() {
        let window = &plain[..plain.floor_char_boundary(MAX_MODIFIER)];
        let clause = &window[..window.find([';', '\n', '?', '!', '。']).unwrap_or(window.len())];
        let clause = &clause[..clause.find(". ").unwrap_or(clause.len())];
        let copula =
            clause.char_indices().find_map(|(at, _)| Some(at + starts_with(&COPULAS, &clause[at..])?));
        let colon = || clause.find([':', '：']).map(|at| at + 1);
        return copula.or_else(colon).map(|length| marks + length);
    }
    let line = plain.split('\n').next().unwrap_or_default().trim();
    let is_formula = || line.starts_with(['$', '\\']);
    let is_heading = || line.is_empty() && begins_line(text, cue.start);
    let is_answer =
        || begins_line(text, cue.start) && line.len() < MAX_MODIFIER && bare::is_line_of_symbols(line);
    (is_formula() || is_heading() || is_answer()).then_some(marks)
}

/// Whether a line has nothing before `at` but marks and words such as `final`.
fn begins_line(text: &str, at: usize) -> bool {
    let window = text.ceil_char_boundary(at.saturating_sub(MAX_LEAD));
    let line = &text[window..at];
    let start = line.rfind('\n').map_or(0, |newline| newline + 1);
    if start == 0 && window > 0 {
        return false;
    }
    let is_mark = |c: char| !c.is_alphanumeric();
    line[start..]
        .split(is_mark)
        .all(|word| ["", "final", "the", "my"].iter().any(|w| w.eq_ignore_ascii_case(word)))
}

const fn cues_at() -> [u16; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < CUES.len() {
        let byte = CUES[index].0.as_bytes()[CUES[index].1];
        table[byte.to_ascii_lowercase() as usize] |= 1 << index;
        if byte.is_ascii_alphabetic() {
            table[byte.to_ascii_uppercase() as usize] |= 1 << index;
        }
        index += 1;
    }
    table
}
