//! Runs a verifier over labelled cases and counts where it agrees: the library behind `ts-host plugin test`.
//!
//! | module | what it is |
//! |---|---|
//! | [`case`] | one labelled case, and the formats that it is read from |
//! | [`run`] | all cases through one verifier, on all cores, in order |
//! | [`report`] | agreement, false negatives and positives, failures by reason, speed |
//!
//! In: a configured [`ts_plugin::Verifier`] and files of cases. Out: one line of JSON for each case, and a
//! [`Report`]. Left out on purpose: loading the plugin and printing; those are the command line's.

pub mod case;
mod error;
pub mod report;
pub mod run;

pub use case::{Case, Expected, read_cases};
pub use error::Error;
pub use report::Report;
pub use run::{Answer, CaseResult, Run, run, write_results};

/// The result of this crate's functions that can fail.
pub type Result<T> = std::result::Result<T, Error>;
