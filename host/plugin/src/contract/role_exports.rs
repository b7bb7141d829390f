//! How the functions of each role are found in a component.
//!
//! In: a component that exports an interface such as `ts-host:plugin/verifier@0.3.0`. Out: through
//! [`RoleExports`], its typed functions.

use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use crate::call::state::State;
use crate::contract::role::Role;
use crate::contract::version::Version;
use crate::contract::versions::{self, Exported};

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
            /// Fails where the component's exports for this role are not of the types of the version that it
            /// names.
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
    Runner => versions::RunnerExports,
}
