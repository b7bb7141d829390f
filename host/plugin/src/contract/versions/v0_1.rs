//! Plugins of contract 0.1, called as those of the newest.
//!
//! In: what the newest asks. Out: what 0.1 answers, in the newest's types. 0.1 has no verdict `undecided` and no
//! outcomes of tests, nothing that has programs run, and no sequences with weights; it asks every plugin to take its
//! settings, also one that has none. All else is the same, under another name.
//!
//! The checks of answers are the same for every version.

// Generated code answers to the generator's style, not to ours.
#[allow(missing_docs, unreachable_pub, clippy::all)]
mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/released/0.1.0",
        world: "every-role",
        ownership: Borrowing { duplicate_if_necessary: true },
        with: {
            "ts-host:plugin/types": crate::contract::bindings::ts_host::plugin::types,
            "ts-host:plugin/log": crate::contract::bindings::ts_host::plugin::log,
        },
    });
}

use wasmtime::Store;

use super::{Answer, newest};
use crate::call::state::State;
pub(super) use bindings::exports::ts_host::plugin as guest;

pub(super) fn grade(
    guest: &guest::verifier::Guest,
    store: &mut Store<State>,
    problem: newest::verifier::Problem<'_>,
    response: &str,
) -> Answer<newest::verifier::Graded> {
    use guest::verifier as old;
    use newest::verifier as new;
    let new::Problem { id, prompt, reference, metadata } = problem;
    let answer = guest.call_grade(store, old::Problem { id, prompt, reference, metadata }, response)?;
    Ok(answer.map(|old::Graded { verdict, score, answer, note }| {
        let verdict = match verdict {
            old::Verdict::Correct => new::Verdict::Correct,
            old::Verdict::Incorrect => new::Verdict::Incorrect,
            old::Verdict::NoAnswer => new::Verdict::NoAnswer,
            old::Verdict::BadReference(why) => new::Verdict::BadReference(why),
        };
        new::Graded { verdict, score, answer, note, tests: Vec::new() }
    }))
}

adapted_select!();
