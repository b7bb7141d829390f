//! What guests may call of the host, and what they pay for it. Programs have a world of their own:
//! `programs/sandbox.rs`.

pub(crate) mod charge;
pub(crate) mod log;
pub(crate) mod runners;
