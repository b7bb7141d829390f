//! What an evaluation reports: accuracy, lengths, area under accuracy against budget, steps. Section 4.1.2.
//!
//! In go scored responses, any number of runs over the same problems; out comes a [`Summary`], of all of them
//! or of each difficulty. Responses whose grader failed are not among them: the caller reports their number,
//! because counting them as wrong would blame the model for the grader.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// One graded response of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scored {
    /// The problem's index in its set.
    pub problem: usize,
    /// The independent run that it belongs to, from 0.
    pub run: u32,
    /// How hard the problem is said to be, on its set's own scale.
    pub difficulty: Option<u32>,
    /// Whether it was graded correct.
    pub correct: bool,
    /// Its length in tokens, the end-of-text token included.
    pub tokens: u32,
    /// Number of its reasoning steps.
    pub n_steps: u32,
    /// Tokens in all of its reasoning steps together.
    pub step_tokens: u32,
}

/// The metrics of a set of responses.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Number of problems with at least one response.
    pub n_problems: usize,
    /// Number of responses.
    pub n_responses: usize,
    /// Acc: share of correct responses, in [0, 1].
    ///
    /// Over all responses at once, which is the mean over runs wherever every run has as many.
    pub accuracy: f64,
    /// Len-T: mean tokens of the correct responses; none if there is no correct one.
    pub len_correct: Option<f64>,
    /// Len-A: mean tokens of all responses.
    pub len_all: f64,
    /// Area under accuracy against budget, in [0, 1]: see [`crate::auc`].
    pub auc: f64,
    /// Steps: mean number of reasoning steps in a response.
    pub n_steps: f64,
    /// StepLen: mean tokens of a step, every step of every response counting once; none if there is no step.
    pub step_tokens: Option<f64>,
}

/// The metrics by name, for intervals and tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// [`Summary::accuracy`].
    Accuracy,
    /// [`Summary::len_correct`].
    LenCorrect,
    /// [`Summary::len_all`].
    LenAll,
    /// [`Summary::auc`].
    Auc,
    /// [`Summary::n_steps`].
    NSteps,
    /// [`Summary::step_tokens`].
    StepTokens,
}

impl Metric {
    /// Every metric, in the order of the paper's tables.
    pub const ALL: [Self; 6] =
        [Self::Accuracy, Self::LenCorrect, Self::LenAll, Self::Auc, Self::NSteps, Self::StepTokens];

    /// The name in records and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::LenCorrect => "len_correct",
            Self::LenAll => "len_all",
            Self::Auc => "auc",
            Self::NSteps => "n_steps",
            Self::StepTokens => "step_tokens",
        }
    }

    /// This metric's value in a summary; none where it is not defined.
    pub fn of(self, summary: &Summary) -> Option<f64> {
        match self {
            Self::Accuracy => Some(summary.accuracy),
            Self::LenCorrect => summary.len_correct,
            Self::LenAll => Some(summary.len_all),
            Self::Auc => Some(summary.auc),
            Self::NSteps => Some(summary.n_steps),
            Self::StepTokens => summary.step_tokens,
        }
    }
}

impl std::str::FromStr for Metric {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let unknown = || Error::UnknownMetric { name: name.to_owned() };
        Self::ALL.into_iter().find(|metric| metric.name() == name).ok_or_else(unknown)
    }
}

/// The metrics of all responses. `budget_tokens` is the largest budget of the area: the evaluation's token
/// limit.
///
/// # Errors
///
/// [`Error::NoResponses`], [`Error::ZeroBudget`].
pub fn summarise(responses: &[Scored], budget_tokens: u32) -> Result<Summary> {
    let problems: BTreeSet<usize> = responses.iter().map(|r| r.problem).collect();
    let mut sums = Sums::default();
    for response in responses {
        sums.add(&Sums::of(response, budget_tokens));
    }
    sums.summary(problems.len(), budget_tokens)
}

/// The metrics of each difficulty, the easiest first; before it that of the problems without one, if any.
///
/// # Errors
///
/// Those of [`summarise`], except that no responses give no summaries.
pub fn summarise_by_difficulty(
    responses: &[Scored],
    budget_tokens: u32,
) -> Result<Vec<(Option<u32>, Summary)>> {
    let mut groups: BTreeMap<Option<u32>, Vec<Scored>> = BTreeMap::new();
    for response in responses {
        groups.entry(response.difficulty).or_default().push(*response);
    }
    let summaries = groups.into_iter().map(|(key, group)| Ok((key, summarise(&group, budget_tokens)?)));
    summaries.collect()
}

/// What every metric is a quotient of: whole numbers, so that the order of addition changes nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sums {
    n_responses: u64,
    n_correct: u64,
    tokens_correct: u64,
    tokens_all: u64,
    /// Over the correct responses: the tokens that each leaves of the budget.
    tokens_unspent: u64,
    n_steps: u64,
    step_tokens: u64,
}

impl Sums {
    /// The sums over one response.
    pub(crate) fn of(response: &Scored, budget_tokens: u32) -> Self {
        let tokens = u64::from(response.tokens);
        Self {
            n_responses: 1,
            n_correct: u64::from(response.correct),
            tokens_correct: if response.correct { tokens } else { 0 },
            tokens_all: tokens,
            tokens_unspent: unspent_tokens(response, budget_tokens),
            n_steps: u64::from(response.n_steps),
            step_tokens: u64::from(response.step_tokens),
        }
    }

    /// Adds other responses' sums.
    pub(crate) fn add(&mut self, other: &Self) {
        self.n_responses += other.n_responses;
        self.n_correct += other.n_correct;
        self.tokens_correct += other.tokens_correct;
        self.tokens_all += other.tokens_all;
        self.tokens_unspent += other.tokens_unspent;
        self.n_steps += other.n_steps;
        self.step_tokens += other.step_tokens;
    }

    /// A metric as a quotient: what is above the line, and what below.
    pub(crate) fn terms(&self, metric: Metric, budget_tokens: u32) -> (f64, f64) {
        let (above, below) = match metric {
            Metric::Accuracy => (self.n_correct, self.n_responses),
            Metric::LenCorrect => (self.tokens_correct, self.n_correct),
            Metric::LenAll => (self.tokens_all, self.n_responses),
            Metric::Auc => (self.tokens_unspent, self.n_responses * u64::from(budget_tokens)),
            Metric::NSteps => (self.n_steps, self.n_responses),
            Metric::StepTokens => (self.step_tokens, self.n_steps),
        };
        (above as f64, below as f64)
    }

    /// The metrics that these sums make.
    pub(crate) fn summary(&self, n_problems: usize, budget_tokens: u32) -> Result<Summary> {
        if budget_tokens == 0 {
            return Err(Error::ZeroBudget);
        }
        let per_response = |sum| quotient(sum, self.n_responses).ok_or(Error::NoResponses);
        Ok(Summary {
            n_problems,
            n_responses: self.n_responses as usize,
            accuracy: per_response(self.n_correct)?,
            len_correct: quotient(self.tokens_correct, self.n_correct),
            len_all: per_response(self.tokens_all)?,
            auc: per_response(self.tokens_unspent)? / f64::from(budget_tokens),
            n_steps: per_response(self.n_steps)?,
            step_tokens: quotient(self.step_tokens, self.n_steps),
        })
    }
}

/// What one response adds to [the area](crate::auc) before it is divided by the budget: the budgets at which it counts.
/// 0 unless it is correct and within the budget.
fn unspent_tokens(response: &Scored, budget_tokens: u32) -> u64 {
    if response.correct { u64::from(budget_tokens.saturating_sub(response.tokens)) } else { 0 }
}

/// sum / n; none if n is 0.
fn quotient(sum: u64, n: u64) -> Option<f64> {
    (n > 0).then(|| sum as f64 / n as f64)
}

/// A response for the tests of this crate: two steps of 3 tokens each in every response.
#[cfg(test)]
pub(crate) fn scored(problem: usize, run: u32, correct: bool, tokens: u32) -> Scored {
    Scored { problem, run, difficulty: Some(problem as u32 % 2), correct, tokens, n_steps: 2, step_tokens: 6 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hand_worked_summary() {
        let responses = [
            scored(0, 0, true, 20),
            scored(0, 1, true, 40),
            scored(1, 0, false, 100),
            scored(1, 1, false, 80),
        ];
        let summary = summarise(&responses, 100);
        assert_eq!(
            summary,
            Ok(Summary {
                n_problems: 2,
                n_responses: 4,
                accuracy: 0.5,
                len_correct: Some(30.0),
                len_all: 60.0,
                auc: 0.35, // 0.5 · (1 − 30/100)
                n_steps: 2.0,
                step_tokens: Some(3.0),
            })
        );
    }

    #[test]
    fn a_long_step_counts_once_among_steps() {
        let long = Scored { n_steps: 1, step_tokens: 9, ..scored(0, 0, true, 9) };
        let summary = summarise(&[scored(0, 0, true, 6), long], 10);
        assert_eq!(summary.map(|s| s.step_tokens), Ok(Some(5.0))); // 15 tokens in 3 steps, not (3 + 9) / 2
    }

    #[test]
    fn what_is_not_defined_is_none() {
        let stepless = Scored { n_steps: 0, step_tokens: 0, ..scored(0, 0, false, 5) };
        let summary = summarise(&[stepless], 10);
        assert_eq!(summary.as_ref().map(|s| s.len_correct), Ok(None));
        assert_eq!(summary.map(|s| s.step_tokens), Ok(None));
        assert_eq!(summarise(&[], 10), Err(Error::NoResponses));
        assert_eq!(summarise(&[stepless], 0), Err(Error::ZeroBudget));
    }

    #[test]
    fn groups_are_in_order_and_complete() {
        let responses: Vec<_> = (0..6).map(|i| scored(5 - i, i as u32 / 3, i == 0, 10)).collect();
        let by_difficulty = summarise_by_difficulty(&responses, 100);
        let keys = by_difficulty
            .map(|groups| groups.iter().map(|(key, s)| (*key, s.n_problems)).collect::<Vec<_>>());
        assert_eq!(keys, Ok(vec![(Some(0), 3), (Some(1), 3)]));
    }

    #[test]
    fn names_lead_back_to_metrics() {
        for metric in Metric::ALL {
            assert_eq!(metric.name().parse(), Ok(metric));
        }
        assert!("speed".parse::<Metric>().is_err());
    }
}
