//! The roles that a plugin can have, and how each one's exports are found in a component.
//!
//! In: an interface name such as `ts-host:plugin/verifier@0.2.0`. Out: the [`Role`], and, through
//! [`RoleExports`], its typed functions.
//!
//! Left out on purpose: what the roles do. Each has a file of its own with its types and its checks.

use std::fmt;

use serde::Serialize;
use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use crate::bindings::exports::ts_host::plugin::runner;
use crate::instance::State;
use crate::versions::{self, Exported, Version};

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
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.interface())
    }
}

/// The functions of one role.
pub(crate) trait RoleExports: Exported {
    /// Which role.
    const ROLE: Role;
}

macro_rules! functions_of {
    ($($role:ident => $functions:ty),+ $(,)?) => {
        $(impl RoleExports for $functions {
            const ROLE: Role = Role::$role;
        })+

        impl Role {
            /// Fails where the component's exports for this role are not of the types of the version that it names.
            pub(crate) fn check(
                self,
                pre: &InstancePre<State>,
                version: Version,
                store: &mut Store<State>,
                instance: &Instance,
            ) -> wasmtime::Result<()> {
                match self {
                    $(Self::$role => {
                        let indices = <$functions>::indices(pre, version)?;
                        <$functions>::load(&indices, store, instance).map(drop)
                    })+
                }
            }
        }
    };
}

functions_of! {
    Verifier => versions::VerifierExports,
    StepSplitter => versions::StepSplitterExports,
    SelectionPolicy => versions::SelectionPolicyExports,
    LengthFunction => versions::LengthFunctionExports,
    Runner => runner::Guest,
}

impl Exported for runner::Guest {
    type Indices = runner::GuestIndices;

    fn indices(pre: &InstancePre<State>, _: Version) -> wasmtime::Result<Self::Indices> {
        Self::Indices::new(pre)
    }

    fn load(
        indices: &Self::Indices,
        store: &mut Store<State>,
        instance: &Instance,
    ) -> wasmtime::Result<Self> {
        indices.load(store, instance)
    }
}
