//! What can go wrong around the grading: files, and lines that are not cases.
//!
//! A verifier that fails is a result of a case, not an error of the harness.

use std::io;
use std::path::{Path, PathBuf};

use ts_lines::Fault;

/// Why cases could not be read or results not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file of cases cannot be read.
    #[error("cannot read cases from {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line is not a case.
    #[error("{}:{line}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The plugin cannot be loaded or configured.
    #[error("cannot use {}", path.display())]
    Plugin {
        /// Its file.
        path: PathBuf,
        /// Why not.
        source: ts_plugin::LoadError,
    },
    /// The results cannot be written.
    #[error("cannot write results to {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// Of a line of `path` that cannot be read.
    pub(crate) fn fault(path: &Path, fault: Fault) -> Self {
        let path = path.to_path_buf();
        match fault {
            Fault::Read(source) => Self::Read { path, source },
            fault => Self::Malformed { path, line: fault.number(), reason: fault.to_string() },
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Read { .. } => "cases are files of JSON, one case a line",
            Self::Malformed { .. } => {
                "a case is {gold, pred, form, expected}, {gold_parts, pred_parts, form, expected}, {problem, response, expected}, {code, \
                 tests, expected} or {gold, response, is_correct}, each with score if wanted, or golden: {input, output}"
            }
            Self::Plugin { .. } => "`ts-host plugin check` says more",
            Self::Write { .. } => "the folder must exist and be writable",
        };
        Some(hint.to_owned())
    }
}
