//! The selection-policy role: what to imitate, and what to prefer to what. TokenSqueeze, section 3.1 and
//! table 2.
//!
//! In: a [`Group`], all graded responses to one problem. Out: a [`Selection`] of indices and weights. Every
//! index exists, no response that was not graded is used, no positive and no pair is named twice, no response
//! is preferred to itself, weights are finite and, but for those of sequences, not negative, no sequence is named twice, and
//! no positive keeps more steps than it has.
//!
//! Positives need not be correct. A policy that imitates anything else is odd, not broken; what it chose is
//! in the run's records.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::call::call_error::CallError;
use crate::call::pool::{Call, Pool};
use crate::contract::bindings::exports::ts_host::plugin::selection_policy as guest;
use crate::contract::versions::SelectionPolicyExports;
use crate::load::settings::Settings;
use crate::plugin::Plugin;

/// What the grader made of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CandidateOutcome {
    /// Graded correct.
    Correct,
    /// Graded incorrect.
    Incorrect,
    /// Graded, and found to hold no answer.
    NoAnswer,
    /// Not graded: the grader failed or did not decide, or the reference is bad. Neither right nor wrong.
    Ungraded,
}

/// One response of a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// What the grader made of it.
    pub outcome: CandidateOutcome,
    /// The grader's score, between 0 and 1.
    pub score: f64,
    /// Its length as the length function measures it; finite and above 0.
    pub length: f64,
    /// Its length in tokens, its end-of-text token included.
    pub tokens: u32,
    /// Whether the model ended it; otherwise it was cut off at `token_limit`.
    pub finished: bool,
    /// The length in tokens of each of its reasoning steps, first to last.
    pub step_tokens: Vec<u32>,
    /// The smallest k such that its first k steps, alone, are graded correct; `None` if none, or not asked
    /// for.
    pub first_correct_steps: Option<u32>,
}

/// All responses to one problem.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// The problem's identifier.
    pub problem_id: String,
    /// The responses, in the order in which they were drawn.
    pub responses: Vec<Candidate>,
    /// The most tokens that a response could have.
    pub token_limit: u32,
    /// Seed for a policy that draws at random; depends on the run's seed and the problem alone.
    pub seed: u64,
}

/// A response to imitate (the SFT term).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Positive {
    /// Index into [`Group::responses`].
    pub response: usize,
    /// Its weight in the SFT term; finite, not negative.
    pub weight: f64,
    /// Keep only this many of its reasoning steps; `None` keeps all.
    pub keep_steps: Option<usize>,
}

/// A preference (the DPO term).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// Index into [`Group::responses`]: the preferred one.
    pub chosen: usize,
    /// Index into [`Group::responses`]: the other one.
    pub rejected: usize,
    /// Its weight in the preference term; finite, not negative.
    pub weight: f64,
}

/// A response to make likelier or less likely (the term of weighted sequences).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WeightedSequence {
    /// Index into [`Group::responses`].
    pub response: usize,
    /// Above 0 it is to become likelier, below 0 the opposite; finite.
    pub weight: f64,
}

/// What a policy chose; empty is an answer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Selection {
    /// Responses to imitate, each at most once.
    pub positives: Vec<Positive>,
    /// Preferences, best first.
    pub pairs: Vec<Pair>,
    /// Responses with weights of either sign, each at most once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sequences: Vec<WeightedSequence>,
}

/// A configured selection policy, usable from many threads.
#[derive(Debug)]
pub struct SelectionPolicy {
    pool: Pool<SelectionPolicyExports>,
}

impl SelectionPolicy {
    pub(crate) fn new(pool: Pool<SelectionPolicyExports>) -> Self {
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

    /// Chooses from one group.
    ///
    /// # Errors
    ///
    /// A [`CallError`]; one of kind [`crate::CallErrorKind::BadOutput`] if the selection breaks a rule at the
    /// head of this file.
    pub fn select(&self, group: &Group) -> Result<Call<Selection>, CallError> {
        let responses: Vec<_> = group.responses.iter().map(lower).collect();
        let lowered = || guest::Group {
            problem_id: &group.problem_id,
            responses: &responses,
            token_limit: group.token_limit,
            seed: group.seed,
        };
        self.pool.call(
            "select",
            &group.problem_id,
            None,
            |guest, store| guest.select(store, lowered()),
            |selection| check(&selection, &group.responses),
        )
    }
}

/// The candidate as the generated code wants it; borrows its steps.
fn lower(candidate: &Candidate) -> guest::Candidate<'_> {
    guest::Candidate {
        outcome: match candidate.outcome {
            CandidateOutcome::Correct => guest::Outcome::Correct,
            CandidateOutcome::Incorrect => guest::Outcome::Incorrect,
            CandidateOutcome::NoAnswer => guest::Outcome::NoAnswer,
            CandidateOutcome::Ungraded => guest::Outcome::Ungraded,
        },
        score: candidate.score,
        length: candidate.length,
        tokens: candidate.tokens,
        finished: candidate.finished,
        step_tokens: &candidate.step_tokens,
        first_correct_steps: candidate.first_correct_steps,
    }
}

fn check(selection: &guest::Selection, responses: &[Candidate]) -> Result<Selection, String> {
    let mut seen = HashSet::new();
    let mut positives = Vec::with_capacity(selection.positives.len());
    for (at, positive) in selection.positives.iter().enumerate() {
        let wrong = |why: String| format!("positive {at}: {why}");
        let response = graded(positive.response, responses).map_err(wrong)?;
        check_weight(positive.weight).map_err(wrong)?;
        let keep_steps = positive.keep_steps.map(|steps| steps as usize);
        let steps = responses[response].step_tokens.len();
        if let Some(keep) = keep_steps.filter(|keep| *keep > steps) {
            return Err(wrong(format!("keeps {keep} steps of response {response}, which has {steps}")));
        }
        if !seen.insert(response) {
            return Err(wrong(format!("names response {response} again")));
        }
        positives.push(Positive { response, weight: positive.weight, keep_steps });
    }
    let mut seen = HashSet::new();
    let mut pairs = Vec::with_capacity(selection.pairs.len());
    for (at, pair) in selection.pairs.iter().enumerate() {
        let wrong = |why: String| format!("pair {at}: {why}");
        let chosen = graded(pair.chosen, responses).map_err(wrong)?;
        let rejected = graded(pair.rejected, responses).map_err(wrong)?;
        check_weight(pair.weight).map_err(wrong)?;
        if chosen == rejected {
            return Err(wrong(format!("prefers response {chosen} to itself")));
        }
        if !seen.insert((chosen, rejected)) {
            return Err(wrong(format!("prefers response {chosen} to {rejected} again")));
        }
        pairs.push(Pair { chosen, rejected, weight: pair.weight });
    }
    let mut seen = HashSet::new();
    let mut sequences = Vec::with_capacity(selection.sequences.len());
    for (at, sequence) in selection.sequences.iter().enumerate() {
        let wrong = |why: String| format!("sequence {at}: {why}");
        let response = graded(sequence.response, responses).map_err(wrong)?;
        if !sequence.weight.is_finite() {
            return Err(wrong(format!("weight {} is not finite", sequence.weight)));
        }
        if !seen.insert(response) {
            return Err(wrong(format!("names response {response} again")));
        }
        sequences.push(WeightedSequence { response, weight: sequence.weight });
    }
    Ok(Selection { positives, pairs, sequences })
}

/// The index of a response that exists and was graded.
fn graded(index: u32, responses: &[Candidate]) -> Result<usize, String> {
    let index = index as usize;
    match responses.get(index).map(|response| response.outcome) {
        None => Err(format!("there is no response {index}, there are {}", responses.len())),
        Some(CandidateOutcome::Ungraded) => Err(format!("response {index} was not graded")),
        Some(_) => Ok(index),
    }
}

fn check_weight(weight: f64) -> Result<(), String> {
    if weight.is_finite() && weight >= 0.0 {
        Ok(())
    } else {
        Err(format!("weight {weight} is not finite and not negative"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Responses 0 correct with 2 steps, 1 incorrect, 2 ungraded.
    fn responses() -> Vec<Candidate> {
        [CandidateOutcome::Correct, CandidateOutcome::Incorrect, CandidateOutcome::Ungraded]
            .map(|outcome| Candidate {
                outcome,
                score: 0.0,
                length: 10.0,
                tokens: 10,
                finished: true,
                step_tokens: vec![5, 5],
                first_correct_steps: None,
            })
            .into()
    }

    fn positive(response: u32, weight: f64, keep_steps: Option<u32>) -> guest::Selection {
        guest::Selection { positives: vec![guest::Positive { response, weight, keep_steps }], ..nothing() }
    }

    fn pair(chosen: u32, rejected: u32, weight: f64) -> guest::Selection {
        guest::Selection { pairs: vec![guest::Pair { chosen, rejected, weight }], ..nothing() }
    }

    fn sequence(response: u32, weight: f64) -> guest::Selection {
        guest::Selection { sequences: vec![guest::Sequence { response, weight }], ..nothing() }
    }

    fn nothing() -> guest::Selection {
        guest::Selection { positives: vec![], pairs: vec![], sequences: vec![] }
    }

    #[test]
    fn a_selection_within_the_rules_passes() {
        assert_eq!(check(&nothing(), &[]), Ok(Selection::default()));
        let selection = check(&sequence(1, -0.5), &responses()).unwrap();
        assert_eq!(selection.sequences, [WeightedSequence { response: 1, weight: -0.5 }]);
        let selection = check(&positive(0, 1.0, Some(2)), &responses()).unwrap();
        assert_eq!(selection.positives, [Positive { response: 0, weight: 1.0, keep_steps: Some(2) }]);
        let selection = check(&pair(0, 1, 0.0), &responses()).unwrap();
        assert_eq!(selection.pairs, [Pair { chosen: 0, rejected: 1, weight: 0.0 }]);
    }

    #[test]
    fn every_broken_rule_is_named() {
        let wrong = |selection: guest::Selection| check(&selection, &responses()).unwrap_err();
        let twice = |selection: guest::Selection| guest::Selection {
            positives: selection.positives.repeat(2),
            pairs: selection.pairs.repeat(2),
            sequences: selection.sequences.repeat(2),
        };
        assert_eq!(wrong(positive(3, 1.0, None)), "positive 0: there is no response 3, there are 3");
        assert_eq!(wrong(positive(2, 1.0, None)), "positive 0: response 2 was not graded");
        assert_eq!(wrong(positive(0, 1.0, Some(3))), "positive 0: keeps 3 steps of response 0, which has 2");
        assert_eq!(
            wrong(positive(0, f64::NAN, None)),
            "positive 0: weight NaN is not finite and not negative"
        );
        assert_eq!(wrong(twice(positive(0, 1.0, None))), "positive 1: names response 0 again");
        assert_eq!(wrong(pair(0, 9, 1.0)), "pair 0: there is no response 9, there are 3");
        assert_eq!(wrong(pair(2, 1, 1.0)), "pair 0: response 2 was not graded");
        assert_eq!(wrong(pair(0, 0, 1.0)), "pair 0: prefers response 0 to itself");
        assert_eq!(wrong(pair(0, 1, -1.0)), "pair 0: weight -1 is not finite and not negative");
        assert_eq!(wrong(twice(pair(0, 1, 1.0))), "pair 1: prefers response 0 to 1 again");
        assert_eq!(wrong(sequence(2, 1.0)), "sequence 0: response 2 was not graded");
        assert_eq!(wrong(sequence(0, f64::INFINITY)), "sequence 0: weight inf is not finite");
        assert_eq!(wrong(twice(sequence(0, 1.0))), "sequence 1: names response 0 again");
    }
}
