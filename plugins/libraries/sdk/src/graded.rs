//! A grade out of a verdict: what every verifier without partial credit returns.

use std::ops::Range;

use crate::Span;
use crate::verifier::{Graded, Verdict};

/// The grade that a verdict makes: the score is 1 for correct and 0 for anything else.
///
/// `place` is where in the response the answer stands, in bytes on character boundaries; `note` says how the
/// verdict came about, and may be empty.
pub fn graded(verdict: Verdict, place: Option<Range<usize>>, note: String) -> Graded {
    let score = if verdict == Verdict::Correct { 1.0 } else { 0.0 };
    let answer = place.map(|place| Span { start: place.start as u32, end: place.end as u32 });
    Graded { verdict, score, answer, note, tests: vec![] }
}
