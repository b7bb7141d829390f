//! Responses without a grade: how many, and why. They are neither right nor wrong, and count in no metric.
//!
//! In: outcomes. Out: [`Ungraded`], which reports keep, stages show, and the limit on a run is judged by.
//! What each grader said is the note in `grades.jsonl`.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use ts_core::Outcome;

/// Responses without a grade, by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ungraded {
    /// The grader refused, trapped or exceeded a limit.
    pub n_grader_failed: usize,
    /// The reference could not be understood.
    pub n_bad_reference: usize,
    /// The grader could neither prove the answer right nor tell it from the reference.
    pub n_undecided: usize,
    /// How the grader failed: how many for each way, such as `out_of_fuel`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub failures: BTreeMap<String, usize>,
}

impl Ungraded {
    /// Counts the outcomes that are not grades, each with the way in which the grader failed if it did.
    pub fn among<'a>(outcomes: impl IntoIterator<Item = (Outcome, Option<&'a str>)>) -> Self {
        let mut counted = Self::default();
        outcomes.into_iter().for_each(|(outcome, failure)| counted.count(outcome, failure));
        counted
    }

    /// Counts one outcome; a grade changes nothing.
    pub fn count(&mut self, outcome: Outcome, failure: Option<&str>) {
        if let Some(failure) = failure {
            *self.failures.entry(failure.to_owned()).or_default() += 1;
        }
        match outcome {
            Outcome::GraderFailed => self.n_grader_failed += 1,
            Outcome::BadReference => self.n_bad_reference += 1,
            Outcome::Undecided => self.n_undecided += 1,
            Outcome::Correct | Outcome::Incorrect | Outcome::NoAnswer => {}
        }
    }

    /// The one way in which the grader failed, if that is the only reason there is.
    pub fn only_failure(&self) -> Option<&str> {
        let mut ways = self.failures.keys();
        let only = ways.next().filter(|_| ways.next().is_none() && self.n_grader_failed == self.total())?;
        Some(only)
    }

    /// All of them.
    pub fn total(&self) -> usize {
        self.n_grader_failed + self.n_bad_reference + self.n_undecided
    }
}

/// `the grader failed on 2 (out_of_fuel 1, trapped 1), had a bad reference for 32, did not decide 5`: the
/// first always, the others where there are any.
impl fmt::Display for Ungraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the grader failed on {}", self.n_grader_failed)?;
        if !self.failures.is_empty() {
            let failures = self.failures.iter().map(|(failure, count)| format!("{failure} {count}"));
            write!(f, " ({})", failures.collect::<Vec<_>>().join(", "))?;
        }
        if self.n_bad_reference > 0 {
            write!(f, ", had a bad reference for {}", self.n_bad_reference)?;
        }
        if self.n_undecided > 0 {
            write!(f, ", did not decide {}", self.n_undecided)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_no_grade_is_counted_under_its_reason() {
        let how = |outcome| (outcome == Outcome::GraderFailed).then_some("trapped");
        let ungraded = Ungraded::among(Outcome::ALL.map(|outcome| (outcome, how(outcome))));
        let failures = [("trapped".to_owned(), 1)].into();
        assert_eq!(ungraded, Ungraded { n_grader_failed: 1, n_bad_reference: 1, n_undecided: 1, failures });
        assert_eq!(ungraded.total(), Outcome::ALL.iter().filter(|outcome| !outcome.is_gradable()).count());
    }

    #[test]
    fn only_reasons_that_occur_are_named() {
        assert_eq!(Ungraded::default().to_string(), "the grader failed on 0");
        let failures = [("trapped".to_owned(), 1), ("out_of_fuel".to_owned(), 1)].into();
        let all = Ungraded { n_grader_failed: 2, n_bad_reference: 32, n_undecided: 5, failures };
        let told =
            "the grader failed on 2 (out_of_fuel 1, trapped 1), had a bad reference for 32, did not decide 5";
        assert_eq!(all.to_string(), told);
    }
}
