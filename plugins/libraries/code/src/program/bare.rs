//! Programs without a fence, beside lines of prose.
//!
//! A run of lines that could stand in a program is one if one of its lines stands in programs only, or if it
//! is the indented body of a function. Blank lines belong to the run that goes on behind them.
//!
//! In: a text, and the places in it that are no such lines. Out: its runs. One program is not put together
//! from several runs.

use std::ops::Range;

use super::{Program, shape, special};
use crate::language::Language;

/// The runs of a text that are programs, first to last. Within `taken`, sorted, nothing is sought.
///
/// `in_function` says that what goes before the response begins a function, whose body needs no indent here.
pub(super) fn runs(
    text: &str,
    taken: &[Range<usize>],
    language: &Language,
    in_function: bool,
) -> Vec<Program> {
    let mut runs = Vec::new();
    if matches!(language, Language::Other(_)) {
        return runs;
    }
    let mut taken = taken.iter().peekable();
    let mut run: Option<Run> = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        while taken.next_if(|place| place.end <= start).is_some() {}
        let is_taken = taken.peek().is_some_and(|place| place.start < end);
        let code = after_lead_in(special::after_tokens(line), language);
        let begins_at = end - code.len();
        if code.trim().is_empty() {
            if let (Some(run), false) = (&mut run, is_taken) {
                run.scanner.read("\n");
            }
        } else if !is_taken {
            let goes_on = begins_at == start && run.as_mut().is_some_and(|run| run.takes(code, language));
            if !goes_on {
                runs.extend(run.take().and_then(|run| run.program(text, language)));
                let mut begun = Run { is_body: in_function, ..Run::at(begins_at) };
                run = begun.takes(code, language).then_some(begun);
            }
            if let Some(run) = &mut run {
                run.end = end;
            }
        } else {
            runs.extend(run.take().and_then(|run| run.program(text, language)));
        }
        start = end;
    }
    runs.extend(run.and_then(|run| run.program(text, language)));
    runs
}

/// What follows a lead-in on a line, as in `Solution: def f(x):`.
fn after_lead_in<'a>(line: &'a str, language: &Language) -> &'a str {
    const LONGEST: usize = 60;
    let begins = [": def ", ": class ", ": import ", ": from ", ": async def ", ": function ", ": const "];
    let at = begins.iter().filter_map(|begin| line.find(begin)).min().filter(|at| *at < LONGEST);
    let code = at.map(|at| &line[at + 2..]);
    let is_lead_in = |_: &&str| !shape::may_be_code(line.trim(), false, language);
    code.filter(is_lead_in).filter(|code| shape::is_telling(code.trim(), language)).unwrap_or(line)
}

/// Lines that could stand in a program.
struct Run {
    start: usize,
    end: usize,
    scanner: shape::Scanner,
    is_telling: bool,
    /// A run whose first line is indented may be the body of a function.
    is_body: bool,
    returns: bool,
    has_code: bool,
}

impl Run {
    fn at(start: usize) -> Self {
        Run {
            start,
            end: start,
            scanner: shape::Scanner::default(),
            is_telling: false,
            is_body: false,
            returns: false,
            has_code: false,
        }
    }

    /// Whether a line belongs to the run.
    fn takes(&mut self, line: &str, language: &Language) -> bool {
        let code = line.trim();
        let reads_python = *language == Language::Python;
        let is_inside = reads_python && self.scanner.goes_on();
        let mut after = self.scanner.clone();
        if reads_python {
            after.read(line);
        }
        if !is_inside {
            if !shape::may_be_code(code, after.goes_on(), language) {
                return false;
            }
            if !self.has_code {
                self.is_body |= line.starts_with("    ") || line.starts_with('\t');
            }
            self.has_code = true;
            self.is_telling |= shape::is_telling(code, language);
            self.returns |= code.starts_with("return") || code.starts_with("yield");
        }
        self.scanner = after;
        true
    }

    fn program(self, text: &str, language: &Language) -> Option<Program> {
        let place = self.start..self.start + text[self.start..self.end].trim_end().len();
        let is_body = *language == Language::Python && self.is_body && self.returns;
        (self.is_telling || is_body).then(|| Program { text: text[place.clone()].to_owned(), place })
    }
}
