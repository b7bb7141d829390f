//! Grading: a reference and a response, apart by a line of `~`. No pair panics, comparison is symmetric, and
//! a reference that can be read is its own answer.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ts_math::algebra::{Outcome, Trouble, Work};
use ts_math::compare::same;
use ts_math::syntax::{Node, parse};
use ts_math::{Verdict, grade};

/// Whether two answers are the same, where that can be told. One without a value is another.
fn told(outcome: Outcome<bool>) -> Option<bool> {
    match outcome {
        Ok(same) => Some(same),
        Err(Trouble::Undefined(_)) => Some(false),
        Err(Trouble::TooExpensive) => None,
    }
}

fuzz_target!(|text: &str| {
    let (reference, answer) = text.split_once("\n~\n").unwrap_or((text, ""));
    grade(reference, answer);

    let response = format!("\\boxed{{{reference}}}");
    let boxed = ts_extract::boxed(&response)
        .map(|found| found.places.len() == 1 && response[found.places[0].clone()] == *reference);
    if boxed == Some(true) && ts_extract::boxed(reference).is_none() {
        let verdict = grade(reference, &response).verdict;
        assert!(matches!(verdict, Verdict::Correct | Verdict::BadReference(_)), "{verdict:?}");
    }

    let (Ok(a), Ok(b)) = (parse(reference), parse(answer)) else { return };
    let compared = |a: &Node, b: &Node| told(same(a, b, &Work::new(ts_math::WORK)));
    assert_eq!(compared(&a, &a.clone()), Some(true), "{a}");
    // Where one direction is too expensive, the other may be lucky.
    if let (Some(one), Some(other)) = (compared(&a, &b), compared(&b, &a)) {
        assert_eq!(one, other, "{a}  and  {b}");
    }
});
