//! Verifier `math_grader`: the last stated answer against a reference, as mathematics. TokenSqueeze, section
//! 3.1.
//!
//! Three steps, a file each: find the answer in the response ([`extract`]), bring answer and reference into one
//! notation ([`normalise`]) and read them as values ([`value`], [`rational`]), and compare the values
//! ([`compare`]).
//!
//! The reference is an answer in plain text or LaTeX; a whole solution will do if its answer stands in a
//! `\boxed{…}`. A reference in which nothing is left after clean-up is a bad reference.
//!
//! In: a problem and a response. Out: a grade with the place of the answer. Left out on purpose: algebra.
//! Expressions are compared as texts, so `x + 1` is not `1 + x` here. All work is linear in the response, and
//! texts longer than [`normalise::MAX_BYTES`] are compared letter by letter.

mod compare;
mod extract;
mod normalise;
mod rational;
mod value;

use ts_plugin_sdk::verifier::{Graded, Problem, Verdict};
use ts_plugin_sdk::{Description, Plugin, Settings, Span, Verifier, description, export_verifier};

/// Compares answers as mathematics.
struct MathGrader;

impl Plugin for MathGrader {
    fn describe() -> Description {
        let summary =
            "The last stated answer must equal the reference: numbers exactly, the rest as normalised LaTeX.";
        description("math_grader", env!("CARGO_PKG_VERSION"), summary, vec![])
    }

    fn configure(_: &Settings) -> Result<Self, String> {
        Ok(MathGrader)
    }
}

impl Verifier for MathGrader {
    fn grade(&self, problem: &Problem, response: &str) -> Result<Graded, String> {
        let reference =
            extract::boxed(&problem.reference).map_or(&*problem.reference, |r| &problem.reference[r]);
        let reference = normalise::normalise(reference);
        if reference.is_empty() {
            let reason = "the reference is empty once its formatting is removed".to_owned();
            return Ok(graded(Verdict::BadReference(reason), None, ""));
        }
        let Some(place) = extract::answer(response) else {
            return Ok(graded(Verdict::NoAnswer, None, "no answer is stated"));
        };
        let answer = normalise::normalise(&response[place.clone()]);
        if answer.is_empty() {
            return Ok(graded(Verdict::NoAnswer, None, "the stated answer is empty"));
        }
        let verdict = if compare::equal(&reference, &answer) { Verdict::Correct } else { Verdict::Incorrect };
        let span = Span { start: place.start as u32, end: place.end as u32 };
        Ok(graded(verdict, Some(span), ""))
    }
}

fn graded(verdict: Verdict, answer: Option<Span>, note: &str) -> Graded {
    let score = if verdict == Verdict::Correct { 1.0 } else { 0.0 };
    Graded { verdict, score, answer, note: note.to_owned() }
}

export_verifier!(MathGrader);

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(reference: &str, response: &str) -> Verdict {
        let problem = Problem {
            id: "p".to_owned(),
            prompt: String::new(),
            reference: reference.to_owned(),
            metadata: vec![],
        };
        MathGrader.grade(&problem, response).unwrap().verdict
    }

    #[test]
    fn the_four_verdicts() {
        assert_eq!(verdict("1/2", "<think>4?</think> so \\boxed{0.50}."), Verdict::Correct);
        assert_eq!(verdict("1/2", "so \\boxed{0.51}."), Verdict::Incorrect);
        assert_eq!(verdict("1/2", "I do not know."), Verdict::NoAnswer);
        assert!(matches!(verdict(" $$ ", "\\boxed{1}"), Verdict::BadReference(_)));
    }

    #[test]
    fn a_solution_serves_as_a_reference() {
        assert_eq!(verdict("So \\[ \\boxed{32349} \\]", "is $\\boxed{32,\\! 349}$"), Verdict::Correct);
    }
}
