//! The record of every stage: one JSON object per line of its artefact.
//!
//! In go and out come the same values, floats to the last bit. Names are those of the method; a response is
//! known by its problem's identifier and the number of its draw. Fields are added at the end and never change
//! their meaning.
//! What a stage can compute again from its inputs, such as logits and gradients, is not kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_core::Outcome;

use crate::key::Key;
use crate::prompt::Prompt;
use crate::sealed::record::Record;

/// A problem: `problems-train.jsonl`, `problems-heldout.jsonl`.
///
/// A run folder holds problems in this form; [`crate::problems`] reads problem sets in others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProblemRecord {
    /// Identifier, unique in its set.
    pub id: String,
    /// The question, without a chat template around it.
    pub prompt: Prompt,
    /// The reference answer, in the form that the verifier documents.
    pub reference: String,
    /// How hard it is said to be, on its set's own scale; larger is harder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difficulty: Option<u32>,
    /// Every further field of its line, for the verifier.
    #[serde(flatten)]
    pub metadata: BTreeMap<String, Value>,
}

/// A response: `samples.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampleRecord {
    /// The problem's identifier.
    pub problem: String,
    /// The number of the draw, from 0.
    pub draw: u32,
    /// The seed of the draw.
    pub seed: u64,
    /// The response's token ids, the end-of-text token included where there is one.
    pub tokens: Vec<u32>,
    /// The response's text: the tokens decoded, without special ones.
    pub text: String,
    /// Whether the model ended it; otherwise it was cut off at the token limit.
    pub finished: bool,
    /// Whether a server or a file gave its text alone, which was tokenised here: the tokens may be others than those that were drawn.
    #[serde(default, skip_serializing_if = "is_false")]
    pub retokenised: bool,
    /// Where it comes from, if another program sampled it, such as `r1.parquet, row 7, response 2`; its seed is then 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<String>,
}

/// What the verifier made of a response: `grades.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GradeRecord {
    /// The problem's identifier.
    pub problem: String,
    /// The number of the draw.
    pub draw: u32,
    /// The outcome.
    pub outcome: Outcome,
    /// The verifier's score, between 0 and 1; 0 if it failed.
    pub score: f64,
    /// Where in the response the judged answer stands: first byte, and one past the last.
    pub answer: Option<[u32; 2]>,
    /// The verifier's explanation, or why it failed; may be empty.
    pub note: String,
    /// Where it failed: how, in a word, such as `out_of_fuel`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Fuel that the verifier used, in instructions; none where fuel is not counted.
    pub fuel: Option<u64>,
}

/// What the policy selected from one problem's responses: `selection.jsonl`. Responses go by their draws.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SelectionRecord {
    /// The problem's identifier.
    pub problem: String,
    /// N: responses that could be graded.
    pub n_responses: u32,
    /// c: responses graded correct.
    pub n_correct: u32,
    /// p = c / N; 0 where N is.
    pub pass_rate: f64,
    /// Responses to imitate.
    pub positives: Vec<PositiveRecord>,
    /// Preferences, best first, after the cap.
    pub pairs: Vec<PairRecord>,
    /// Responses with weights of either sign.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sequences: Vec<SequenceRecord>,
}

/// One response with a weight of either sign.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SequenceRecord {
    /// The response.
    pub draw: u32,
    /// Above 0 it is to become likelier, below 0 the opposite; as the policy gave it.
    pub weight: f64,
}

/// One response to imitate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PositiveRecord {
    /// The response.
    pub draw: u32,
    /// Its weight in the SFT term.
    pub weight: f64,
    /// How many of its reasoning steps to keep; none keeps all.
    pub keep_steps: Option<u32>,
}

/// One preference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PairRecord {
    /// The preferred response.
    pub chosen: u32,
    /// The other one.
    pub rejected: u32,
    /// Its weight in the preference term.
    pub weight: f64,
}

/// A positive after refinement: `refined.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefinedRecord {
    /// The problem's identifier.
    pub problem: String,
    /// The draw that was refined.
    pub draw: u32,
    /// Token ids of the refined response, the end-of-text token included.
    pub tokens: Vec<u32>,
    /// Text of the refined response.
    pub text: String,
    /// What became of each reasoning step, first to last.
    pub steps: Vec<StepRecord>,
    /// Tokens of the response before refinement.
    pub tokens_before: u32,
    /// Tokens of the response after it.
    pub tokens_after: u32,
    /// What the verifier makes of the refined response.
    pub outcome: Outcome,
    /// Whether the refined response is used; one that is no longer correct is not.
    pub kept: bool,
    /// Whether the text of a rewrite in it came from a server alone and was tokenised here: the tokens may be others than those that were drawn.
    #[serde(default, skip_serializing_if = "is_false")]
    pub retokenised: bool,
    /// The threshold of its difficulty, nats, where thresholds are adaptive; 0 where nothing was to be rewritten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_kl_nats: Option<f64>,
    /// How far it is from the response before refinement, where the recipe asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftRecord>,
}

/// How far a refined response is from the response before, under the model that sampled both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftRecord {
    /// Negative log-likelihood of the response before refinement, nats a token.
    pub nll_before: f64,
    /// The same of the refined response.
    pub nll_after: f64,
    /// Divergence of what follows the reasoning, after the reasoning before from after the refined one, nats a token; none if nothing follows it.
    pub answer_kl_nats: Option<f64>,
    /// The same of the twentieth of its tokens that diverges most.
    pub answer_kl_tail_nats: Option<f64>,
    /// Whether it is more than the recipe allows: the record is then of the response before, or of one that is not used.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_beyond: bool,
}

/// What refining a positive at each of several thresholds does to its answer: `calibration.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibrationRecord {
    /// The problem's identifier.
    pub problem: String,
    /// The draw that was refined.
    pub draw: u32,
    /// The problem's difficulty.
    pub difficulty: Option<u32>,
    /// Tokens of the response before refinement.
    pub tokens_before: u32,
    /// Continuations of each reasoning to its answer.
    pub n_rollouts: u32,
    /// Continuations of the reasoning before refinement that are correct.
    pub n_correct_before: u32,
    /// Each threshold, from the strictest up.
    pub thresholds: Vec<ThresholdRecord>,
}

/// A response refined at one threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThresholdRecord {
    /// The threshold, nats.
    pub max_kl_nats: f64,
    /// Tokens of the refined response.
    pub tokens_after: u32,
    /// Continuations of its reasoning that are correct.
    pub n_correct: u32,
    /// Continuations that are not, where the one of the reasoning before with the same seed is.
    pub n_lost: u32,
}

/// What became of one reasoning step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Tokens of the step as sampled.
    pub tokens_before: u32,
    /// Tokens of the step as it stands now.
    pub tokens_after: u32,
    /// Complete rewrites shorter than the step, as far as they were drawn.
    pub n_candidates: u32,
    /// Rewrites whose divergence was measured; equal ones count once.
    pub n_scored: u32,
    /// Tokens sampled for its rewrites.
    pub n_tokens: u64,
    /// Divergence of the rewrite in nats, by the recipe's reduction; none if the step was kept.
    pub kl_nats: Option<f64>,
    /// Rewrites that servers refused, whose divergence was not computed here; equal ones count once.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub n_refused: u32,
    /// Where `kl_nats` is an estimate by the most likely tokens: by how many, and how much it has not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<EstimateRecord>,
}

/// What an estimate of a divergence is made from. It is a bound: the divergence is not below it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EstimateRecord {
    /// Tokens of each position that the server told of.
    pub top_k: u32,
    /// Mass of the original's distributions that was not compared, the mean over the window, 0 to 1.
    pub tail_mass: f64,
}

/// What an example trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExampleKind {
    /// A preference: the DPO term, and by the recipe the SFT term of its chosen response.
    Pair,
    /// A response to imitate: the SFT term alone.
    Sft,
    /// A response with a weight of either sign, as it was sampled: the term of weighted sequences alone.
    Sequence,
}

/// A training example: `examples.jsonl`. It names draws; their tokens are in `refined.jsonl` and
/// `samples.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExampleRecord {
    /// Identifier, unique in the run.
    pub id: String,
    /// The problem's identifier.
    pub problem: String,
    /// What it trains.
    pub kind: ExampleKind,
    /// The draw of the preferred response. Its text is the refined one where there is one.
    pub chosen: u32,
    /// The draw of the other response; none for SFT.
    pub rejected: Option<u32>,
    /// Length of the preferred response, as the length function measures it.
    pub len_chosen: f64,
    /// Length of the other response; none for SFT.
    pub len_rejected: Option<f64>,
    /// Its weight in its term.
    pub weight: f64,
}

/// The reference model's log-probabilities of an example: `reference.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReferenceRecord {
    /// The example's identifier.
    pub id: String,
    /// Of the preferred response, summed over its tokens, in nats.
    pub chosen_logp: f64,
    /// Of the other response; none for SFT.
    pub rejected_logp: Option<f64>,
}

/// One optimiser step: `train.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainRecord {
    /// The step, from 1.
    pub step: u64,
    /// The epoch that it belongs to, from 0.
    pub epoch: u32,
    /// The total loss of its batch, in nats.
    pub loss: f64,
    /// DPO-L of its batch, or what the recipe's `objective.pair` names instead, in nats; none in a batch without pairs.
    pub dpo_loss: Option<f64>,
    /// SFT loss of its batch, in nats per token; none in a batch without it.
    pub sft_loss: Option<f64>,
    /// Loss of its weighted sequences, in nats; none in a batch without them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence_loss: Option<f64>,
    /// Mean implicit reward of the chosen responses over that of the rejected, in nats.
    pub reward_margin: Option<f64>,
    /// Share of the pairs whose reward margin is above 0.
    pub reward_accuracy: Option<f64>,
    /// Norm of the gradient before clipping.
    pub grad_norm: f64,
    /// Learning rate of the step.
    pub learning_rate: f64,
    /// Response tokens in the batch.
    pub tokens: u64,
    /// Mean implicit reward of the chosen responses, in nats; none in a batch without pairs.
    #[serde(default)]
    pub reward_chosen: Option<f64>,
    /// The same of the rejected responses.
    #[serde(default)]
    pub reward_rejected: Option<f64>,
}

/// One response of an evaluation: `eval-baseline.jsonl`, `eval-result.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvalRecord {
    /// The problem's identifier.
    pub problem: String,
    /// The independent run, from 0.
    pub run: u32,
    /// The seed of the draw.
    pub seed: u64,
    /// The problem's difficulty.
    pub difficulty: Option<u32>,
    /// What the verifier made of it.
    pub outcome: Outcome,
    /// Where the verifier failed: how, in a word, such as `out_of_fuel`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Its length in tokens, the end-of-text token included.
    pub tokens: u32,
    /// Number of its reasoning steps.
    pub n_steps: u32,
    /// Tokens in all of its reasoning steps together.
    pub step_tokens: u32,
    /// Whether the model ended it; otherwise it was cut off at the token limit.
    pub finished: bool,
    /// Its text.
    pub text: String,
    /// Whether a server gave its text alone, which was tokenised here: the tokens may be others than those that were drawn.
    #[serde(default, skip_serializing_if = "is_false")]
    pub retokenised: bool,
}

/// What a count is that no record shows.
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// What a flag is that no record shows.
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Record for SampleRecord {
    fn key(&self) -> Key {
        Key::Draw(self.problem.clone(), self.draw)
    }

    fn problem(&self) -> &str {
        &self.problem
    }
}

impl Record for GradeRecord {
    fn key(&self) -> Key {
        Key::Draw(self.problem.clone(), self.draw)
    }

    fn problem(&self) -> &str {
        &self.problem
    }
}

impl Record for RefinedRecord {
    fn key(&self) -> Key {
        Key::Draw(self.problem.clone(), self.draw)
    }

    fn problem(&self) -> &str {
        &self.problem
    }
}

impl Record for CalibrationRecord {
    fn key(&self) -> Key {
        Key::Draw(self.problem.clone(), self.draw)
    }

    fn problem(&self) -> &str {
        &self.problem
    }
}

impl Record for SelectionRecord {
    fn key(&self) -> Key {
        Key::Problem(self.problem.clone())
    }

    fn problem(&self) -> &str {
        &self.problem
    }
}

impl Record for ExampleRecord {
    fn key(&self) -> Key {
        Key::Example(self.id.clone())
    }

    fn problem(&self) -> &str {
        &self.problem
    }
}

impl Record for ReferenceRecord {
    fn key(&self) -> Key {
        Key::Example(self.id.clone())
    }

    /// An example's identifier is the problem's and, behind a slash, its draws.
    fn problem(&self) -> &str {
        self.id.rsplit_once('/').map_or("", |(problem, _)| problem)
    }
}

impl Record for TrainRecord {
    fn key(&self) -> Key {
        Key::Step(self.step)
    }
}

impl Record for EvalRecord {
    fn key(&self) -> Key {
        Key::Draw(self.problem.clone(), self.run)
    }

    fn problem(&self) -> &str {
        &self.problem
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::DeserializeOwned;
    use std::fmt::Debug;

    /// The line is what the record is written as, and the record is what the line is read as.
    fn assert_line<T: Serialize + DeserializeOwned + PartialEq + Debug>(record: T, line: &str) {
        assert_eq!(serde_json::to_string(&record).unwrap(), line);
        assert_eq!(serde_json::from_str::<T>(line).unwrap(), record);
    }

    #[test]
    fn problem_line() {
        let problem = ProblemRecord {
            id: "p1".to_owned(),
            prompt: "2 + 2?".into(),
            reference: "4".to_owned(),
            difficulty: Some(1),
            metadata: [("tests".to_owned(), serde_json::json!([0.1, "x"]))].into(),
        };
        assert_line(
            problem.clone(),
            r#"{"id":"p1","prompt":"2 + 2?","reference":"4","difficulty":1,"tests":[0.1,"x"]}"#,
        );
        let plain = ProblemRecord { difficulty: None, metadata: BTreeMap::new(), ..problem };
        assert_line(plain, r#"{"id":"p1","prompt":"2 + 2?","reference":"4"}"#);
    }

    #[test]
    fn sample_and_grade_lines() {
        assert_line(
            SampleRecord {
                problem: "p1".to_owned(),
                draw: 3,
                seed: u64::MAX,
                tokens: vec![7, 8],
                text: "\\boxed{4}\n".to_owned(),
                finished: true,
                retokenised: false,
                imported: None,
            },
            r#"{"problem":"p1","draw":3,"seed":18446744073709551615,"tokens":[7,8],"text":"\\boxed{4}\n","finished":true}"#,
        );
        assert_line(
            GradeRecord {
                problem: "p1".to_owned(),
                draw: 3,
                outcome: Outcome::NoAnswer,
                score: 0.1 + 0.2,
                answer: Some([7, 8]),
                note: String::new(),
                failure: None,
                fuel: None,
            },
            r#"{"problem":"p1","draw":3,"outcome":"no_answer","score":0.30000000000000004,"answer":[7,8],"note":"","fuel":null}"#,
        );
    }

    #[test]
    fn selection_line() {
        assert_line(
            SelectionRecord {
                problem: "p1".to_owned(),
                n_responses: 4,
                n_correct: 1,
                pass_rate: 0.25,
                positives: vec![PositiveRecord { draw: 2, weight: 1.0, keep_steps: None }],
                pairs: vec![PairRecord { chosen: 2, rejected: 0, weight: 1.0 }],
                sequences: vec![],
            },
            r#"{"problem":"p1","n_responses":4,"n_correct":1,"pass_rate":0.25,"positives":[{"draw":2,"weight":1.0,"keep_steps":null}],"pairs":[{"chosen":2,"rejected":0,"weight":1.0}]}"#,
        );
    }

    #[test]
    fn selection_line_with_sequences() {
        assert_line(
            SelectionRecord {
                problem: "p1".to_owned(),
                n_responses: 4,
                n_correct: 1,
                pass_rate: 0.25,
                positives: vec![],
                pairs: vec![],
                sequences: vec![SequenceRecord { draw: 3, weight: -0.5 }],
            },
            r#"{"problem":"p1","n_responses":4,"n_correct":1,"pass_rate":0.25,"positives":[],"pairs":[],"sequences":[{"draw":3,"weight":-0.5}]}"#,
        );
    }

    #[test]
    fn refined_line() {
        assert_line(
            RefinedRecord {
                problem: "p1".to_owned(),
                draw: 2,
                tokens: vec![1],
                text: "4".to_owned(),
                steps: vec![StepRecord {
                    tokens_before: 9,
                    tokens_after: 5,
                    n_candidates: 64,
                    n_scored: 3,
                    n_tokens: 90,
                    kl_nats: Some(1e-3),
                    n_refused: 0,
                    estimate: None,
                }],
                tokens_before: 12,
                tokens_after: 8,
                outcome: Outcome::Correct,
                kept: true,
                retokenised: false,
                max_kl_nats: None,
                drift: None,
            },
            r#"{"problem":"p1","draw":2,"tokens":[1],"text":"4","steps":[{"tokens_before":9,"tokens_after":5,"n_candidates":64,"n_scored":3,"n_tokens":90,"kl_nats":0.001}],"tokens_before":12,"tokens_after":8,"outcome":"correct","kept":true}"#,
        );
    }

    #[test]
    fn drift_and_calibration_lines() {
        assert_line(
            DriftRecord {
                nll_before: 0.5,
                nll_after: 0.25,
                answer_kl_nats: Some(1e-3),
                answer_kl_tail_nats: None,
                is_beyond: false,
            },
            r#"{"nll_before":0.5,"nll_after":0.25,"answer_kl_nats":0.001,"answer_kl_tail_nats":null}"#,
        );
        assert_line(
            CalibrationRecord {
                problem: "p1".to_owned(),
                draw: 2,
                difficulty: Some(3),
                tokens_before: 12,
                n_rollouts: 4,
                n_correct_before: 4,
                thresholds: vec![ThresholdRecord {
                    max_kl_nats: 0.01,
                    tokens_after: 8,
                    n_correct: 3,
                    n_lost: 1,
                }],
            },
            r#"{"problem":"p1","draw":2,"difficulty":3,"tokens_before":12,"n_rollouts":4,"n_correct_before":4,"thresholds":[{"max_kl_nats":0.01,"tokens_after":8,"n_correct":3,"n_lost":1}]}"#,
        );
    }

    #[test]
    fn example_and_reference_lines() {
        assert_line(
            ExampleRecord {
                id: "p1:2:0".to_owned(),
                problem: "p1".to_owned(),
                kind: ExampleKind::Sft,
                chosen: 2,
                rejected: None,
                len_chosen: 2.0,
                len_rejected: None,
                weight: 1.0,
            },
            r#"{"id":"p1:2:0","problem":"p1","kind":"sft","chosen":2,"rejected":null,"len_chosen":2.0,"len_rejected":null,"weight":1.0}"#,
        );
        assert_line(
            ReferenceRecord { id: "p1:2:0".to_owned(), chosen_logp: -12.5, rejected_logp: Some(-1.0 / 3.0) },
            r#"{"id":"p1:2:0","chosen_logp":-12.5,"rejected_logp":-0.3333333333333333}"#,
        );
    }

    #[test]
    fn train_and_eval_lines() {
        assert_line(
            TrainRecord {
                step: 1,
                epoch: 0,
                loss: 0.7,
                dpo_loss: Some(0.69),
                sft_loss: None,
                sequence_loss: None,
                reward_margin: Some(0.0),
                reward_accuracy: Some(0.5),
                grad_norm: 1.5,
                learning_rate: 5e-6,
                tokens: 4096,
                reward_chosen: Some(0.25),
                reward_rejected: Some(0.25),
            },
            r#"{"step":1,"epoch":0,"loss":0.7,"dpo_loss":0.69,"sft_loss":null,"reward_margin":0.0,"reward_accuracy":0.5,"grad_norm":1.5,"learning_rate":5e-6,"tokens":4096,"reward_chosen":0.25,"reward_rejected":0.25}"#,
        );
        assert_line(
            EvalRecord {
                problem: "p1".to_owned(),
                run: 15,
                seed: 9,
                difficulty: None,
                outcome: Outcome::GraderFailed,
                failure: Some("trapped".to_owned()),
                tokens: 8,
                n_steps: 2,
                step_tokens: 5,
                finished: false,
                text: String::new(),
                retokenised: false,
            },
            r#"{"problem":"p1","run":15,"seed":9,"difficulty":null,"outcome":"grader_failed","failure":"trapped","tokens":8,"n_steps":2,"step_tokens":5,"finished":false,"text":""}"#,
        );
    }

    #[test]
    fn outcomes_are_written_under_their_names() {
        for outcome in Outcome::ALL {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.name());
        }
    }
}
