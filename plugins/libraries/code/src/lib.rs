//! Programs as answers: found in a response, tested by a runner, judged from outside.
//!
//! A problem names its tests in fields of its line ([`problem`]). For each test the program is run apart, in
//! an instance of its own, and what comes back is compared here: the expected value never enters the guest
//! that runs the program. Where a test is Python with asserts, which hold the expected values, these run in
//! another guest that never sees the program ([`drive`]).
//!
//! | module | question |
//! |---|---|
//! | [`program`] | where in the response is the program? |
//! | [`problem`] | what are the tests? |
//! | [`drive`] | what does the program give? |
//! | [`compare`] | is that what was expected? |
//! | [`grade`](grade()) | what is it worth? |
//!
//! In: a problem's fields, a response, and a [`Runner`]. Out: a verdict, and what came of each test.

mod compare;
mod drive;
mod grade;
mod language;
mod problem;
mod program;
mod runner;
mod settings;
mod value;

pub use compare::Comparison;
pub use drive::Outcome;
pub use grade::{Grade, Verdict, grade};
pub use runner::{Ending, FUEL_PER_MS, Limits, Program, Ran, Runner};
pub use settings::Settings;
