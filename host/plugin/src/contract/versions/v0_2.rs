//! Plugins of contract 0.2, called as those of the newest.
//!
//! In: what the newest asks. Out: what 0.2 answers, in the newest's types. 0.2 has no sequences with weights; all else is
//! the same, under another name.
//!
//! The checks of answers are the same for every version.

// Generated code answers to the generator's style, not to ours.
#[allow(missing_docs, unreachable_pub, clippy::all)]
mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/released/0.2.0",
        world: "every-role",
        imports: { default: trappable },
        ownership: Borrowing { duplicate_if_necessary: true },
        with: {
            "ts-host:plugin/types": crate::contract::bindings::ts_host::plugin::types,
            "ts-host:plugin/log": crate::contract::bindings::ts_host::plugin::log,
            "ts-host:plugin/runners": crate::contract::bindings::ts_host::plugin::runners,
            "ts-host:plugin/stdio": crate::contract::bindings::ts_host::plugin::stdio,
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
    let of_test = |outcome| match outcome {
        old::TestOutcome::Passed => new::TestOutcome::Passed,
        old::TestOutcome::WrongAnswer => new::TestOutcome::WrongAnswer,
        old::TestOutcome::RuntimeError => new::TestOutcome::RuntimeError,
        old::TestOutcome::DoesNotCompile => new::TestOutcome::DoesNotCompile,
        old::TestOutcome::TimeLimit => new::TestOutcome::TimeLimit,
        old::TestOutcome::MemoryLimit => new::TestOutcome::MemoryLimit,
        old::TestOutcome::NoProgram => new::TestOutcome::NoProgram,
    };
    Ok(answer.map(|old::Graded { verdict, score, answer, note, tests }| {
        let verdict = match verdict {
            old::Verdict::Correct => new::Verdict::Correct,
            old::Verdict::Incorrect => new::Verdict::Incorrect,
            old::Verdict::NoAnswer => new::Verdict::NoAnswer,
            old::Verdict::BadReference(why) => new::Verdict::BadReference(why),
            old::Verdict::Undecided(why) => new::Verdict::Undecided(why),
        };
        new::Graded { verdict, score, answer, note, tests: tests.into_iter().map(of_test).collect() }
    }))
}

adapted_select!();

pub(super) fn compile(
    guest: &guest::runner::Guest,
    store: &mut Store<State>,
    source: &str,
) -> Answer<newest::runner::Compiled> {
    Ok(guest.call_compile(store, source)?.map(|compiled| match compiled {
        guest::runner::Compiled::Code(code) => newest::runner::Compiled::Code(code),
        guest::runner::Compiled::Rejected(why) => newest::runner::Compiled::Rejected(why),
    }))
}

pub(super) fn run(
    guest: &guest::runner::Guest,
    store: &mut Store<State>,
    program: newest::runner::Program<'_>,
) -> Answer<newest::runner::Ending> {
    let newest::runner::Program { code, time_ms } = program;
    Ok(guest.call_run(store, guest::runner::Program { code, time_ms })?.map(|ending| match ending {
        guest::runner::Ending::Exited(status) => newest::runner::Ending::Exited(status),
        guest::runner::Ending::Failed(why) => newest::runner::Ending::Failed(why),
    }))
}
