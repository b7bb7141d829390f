//! The input of the tools: a JSON object a line.

use std::io::BufRead;

use serde::de::DeserializeOwned;
use ts_lines::Lines;

/// Most bytes of a line: a context of a million tokens, written as numbers.
const MAX_LINE_BYTES: usize = 16 << 20;

/// What is wrong with a line of the input, and which it is.
#[derive(Debug, thiserror::Error)]
#[error("{name}:{line}: {reason}")]
pub struct Fault {
    name: String,
    line: usize,
    reason: String,
}

/// The lines of an input, each a JSON object.
pub struct InputLines<R> {
    name: String,
    lines: Lines<R>,
}

impl<R: BufRead> InputLines<R> {
    /// Reads from `reader`, which errors call `name`.
    pub fn new(name: &str, reader: R) -> Self {
        Self { name: name.to_owned(), lines: Lines::new(reader, MAX_LINE_BYTES) }
    }

    /// The next object, and its line from 1; empty lines are passed over.
    ///
    /// # Errors
    /// [`Fault`].
    pub(super) fn read<T: DeserializeOwned>(&mut self) -> Result<Option<(usize, T)>, Fault> {
        let Self { name, lines } = self;
        let fault = |line, reason| Fault { name: name.clone(), line, reason };
        loop {
            let (number, line) = match lines.next_line() {
                Ok(Some((_, line))) if line.trim().is_empty() => continue,
                Ok(Some(line)) => line,
                Ok(None) => return Ok(None),
                Err(error) => return Err(fault(error.number(), error.to_string())),
            };
            // A list would be taken for the fields in their order.
            if !line.trim_start().starts_with('{') {
                return Err(fault(number, "must be a JSON object".to_owned()));
            }
            return match serde_json::from_str(line) {
                Ok(value) => Ok(Some((number, value))),
                Err(error) => Err(fault(number, error.to_string())),
            };
        }
    }

    /// A fault of a line that was read.
    pub(super) fn fault(&self, line: usize, reason: impl ToString) -> Fault {
        Fault { name: self.name.clone(), line, reason: reason.to_string() }
    }
}
