//! Calls plugins on cases: the library behind `ts-host plugin test`, `run` and `bench`.
//!
//! | module | what it is |
//! |---|---|
//! | [`case`] | one labelled case, and the formats that it is read from |
//! | [`run`] | all cases through one verifier, on all cores, in order |
//! | [`report`] | agreement, false negatives and positives, failures by reason, speed |
//! | [`handle`] | one call of any role, as JSON |
//! | [`fuzz`] | made and hostile inputs, and what must hold of the answers |
//! | [`golden`] | cases with the outputs that a plugin gave before |
//! | [`mod@snapshot`] | outputs as text for snapshot tests |
//! | [`mod@bench`] | what calls cost |
//!
//! In: a loaded plugin and files of cases. Out: one line of JSON for each case, and a [`Report`]; or where
//! outputs differ.

pub mod bench;
pub mod case;
mod error;
pub mod fuzz;
pub mod golden;
pub mod handle;
mod in_turn;
pub mod report;
pub mod run;
pub mod snapshot;

pub use case::{Case, Expected, ExpectedScore, read_cases};
pub use error::Error;
pub use handle::Handle;
pub use report::Report;
pub use run::{Answer, CaseResult, Run, run, write_results};
pub use snapshot::snapshot;

/// Most bytes of a line of cases.
const MAX_LINE_BYTES: usize = 32 << 20;

/// The result of this crate's functions that can fail.
pub type Result<T> = std::result::Result<T, Error>;
