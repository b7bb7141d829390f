//! The two streams, and the one way to them. Results go to standard output, everything about the way there to
//! standard error.
//!
//! In: a line, a page of lines that we made, or JSON. Out: the same without a raw character that a terminal
//! obeys or a reader cannot see (`ts_text`), so that nothing from outside can do more here than be read: a
//! line is one line, whatever is in it. Colours are ours alone, put around words of ours where a terminal has them.
//!
//! The standard library's macros panic when a reader such as `head` has gone; here that is an error for
//! standard output, which `main` takes as a wish to stop, and nothing at all for standard error. Progress
//! bars, which show nothing from outside, are in `progress`; the answers of `serve`, which programs read, do
//! not come here.

use std::fmt::Display;
use std::io::{self, Write};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use anyhow::{Context, Result};
use serde::Serialize;

/// Writes a line to standard output.
///
/// # Errors
/// It cannot be written; see [`is_closed`].
pub(crate) fn say(line: impl Display) -> Result<()> {
    write_out(ts_text::line(line))
}

/// Writes lines that we made to standard output. What they hold from outside must have passed through
/// `ts_text`.
///
/// # Errors
/// As [`say`].
pub(crate) fn say_page(lines: impl Display) -> Result<()> {
    write_out(ts_text::page(lines))
}

/// Writes JSON to standard output, of any length.
///
/// # Errors
/// As [`say`].
pub(crate) fn say_json(document: &str) -> Result<()> {
    write_out(ts_text::json(document))
}

/// Writes one JSON value to standard output, in lines that people can read too: what every command with `--json` prints, and nothing else.
///
/// # Errors
/// As [`say`].
pub(crate) fn say_value(value: &impl Serialize) -> Result<()> {
    say_json(&serde_json::to_string_pretty(value)?)
}

fn write_out(text: impl Display) -> Result<()> {
    writeln!(io::stdout(), "{text}").context("cannot write to standard output")
}

/// Writes a line to standard error, if anybody reads it.
pub(crate) fn note(line: impl Display) {
    write_err(&ts_text::line(line).to_string());
}

/// Writes lines that we made to standard error, if anybody reads it.
pub(crate) fn note_page(lines: impl Display) {
    write_err(&ts_text::page(lines).to_string());
}

/// Writes clean lines to standard error: their first words in colour on a terminal that has colours, or where `CLICOLOR_FORCE` asks for them,
/// and `NO_COLOR` does not forbid them.
fn write_err(text: &str) {
    let mut stderr = AutoStream::auto(io::stderr().lock());
    let _ = text.lines().try_for_each(|line| match first_word(line) {
        Some((word, style)) => {
            writeln!(stderr, "{style}{word}{style:#}{}", &line[word.len()..])
        }
        None => writeln!(stderr, "{line}"),
    });
}

/// The word that says what kind of line it is, and how it is shown: as clap shows its own.
fn first_word(line: &str) -> Option<(&'static str, Style)> {
    let words = [
        ("error:", AnsiColor::Red.on_default().bold()),
        ("warning:", AnsiColor::Yellow.on_default().bold()),
        ("hint:", AnsiColor::Green.on_default()),
    ];
    words.into_iter().find(|(word, _)| line.starts_with(word))
}

/// Writes a line to standard error over the one before it, which must have been written in the same way: for a terminal. What it says must fit
/// in one line there.
pub(crate) fn note_over(line: impl Display) {
    let mut stderr = io::stderr().lock();
    let _ = write!(stderr, "\r{}\x1b[K", ts_text::line(line)).and_then(|()| stderr.flush());
}

/// Takes the line away that [`note_over`] wrote.
pub(crate) fn note_over_nothing() {
    note_over("");
}

/// Whether the error is that nobody reads standard output any more.
pub(crate) fn is_closed(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
