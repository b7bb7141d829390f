//! Multiple choice: which option a response settles on.

mod choice;
mod mention;

pub use choice::{Choice, choice};
