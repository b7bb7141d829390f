//! Responses: drawing them, grading them, cutting them into steps, rewriting those, and reading back what a run has of them.

mod divergence;
pub(crate) mod draws;
pub(crate) mod drift;
pub(crate) mod grading;
pub(crate) mod grouping;
mod likelihood;
pub(crate) mod refining;
pub(crate) mod remote;
pub(crate) mod rewrite;
pub(crate) mod sampler;
pub(crate) mod selected;
mod server_window;
pub(crate) mod steps;
pub(crate) mod thresholds;
mod turnstile;
pub mod ungraded;
