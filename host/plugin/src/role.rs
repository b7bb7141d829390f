//! The roles that a plugin can have, and how each one's exports are found in a component.
//!
//! In: an interface name such as `ts-host:plugin/verifier@0.1.0`. Out: the [`Role`], and, through
//! [`RoleGuest`], its typed functions.
//!
//! Left out on purpose: what the roles do. Each has a file of its own with its types and its checks.

use std::fmt;

use serde::Serialize;
use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use crate::bindings::exports::ts_host::plugin as guest;
use crate::instance::State;

/// Something that a plugin can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Grades responses.
    Verifier,
    /// Splits reasoning into steps.
    StepSplitter,
    /// Chooses positives and pairs.
    SelectionPolicy,
    /// Measures length.
    LengthFunction,
    /// Runs programs, for verifiers of programs.
    Runner,
}

impl Role {
    /// Every role, in the order of the pipeline.
    pub const ALL: [Self; 5] =
        [Self::Verifier, Self::StepSplitter, Self::SelectionPolicy, Self::LengthFunction, Self::Runner];

    /// The role's interface in `wit/`, without package and version.
    pub fn interface(self) -> &'static str {
        match self {
            Self::Verifier => "verifier",
            Self::StepSplitter => "step-splitter",
            Self::SelectionPolicy => "selection-policy",
            Self::LengthFunction => "length-function",
            Self::Runner => "runner",
        }
    }

    /// Fails where the component's exports for this role are not of the host's types.
    pub(crate) fn check(
        self,
        pre: &InstancePre<State>,
        store: &mut Store<State>,
        instance: &Instance,
    ) -> wasmtime::Result<()> {
        fn check<G: RoleGuest>(
            pre: &InstancePre<State>,
            store: &mut Store<State>,
            instance: &Instance,
        ) -> wasmtime::Result<()> {
            G::load(&G::indices(pre)?, store, instance).map(drop)
        }
        match self {
            Self::Verifier => check::<guest::verifier::Guest>(pre, store, instance),
            Self::StepSplitter => check::<guest::step_splitter::Guest>(pre, store, instance),
            Self::SelectionPolicy => check::<guest::selection_policy::Guest>(pre, store, instance),
            Self::LengthFunction => check::<guest::length_function::Guest>(pre, store, instance),
            Self::Runner => check::<guest::runner::Guest>(pre, store, instance),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.interface())
    }
}

/// The generated functions of one role.
pub(crate) trait RoleGuest: Sized + Send + 'static {
    /// Which role.
    const ROLE: Role;
    /// Where a component has the functions: looked up once per component.
    type Indices: Send + Sync;

    /// Looks the functions up by name.
    fn indices(pre: &InstancePre<State>) -> wasmtime::Result<Self::Indices>;

    /// Takes the functions from an instance; fails where a type differs.
    fn load(indices: &Self::Indices, store: &mut Store<State>, instance: &Instance)
    -> wasmtime::Result<Self>;
}

macro_rules! role_guest {
    ($($module:ident => $role:ident),+ $(,)?) => {$(
        impl RoleGuest for guest::$module::Guest {
            const ROLE: Role = Role::$role;
            type Indices = guest::$module::GuestIndices;

            fn indices(pre: &InstancePre<State>) -> wasmtime::Result<Self::Indices> {
                Self::Indices::new(pre)
            }

            fn load(indices: &Self::Indices, store: &mut Store<State>, instance: &Instance) -> wasmtime::Result<Self> {
                indices.load(store, instance)
            }
        }
    )+};
}

role_guest! {
    verifier => Verifier,
    step_splitter => StepSplitter,
    selection_policy => SelectionPolicy,
    length_function => LengthFunction,
    runner => Runner,
}
