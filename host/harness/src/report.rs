//! Where a verifier agrees with the labels, and how fast it is.
//!
//! Agreement counts the fair cases that expect something. A case agrees if its verdict is the expected one, its score too,
//! and both came within the time that the case sets. A response without an answer counts as not correct; a bad
//! reference, an undecided case and a failed call count as no verdict, and so never agree with a label of
//! true or false.
//!
//! In: cases and a run. Out: numbers and identifiers.

use std::collections::BTreeMap;

use serde::Serialize;
use ts_plugin::Verdict;

use crate::case::{Case, Expected};
use crate::run::{Answer, CaseResult, Run};

/// Agreement of one run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// All cases.
    pub cases: usize,
    /// Fair cases that expect something: what agreement is counted over.
    pub counted: usize,
    /// Of these, the ones that agree.
    pub agreed: usize,
    /// Counted cases that should be correct and were graded otherwise, by identifier.
    pub false_negatives: Vec<String>,
    /// Counted cases that should not be correct and were graded correct, by identifier.
    pub false_positives: Vec<String>,
    /// Counted cases with another verdict than the one named, by identifier: incorrect where there should be
    /// no answer, say.
    pub otherwise_wrong: Vec<String>,
    /// Counted cases with another score than the expected one, or with none since the call failed, by identifier; not those whose verdict
    /// is wrong already.
    pub wrong_scores: Vec<String>,
    /// Of all cases, those without a verdict: how many for each reason (`bad_reference`, `undecided`, or how
    /// the call failed).
    pub nulls: BTreeMap<String, usize>,
    /// Cases that missed what they demand (`must`): too late, or no verdict where one is demanded.
    pub broken_limits: Vec<String>,
    /// Wall-clock time, seconds.
    pub seconds: f64,
    /// Cases per second and thread.
    pub cases_per_second_per_core: f64,
}

impl Report {
    /// Counts a run over its cases.
    pub fn of(cases: &[Case], run: &Run) -> Self {
        let seconds = run.elapsed.as_secs_f64();
        let mut report = Report {
            cases: cases.len(),
            counted: 0,
            agreed: 0,
            false_negatives: Vec::new(),
            false_positives: Vec::new(),
            otherwise_wrong: Vec::new(),
            wrong_scores: Vec::new(),
            nulls: BTreeMap::new(),
            broken_limits: Vec::new(),
            seconds,
            cases_per_second_per_core: if seconds > 0.0 {
                cases.len() as f64 / seconds / run.threads as f64
            } else {
                0.0
            },
        };
        for (case, result) in cases.iter().zip(&run.results) {
            report.count(case, result);
        }
        report
    }

    /// The share of counted cases that agree; 1 if none is counted.
    pub fn agreement(&self) -> f64 {
        if self.counted == 0 { 1.0 } else { self.agreed as f64 / self.counted as f64 }
    }

    /// Counted cases that are not as they should be, late ones left out.
    pub fn disagreements(&self) -> usize {
        let wrong = [&self.false_negatives, &self.false_positives, &self.otherwise_wrong, &self.wrong_scores];
        wrong.into_iter().map(Vec::len).sum()
    }

    fn count(&mut self, case: &Case, result: &CaseResult) {
        let reason = match &result.answer {
            Answer::Failed(reason) => Some(*reason),
            Answer::Graded(Verdict::BadReference(_)) => Some("bad_reference"),
            Answer::Graded(Verdict::Undecided(_)) => Some("undecided"),
            Answer::Graded(Verdict::Correct | Verdict::Incorrect | Verdict::NoAnswer) => None,
        };
        if let Some(reason) = reason {
            *self.nulls.entry(reason.to_owned()).or_default() += 1;
        }
        let is_late = case.answer_within.is_some_and(|limit| result.elapsed > limit);
        let has_failed = matches!(result.answer, Answer::Failed(_));
        if is_late || (case.no_trap && has_failed) {
            self.broken_limits.push(case.id.clone());
        }
        if !case.fair || (case.expected == Expected::Anything && case.score.is_none()) {
            return;
        }
        self.counted += 1;
        let agrees = match &result.answer {
            Answer::Graded(verdict) => case.expected.agrees(verdict, &result.tests),
            Answer::Failed(_) => case.expected == Expected::Anything,
        };
        let scored =
            case.score.is_none_or(|expected| result.score.is_some_and(|score| expected.agrees(score)));
        if agrees && scored && !is_late {
            self.agreed += 1;
        }
        if agrees && !scored {
            self.wrong_scores.push(case.id.clone());
        }
        match (case.expected, result.answer.verdict()) {
            (Expected::Correct, verdict) if verdict != Some(true) => {
                self.false_negatives.push(case.id.clone())
            }
            (Expected::Correct, _) => {}
            (_, Some(true)) if !agrees => self.false_positives.push(case.id.clone()),
            _ if !agrees => self.otherwise_wrong.push(case.id.clone()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::ExpectedScore;
    use crate::run::tests::{cases, obedient};
    use std::time::Duration;

    #[test]
    fn agreement_counts_fair_cases_with_an_expectation() {
        let mut cases = cases(&[
            ("correct", "true"),
            ("no_answer", "false"),
            ("incorrect", "true"),
            ("correct", "false"),
            ("loop", "false"),
            ("bad_reference", "\"bad_reference\""),
            ("loop", "null"),
            ("incorrect", "true"),
        ]);
        cases[7].fair = false;
        let report = Report::of(&cases, &obedient(&cases, 2));
        assert_eq!((report.cases, report.counted, report.agreed), (8, 6, 3));
        assert_eq!(report.agreement(), 0.5);
        assert_eq!(
            (report.false_negatives, report.false_positives),
            (vec!["c:3".to_owned()], vec!["c:4".to_owned()])
        );
        assert_eq!(report.otherwise_wrong, ["c:5"]);
        assert_eq!(
            report.nulls,
            BTreeMap::from([("bad_reference".to_owned(), 1), ("out_of_fuel".to_owned(), 2)])
        );
    }

    #[test]
    fn an_undecided_case_agrees_with_no_label_but_its_own() {
        let expected = ["true", "false", "\"undecided\"", "\"bad_reference\"", "null"];
        let cases = cases(&expected.map(|expected| ("undecided", expected)));
        let report = Report::of(&cases, &obedient(&cases, 1));
        assert_eq!((report.counted, report.agreed), (4, 1));
        assert_eq!(report.otherwise_wrong, ["c:2", "c:4"]);
        assert_eq!(report.disagreements(), 3);
        assert_eq!((report.false_negatives, report.false_positives), (vec!["c:1".to_owned()], vec![]));
        assert_eq!(report.nulls, BTreeMap::from([("undecided".to_owned(), 5)]));
    }

    #[test]
    fn a_score_counts_beside_a_verdict_and_alone() {
        let mut cases = cases(&[
            ("correct", "true"),
            ("correct", "true"),
            ("correct", "null"),
            ("correct", "null"),
            ("loop", "null"),
            ("incorrect", "true"),
            ("correct", "null"),
        ]);
        let scores = [(0.5, 0.5), (1.0, 1.0), (0.25, 0.75), (0.0, 0.25), (0.0, 1.0), (1.0, 1.0)];
        for (case, (low, high)) in cases.iter_mut().zip(scores) {
            case.score = Some(ExpectedScore { low, high });
        }
        let mut run = obedient(&cases, 1);
        for result in &mut run.results {
            result.score = result.score.map(|_| 0.5);
        }
        let report = Report::of(&cases, &run);
        assert_eq!((report.counted, report.agreed), (6, 2));
        // The fifth has no score at all; the sixth has the wrong verdict, and counts once.
        assert_eq!(report.wrong_scores, ["c:2", "c:4", "c:5"]);
        assert_eq!((report.false_negatives.len(), report.disagreements()), (1, 4));
        assert_eq!(report.false_positives, [""; 0]);
    }

    #[test]
    fn a_late_answer_does_not_agree() {
        let mut cases = cases(&[("correct", "true"), ("loop", "null")]);
        cases[0].answer_within = Some(Duration::from_millis(1));
        cases[1].no_trap = true;
        let report = Report::of(&cases, &obedient(&cases, 1));
        assert_eq!((report.agreed, report.broken_limits.len()), (0, 2));
    }
}
