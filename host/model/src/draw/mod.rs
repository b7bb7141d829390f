//! Drawing responses: many at a time, one token from each row of logits.

pub mod generate;
mod on_device;
mod request;
mod rounds;
pub mod sampler;
pub mod serve;
