//! Responses without a grade: how many, and why. They are neither right nor wrong, and count in no metric.
//!
//! In: outcomes. Out: [`Ungraded`], which reports keep, stages show, and the limit on a run is judged by. Left
//! out on purpose: what each grader said; that is the note in `grades.jsonl`.

use std::fmt;

use serde::{Deserialize, Serialize};
use ts_core::Outcome;

/// Responses without a grade, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ungraded {
    /// The grader refused, trapped or exceeded a limit.
    pub n_grader_failed: usize,
    /// The reference could not be understood.
    pub n_bad_reference: usize,
    /// The grader could neither prove the answer right nor tell it from the reference.
    pub n_undecided: usize,
}

impl Ungraded {
    /// Counts the outcomes that are no grade.
    pub fn among(outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        let mut counted = Self::default();
        outcomes.into_iter().for_each(|outcome| counted.count(outcome));
        counted
    }

    /// Counts one outcome; a grade changes nothing.
    pub fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::GraderFailed => self.n_grader_failed += 1,
            Outcome::BadReference => self.n_bad_reference += 1,
            Outcome::Undecided => self.n_undecided += 1,
            Outcome::Correct | Outcome::Incorrect | Outcome::NoAnswer => {}
        }
    }

    /// All of them.
    pub fn total(self) -> usize {
        self.n_grader_failed + self.n_bad_reference + self.n_undecided
    }
}

/// `the grader failed on 2, had a bad reference for 32, did not decide 5`: the first always, the others where there
/// are any.
impl fmt::Display for Ungraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { n_grader_failed, n_bad_reference, n_undecided } = *self;
        write!(f, "the grader failed on {n_grader_failed}")?;
        if n_bad_reference > 0 {
            write!(f, ", had a bad reference for {n_bad_reference}")?;
        }
        if n_undecided > 0 {
            write!(f, ", did not decide {n_undecided}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_no_grade_is_counted_under_its_reason() {
        let ungraded = Ungraded::among(Outcome::ALL);
        assert_eq!(ungraded, Ungraded { n_grader_failed: 1, n_bad_reference: 1, n_undecided: 1 });
        assert_eq!(ungraded.total(), Outcome::ALL.iter().filter(|outcome| !outcome.is_gradable()).count());
    }

    #[test]
    fn only_reasons_that_occur_are_named() {
        assert_eq!(Ungraded::default().to_string(), "the grader failed on 0");
        let all = Ungraded { n_grader_failed: 2, n_bad_reference: 32, n_undecided: 5 };
        assert_eq!(all.to_string(), "the grader failed on 2, had a bad reference for 32, did not decide 5");
    }
}
