//! Where in a response its program stands.
//!
//! After the reasoning, the first of these that there is:
//!
//! 1. the last fenced block of the language that defines the function that the tests call; then such a block without a tag;
//! 2. the last fenced block of the language; then the last without a tag that looks like a program;
//! 3. the last of `[PYTHON]`, `<code>`, `<answer>` and their like ([`tagged`]) whose inside looks like a program;
//! 4. the whole text, if it looks like a program.
//!
//! A block with another language's tag, or with a session at a prompt (`>>> f(2)`), is never the program.
//!
//! In: a response. Out: the program's text and its place. Left out on purpose: putting a program together from several
//! blocks; the last complete one is taken, as a reader would.

mod completed;
mod fenced;
mod shape;
mod tagged;

use std::ops::Range;

use crate::language::Language;
pub(crate) use completed::{completed, helpers};
use fenced::Block;

/// A program in a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    /// Its text, which an indented block has further left than the response.
    pub(crate) text: String,
    /// Its place in the response, in bytes.
    pub(crate) place: Range<usize>,
}

/// The program of a response, if it has one.
pub(crate) fn find(response: &str, language: &Language, entry_point: Option<&str>) -> Option<Program> {
    let tail = ts_extract::after_reasoning(response)?;
    let text = &response[tail.clone()];
    let found = fenced_program(text, language, entry_point)
        .or_else(|| {
            tagged::last(text, language).map(|place| Program { text: text[place.clone()].to_owned(), place })
        })
        .or_else(|| whole(text, language))?;
    Some(Program { place: found.place.start + tail.start..found.place.end + tail.start, ..found })
}

fn fenced_program(text: &str, language: &Language, entry_point: Option<&str>) -> Option<Program> {
    let mut blocks = fenced::blocks(text);
    blocks.retain(|block| !block.text.trim().is_empty() && !shape::is_session(&block.text));
    let is_tagged = |block: &&Block| language.is_tagged(&block.tag) == Some(true);
    let is_likely =
        |block: &&Block| language.is_tagged(&block.tag).is_none() && shape::is_program(&block.text, language);
    let defines = |block: &&Block| entry_point.is_none_or(|name| shape::defines(&block.text, name, language));
    let last = |wanted: &dyn Fn(&&Block) -> bool| blocks.iter().rfind(wanted);
    let block = last(&|block| is_tagged(block) && defines(block))
        .or_else(|| entry_point.and_then(|_| last(&|block| is_likely(block) && defines(block))))
        .or_else(|| last(&is_tagged))
        .or_else(|| last(&is_likely))?;
    Some(Program { text: block.text.clone(), place: block.place.clone() })
}

/// All of a text, but for blank lines around it.
fn whole(text: &str, language: &Language) -> Option<Program> {
    let lead = text.len() - text.trim_start().len();
    let start = text[..lead].rfind('\n').map_or(0, |at| at + 1);
    let place = start..text.trim_end().len().max(start);
    let program = &text[place.clone()];
    shape::is_program(program, language).then(|| Program { text: program.to_owned(), place })
}

#[cfg(test)]
mod tests;
