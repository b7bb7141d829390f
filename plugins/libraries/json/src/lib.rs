//! JSON and decimals as they are written: no digit is lost.
//!
//! Common readers round numbers to 64-bit floats and drop all but the last of two members of one name. A
//! grader must see both as they are: `0.1` is not `0.10000000000000001`, and what has two members of one name
//! is not JSON.
//!
//! In: text. Out: a [`Json`], which prints as JSON again, or a [`Decimal`]. There is no arithmetic, and no
//! rule when two values are equal, in which graders differ.

mod decimal;
mod parser;
mod value;

pub use decimal::Decimal;
pub use value::Json;
