//! Where in a response its program stands.
//!
//! After the reasoning, and up to the token that ends the response, the first of these that there is:
//!
//! 1. what defines a function that the tests call: the last fenced block of the language; then the last block
//!    without a tag; then what stands between tags ([`tagged`]); then a program without a fence ([`bare`]);
//! 2. what goes on where the prompt stopped, within a line or a docstring;
//! 3. the last fenced block of the language that reads, if the tests give input; then the last that prints;
//!    then the last;
//! 4. the same of blocks without a tag that look like a program;
//! 5. the last of `[PYTHON]`, `<code>`, `<answer>` and their like whose inside looks like a program;
//! 6. the whole text, if it looks like a program; then the longest program without a fence beside prose.
//!
//! A block with another language's tag, or with a session at a prompt (`>>> f(2)`), is never the program.
//!
//! In: a response, and what is sought. Out: the program's text and its place. A program is not put together
//! from several blocks: the last complete one is taken, as a reader would.

mod bare;
mod completed;
mod fenced;
mod prose;
mod shape;
mod special;
mod tagged;
mod words;

use std::collections::BTreeSet;
use std::ops::Range;

use crate::language::Language;
use crate::problem::{Problem, Test};
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

/// What a problem says of the program that it asks for.
#[derive(Debug, Clone)]
pub(crate) struct Sought<'a> {
    pub(crate) language: &'a Language,
    /// The function that tests call.
    pub(crate) entry_point: Option<&'a str>,
    /// Without one: the names that its checks use.
    names: BTreeSet<&'a str>,
    /// Whether its tests give input.
    reads: bool,
    /// Whether its tests want output.
    prints: bool,
    /// What stands before the program.
    preamble: &'a str,
}

impl<'a> Sought<'a> {
    pub(crate) fn by(problem: &'a Problem) -> Self {
        let output = |wanted: fn(&str, &[String]) -> bool| {
            problem.tests.iter().any(|test| match test {
                Test::Output { input, outputs } => wanted(input, outputs),
                _ => false,
            })
        };
        let language = &problem.language;
        let names = |test: &'a Test| -> Vec<&'a str> {
            let Test::Check(check) = test else { return Vec::new() };
            let own: BTreeSet<_> =
                check.lines().filter_map(|line| shape::defined(line, language)).map(|own| own.name).collect();
            check.split(|c| !words::is_word(c)).filter(|name| !own.contains(name)).collect()
        };
        Sought {
            language,
            entry_point: problem.entry_point.as_deref(),
            names: problem.tests.iter().flat_map(names).collect(),
            reads: output(|input, _| !input.trim().is_empty()),
            prints: output(|_, outputs| outputs.iter().all(|output| !output.trim().is_empty())),
            preamble: &problem.preamble,
        }
    }

    /// Whether anything is sought by name.
    fn has_names(&self) -> bool {
        self.entry_point.is_some() || !self.names.is_empty()
    }

    /// Whether a text defines what is sought.
    fn is_defined_by(&self, text: &str) -> bool {
        match self.entry_point {
            Some(name) => shape::defines(text, name, self.language),
            None => text
                .lines()
                .filter_map(|line| shape::defined(line, self.language))
                .any(|defined| !defined.is_assigned && self.names.contains(defined.name)),
        }
    }

    /// Whether a text reads input, if the tests give some; and whether it prints, if they want that.
    fn is_fit(&self, text: &str) -> (bool, bool) {
        const READS: &[&str] =
            &["input", "stdin", "open(0", "fileinput", "readline", "os.read", "readFileSync"];
        const PRINTS: &[&str] = &["print", "write", "console.log", "stdout"];
        let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
        (!self.reads || has(READS), !self.prints || has(PRINTS))
    }

    /// Whether the preamble begins the function that the tests call.
    fn begins_a_function(&self) -> bool {
        let begins = |name| shape::defines(self.preamble, name, self.language);
        *self.language == Language::Python && self.entry_point.is_some_and(begins)
    }

    /// Whether the response goes on within a line or a text that the preamble began.
    fn goes_on(&self) -> bool {
        self.begins_a_function() && completed::is_unfinished(self.preamble)
    }
}

/// The program of a response, if it has one.
pub(crate) fn find(response: &str, sought: &Sought) -> Option<Program> {
    let start = after_reasoning(response, sought.language)?;
    let text = special::up_to_end(&response[start..]);
    let blocks = fenced::blocks(text, sought.language);
    let taken: Vec<_> = blocks.iter().map(|block| block.place.clone()).collect();
    let language = sought.language;
    let held = |block: &Block| Program { text: block.text.clone(), place: block.place.clone() };
    let is_filled = |block: &&Block| !block.text.trim().is_empty() && !shape::is_session(&block.text);
    let (mut own, mut likely) = (Vec::new(), Vec::new());
    for block in blocks.iter().filter(is_filled) {
        match language.is_tagged(&block.tag) {
            Some(true) => own.push(held(block)),
            None if shape::is_program(&block.text, language) => likely.push(held(block)),
            _ => {}
        }
    }
    let tagged = tagged::programs(text, language);
    let bare = bare::runs(text, &taken, language, sought.begins_a_function());
    let kinds = [own, likely, tagged, bare];
    let named = sought.has_names().then(|| {
        kinds.iter().find_map(|kind| kind.iter().rfind(|program| sought.is_defined_by(&program.text)))
    });
    let named = named.flatten().cloned();
    if named.is_none() && sought.goes_on() && taken.is_empty() {
        return Some(Program { text: text.to_owned(), place: start..start + text.len() });
    }
    let found = named.or_else(|| {
        let [own, likely, tagged, bare] = kinds;
        fittest(own, sought)
            .or_else(|| fittest(likely, sought))
            .or_else(|| tagged.into_iter().next_back())
            .or_else(|| whole(text, language))
            .or_else(|| {
                bare.into_iter().max_by_key(|program| (sought.is_fit(&program.text), program.text.len()))
            })
    })?;
    Some(Program {
        text: dedented(found.text, sought),
        place: found.place.start + start..found.place.end + start,
    })
}

/// Where the text after the reasoning begins; none if that never ends. A line of a program that names the tag
/// ends nothing.
fn after_reasoning(response: &str, language: &Language) -> Option<usize> {
    let tail = ts_extract::after_reasoning(response)?;
    let before = &response[..tail.start];
    let line = before.rfind('\n').map_or(before, |at| &before[at + 1..]).trim_start();
    let comment = if *language == Language::Python { "#" } else { "//" };
    let is_named = line.starts_with(comment) && !before.contains("<think>");
    Some(if is_named { 0 } else { tail.start })
}

/// The last program of those that do best what the tests need.
fn fittest(programs: Vec<Program>, sought: &Sought) -> Option<Program> {
    programs.into_iter().max_by_key(|program| sought.is_fit(&program.text))
}

/// All of a text, but for blank lines around it.
fn whole(text: &str, language: &Language) -> Option<Program> {
    let lead = text.len() - text.trim_start().len();
    let start = text[..lead].rfind('\n').map_or(0, |at| at + 1);
    let place = start..text.trim_end().len().max(start);
    let program = &text[place.clone()];
    shape::is_program(program, language).then(|| Program { text: program.to_owned(), place })
}

/// A program as far to the left as its first line, if it is not a body of a function.
fn dedented(text: String, sought: &Sought) -> String {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let indent = &first[..first.len() - first.trim_start().len()];
    let ends_call = |line: &str| {
        let code = line.strip_prefix(indent).unwrap_or_default();
        code.starts_with("return") || code.starts_with("yield")
    };
    let is_body = !sought.is_defined_by(&text) && (sought.begins_a_function() || text.lines().any(ends_call));
    let is_outer = |line: &str| line.trim().is_empty() || line.starts_with(indent);
    if indent.is_empty() || is_body || *sought.language != Language::Python || !text.lines().all(is_outer) {
        return text;
    }
    text.split_inclusive('\n').map(|line| line.strip_prefix(indent).unwrap_or(line)).collect()
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wild;
