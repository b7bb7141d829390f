//! Enclosures: intervals of rising precision that hold a constant's value.
//!
//! [`arithmetic`] rounds outward, in double precision first and then to any number of bits; [`interval`]
//! reckons with what it rounds; [`evaluate`] encloses a normal form; [`separation`] says how close to zero an
//! algebraic number can come without being zero, which turns a tight enough enclosure into a proof.

mod arithmetic;
mod evaluate;
mod interval;
mod separation;

pub(crate) use arithmetic::{Arithmetic, Big, Double};
pub(crate) use evaluate::{Value, evaluate};
pub(crate) use interval::Interval;
pub(crate) use separation::separation;
