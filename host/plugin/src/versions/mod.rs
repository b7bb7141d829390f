//! The versions of the contract that this host speaks, and the functions of a plugin in whichever it was built against.
//!
//! In: the version that a component's interfaces name. Out: for each role, its functions with the types of the newest
//! version: those of an older one are adapted here, in a module for each, when the plugin is loaded and called.
//! Nothing outside this folder knows that there is more than one.
//!
//! A new version is a case of [`Version`], an arm in each `match` below, and a module with what differs.
//!
//! Left out on purpose: roles that only one version has (runners); they are their own files'.

mod v0_1;

use std::fmt;

use wasmtime::component::{Instance, InstancePre};
use wasmtime::{Result, Store};

use crate::bindings::exports::ts_host::plugin as v0_2;
use crate::bindings::ts_host::plugin::types::{Description, Setting, Span};
use crate::instance::State;

/// A version of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// `wit/released/0.1.0`.
    V0_1,
    /// `wit/`.
    V0_2,
}

impl Version {
    /// Every version that this host speaks, oldest first.
    pub const ALL: [Self; 2] = [Self::V0_1, Self::V0_2];

    /// The one in `wit/`.
    pub const NEWEST: Self = Self::V0_2;

    /// As interfaces name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::V0_1 => "0.1.0",
            Self::V0_2 => "0.2.0",
        }
    }

    /// The version that an interface's version fits: below 1.0 the minor number must be equal.
    pub(crate) fn of(interface: &str) -> Option<Self> {
        fn track(version: &str) -> Option<(&str, &str)> {
            version.rsplit_once('.')?.0.split_once('.')
        }
        let wanted = track(interface)?;
        Self::ALL.into_iter().find(|version| track(version.name()) == Some(wanted))
    }

    /// Whether a plugin without settings is asked to take them: in 0.1 every plugin was.
    pub(crate) fn configures_without_settings(self) -> bool {
        self == Self::V0_1
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_that_of_the_wit_files() {
        let types = include_str!("../../../../wit/types.wit");
        assert!(types.contains(&format!("package ts-host:plugin@{};", Version::NEWEST)));
    }

    #[test]
    fn below_1_0_the_minor_number_decides() {
        for (name, version) in [("0.1.0", Version::V0_1), ("0.1.9", Version::V0_1), ("0.2.3", Version::V0_2)]
        {
            assert_eq!(Version::of(name), Some(version));
        }
        for name in ["0.3.0", "1.1.0", "0.10.0", "0.1", "none", ""] {
            assert_eq!(Version::of(name), None, "{name}");
        }
    }
}
