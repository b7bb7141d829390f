//! Public sets of programming problems as problem sets that `code_grader` understands.
//!
//! | set | its tests become |
//! |---|---|
//! | HumanEval ([`humaneval`]) | one check, the problem's own `check(candidate)` |
//! | MBPP ([`mbpp`]) | a check for each assert |
//! | LiveCodeBench ([`livecodebench`]) | inputs and outputs, or calls and values; public and private ones |
//!
//! In: a file, JSON lines or one list. Out: problem lines, with the fields of `docs/code-grader.md`. Left out on purpose:
//! fetching a set, and choosing from it.

mod humaneval;
mod livecodebench;
mod mbpp;
mod pickle;

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

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
    /// A line (or, of a list, an item) is no problem of the set.
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
    let text =
        std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_path_buf(), source })?;
    let malformed = |number, reason| Error::Malformed { path: path.to_path_buf(), number, reason };
    let items: Vec<(usize, Value)> = if text.trim_start().starts_with('[') {
        let list: Vec<Value> =
            serde_json::from_str(&text).map_err(|error| malformed(error.line(), error.to_string()))?;
        list.into_iter().enumerate().map(|(index, item)| (index + 1, item)).collect()
    } else {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let read = |(index, line): (usize, &str)| {
            let item = serde_json::from_str(line).map_err(|error| malformed(index + 1, error.to_string()))?;
            Ok((index + 1, item))
        };
        lines.map(read).collect::<Result<_, _>>()?
    };
    let problem = |(number, item): (usize, Value)| {
        let problem = match format {
            Format::HumanEval => read(item).and_then(humaneval::problem),
            Format::Mbpp => read(item).and_then(mbpp::problem),
            Format::LiveCodeBench => read(item).and_then(livecodebench::problem),
        };
        problem.map_err(|reason| malformed(number, reason))
    };
    items.into_iter().map(problem).collect()
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
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(import(Format::HumanEval, &path), Err(Error::Read { .. })));
    }
}
