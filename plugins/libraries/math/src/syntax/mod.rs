//! Notation: text to tokens ([`token`]), tokens to a tree ([`parse`]), and a tree back to text ([`print`]).
//!
//! LaTeX, plain notation and Unicode signs are one language here. [`names`] holds its vocabulary and [`unit`]
//! its units; [`node`] says what can be said in it.

mod names;
pub mod node;
mod noun;
pub mod parse;
pub mod print;
mod token;
pub mod unit;

pub use node::{Function, Half, Node, Number, Relation, SetOperator, Symbol};
pub use parse::parse;
pub(crate) use parse::{same_tokens, says_something};
