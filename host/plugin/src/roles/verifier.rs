//! The verifier role: grades one response. TokenSqueeze, section 3.1: only responses graded correct can
//! become positives, so everything downstream rests on this answer.
//!
//! In: a [`Problem`] and a response. Out: a [`Grade`] whose score is between 0 and 1 and whose answer span
//! lies in the response on character boundaries; or a [`CallError`], which is never a verdict.
//!
//! Score and verdict need not agree. A verifier may give partial credit to an incorrect answer.

use std::ops::Range;

use serde::Serialize;
use serde_json::Value;

use crate::call::call_error::CallError;
use crate::call::cancel::Cancel;
use crate::call::pool::{Call, Pool};
use crate::contract::bindings::exports::ts_host::plugin::verifier as guest;
use crate::contract::versions::VerifierExports;
use crate::load::settings::Settings;
use crate::plugin::Plugin;
use crate::roles::span;
use crate::text;

/// A problem, as its line in the problem set has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Problem {
    /// Its identifier, unique in the problem set.
    pub id: String,
    /// The question, without the chat template around it.
    pub prompt: String,
    /// The reference answer, in the form that the verifier documents.
    pub reference: String,
    /// Every further field of the line: name, and value (a text as it stands, anything else as JSON).
    pub metadata: Vec<(String, String)>,
}

impl Problem {
    /// A field's value as a verifier sees it: a text as it stands, anything else as JSON.
    pub fn text_of(value: &Value) -> String {
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    }
}

/// What a verifier says of a response, one of five. The sixth, "the grader failed", is a [`CallError`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The response's answer is the reference answer.
    Correct,
    /// The response has an answer, and it is another one.
    Incorrect,
    /// The response has no answer.
    NoAnswer,
    /// The reference could not be understood; the text says why.
    BadReference(String),
    /// Answer and reference could not be told apart or proved equal; the text says what was tried.
    Undecided(String),
}

impl Verdict {
    /// Its name in files and answers.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Correct => "correct",
            Self::Incorrect => "incorrect",
            Self::NoAnswer => "no_answer",
            Self::BadReference(_) => "bad_reference",
            Self::Undecided(_) => "undecided",
        }
    }

    /// Why it says nothing of the response, where it does not.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::BadReference(reason) | Self::Undecided(reason) => Some(reason),
            Self::Correct | Self::Incorrect | Self::NoAnswer => None,
        }
    }
}

/// What came of one test of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TestOutcome {
    /// The output is the expected one.
    Passed,
    /// The program ended, and its output is another one.
    WrongAnswer,
    /// It ended with an error, or without the value that was asked for.
    RuntimeError,
    /// It is not a program of its language.
    DoesNotCompile,
    /// It was out of time.
    TimeLimit,
    /// It was out of memory.
    MemoryLimit,
    /// The response holds no program.
    NoProgram,
}

/// The grade of one response.
#[derive(Debug, Clone, PartialEq)]
pub struct Grade {
    /// What the verifier says.
    pub verdict: Verdict,
    /// Between 0 (wrong) and 1 (right).
    pub score: f64,
    /// Bytes of the response where the judged answer stands.
    pub answer: Option<Range<usize>>,
    /// How the verdict came about; may be empty. At most about 2,000 bytes, without control characters.
    pub note: String,
    /// What came of each test that was run, in order; empty for a verifier that runs none.
    pub tests: Vec<TestOutcome>,
}

/// A configured verifier, usable from many threads.
#[derive(Debug)]
pub struct Verifier {
    pool: Pool<VerifierExports>,
}

impl Verifier {
    pub(crate) fn new(pool: Pool<VerifierExports>) -> Self {
        Self { pool }
    }

    /// The plugin behind it.
    pub fn plugin(&self) -> &Plugin {
        self.pool.plugin()
    }

    /// Every setting that it was configured with, in the plugin's order.
    pub fn settings(&self) -> &Settings {
        self.pool.settings()
    }

    /// Grades one response: the model's text after the prompt, reasoning included.
    ///
    /// # Errors
    ///
    /// A [`CallError`] with the problem's identifier; see [`crate::CallErrorKind`] for the causes.
    pub fn grade(&self, problem: &Problem, response: &str) -> Result<Call<Grade>, CallError> {
        self.graded(problem, response, None)
    }

    /// Grades one response as [`Self::grade`] does, unless `cancel` fires before it is done: then the call
    /// ends, wherever it is, within a tenth of a second on a machine that is not busy, and this thread is
    /// free.
    ///
    /// # Errors
    ///
    /// Those of [`Self::grade`], and [`crate::CallErrorKind::Cancelled`].
    pub fn grade_unless(
        &self,
        problem: &Problem,
        response: &str,
        cancel: &Cancel,
    ) -> Result<Call<Grade>, CallError> {
        self.graded(problem, response, Some(cancel))
    }

    fn graded(
        &self,
        problem: &Problem,
        response: &str,
        cancel: Option<&Cancel>,
    ) -> Result<Call<Grade>, CallError> {
        let metadata: Vec<(&str, &str)> =
            problem.metadata.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let lowered = || guest::Problem {
            id: &problem.id,
            prompt: &problem.prompt,
            reference: &problem.reference,
            metadata: &metadata,
        };
        self.pool.call(
            "grade",
            &problem.id,
            cancel,
            |guest, store| guest.grade(store, lowered(), response),
            |grade| check(grade, response),
        )
    }
}

fn check(grade: guest::Graded, response: &str) -> Result<Grade, String> {
    let guest::Graded { verdict, score, answer, note, tests } = grade;
    if !(0.0..=1.0).contains(&score) {
        return Err(format!("score {score} is not between 0 and 1"));
    }
    let verdict = match verdict {
        guest::Verdict::Correct => Verdict::Correct,
        guest::Verdict::Incorrect => Verdict::Incorrect,
        guest::Verdict::NoAnswer => Verdict::NoAnswer,
        guest::Verdict::BadReference(why) => Verdict::BadReference(text::sentence(&why)),
        guest::Verdict::Undecided(tried) => Verdict::Undecided(text::sentence(&tried)),
    };
    let answer = answer.map(|answer| span::range(answer, response)).transpose()?;
    let tests = tests.into_iter().map(outcome).collect();
    Ok(Grade { verdict, score, answer, note: text::sentence(&note), tests })
}

fn outcome(outcome: guest::TestOutcome) -> TestOutcome {
    match outcome {
        guest::TestOutcome::Passed => TestOutcome::Passed,
        guest::TestOutcome::WrongAnswer => TestOutcome::WrongAnswer,
        guest::TestOutcome::RuntimeError => TestOutcome::RuntimeError,
        guest::TestOutcome::DoesNotCompile => TestOutcome::DoesNotCompile,
        guest::TestOutcome::TimeLimit => TestOutcome::TimeLimit,
        guest::TestOutcome::MemoryLimit => TestOutcome::MemoryLimit,
        guest::TestOutcome::NoProgram => TestOutcome::NoProgram,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graded(score: f64, answer: Option<(u32, u32)>) -> guest::Graded {
        let answer = answer.map(|(start, end)| guest::Span { start, end });
        guest::Graded {
            verdict: guest::Verdict::Correct,
            score,
            answer,
            note: "a\u{7}b".into(),
            tests: vec![],
        }
    }

    #[test]
    fn a_grade_within_the_contract_passes_and_its_note_is_cleaned() {
        let grade = check(graded(0.5, Some((0, 2))), "42").unwrap();
        let note = r"a\u{7}b".to_string();
        assert_eq!(
            grade,
            Grade { verdict: Verdict::Correct, score: 0.5, answer: Some(0..2), note, tests: vec![] }
        );
    }

    #[test]
    fn the_reason_of_a_verdict_that_says_nothing_is_kept_and_cleaned() {
        let with = |verdict| check(guest::Graded { verdict, ..graded(0.0, None) }, "42").unwrap().verdict;
        let (why, cleaned) = (|| "degree 9\u{7}".to_string(), r"degree 9\u{7}".to_string());
        assert_eq!(with(guest::Verdict::BadReference(why())), Verdict::BadReference(cleaned.clone()));
        assert_eq!(with(guest::Verdict::Undecided(why())), Verdict::Undecided(cleaned));
    }

    #[test]
    fn scores_and_spans_out_of_range_are_refused() {
        for score in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(check(graded(score, None), "42").unwrap_err().contains("not between 0 and 1"), "{score}");
        }
        assert!(check(graded(1.0, Some((0, 3))), "42").is_err());
        assert!(check(graded(1.0, Some((0, 1))), "é").is_err());
    }
}
