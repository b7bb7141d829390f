//! Why one call gave no answer: one variant per cause.
//!
//! A plugin that says "I cannot" ([`CallErrorKind::Refused`]), one that traps, one that runs out of fuel,
//! time or memory, and one whose answer the host does not believe are different things to whoever reads the
//! report, so they are different variants here. [`CallErrorKind::hint`] says what to do about each.
//!
//! A call that fails is never a verdict, such as "incorrect".

use serde::{Deserialize, Serialize};

/// Why one call gave no answer. Displays as one line that names the plugin, the function and the problem.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("plugin `{plugin}`, `{function}`{}: {kind}", of_problem(problem.as_deref()))]
pub struct CallError {
    /// The plugin's name, or its origin as long as it has not told its name.
    pub plugin: String,
    /// The function that was called.
    pub function: &'static str,
    /// The problem's identifier, where the call was about one.
    pub problem: Option<String>,
    /// The cause.
    pub kind: CallErrorKind,
    /// Fuel used by the call, where known.
    pub fuel: Option<u64>,
}

/// The causes of a [`CallError`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum CallErrorKind {
    /// The plugin itself said that it cannot answer. The text is its own.
    #[error("refused: {0}")]
    Refused(String),
    /// The plugin crashed. The text says how.
    #[error("trapped: {0}")]
    Trapped(String),
    /// The plugin used up `fuel`.
    #[error("ran out of fuel")]
    OutOfFuel,
    /// The plugin was stopped after `processor_ms`.
    #[error("ran out of time")]
    OverTime,
    /// The plugin was refused memory over `memory_mib` (or table elements) and could not go on.
    #[error("ran out of memory")]
    OutOfMemory,
    /// The plugin handed over more than `output_kib` at once.
    #[error("handed over too much data")]
    OutputTooLarge,
    /// The plugin's answer breaks the contract. The text says where.
    #[error("gave a wrong answer: {0}")]
    BadOutput(String),
    /// The plugin recursed deeper than `stack_kib`.
    #[error("overflowed its stack")]
    StackOverflow,
    /// The host could not start an instance: no fault of the plugin's.
    #[error("could not be started: {0}")]
    Unavailable(String),
    /// Whoever asked for the call called it off: see [`crate::Cancel`].
    #[error("was cancelled")]
    Cancelled,
    /// The programs that it had run used up `program_ms` together.
    #[error("its programs ran out of the time that they have together")]
    OutOfProgramTime,
}

impl CallErrorKind {
    /// The cause as one word, for tables and journals.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Trapped(_) => "trapped",
            Self::OutOfFuel => "out_of_fuel",
            Self::OverTime => "over_time",
            Self::OutOfMemory => "out_of_memory",
            Self::OutputTooLarge => "output_too_large",
            Self::BadOutput(_) => "bad_output",
            Self::StackOverflow => "stack_overflow",
            Self::Unavailable(_) => "unavailable",
            Self::Cancelled => "cancelled",
            Self::OutOfProgramTime => "out_of_program_time",
        }
    }

    /// The limit that the call met: a field of [`crate::Limits`].
    pub fn limit(&self) -> Option<&'static str> {
        match self {
            Self::OutOfFuel => Some("fuel"),
            Self::OverTime => Some("processor_ms"),
            Self::OutOfMemory => Some("memory_mib"),
            Self::OutputTooLarge => Some("output_kib"),
            Self::StackOverflow => Some("stack_kib"),
            Self::OutOfProgramTime => Some("program_ms"),
            Self::Refused(_)
            | Self::Trapped(_)
            | Self::BadOutput(_)
            | Self::Unavailable(_)
            | Self::Cancelled => None,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Refused(_) | Self::Cancelled => return None,
            Self::Trapped(_) | Self::BadOutput(_) => "this is a fault in the plugin; tell its author",
            Self::OutOfFuel => "it loops, or it needs more: the limit `fuel`",
            Self::OverTime => {
                "it did little and took long, or the limit `processor_ms` is short for that much `fuel`"
            }
            Self::OutOfMemory => "it leaks, or it needs more: the limit `memory_mib`",
            Self::OutputTooLarge => {
                "a plugin returns indices and offsets, not text; the limit is `output_kib`"
            }
            Self::StackOverflow => "it recurses without end, or it needs more: the limit `stack_kib`",
            Self::Unavailable(_) => {
                "the system gave no memory or no address space (`ulimit -v`) for an instance: fewer workers take fewer instances"
            }
            Self::OutOfProgramTime => {
                "fewer tests, a shorter time for each, or more for all of a call: the limit `program_ms`"
            }
        };
        Some(hint.to_owned())
    }
}

fn of_problem(problem: Option<&str>) -> String {
    problem.filter(|id| !id.is_empty()).map(|id| format!(", problem `{id}`")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_error_says_which_plugin_function_and_problem() {
        let mut error = CallError {
            plugin: "exact_grader".into(),
            function: "grade",
            problem: Some("sum-7".into()),
            kind: CallErrorKind::OutOfFuel,
            fuel: Some(9),
        };
        assert_eq!(error.to_string(), "plugin `exact_grader`, `grade`, problem `sum-7`: ran out of fuel");
        error.problem = Some(String::new());
        error.kind = CallErrorKind::Refused("no tests".into());
        assert_eq!(error.to_string(), "plugin `exact_grader`, `grade`: refused: no tests");
    }
}
