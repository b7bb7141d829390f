//! Which option of several a response settles on.
//!
//! First the letter that a box, a tag or a statement begins with, or that a statement's sentence is first
//! for; then the last mention that is called the answer; then the letter that the response begins with, as a
//! label; then the last mention that the text is not against ([`mentions`]). The text after the reasoning
//! comes first, and reasoning that is never closed has only what it states outright.
//!
//! In: a response and the letter of the last option. Out: the letter and its place. The texts of the options
//! are not looked for, since a response does not know them; who does may look for them at the place of the
//! answer.

use std::ops::Range;

use super::mention::{self, Mention, Stance, mentions};
use crate::around::refusal;
use crate::parts::thinking::{self, Said};
use crate::ways::boxes;
use crate::ways::statement::{MAX_STATEMENTS, Statement, Statements};
use crate::{Withheld, window, words};

/// The option that a response settles on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Its letter, in upper case.
    pub letter: char,
    /// Where the letter stands: a range of bytes.
    pub place: Range<usize>,
}

/// What may stand before a letter.
const WRAPPERS: [&str; 22] = [
    "\\text{",
    "\\textbf{",
    "\\mathrm{",
    "\\mathbf{",
    "\\textrm{",
    "\\mbox{",
    "\\(",
    "\\[",
    "\\ ",
    "(",
    "（",
    "[",
    "{",
    "$",
    "*",
    "\"",
    "`",
    "option",
    "Option",
    "choice",
    "Choice",
    "选项",
];
/// A letter within more of them is none.
const MAX_WRAPPERS: usize = 32;
/// Mentions are looked for in this many bytes at the end.
const MENTION_BYTES: usize = 4 << 10;
/// The sentence of a statement is not longer than this many bytes.
const SENTENCE_BYTES: usize = 400;

/// The option that a response settles on, of those from `A` to `last_letter` (`D` for four options, at most
/// `Z`).
pub fn choice(response: &str, last_letter: char) -> Option<Choice> {
    search(response, last_letter.to_ascii_uppercase().clamp('A', 'Z')).ok().flatten()
}

fn search(response: &str, last: char) -> Result<Option<Choice>, Withheld> {
    let said = thinking::said(response);
    for part in said.parts.iter().rev() {
        if let Some(choice) = outright_in(response, part, &said, last)? {
            return Ok(Some(choice));
        }
    }
    let mentioned = || {
        let mut parts = said.parts.iter().rev();
        parts.find_map(|part| Some(mentioned(&response[part.clone()], last)?.shifted(part.start)))
    };
    match mentioned() {
        Some(choice) if said.open.is_none() => Ok(Some(choice)),
        _ if said.has_reasoning => outright_in(response, &(0..response.len()), &said, last),
        _ => Ok(None),
    }
}

/// The option that a part of a response states outright.
fn outright_in(
    response: &str,
    part: &Range<usize>,
    said: &Said,
    last: char,
) -> Result<Option<Choice>, Withheld> {
    let near = window::near(response, part);
    if let Some(choice) =
        outright(&response[near.clone()], last, part.end == response.len(), said.has_answers)?
    {
        return Ok(Some(choice.shifted(near.start)));
    }
    let Some(far) = window::far(response, part) else { return Ok(None) };
    Ok(outright(&response[far.clone()], last, true, said.has_answers)?
        .map(|choice| choice.shifted(far.start)))
}

impl Choice {
    /// The same place in a text that has `by` more bytes in front.
    fn shifted(self, by: usize) -> Self {
        Choice { place: words::shifted(self.place, by), ..self }
    }
}

/// The option that a text states outright, if it does not take it back; then the one that it is corrected to.
fn outright(text: &str, last: char, may_be_cut: bool, has_tags: bool) -> Result<Option<Choice>, Withheld> {
    let Some(choice) = marked(text, last, may_be_cut, has_tags)? else { return Ok(None) };
    let Some(retraction) = refusal::retraction(&text[choice.place.end..]) else { return Ok(Some(choice)) };
    let start = choice.place.end + retraction.at;
    let behind = &text[start..];
    match stated(behind, last).or_else(|| mentioned(behind, last)) {
        Some(corrected) => Ok(Some(corrected.shifted(start))),
        None if retraction.is_certain => Err(Withheld),
        None => Ok(Some(choice)),
    }
}

/// The option that a box, a tag or a statement begins with.
fn marked(text: &str, last: char, may_be_cut: bool, has_tags: bool) -> Result<Option<Choice>, Withheld> {
    let led_by = |place: Range<usize>| Some(leading(&text[place.clone()], last)?.shifted(place.start));
    let boxed =
        boxes::last_run(text, may_be_cut)?.and_then(|run| run.places.into_iter().rev().find_map(led_by));
    let tagged = if has_tags { thinking::tagged(text)?.and_then(led_by) } else { None };
    Ok(boxed.or(tagged).or_else(|| stated(text, last)))
}

/// The option that a statement begins with, or that its sentence is first for.
fn stated(text: &str, last: char) -> Option<Choice> {
    Statements::new(text).take(MAX_STATEMENTS).find_map(|Statement { rest, .. }| {
        let sentence = sentence(&text[rest.clone()]);
        Some(leading(sentence, last).or_else(|| first_for(sentence, last))?.shifted(rest.start))
    })
}

/// The option that a text comes to in passing.
fn mentioned(text: &str, last: char) -> Option<Choice> {
    let from = text.ceil_char_boundary(text.len().saturating_sub(MENTION_BYTES));
    let mut neutral = None;
    for mention in mentions(&text[from..], last) {
        match mention.stance {
            Stance::For => return Some(chosen(mention).shifted(from)),
            Stance::Neutral if neutral.is_none() => neutral = Some(chosen(mention).shifted(from)),
            _ => {}
        }
    }
    label(text, last).or(neutral)
}

/// The letter that a text begins with, within wrappers: `(B)`, `\text{B}`, `b) 42`, `C: because`.
fn leading(text: &str, last: char) -> Option<Choice> {
    let mut rest = text.trim_start();
    for _ in 0..MAX_WRAPPERS {
        let Some(after) = WRAPPERS.iter().find_map(|wrapper| rest.strip_prefix(wrapper)) else { break };
        rest = after.trim_start();
    }
    let letter = rest.chars().next().filter(|c| ('A'..=last).contains(&c.to_ascii_uppercase()))?;
    let after = &rest[1..];
    let next = after.trim_start();
    let is_spaced = next.len() < after.len();
    let ends = match next.chars().next() {
        None
        | Some(
            ')' | '）' | ']' | '}' | '.' | ',' | ':' | ';' | '*' | '$' | '"' | '`' | '。' | '，' | '!' | '?'
            | '：',
        ) => true,
        Some('\\') => {
            is_spaced && next.starts_with("\\text") || next.starts_with("\\)") || next.starts_with("\\]")
        }
        Some('(' | '（') => is_spaced,
        // `A dog` and `a dog` are not option A, `A because` and `B dogs` are options.
        Some(c) if c.is_alphabetic() || c.is_ascii_digit() => {
            is_spaced && letter.is_ascii_uppercase() && !matches!(letter, 'A' | 'I')
                || c >= '\u{2E80}'
                || is_spaced && mention::letter(rest, 0, last).is_some()
        }
        Some('-' | '–' | '—') => is_spaced,
        _ => false,
    };
    let at = text.len() - rest.len();
    ends.then(|| Choice { letter: letter.to_ascii_uppercase(), place: at..at + 1 })
}

/// The letter that a text begins with, set off from what follows.
fn label(text: &str, last: char) -> Option<Choice> {
    let choice = leading(text, last)?;
    let after = &text[choice.place.end..];
    let is_set_off = after.trim().is_empty()
        || after.starts_with([')', '.', ':', '\n', '\r', '*', ']', '}', '。', '：', '）', ',']);
    is_set_off.then_some(choice)
}

/// The first option of a sentence that it is not against.
fn first_for(sentence: &str, last: char) -> Option<Choice> {
    let first = mentions(sentence, last).filter(|mention| mention.stance > Stance::Against).last();
    first.map(chosen)
}

/// The first sentence or line of a text.
fn sentence(text: &str) -> &str {
    let text = &text[..text.floor_char_boundary(SENTENCE_BYTES)];
    let line = &text[..text.find('\n').unwrap_or(text.len())];
    &line[..line.find(". ").unwrap_or(line.len())]
}

fn chosen(mention: Mention) -> Choice {
    Choice { letter: mention.letter, place: mention.place }
}
