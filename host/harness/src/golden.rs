//! Golden cases: inputs of any role with the outputs that a plugin gave before.
//!
//! A line is `{"id"?, "input": {…}, "output": {…}}`; inputs and outputs are those of `handle.rs`. A line without `output` is
//! one that is not known yet.
//!
//! In: a file of cases and a [`Handle`]. Out: where outputs differ, and the file with those of now. Left out on purpose: labels; a
//! golden case says what a plugin did, a labelled one what it should do.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::handle::Handle;
use crate::{Error, Result};

/// One golden case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What the role is asked.
    pub input: Value,
    /// What it gave; none if that is not known yet.
    #[serde(default)]
    pub output: Value,
}

impl Golden {
    /// Its name, or its place in the file, from 0, as `line N`.
    pub(crate) fn name(&self, at: usize) -> String {
        self.id.clone().unwrap_or_else(|| format!("line {}", at + 1))
    }
}

/// A case whose output is another one now.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The case: its name, or `line N`.
    pub id: String,
    /// What it gave before.
    pub before: Value,
    /// What it gives now.
    pub now: Value,
}

/// Whether a file holds golden cases: its first line has an `input`.
///
/// # Errors
///
/// [`Error::Read`].
pub fn is_golden(path: &Path) -> Result<bool> {
    let text = read_text(path)?;
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let first: Value = serde_json::from_str(first).unwrap_or_default();
    Ok(first.get("input").is_some())
}

/// Reads every case.
///
/// # Errors
///
/// [`Error::Read`]; [`Error::Malformed`] with the line.
pub fn read_golden(path: &Path) -> Result<Vec<Golden>> {
    let text = read_text(path)?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let read = |(at, line): (usize, &str)| {
        let malformed = |error: serde_json::Error| Error::Malformed {
            path: path.to_path_buf(),
            line: at + 1,
            reason: error.to_string(),
        };
        serde_json::from_str(line).map_err(malformed)
    };
    lines.map(read).collect()
}

fn read_text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_path_buf(), source })
}

/// Calls the plugin on each case, puts what it gives in the place of the output, and says where that differs.
///
/// # Errors
///
/// [`Error::Malformed`] for an input that the role does not take; `path` is for the error.
pub fn compare(handle: &Handle, cases: &mut [Golden], path: &Path) -> Result<Vec<Difference>> {
    let mut differences = Vec::new();
    for (at, case) in cases.iter_mut().enumerate() {
        let malformed = |reason| Error::Malformed { path: path.to_path_buf(), line: at + 1, reason };
        let now = handle.call(&handle.input(&case.input).map_err(malformed)?).output;
        if now != case.output {
            let id = case.name(at);
            let before = std::mem::replace(&mut case.output, now.clone());
            differences.push(Difference { id, before, now });
        }
    }
    Ok(differences)
}

/// Writes the cases with the outputs of now.
///
/// # Errors
///
/// [`Error::Write`].
pub fn write_golden(path: &Path, cases: &[Golden]) -> Result<()> {
    let failed = |source| Error::Write { path: path.to_path_buf(), source };
    let lines = cases.iter().map(serde_json::to_string).collect::<std::result::Result<Vec<_>, _>>();
    let text = lines.map_err(|error| failed(error.into()))?.join("\n") + "\n";
    std::fs::write(path, text).map_err(failed)
}
