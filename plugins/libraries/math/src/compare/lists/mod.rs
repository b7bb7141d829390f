//! Answers that are several values: lists, sets and tuples ([`collection`]), and matrices ([`matrix`]).

pub(super) mod collection;
pub(super) mod matrix;
mod pairing;
