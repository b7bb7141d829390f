//! The two streams. Results go to standard output, everything about the way there to standard error.
//!
//! The standard library's macros panic when a reader such as `head` has gone; here that is an error for standard output,
//! which `main` takes as a wish to stop, and nothing at all for standard error. Left out on purpose: progress bars, which
//! are `progress`'s.

use std::fmt::Display;
use std::io::{self, Write};

use anyhow::{Context, Result};

/// Writes a line to standard output.
///
/// # Errors
/// It cannot be written; see [`is_closed`].
pub(crate) fn say(line: impl Display) -> Result<()> {
    writeln!(io::stdout(), "{line}").context("cannot write to standard output")
}

/// Writes a line to standard error, if anybody reads it.
pub(crate) fn note(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Whether the error is that nobody reads standard output any more.
pub(crate) fn is_closed(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
