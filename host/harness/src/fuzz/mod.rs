//! Calls a plugin on made inputs, plain and hostile, and holds its answers against what its role promises (`wit/`).
//!
//! | file | what it is |
//! |---|---|
//! | `inputs.rs` | inputs of a role, out of a seed |
//! | `laws.rs` | what must hold of an answer beyond what the host checks at every call |
//! | `shrink.rs` | an input that shows the same fault and is shorter |
//!
//! In: a plugin in a role, a seed and a number of inputs. Out: how many calls were made, and what was found, each with the shortest input
//! that shows it. The same seed gives the same inputs, on every machine.

mod inputs;
mod laws;
mod shrink;

use serde_json::Value;

use crate::Handle;
use crate::in_turn::in_turn;

/// A fault of a plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The number of the input, from 0.
    pub number: usize,
    /// In a word or two: how the call failed, or which law was broken. Of several inputs with the same fault the first is kept.
    pub fault: String,
    /// What happened, in a sentence.
    pub told: String,
    /// What the plugin was asked, as `plugin run` takes it.
    pub input: Value,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Fuzzed {
    /// Inputs that were tried.
    pub n_inputs: usize,
    /// Of these, such that the plugin refused, which it may.
    pub n_refused: usize,
    /// A finding for each fault, in the order of the inputs.
    pub findings: Vec<Finding>,
}

/// Tries `n_inputs` inputs on `n_threads` threads.
pub fn fuzz(handle: &Handle, seed: u64, n_inputs: usize, n_threads: usize) -> Fuzzed {
    let outcomes = in_turn(n_inputs, n_threads, |number| {
        laws::broken(handle, &inputs::input(handle.role(), seed, number))
    });
    let n_refused = outcomes.iter().filter(|outcome| matches!(outcome, laws::Outcome::Refused)).count();
    let mut findings: Vec<Finding> = Vec::new();
    for (number, outcome) in outcomes.into_iter().enumerate() {
        let laws::Outcome::Broken(fault, told) = outcome else { continue };
        if findings.iter().all(|other| other.fault != fault) {
            let input = inputs::input(handle.role(), seed, number);
            let shortest = shrink::shortest(handle, input, &fault);
            let (input, told) =
                shortest.unwrap_or_else(|| (inputs::input(handle.role(), seed, number).to_json(), told));
            findings.push(Finding { number, fault, told, input });
        }
    }
    Fuzzed { n_inputs, n_refused, findings }
}

/// The texts on which a splitter is held against its laws where nobody asked for more: whether it may be used at all.
///
/// # Errors
///
/// The first law that it breaks.
pub fn check_laws(handle: &Handle) -> Result<(), Finding> {
    const ENOUGH: usize = 64;
    match fuzz(handle, 0, ENOUGH, 1).findings.into_iter().find(|finding| finding.fault == laws::UNSTABLE) {
        Some(finding) => Err(finding),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use ts_plugin::Role;

    use super::*;
    use crate::handle::Input;

    #[test]
    fn the_same_seed_gives_the_same_inputs_and_another_others() {
        for role in [Role::Verifier, Role::StepSplitter, Role::SelectionPolicy, Role::LengthFunction] {
            let made = |seed: u64| -> Vec<Value> {
                (0..50).map(|number| inputs::input(role, seed, number).to_json()).collect()
            };
            assert_eq!(made(1), made(1));
            assert_ne!(made(1), made(2));
        }
    }

    #[test]
    fn inputs_are_of_many_kinds() {
        let texts: Vec<String> = (0..400)
            .map(|number| match inputs::input(Role::StepSplitter, 0, number) {
                Input::Split(text) => text,
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(texts.iter().any(String::is_empty));
        assert!(texts.iter().any(|text| text.len() > 20_000));
        for part in ["\n\n", "\0", "\u{202e}", "\\boxed{", "</think>", "\r\n", "𝄞"] {
            assert!(texts.iter().any(|text| text.contains(part)), "{part:?}");
        }
    }
}
