//! The sections of the stages, in their order, and of the report.

use serde::{Deserialize, Serialize};
use ts_core::objective::LengthMargin;
use ts_core::pairing::PairScope;
use ts_core::refinement::KlReduction;

use crate::adaptive_section::{AdaptiveSection, DriftSection};
use crate::lora_section::LoraSection;

/// `[sample]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleSection {
    /// Responses to each problem.
    pub n_samples: u32,
    /// The number of the first draw, as far as its seed goes: records count from 0 all the same.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub first_draw: u32,
    /// 0 is greedy.
    pub temperature: f64,
    /// Above 0, at most 1.
    pub top_p: f64,
    /// Tokens.
    pub max_new_tokens: usize,
    /// Rows.
    pub max_batch_rows: usize,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// `[select]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelectSection {
    /// Pairs a problem or a positive.
    pub max_pairs: usize,
    /// What `max_pairs` counts within.
    pub pair_scope: PairScope,
    /// Grade prefixes too.
    pub first_correct_steps: bool,
}

/// `[refine]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefineSection {
    /// Without it positives stay as they were sampled.
    pub enabled: bool,
    /// K.
    pub n_rewrites: u32,
    /// Of the rewrites.
    pub temperature: f64,
    /// Epsilon, in nats, after `kl_reduction`.
    pub max_kl_nats: f64,
    /// How the divergence is measured.
    #[serde(default, skip_serializing_if = "DivergenceBy::is_exact")]
    pub divergence: DivergenceBy,
    /// How the window's positions become one number.
    pub kl_reduction: KlReduction,
    /// L, in tokens.
    pub kl_window_tokens: usize,
    /// Which earlier steps stand in the context.
    pub context: RefineContext,
    /// Stop at the first passing rewrite.
    pub early_stop: bool,
    /// By how much a rewrite's own negative log-likelihood may exceed the original step's, nats a token; none is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_nll_increase: Option<f64>,
    /// Thresholds by difficulty, instead of `max_kl_nats`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adaptive: Option<AdaptiveSection>,
    /// Compare each refined response with the original as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftSection>,
}

/// How the divergence of a rewrite is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DivergenceBy {
    /// Over the whole vocabulary, by the decoder here: the paper's.
    #[default]
    Exact,
    /// By the most likely tokens that a server tells of: a number that the divergence is not below.
    TopK,
}

impl DivergenceBy {
    fn is_exact(&self) -> bool {
        *self == Self::Exact
    }
}

/// Which earlier steps stand in the context of a rewrite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RefineContext {
    /// The steps as they will stand in the refined text.
    Refined,
    /// The steps as they were sampled.
    Original,
}

/// `[train]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainSection {
    /// Eta, 0 to 1.
    pub dpo_weight: f64,
    /// Above 0.
    pub beta: f64,
    /// Of the length margin; 0 is plain DPO.
    pub lambda: f64,
    /// Its sign.
    pub length_margin: LengthMargin,
    /// Peak.
    pub learning_rate: f64,
    /// After warm-up.
    pub schedule: Schedule,
    /// Share of the steps, 0 to 1.
    pub warmup_share: f64,
    /// What the SFT term imitates.
    pub sft_examples: SftExamples,
    /// Passes over the examples.
    pub epochs: f64,
    /// Optimiser steps, instead of `epochs`; 0 is as many as that takes.
    pub steps: usize,
    /// Examples a step.
    pub batch_size: usize,
    /// Tokens of one forward and backward pass.
    pub micro_batch_tokens: usize,
    /// Tokens.
    pub max_context_tokens: usize,
    /// Of the whole gradient.
    pub max_grad_norm: f64,
    /// 0 to 1.
    pub adam_beta1: f64,
    /// 0 to 1.
    pub adam_beta2: f64,
    /// Above 0.
    pub adam_eps: f64,
    /// Decoupled.
    pub weight_decay: f64,
    /// Recompute activations.
    pub activation_checkpointing: bool,
    /// Steps.
    pub checkpoint_every: usize,
    /// Adapters to train instead of the weights. The only section that may be missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lora: Option<LoraSection>,
}

/// What the SFT term imitates. Open in the paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SftExamples {
    /// The chosen response of every pair, as often as it is chosen, and positives that no pair has: what LLaMA-Factory
    /// does. Problems with many pairs weigh more.
    Pairs,
    /// Every positive, once an epoch.
    Positives,
}

/// The learning rate after warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// Stays at the peak.
    Constant,
    /// Falls in a line to 0.
    Linear,
    /// Falls in half a cosine to 0.
    Cosine,
}

/// `[eval]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvalSection {
    /// Independent runs over the held-out problems.
    pub n_runs: u32,
    /// 0 is greedy.
    pub temperature: f64,
    /// Above 0, at most 1.
    pub top_p: f64,
    /// Tokens.
    pub max_new_tokens: usize,
    /// Rows.
    pub max_batch_rows: usize,
}

/// `[report]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportSection {
    /// The largest budget of the area under accuracy against tokens, tokens.
    pub budget_tokens: usize,
    /// Resamples of the bootstrap.
    pub bootstrap_resamples: u32,
}
