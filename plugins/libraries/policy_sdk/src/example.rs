//! Groups written in one line, for the tests of policies.
//!
//! In: words such as `C10` (correct, length 10), `W30` (incorrect), `N5` (no answer), `U7` (not graded). Out:
//! a group.

use ts_plugin_sdk::selection_policy::{Candidate, Group, Outcome, Selection};

/// The group of a line. A word that it does not know is left out.
pub fn group(line: &str) -> Group {
    Group {
        problem_id: "p".to_owned(),
        responses: line.split_whitespace().filter_map(response).collect(),
        token_limit: 8192,
        seed: 0,
    }
}

/// The pairs of a selection, as (chosen, rejected).
pub fn pairs(selection: &Selection) -> Vec<(u32, u32)> {
    selection.pairs.iter().map(|pair| (pair.chosen, pair.rejected)).collect()
}

/// The sequences of a selection, as (response, weight).
pub fn weights(selection: &Selection) -> Vec<(u32, f64)> {
    selection.sequences.iter().map(|sequence| (sequence.response, sequence.weight)).collect()
}

/// The positives of a selection.
pub fn positives(selection: &Selection) -> Vec<u32> {
    selection.positives.iter().map(|positive| positive.response).collect()
}

fn response(word: &str) -> Option<Candidate> {
    let (outcome, length) = word.split_at_checked(1)?;
    let outcome = match outcome {
        "C" => Outcome::Correct,
        "W" => Outcome::Incorrect,
        "N" => Outcome::NoAnswer,
        "U" => Outcome::Ungraded,
        _ => return None,
    };
    let tokens: u32 = length.parse().ok()?;
    Some(Candidate {
        score: if outcome == Outcome::Correct { 1.0 } else { 0.0 },
        outcome,
        length: f64::from(tokens),
        tokens,
        finished: true,
        step_tokens: vec![tokens],
        first_correct_steps: None,
    })
}
