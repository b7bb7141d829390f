//! The contract in `wit/`, as this host sees it: generated code, versions, roles, and the names of
//! interfaces.

pub(crate) mod bindings;
pub(crate) mod interfaces;
pub(crate) mod role;
pub(crate) mod role_exports;
pub(crate) mod version;
pub(crate) mod versions;
