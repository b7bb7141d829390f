//! What a record is known by: the problem, the draw, the example or the step that it is about.
//!
//! A stage is a list of keys and a record for each. So a journal can be held against the list: a key that is
//! missing is computed, one that does not belong or is a duplicate is an error.

use std::fmt;

/// The key of a record, unique in its artefact.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// One record a problem.
    Problem(String),
    /// One record a response: the problem, and the number of the draw.
    Draw(String, u32),
    /// One record a training example, by its identifier.
    Example(String),
    /// One record an optimiser step, from 1.
    Step(u64),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Problem(problem) => write!(f, "problem `{problem}`"),
            Self::Draw(problem, draw) => write!(f, "problem `{problem}`, draw {draw}"),
            Self::Example(id) => write!(f, "example `{id}`"),
            Self::Step(step) => write!(f, "step {step}"),
        }
    }
}
