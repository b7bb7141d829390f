//! Verifier `math_grader`: the final answer against a reference, as mathematics. TokenSqueeze, section 3.1.
//!
//! The work is done by `ts-math`; here its grades become the contract's. What is accepted is written down,
//! with examples that a test runs, in `docs/math-grader.md`.
//!
//! In: a problem and a response. Out: a grade with the place of the answer. There are no settings. What is
//! asked for decides, and the reference says what that is.

use ts_plugin_sdk::verifier::{Graded, Problem, Verdict, graded};
use ts_plugin_sdk::{Description, Plugin, Settings, Verifier, description, export_verifier};

/// Compares answers as mathematics.
struct MathGrader;

impl Plugin for MathGrader {
    fn describe() -> Description {
        let summary =
            "The final answer must equal the reference as mathematics: exactly, whatever the notation.";
        description("math_grader", env!("CARGO_PKG_VERSION"), summary, vec![])
    }

    fn configure(_: &Settings) -> Result<Self, String> {
        Ok(MathGrader)
    }
}

impl Verifier for MathGrader {
    fn grade(&self, problem: &Problem, response: &str) -> Result<Graded, String> {
        let grade = ts_math::grade(&problem.reference, response);
        let verdict = match grade.verdict {
            ts_math::Verdict::Correct => Verdict::Correct,
            ts_math::Verdict::Incorrect => Verdict::Incorrect,
            ts_math::Verdict::NoAnswer => Verdict::NoAnswer,
            ts_math::Verdict::BadReference(why) => Verdict::BadReference(why),
            ts_math::Verdict::Undecided(why) => Verdict::Undecided(why),
        };
        Ok(graded(verdict, grade.place, grade.note))
    }
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
    fn every_verdict() {
        assert_eq!(verdict("1/2", "<think>4?</think> so \\boxed{0.50}."), Verdict::Correct);
        assert_eq!(verdict("1/2", "so \\boxed{0.51}."), Verdict::Incorrect);
        assert_eq!(verdict("1/2", "I do not know."), Verdict::NoAnswer);
        assert!(matches!(verdict("\\frac{1}{", "\\boxed{1}"), Verdict::BadReference(_)));
        assert!(matches!(verdict("1", "\\boxed{7^{7^{7^7}} \\bmod 100}"), Verdict::Undecided(_)));
    }
}
