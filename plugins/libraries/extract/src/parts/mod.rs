//! The parts of a response: its reasoning, what it says to the reader, its answer.

mod tag;
pub(crate) mod thinking;
