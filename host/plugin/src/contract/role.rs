//! The roles that a plugin can have. What each one does is in a file of its own, under `roles/` and in
//! `programs/runner.rs`.

use std::fmt;

use serde::Serialize;

/// Something that a plugin can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Grades responses.
    Verifier,
    /// Splits reasoning into steps.
    StepSplitter,
    /// Chooses positives and pairs.
    SelectionPolicy,
    /// Measures length.
    LengthFunction,
    /// Runs programs, for verifiers of programs.
    Runner,
}

impl Role {
    /// Every role, in the order of the pipeline.
    pub const ALL: [Self; 5] =
        [Self::Verifier, Self::StepSplitter, Self::SelectionPolicy, Self::LengthFunction, Self::Runner];

    /// The role's interface in `wit/`, without package and version.
    pub fn interface(self) -> &'static str {
        match self {
            Self::Verifier => "verifier",
            Self::StepSplitter => "step-splitter",
            Self::SelectionPolicy => "selection-policy",
            Self::LengthFunction => "length-function",
            Self::Runner => "runner",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.interface())
    }
}
