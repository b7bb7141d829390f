//! Grading: a reference and a response, apart by a line of `~`. No pair panics, comparison is symmetric, and a
//! reference that can be read is its own answer.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ts_math::algebra::Work;
use ts_math::compare::same;
use ts_math::syntax::parse;
use ts_math::{Verdict, grade};

fuzz_target!(|text: &str| {
    let (reference, answer) = text.split_once("\n~\n").unwrap_or((text, ""));
    grade(reference, answer);
    if reference.len() > ts_math::MAX_BYTES || answer.len() > ts_math::MAX_BYTES {
        return;
    }
    if let (Ok(a), Ok(b)) = (parse(reference), parse(answer)) {
        let work = || Work::new(ts_math::WORK);
        // Where one direction is too expensive, the other may be lucky.
        if let (Ok(one), Ok(other)) = (same(&a, &b, &work()), same(&b, &a, &work())) {
            assert_eq!(one, other, "{a}  and  {b}");
        }
        let plain = reference.chars().all(|c| !matches!(c, '{' | '}' | '\\' | '<') && !c.is_control());
        if plain {
            let verdict = grade(reference, &format!("\\boxed{{{reference}}}")).verdict;
            assert!(!matches!(verdict, Verdict::Incorrect), "{reference}");
        }
    }
});
