//! What plugins do for the method, a file each: its types, its call, and the checks of what a guest answers.
//! The fifth role, which runs programs, is `programs/runner.rs`.

mod handles;
pub(crate) mod length_function;
pub(crate) mod selection_policy;
mod span;
pub(crate) mod step_splitter;
pub(crate) mod verifier;
