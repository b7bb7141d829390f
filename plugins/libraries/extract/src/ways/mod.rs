//! The ways in which people and models state answers, a file for each, and what several of them read ([`token`]).

pub(crate) mod bare;
pub(crate) mod boxes;
pub(crate) mod formula;
pub(crate) mod number;
pub(crate) mod run;
pub(crate) mod sentence;
pub(crate) mod statement;
mod token;
