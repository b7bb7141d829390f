//! The versions of the contract that this host speaks, and the functions of a plugin in whichever it was
//! built against.
//!
//! In: the version that a component's interfaces name. Out: for each role, its functions with the types of
//! the newest version: those of an older one are adapted here, in a module for each, when the plugin is
//! loaded and called. Nothing outside this folder knows that there is more than one.
//!
//! A new version is a case of [`Version`], an arm in each `match` below, and a module with what differs.
//!
//! Roles that only one version has (runners) are in their own files.

mod v0_1;

use wasmtime::component::{Instance, InstancePre};
use wasmtime::{Result, Store};

use crate::call::state::State;
use crate::contract::bindings::exports::ts_host::plugin as v0_2;
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
            V0_2(v0_2::$module::Guest),
        }

        #[doc = concat!("Where a component has the functions of ", $what, ".")]
        pub(crate) enum $indices {
            V0_1(v0_1::guest::$module::GuestIndices),
            V0_2(v0_2::$module::GuestIndices),
        }

        impl Exported for $exports {
            type Indices = $indices;

            fn indices(pre: &InstancePre<State>, version: Version) -> Result<$indices> {
                Ok(match version {
                    Version::V0_1 => $indices::V0_1(v0_1::guest::$module::GuestIndices::new(pre)?),
                    Version::V0_2 => $indices::V0_2(v0_2::$module::GuestIndices::new(pre)?),
                })
            }

            fn load(indices: &$indices, store: &mut Store<State>, instance: &Instance) -> Result<Self> {
                Ok(match indices {
                    $indices::V0_1(indices) => Self::V0_1(indices.load(store, instance)?),
                    $indices::V0_2(indices) => Self::V0_2(indices.load(store, instance)?),
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

/// What a plugin answers, or why it does not.
type Answer<T> = Result<std::result::Result<T, String>>;

impl PluginExports {
    pub(crate) fn describe(&self, store: &mut Store<State>) -> Result<Description> {
        match self {
            Self::V0_1(guest) => guest.call_describe(store),
            Self::V0_2(guest) => guest.call_describe(store),
        }
    }

    pub(crate) fn configure(&self, store: &mut Store<State>, settings: &[Setting]) -> Answer<()> {
        match self {
            Self::V0_1(guest) => guest.call_configure(store, settings),
            Self::V0_2(guest) => guest.call_configure(store, settings),
        }
    }
}

impl VerifierExports {
    pub(crate) fn grade(
        &self,
        store: &mut Store<State>,
        problem: v0_2::verifier::Problem<'_>,
        response: &str,
    ) -> Answer<v0_2::verifier::Graded> {
        match self {
            Self::V0_1(guest) => v0_1::grade(guest, store, problem, response),
            Self::V0_2(guest) => guest.call_grade(store, problem, response),
        }
    }
}

impl StepSplitterExports {
    pub(crate) fn split(&self, store: &mut Store<State>, text: &str) -> Answer<Vec<Span>> {
        match self {
            Self::V0_1(guest) => guest.call_split(store, text),
            Self::V0_2(guest) => guest.call_split(store, text),
        }
    }
}

impl SelectionPolicyExports {
    pub(crate) fn select(
        &self,
        store: &mut Store<State>,
        group: v0_2::selection_policy::Group<'_>,
    ) -> Answer<v0_2::selection_policy::Selection> {
        match self {
            Self::V0_1(guest) => v0_1::select(guest, store, group),
            Self::V0_2(guest) => guest.call_select(store, group),
        }
    }
}

impl LengthFunctionExports {
    pub(crate) fn measure(&self, store: &mut Store<State>, text: &str, tokens: u32) -> Answer<f64> {
        match self {
            Self::V0_1(guest) => guest.call_measure(store, text, tokens),
            Self::V0_2(guest) => guest.call_measure(store, text, tokens),
        }
    }
}
