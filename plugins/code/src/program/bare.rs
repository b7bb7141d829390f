//! Programs without a fence, beside lines of prose.
//!
//! A run of lines that could stand in a program is one if one of its lines stands in programs only, or if it is the indented
//! body of a function. Blank lines belong to the run that goes on behind them.
//!
//! In: a text, and the places in it that are no such lines. Out: its runs. Left out on purpose: putting one program together from
//! several runs.

use std::ops::Range;

use super::{Program, shape, special};
use crate::language::Language;

/// The runs of a text that are programs, first to last. Within `taken`, sorted, nothing is sought.
pub(super) fn runs(text: &str, taken: &[Range<usize>], language: &Language) -> Vec<Program> {
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
        let code = special::after_tokens(line);
        let begins_at = end - code.len();
        if code.trim().is_empty() {
            if let (Some(run), false) = (&mut run, is_taken) {
                run.scanner.read("\n");
            }
        } else if !is_taken {
            let goes_on = begins_at == start && run.as_mut().is_some_and(|run| run.takes(code, language));
            if !goes_on {
                runs.extend(run.take().and_then(|run| run.program(text, language)));
                let mut begun = Run::at(begins_at);
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

/// Lines that could stand in a program.
struct Run {
    start: usize,
    end: usize,
    scanner: shape::Scanner,
    is_telling: bool,
    /// A run whose first line is indented may be a body.
    is_indented: bool,
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
            is_indented: false,
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
                self.is_indented = line.starts_with("    ") || line.starts_with('\t');
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
        let is_body = *language == Language::Python && self.is_indented && self.returns;
        (self.is_telling || is_body).then(|| Program { text: text[place.clone()].to_owned(), place })
    }
}
