//! Drawing responses: many at a time, one token from each row of logits.

pub mod generate;
pub(crate) mod generation;
pub mod sampler;
