//! Public sets of programming problems as problem sets that `code_grader` understands.
//!
//! | set | its tests become |
//! |---|---|
//! | HumanEval ([`humaneval`]) | one check, the problem's own `check(candidate)` |
//! | MBPP ([`mbpp`]) | a check for each assert |
//! | LiveCodeBench ([`livecodebench`]) | inputs and outputs, or calls and values; public and private ones |
//!
//! In: a file, JSON lines or one list. Out: problem lines, with the fields of `docs/code-grader.md`. A line,
//! or a list, of more than 128 MiB is an error, and is not read to its end.

mod humaneval;
mod livecodebench;
mod mbpp;
mod pickle;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use ts_lines::{Fault, Lines};

/// Most bytes of a line, or of a list. The hidden tests of a programming problem take some millions.
const MAX_BYTES: usize = 128 << 20;

/// Why a file cannot be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line (or, of a list, an item) is not a problem of the set.
    #[error("{}:{number}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line or item, from 1.
        number: usize,
        /// What is wrong.
        reason: String,
    },
}

/// A set whose files are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `HumanEval.jsonl`.
    HumanEval,
    /// `mbpp.jsonl` or `sanitized-mbpp.json`.
    Mbpp,
    /// `test*.jsonl` of code generation.
    LiveCodeBench,
}

/// Reads a file of a set: a problem line for each problem, in order.
///
/// # Errors
///
/// [`Error`]; nothing is passed over.
pub fn import(format: Format, path: &Path) -> Result<Vec<Value>, Error> {
    let unreadable = |source| Error::Read { path: path.to_path_buf(), source };
    let malformed = |number, reason| Error::Malformed { path: path.to_path_buf(), number, reason };
    let problem = |(number, item): (usize, Value)| {
        let problem = match format {
            Format::HumanEval => read(item).and_then(humaneval::problem),
            Format::Mbpp => read(item).and_then(mbpp::problem),
            Format::LiveCodeBench => read(item).and_then(livecodebench::problem),
        };
        problem.map_err(|reason| malformed(number, reason))
    };
    let mut lines = Lines::open(path, MAX_BYTES).map_err(unreadable)?;
    let mut problems = Vec::new();
    loop {
        let (number, line) = match lines.next_line() {
            Ok(Some(line)) => line,
            Ok(None) => return Ok(problems),
            Err(Fault::Read(source)) => return Err(unreadable(source)),
            Err(fault) => return Err(malformed(fault.number(), fault.to_string())),
        };
        let text = line.trim();
        if problems.is_empty() && text.starts_with('[') {
            let list = read_list(path).map_err(unreadable)?;
            let list: Vec<Value> =
                serde_json::from_slice(&list).map_err(|error| malformed(error.line(), error.to_string()))?;
            return list.into_iter().enumerate().map(|(index, item)| problem((index + 1, item))).collect();
        }
        if !text.is_empty() {
            let item = serde_json::from_str(text).map_err(|error| malformed(number, error.to_string()))?;
            problems.push(problem((number, item))?);
        }
    }
}

/// The bytes of a file that holds one list, without a byte order mark.
fn read_list(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_BYTES {
        let reason = format!("the list has more than {MAX_BYTES} bytes");
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, reason));
    }
    let mark = usize::from(bytes.starts_with(b"\xef\xbb\xbf")) * 3;
    Ok(bytes.split_off(mark))
}

fn read<T: DeserializeOwned>(item: Value) -> Result<T, String> {
    serde_json::from_value(item).map_err(|error| error.to_string())
}

/// Fields as an object, in the order given; empty texts are left out.
fn object(fields: Vec<(&str, Value)>) -> Value {
    let is_said = |(_, value): &(&str, Value)| !matches!(value, Value::Null) && value != "";
    Value::Object(
        fields
            .into_iter()
            .filter(is_said)
            .map(|(name, value)| (name.to_owned(), value))
            .collect::<Map<_, _>>(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_line_is_named() {
        let path = std::env::temp_dir().join(format!("ts-import-{}.jsonl", std::process::id()));
        std::fs::write(&path, "\n{\"task_id\": 1}\n").unwrap();
        let error = import(Format::Mbpp, &path).unwrap_err().to_string();
        assert!(error.contains(":2: missing field"), "{error}");
        std::fs::write(&path, "{").unwrap();
        assert!(import(Format::HumanEval, &path).unwrap_err().to_string().contains(":1: "));
        std::fs::write(&path, "\u{feff}[\n{\"task_id\": 1}]").unwrap();
        assert!(import(Format::Mbpp, &path).unwrap_err().to_string().contains(":1: missing field"));
        // A hole in the file: it reads as zeros, and takes no room.
        for (begins, reason) in [("\n\n", ":3: the line has more than"), ("[\n", "cannot read")] {
            std::fs::write(&path, begins).unwrap();
            std::fs::File::options().append(true).open(&path).unwrap().set_len(1 << 40).unwrap();
            let error = import(Format::Mbpp, &path).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(import(Format::HumanEval, &path), Err(Error::Read { .. })));
    }
}
