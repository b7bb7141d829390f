//! The versions of the contract that this host speaks, and the functions of a plugin in whichever it was
//! built against.
//!
//! In: the version that a component's interfaces name. Out: for each role, its functions with the types of
//! the newest version: those of an older one are adapted here, in a module for each, when the plugin is
//! loaded and called. Nothing outside this folder knows that there is more than one.
//!
//! A new version is a case of [`Version`], an arm in each `match` below, and a module with what differs.
//!
//! Runners, which the first version has none of, are written out below; what a selection policy is handed is the same in all
//! versions before 0.3, and is adapted in one place, `adapted_select`.

/// Defines `select` in the module of a version before 0.3, in whose types there are no sequences.
macro_rules! adapted_select {
    () => {
        pub(super) fn select(
            guest: &guest::selection_policy::Guest,
            store: &mut Store<State>,
            group: newest::selection_policy::Group<'_>,
        ) -> Answer<newest::selection_policy::Selection> {
            use guest::selection_policy as old;
            use newest::selection_policy as new;
            fn candidate<'a>(candidate: &new::Candidate<'a>) -> old::Candidate<'a> {
                let new::Candidate {
                    outcome,
                    score,
                    length,
                    tokens,
                    finished,
                    step_tokens,
                    first_correct_steps,
                } = *candidate;
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
            let group = old::Group { problem_id, responses: &responses, token_limit, seed };
            let answer = guest.call_select(store, group)?;
            Ok(answer.map(|old::Selection { positives, pairs }| {
                let positive = |old::Positive { response, weight, keep_steps }| new::Positive {
                    response,
                    weight,
                    keep_steps,
                };
                let pair = |old::Pair { chosen, rejected, weight }| new::Pair { chosen, rejected, weight };
                new::Selection {
                    positives: positives.into_iter().map(positive).collect(),
                    pairs: pairs.into_iter().map(pair).collect(),
                    sequences: Vec::new(),
                }
            }))
        }
    };
}

mod v0_1;
mod v0_2;

use wasmtime::component::{Instance, InstancePre};
use wasmtime::{Result, Store};

use crate::call::state::State;
use crate::contract::bindings::exports::ts_host::plugin as newest;
use crate::contract::bindings::ts_host::plugin::types::{Description, Setting, Span};
use crate::contract::version::Version;

/// Functions that a component exports in one interface.
pub(crate) trait Exported: Sized + Send + 'static {
    /// Where a component has the functions: looked up once per component.
    type Indices: Send + Sync;

    /// Looks the functions up by name.
    fn indices(pre: &InstancePre<State>, version: Version) -> Result<Self::Indices>;

    /// Takes the functions from an instance; fails where a type differs.
    fn load(indices: &Self::Indices, store: &mut Store<State>, instance: &Instance) -> Result<Self>;
}

macro_rules! in_every_version {
    ($($module:ident: $exports:ident, $indices:ident, $what:literal;)+) => {$(
        #[doc = concat!("The functions of ", $what, ".")]
        pub(crate) enum $exports {
            V0_1(v0_1::guest::$module::Guest),
            V0_2(v0_2::guest::$module::Guest),
            V0_3(newest::$module::Guest),
        }

        #[doc = concat!("Where a component has the functions of ", $what, ".")]
        pub(crate) enum $indices {
            V0_1(v0_1::guest::$module::GuestIndices),
            V0_2(v0_2::guest::$module::GuestIndices),
            V0_3(newest::$module::GuestIndices),
        }

        impl Exported for $exports {
            type Indices = $indices;

            fn indices(pre: &InstancePre<State>, version: Version) -> Result<$indices> {
                Ok(match version {
                    Version::V0_1 => $indices::V0_1(v0_1::guest::$module::GuestIndices::new(pre)?),
                    Version::V0_2 => $indices::V0_2(v0_2::guest::$module::GuestIndices::new(pre)?),
                    Version::V0_3 => $indices::V0_3(newest::$module::GuestIndices::new(pre)?),
                })
            }

            fn load(indices: &$indices, store: &mut Store<State>, instance: &Instance) -> Result<Self> {
                Ok(match indices {
                    $indices::V0_1(indices) => Self::V0_1(indices.load(store, instance)?),
                    $indices::V0_2(indices) => Self::V0_2(indices.load(store, instance)?),
                    $indices::V0_3(indices) => Self::V0_3(indices.load(store, instance)?),
                })
            }
        }
    )+};
}

in_every_version! {
    plugin: PluginExports, PluginIndices, "every plugin";
    verifier: VerifierExports, VerifierIndices, "a verifier";
    step_splitter: StepSplitterExports, StepSplitterIndices, "a step splitter";
    selection_policy: SelectionPolicyExports, SelectionPolicyIndices, "a selection policy";
    length_function: LengthFunctionExports, LengthFunctionIndices, "a length function";
}

/// The functions of a runner.
pub(crate) enum RunnerExports {
    V0_2(v0_2::guest::runner::Guest),
    V0_3(newest::runner::Guest),
}

/// Where a component has the functions of a runner.
pub(crate) enum RunnerIndices {
    V0_2(v0_2::guest::runner::GuestIndices),
    V0_3(newest::runner::GuestIndices),
}

impl Exported for RunnerExports {
    type Indices = RunnerIndices;

    fn indices(pre: &InstancePre<State>, version: Version) -> Result<RunnerIndices> {
        Ok(match version {
            Version::V0_2 => RunnerIndices::V0_2(v0_2::guest::runner::GuestIndices::new(pre)?),
            // 0.1 has none: what it is asked for is then what it lacks.
            Version::V0_1 | Version::V0_3 => RunnerIndices::V0_3(newest::runner::GuestIndices::new(pre)?),
        })
    }

    fn load(indices: &RunnerIndices, store: &mut Store<State>, instance: &Instance) -> Result<Self> {
        Ok(match indices {
            RunnerIndices::V0_2(indices) => Self::V0_2(indices.load(store, instance)?),
            RunnerIndices::V0_3(indices) => Self::V0_3(indices.load(store, instance)?),
        })
    }
}

/// What a plugin answers, or why it does not.
type Answer<T> = Result<std::result::Result<T, String>>;

impl PluginExports {
    pub(crate) fn describe(&self, store: &mut Store<State>) -> Result<Description> {
        match self {
            Self::V0_1(guest) => guest.call_describe(store),
            Self::V0_2(guest) => guest.call_describe(store),
            Self::V0_3(guest) => guest.call_describe(store),
        }
    }

    pub(crate) fn configure(&self, store: &mut Store<State>, settings: &[Setting]) -> Answer<()> {
        match self {
            Self::V0_1(guest) => guest.call_configure(store, settings),
            Self::V0_2(guest) => guest.call_configure(store, settings),
            Self::V0_3(guest) => guest.call_configure(store, settings),
        }
    }
}

impl VerifierExports {
    pub(crate) fn grade(
        &self,
        store: &mut Store<State>,
        problem: newest::verifier::Problem<'_>,
        response: &str,
    ) -> Answer<newest::verifier::Graded> {
        match self {
            Self::V0_1(guest) => v0_1::grade(guest, store, problem, response),
            Self::V0_2(guest) => v0_2::grade(guest, store, problem, response),
            Self::V0_3(guest) => guest.call_grade(store, problem, response),
        }
    }
}

impl StepSplitterExports {
    pub(crate) fn split(&self, store: &mut Store<State>, text: &str) -> Answer<Vec<Span>> {
        match self {
            Self::V0_1(guest) => guest.call_split(store, text),
            Self::V0_2(guest) => guest.call_split(store, text),
            Self::V0_3(guest) => guest.call_split(store, text),
        }
    }
}

impl SelectionPolicyExports {
    pub(crate) fn select(
        &self,
        store: &mut Store<State>,
        group: newest::selection_policy::Group<'_>,
    ) -> Answer<newest::selection_policy::Selection> {
        match self {
            Self::V0_1(guest) => v0_1::select(guest, store, group),
            Self::V0_2(guest) => v0_2::select(guest, store, group),
            Self::V0_3(guest) => guest.call_select(store, group),
        }
    }
}

impl LengthFunctionExports {
    pub(crate) fn measure(&self, store: &mut Store<State>, text: &str, tokens: u32) -> Answer<f64> {
        match self {
            Self::V0_1(guest) => guest.call_measure(store, text, tokens),
            Self::V0_2(guest) => guest.call_measure(store, text, tokens),
            Self::V0_3(guest) => guest.call_measure(store, text, tokens),
        }
    }
}

impl RunnerExports {
    pub(crate) fn language(&self, store: &mut Store<State>) -> Result<String> {
        match self {
            Self::V0_2(guest) => guest.call_language(store),
            Self::V0_3(guest) => guest.call_language(store),
        }
    }

    pub(crate) fn compile(&self, store: &mut Store<State>, source: &str) -> Answer<newest::runner::Compiled> {
        match self {
            Self::V0_2(guest) => v0_2::compile(guest, store, source),
            Self::V0_3(guest) => guest.call_compile(store, source),
        }
    }

    pub(crate) fn run(
        &self,
        store: &mut Store<State>,
        program: newest::runner::Program<'_>,
    ) -> Answer<newest::runner::Ending> {
        match self {
            Self::V0_2(guest) => v0_2::run(guest, store, program),
            Self::V0_3(guest) => guest.call_run(store, program),
        }
    }
}
