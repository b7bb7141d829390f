//! Grading one response with the verifier plugin, and what it means for a run. TokenSqueeze, section 3.1.
//!
//! In: a problem and a response. Out: a [`Graded`]. A call that fails becomes the outcome "the grader failed"
//! with a note; like a bad reference or an undecided case it is never "incorrect", and too many of these stop
//! a run ([`Tally`]). Where the host had no memory for an instance, nothing can be said of the response: that is an error, and the
//! run goes on from there another time.

use ts_core::Outcome;
use ts_plugin::{CallErrorKind, Problem, Verdict, Verifier};
use ts_run::records::{GradeRecord, ProblemRecord};

use crate::Error;
use crate::responses::ungraded::Ungraded;

/// A grade, or why there is none.
pub(crate) struct Graded {
    pub(crate) outcome: Outcome,
    pub(crate) score: f64,
    pub(crate) answer: Option<[u32; 2]>,
    pub(crate) note: String,
    /// How the grader failed.
    pub(crate) failure: Option<String>,
    pub(crate) fuel: Option<u64>,
}

impl Graded {
    pub(crate) fn into_record(self, problem: &str, draw: u32) -> GradeRecord {
        let Self { outcome, score, answer, note, failure, fuel } = self;
        GradeRecord { problem: problem.to_owned(), draw, outcome, score, answer, note, failure, fuel }
    }
}

/// Grades one response; every failure of the grader is an outcome.
///
/// # Errors
/// [`Error::Call`] if the grader could not be started.
pub(crate) fn grade(verifier: &Verifier, problem: &ProblemRecord, response: &str) -> Result<Graded, Error> {
    Ok(match verifier.grade(&plugin_problem(problem), response) {
        Ok(call) => {
            let grade = call.value;
            let (outcome, reason) = match grade.verdict {
                Verdict::Correct => (Outcome::Correct, None),
                Verdict::Incorrect => (Outcome::Incorrect, None),
                Verdict::NoAnswer => (Outcome::NoAnswer, None),
                Verdict::BadReference(reason) => (Outcome::BadReference, Some(reason)),
                Verdict::Undecided(tried) => (Outcome::Undecided, Some(tried)),
            };
            Graded {
                outcome,
                score: grade.score,
                answer: grade.answer.map(|span| [span.start as u32, span.end as u32]),
                note: reason.unwrap_or(grade.note),
                failure: None,
                fuel: Some(call.fuel),
            }
        }
        Err(error) if matches!(error.kind, CallErrorKind::Unavailable(_)) => return Err(error.into()),
        Err(error) => Graded {
            outcome: Outcome::GraderFailed,
            score: 0.0,
            answer: None,
            note: error.to_string(),
            failure: Some(error.kind.name().to_owned()),
            fuel: error.fuel,
        },
    })
}

/// A problem as a plugin sees it.
pub(crate) fn plugin_problem(problem: &ProblemRecord) -> Problem {
    let metadata = problem.metadata.iter().map(|(key, value)| (key.clone(), Problem::text_of(value)));
    Problem {
        id: problem.id.clone(),
        prompt: problem.prompt.question().into_owned(),
        reference: problem.reference.clone(),
        metadata: metadata.collect(),
    }
}

/// Counts outcomes and stops a run that leaves too many responses without a grade.
pub(crate) struct Tally {
    allowed: f64,
    pub(crate) total: usize,
    pub(crate) ungraded: Ungraded,
    correct: usize,
    first_ungraded: String,
}

/// The share is judged only once so many responses are graded: the first one without a grade is not 100 % of
/// a run.
const JUDGE_FROM: usize = 200;

impl Tally {
    pub(crate) fn new(allowed: f64) -> Self {
        Self { allowed, total: 0, ungraded: Ungraded::default(), correct: 0, first_ungraded: String::new() }
    }

    pub(crate) fn count(&mut self, outcome: Outcome, failure: Option<&str>, note: &str) {
        self.total += 1;
        self.correct += usize::from(outcome.is_correct());
        if !outcome.is_gradable() && self.ungraded.total() == 0 {
            note.clone_into(&mut self.first_ungraded);
        }
        self.ungraded.count(outcome, failure);
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.total >= JUDGE_FROM { self.check_at_end() } else { Ok(()) }
    }

    pub(crate) fn check_at_end(&self) -> Result<(), Error> {
        if self.ungraded.total() as f64 <= self.allowed * self.total as f64 {
            return Ok(());
        }
        Err(Error::TooManyUngraded {
            ungraded: self.ungraded.clone(),
            total: self.total,
            allowed: self.allowed,
            first: self.first_ungraded.clone(),
        })
    }

    /// Of the responses that have a grade.
    pub(crate) fn percent_correct(&self) -> f64 {
        100.0 * self.correct as f64 / (self.total - self.ungraded.total()).max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_grader_stops_the_run_only_past_the_allowed_share() {
        let mut tally = Tally::new(0.02);
        tally.count(Outcome::GraderFailed, Some("out_of_fuel"), "out of fuel");
        for _ in 1..JUDGE_FROM {
            tally.check().unwrap();
            tally.count(Outcome::Incorrect, None, "");
        }
        tally.check_at_end().unwrap();
        for _ in 0..4 {
            tally.count(Outcome::GraderFailed, Some("trapped"), "later");
        }
        let error = tally.check().unwrap_err().to_string();
        assert!(error.contains("5 of 204") && error.contains("out of fuel"), "{error}");
    }

    #[test]
    fn whatever_leaves_no_grade_stops_the_run_alike_and_is_not_wrong() {
        for outcome in [Outcome::GraderFailed, Outcome::BadReference, Outcome::Undecided] {
            let mut tally = Tally::new(0.25);
            for outcome in [Outcome::Correct, Outcome::Correct, Outcome::NoAnswer, outcome] {
                tally.check_at_end().unwrap();
                tally.count(outcome, None, "the first");
            }
            tally.check_at_end().unwrap();
            assert!((tally.percent_correct() - 200.0 / 3.0).abs() < 1e-12);
            tally.count(outcome, None, "the second");
            let error = tally.check_at_end().unwrap_err().to_string();
            assert!(error.starts_with("no grade for 2 of 5") && error.ends_with("the first"), "{error}");
        }
    }
}
