//! Work in processes of its own, which are this program, started again. What they compile is
//! `load/compiler.rs`.

pub(crate) mod messages;
pub(crate) mod serve;
pub(crate) mod support;
pub(crate) mod this_program;
pub(crate) mod wire;
pub(crate) mod workers;
