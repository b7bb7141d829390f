//! Programs: what one is, what it sees of the world, and who runs it.

pub(crate) mod access;
pub(crate) mod compilations;
pub(crate) mod conversation;
pub(crate) mod deep_stack;
pub(crate) mod program;
pub(crate) mod runner;
pub(crate) mod runners;
pub(crate) mod sandbox;
