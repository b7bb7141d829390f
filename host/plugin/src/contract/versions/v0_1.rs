//! Plugins of contract 0.1, called as those of 0.2.
//!
//! In: what 0.2 asks. Out: what 0.1 answers, in the types of 0.2. 0.1 has no verdict `undecided` and no
//! outcomes of tests, and nothing that has programs run; it asks every plugin to take its settings, also one
//! that has none. All else is the same, under another name.
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

use super::{Answer, v0_2};
use crate::call::state::State;
pub(super) use bindings::exports::ts_host::plugin as guest;

pub(super) fn grade(
    guest: &guest::verifier::Guest,
    store: &mut Store<State>,
    problem: v0_2::verifier::Problem<'_>,
    response: &str,
) -> Answer<v0_2::verifier::Graded> {
    use guest::verifier as old;
    use v0_2::verifier as new;
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

pub(super) fn select(
    guest: &guest::selection_policy::Guest,
    store: &mut Store<State>,
    group: v0_2::selection_policy::Group<'_>,
) -> Answer<v0_2::selection_policy::Selection> {
    use guest::selection_policy as old;
    use v0_2::selection_policy as new;
    fn candidate<'a>(candidate: &new::Candidate<'a>) -> old::Candidate<'a> {
        let new::Candidate { outcome, score, length, tokens, finished, step_tokens, first_correct_steps } =
            *candidate;
        let outcome = match outcome {
            new::Outcome::Correct => old::Outcome::Correct,
            new::Outcome::Incorrect => old::Outcome::Incorrect,
            new::Outcome::NoAnswer => old::Outcome::NoAnswer,
            new::Outcome::Ungraded => old::Outcome::Ungraded,
        };
        old::Candidate { outcome, score, length, tokens, finished, step_tokens, first_correct_steps }
    }
    let responses: Vec<_> = group.responses.iter().map(candidate).collect();
    let new::Group { problem_id, token_limit, seed, .. } = group;
    let answer =
        guest.call_select(store, old::Group { problem_id, responses: &responses, token_limit, seed })?;
    Ok(answer.map(|old::Selection { positives, pairs }| {
        let positive =
            |old::Positive { response, weight, keep_steps }| new::Positive { response, weight, keep_steps };
        let pair = |old::Pair { chosen, rejected, weight }| new::Pair { chosen, rejected, weight };
        let positives = positives.into_iter().map(positive).collect();
        new::Selection { positives, pairs: pairs.into_iter().map(pair).collect() }
    }))
}
