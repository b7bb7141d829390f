//! A recipe: every value that a run depends on, one type a section of the TOML file.
//!
//! `load` turns what was typed (files that extend one another, flags) into a [`Recipe`]; `validate` checks
//! every range. Only a validated recipe reaches the stages. The comments in `recipes/default.toml` are the
//! reference for users; the docs here say what the code needs to know. Defaults are left out on purpose:
//! they stand in that file, once.

mod load;
mod validate;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ts_core::objective::LengthMargin;
use ts_core::pairing::PairScope;
use ts_core::refinement::KlReduction;
use ts_model::generate::Sampling;
use ts_plugin::{Isolation, Role};

pub use load::{Loader, Override, RecipeError};

/// A complete recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Which run this is.
    pub run: RunSection,
    /// The model to shorten.
    pub model: ModelSection,
    /// What it is trained on and measured on.
    pub problems: ProblemsSection,
    /// How a problem becomes a prompt.
    pub prompt: PromptSection,
    /// The four roles.
    pub plugins: PluginsSection,
    /// Stage 1: draws.
    pub sample: SampleSection,
    /// Stage 1: positives and pairs.
    pub select: SelectSection,
    /// Stage 2.
    pub refine: RefineSection,
    /// Stage 3.
    pub train: TrainSection,
    /// Measurement.
    pub eval: EvalSection,
}

/// `[run]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunSection {
    /// Names the run's folder.
    pub name: String,
    /// Every draw's seed derives from it.
    pub seed: u64,
    /// Threads; 0 is one a core.
    pub workers: usize,
}

impl RunSection {
    /// The number of threads to use.
    pub fn n_workers(&self) -> usize {
        n_threads(self.workers)
    }
}

/// The number of threads that a setting means: 0 is one a core.
pub fn n_threads(setting: usize) -> usize {
    match setting {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        n => n,
    }
}

/// `[model]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSection {
    /// [`EMBEDDED`] or a Hugging Face folder.
    pub source: String,
    /// `cpu` or `cuda:N`.
    pub device: String,
    /// Type of the parameters.
    pub dtype: Dtype,
}

/// The value of `source`, `train` and `heldout` that means the default in the binary.
pub const EMBEDDED: &str = "embedded";

/// Type of the model's parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// 32-bit IEEE.
    F32,
    /// bfloat16.
    Bf16,
    /// 16-bit IEEE.
    F16,
}

/// `[problems]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProblemsSection {
    /// [`EMBEDDED`] or a JSONL file.
    pub train: String,
    /// [`EMBEDDED`] or a JSONL file.
    pub heldout: String,
    /// 0 is all.
    pub max_train: usize,
    /// 0 is all.
    pub max_heldout: usize,
}

/// `[prompt]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptSection {
    /// System message; empty is none.
    pub system: String,
    /// Appended to every problem; empty is none.
    pub instruction: String,
    /// The text that ends the reasoning.
    pub reasoning_end: String,
}

/// `[plugins]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginsSection {
    /// Run programs, for a verifier that grades them. None means those beside the verifier.
    pub runners: Vec<RunnerSection>,
    /// Grades.
    pub verifier: PluginSection,
    /// Splits reasoning into steps.
    pub step_splitter: PluginSection,
    /// Chooses positives and pairs.
    pub selection_policy: PluginSection,
    /// Measures length.
    pub length_function: PluginSection,
    /// What an instance may see of other calls.
    pub isolation: Isolation,
    /// Limits of each call.
    pub limits: LimitsSection,
}

impl PluginsSection {
    /// What the recipe says of the plugin in a role; a runner goes with the verifier.
    pub fn of(&self, role: Role) -> &PluginSection {
        match role {
            Role::Verifier | Role::Runner => &self.verifier,
            Role::StepSplitter => &self.step_splitter,
            Role::SelectionPolicy => &self.selection_policy,
            Role::LengthFunction => &self.length_function,
        }
    }

    /// [`Self::of`], to be changed.
    pub(crate) fn of_mut(&mut self, role: Role) -> &mut PluginSection {
        match role {
            Role::Verifier | Role::Runner => &mut self.verifier,
            Role::StepSplitter => &mut self.step_splitter,
            Role::SelectionPolicy => &mut self.selection_policy,
            Role::LengthFunction => &mut self.length_function,
        }
    }
}

/// `[plugins.ROLE]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginSection {
    /// Name of an embedded plugin, or a file.
    pub source: String,
    /// The only component accepted, in hexadecimal; empty is any.
    pub sha256: String,
    /// The plugin's own settings; it validates them.
    pub settings: BTreeMap<String, serde_json::Value>,
}

/// One of `plugins.runners`: a file, or `{ source, sha256 }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "RunnerEntry", into = "RunnerEntry")]
pub struct RunnerSection {
    /// A file.
    pub source: String,
    /// The only component accepted, in hexadecimal; empty is any.
    pub sha256: String,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "a runner is a file, or a table with `source` and `sha256`")]
enum RunnerEntry {
    File(String),
    Pinned(PinnedRunner),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PinnedRunner {
    source: String,
    sha256: String,
}

impl From<&str> for RunnerSection {
    fn from(source: &str) -> Self {
        Self { source: source.to_owned(), sha256: String::new() }
    }
}

impl From<RunnerEntry> for RunnerSection {
    fn from(entry: RunnerEntry) -> Self {
        match entry {
            RunnerEntry::File(source) => source.as_str().into(),
            RunnerEntry::Pinned(PinnedRunner { source, sha256 }) => Self { source, sha256 },
        }
    }
}

impl From<RunnerSection> for RunnerEntry {
    fn from(RunnerSection { source, sha256 }: RunnerSection) -> Self {
        match sha256.is_empty() {
            true => Self::File(source),
            false => Self::Pinned(PinnedRunner { source, sha256 }),
        }
    }
}

/// `[plugins.limits]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsSection {
    /// Units of fuel a call.
    pub fuel: u64,
    /// Milliseconds of processor time a call.
    pub processor_ms: u64,
    /// Milliseconds of program time, counted as fuel, for all programs of a call.
    pub program_ms: u64,
    /// MiB an instance.
    pub memory_mib: u64,
    /// KiB that a plugin may hand over at once.
    pub output_kib: u64,
    /// KiB of log kept from a call.
    pub log_kib: u64,
    /// KiB of native stack.
    pub stack_kib: u64,
    /// Elements of a table.
    pub table_elements: u64,
    /// Core instances within a component's.
    pub instances: u32,
    /// MiB of a component's file.
    pub component_mib: u64,
    /// Milliseconds of processor time to compile a component.
    pub compile_ms: u64,
    /// MiB to compile a component.
    pub compile_memory_mib: u64,
    /// Whether compiled code keeps within bounds what the processor guesses.
    pub guard_speculation: bool,
    /// Share of responses that may stay without a grade, 0 to 1.
    pub max_failed_share: f64,
}

/// `[sample]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleSection {
    /// Responses to each problem.
    pub n_samples: u32,
    /// Above 0.
    pub temperature: f64,
    /// Above 0, at most 1.
    pub top_p: f64,
    /// Tokens.
    pub max_new_tokens: usize,
    /// Rows.
    pub max_batch_rows: usize,
}

impl SampleSection {
    /// How the model draws.
    pub(crate) fn sampling(&self) -> Sampling {
        let Self { temperature, top_p, max_new_tokens, max_batch_rows, n_samples: _ } = *self;
        Sampling { temperature, top_p, max_new_tokens, max_batch_rows }
    }
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
    /// How the window's positions become one number.
    pub kl_reduction: KlReduction,
    /// L, in tokens.
    pub kl_window_tokens: usize,
    /// Which earlier steps stand in the context.
    pub context: RefineContext,
    /// Stop at the first passing rewrite.
    pub early_stop: bool,
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
    /// Tokens.
    pub budget_tokens: usize,
    /// Resamples.
    pub bootstrap_resamples: u32,
    /// Rows.
    pub max_batch_rows: usize,
}

impl EvalSection {
    /// How the model draws.
    pub(crate) fn sampling(&self) -> Sampling {
        let Self { temperature, top_p, max_new_tokens, max_batch_rows, .. } = *self;
        Sampling { temperature, top_p, max_new_tokens, max_batch_rows }
    }
}

impl Recipe {
    /// The recipe as TOML, every value in it: what a run folder keeps.
    ///
    /// # Errors
    /// [`RecipeError::Unwritable`] for a value that TOML has no form for, such as `null` in a plugin's settings.
    pub fn to_toml(&self) -> Result<String, RecipeError> {
        toml::to_string(self).map_err(|error| RecipeError::Unwritable { message: error.to_string() })
    }
}
