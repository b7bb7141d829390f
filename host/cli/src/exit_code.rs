//! Exit codes: what a script learns of how a command ended.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | something failed, and the message says what |
//! | 2 | the command line is wrong |
//! | 3 | a run stopped because too many responses have no grade, for several reasons |
//! | 4 | memory: a stage that takes more than there is was refused, or the system gave no more; what a run's folder has is whole |
//! | 11 to 21 | calls of a plugin failed, all in the same way: [`HOW`], in that order |
//! | 130 | stopped by Ctrl-C, in order: [`crate::interrupt`] |
//!
//! In: an error. Out: its code.

use std::io;
use std::process::ExitCode;

use ts_plugin::CallError;

use crate::out_of_memory;

/// The table above, for people who ask for help.
pub(crate) const EXIT_CODES: &str = "Exit codes:
  0   done
  1   something failed, and the message says what
  2   the command line is wrong
  3   a run stopped because too many responses have no grade, for several reasons
  4   not enough memory; what a run's folder has is whole
  11  calls of a plugin failed, all in one way: refused; 12 trapped, 13 stack overflow, 14 out of fuel,
      15 over time, 16 out of memory, 17 output too large, 18 bad output, 19 unavailable, 20 cancelled,
      21 out of program time
  130 stopped by Ctrl-C; the same command goes on";

/// The ways in which a call fails. A place in this list is part of the command line's promise: new ones go to
/// the end.
const HOW: [&str; 11] = [
    "refused",
    "trapped",
    "stack_overflow",
    "out_of_fuel",
    "over_time",
    "out_of_memory",
    "output_too_large",
    "bad_output",
    "unavailable",
    "cancelled",
    "out_of_program_time",
];

/// A single call that failed; its output, already printed, says the rest.
#[derive(Debug, thiserror::Error)]
#[error("the call failed: {how}")]
pub(crate) struct CallFailed {
    /// How, in a word.
    pub(crate) how: &'static str,
}

/// The exit code of a command that failed.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    ExitCode::from(error.chain().find_map(code_of).unwrap_or(1))
}

fn code_of(cause: &(dyn std::error::Error + 'static)) -> Option<u8> {
    let call = cause.downcast_ref::<CallError>().or_else(|| Some(cause.downcast_ref::<Box<CallError>>()?));
    if let Some(call) = call {
        return how(call.kind.name());
    }
    if let Some(CallFailed { how: name }) = cause.downcast_ref() {
        return how(name);
    }
    if cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::OutOfMemory) {
        return Some(out_of_memory::EXIT_CODE);
    }
    #[cfg(feature = "training")]
    match cause.downcast_ref() {
        Some(ts_pipeline::Error::Memory { .. }) => return Some(out_of_memory::EXIT_CODE),
        Some(ts_pipeline::Error::Model(error)) if error.is_out_of_memory() => {
            return Some(out_of_memory::EXIT_CODE);
        }
        Some(ts_pipeline::Error::Call(call)) => return how(call.kind.name()),
        Some(ts_pipeline::Error::TooManyUngraded { ungraded, .. }) => {
            return Some(ungraded.only_failure().and_then(how).unwrap_or(3));
        }
        _ => {}
    }
    None
}

fn how(name: &str) -> Option<u8> {
    Some(11 + HOW.iter().position(|how| *how == name)? as u8)
}

#[cfg(all(test, feature = "training"))]
mod tests {
    use std::collections::BTreeMap;

    use ts_model::ModelError;
    use ts_pipeline::Error;
    use ts_pipeline::ungraded::Ungraded;
    use ts_plugin::{CallErrorKind, LoadError};

    use super::*;

    fn call(kind: CallErrorKind) -> CallError {
        CallError { plugin: "p".into(), function: "grade", problem: None, kind, fuel: None }
    }

    fn stopped(failures: &[(&str, usize)], n_undecided: usize) -> Option<u8> {
        let failures: BTreeMap<_, _> =
            failures.iter().map(|(how, count)| (how.to_string(), *count)).collect();
        let n_grader_failed = failures.values().sum();
        let ungraded = Ungraded { n_grader_failed, n_undecided, failures, ..Ungraded::default() };
        code_of(&Error::TooManyUngraded { ungraded, total: 9, allowed: 0.0, first: String::new() })
    }

    #[test]
    fn every_way_to_fail_has_its_own_code() {
        let kinds = [
            CallErrorKind::Refused(String::new()),
            CallErrorKind::Trapped(String::new()),
            CallErrorKind::StackOverflow,
            CallErrorKind::OutOfFuel,
            CallErrorKind::OverTime,
            CallErrorKind::OutOfMemory,
            CallErrorKind::OutputTooLarge,
            CallErrorKind::BadOutput(String::new()),
            CallErrorKind::Unavailable(String::new()),
            CallErrorKind::Cancelled,
            CallErrorKind::OutOfProgramTime,
        ];
        for (kind, code) in kinds.into_iter().zip(11..) {
            assert_eq!(code_of(&call(kind.clone())), Some(code));
            assert_eq!(code_of(&Error::Call(call(kind.clone()))), Some(code));
            let start = LoadError::Start { origin: "o".into(), source: Box::new(call(kind)) };
            assert_eq!(anyhow::Error::from(start).chain().find_map(code_of), Some(code));
        }
    }

    #[test]
    fn help_tells_of_every_way_to_fail() {
        for (code, how) in (11..).zip(HOW) {
            let told =
                EXIT_CODES.contains(&format!("{code} ")) && EXIT_CODES.contains(&how.replace('_', " "));
            assert!(told, "{code} {how}");
        }
    }

    #[test]
    fn want_of_memory_has_a_code_of_its_own() {
        let refused = Error::Memory { needs: "2".into(), has: "1".into(), what_fits: String::new() };
        assert_eq!(code_of(&refused), Some(4));
        assert_eq!(code_of(&Error::Model(ModelError::NoMemory { folder: "m".into(), needed: 1 })), Some(4));
        assert_eq!(code_of(&io::Error::from(io::ErrorKind::OutOfMemory)), Some(4));
        assert_eq!(code_of(&Error::Diverged { step: 1 }), None);
    }

    #[test]
    fn a_stopped_run_says_how_if_there_is_one_way() {
        assert_eq!(stopped(&[("out_of_fuel", 3)], 0), Some(14));
        assert_eq!(stopped(&[("out_of_fuel", 3), ("trapped", 1)], 0), Some(3));
        assert_eq!(stopped(&[("out_of_fuel", 3)], 1), Some(3));
        assert_eq!(stopped(&[], 2), Some(3));
    }
}
