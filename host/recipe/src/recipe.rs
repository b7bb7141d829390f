//! A recipe: every value that a run depends on, one type a section of the TOML file.
//!
//! The comments in `recipes/default.toml` are the reference for users; the docs here say what the code needs to know. Values that
//! a recipe does not give come from that file: the types have no defaults.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::RecipeError;
use crate::objective_section::ObjectiveSection;
use crate::plugins_section::PluginsSection;
use crate::rounds_section::RoundsSection;
use crate::sampler_section::SamplerSection;
use crate::stage_sections::{
    EvalSection, RefineSection, ReportSection, SampleSection, SelectSection, TrainSection,
};

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
    /// Where responses come from.
    #[serde(default, skip_serializing_if = "SamplerSection::is_default")]
    pub sampler: SamplerSection,
    /// The whole again, with the model that came of it.
    #[serde(default, skip_serializing_if = "RoundsSection::is_default")]
    pub rounds: RoundsSection,
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
    /// Stage 3: what it minimises, where that is not the paper's.
    #[serde(default, skip_serializing_if = "ObjectiveSection::is_default")]
    pub objective: ObjectiveSection,
    /// Measurement.
    pub eval: EvalSection,
    /// What is made of the measurement. Changes no record.
    pub report: ReportSection,
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
    /// Memory that a stage may take, GiB; 0 is what the system says is free.
    pub memory_gib: f64,
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
    /// `embedded` or `embedded-teeth` (what the binary brings along), a Hugging Face folder, or a name of the hub.
    pub source: String,
    /// `cpu` or `cuda:N`.
    pub device: String,
    /// Type of the parameters.
    pub dtype: Dtype,
}

/// Type of the model's parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// 32-bit IEEE.
    #[serde(alias = "float32")]
    F32,
    /// bfloat16.
    #[serde(alias = "bfloat16")]
    Bf16,
    /// 16-bit IEEE.
    #[serde(alias = "float16")]
    F16,
}

/// `[problems]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProblemsSection {
    /// `embedded` or `embedded-teeth`, a file, or a name of the hub.
    pub train: String,
    /// `embedded` or `embedded-teeth`, a file, or a name of the hub.
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
    /// The date that the chat template is told, `YYYY-MM-DD`; empty is none.
    pub date: String,
    /// Values that the chat template may read, by name.
    pub template_kwargs: BTreeMap<String, serde_json::Value>,
}

impl Recipe {
    /// The recipe as TOML, every value in it: what a run folder keeps.
    ///
    /// # Errors
    /// [`RecipeError::Unwritable`] for a value that TOML has no form for, such as `null` in a plugin's settings.
    pub fn to_toml(&self) -> Result<String, RecipeError> {
        toml::to_string(self).map_err(|error| RecipeError::Unwritable { message: error.to_string() })
    }

    /// This recipe with the values that change no record at nothing: two runs of which these are equal may share a folder.
    pub fn what_decides_records(&self) -> Self {
        let mut recipe = self.clone();
        recipe.run.workers = 0;
        recipe.run.memory_gib = 0.0;
        recipe.model.device.clear();
        recipe.sampler = recipe.sampler.what_decides_records();
        // Of the folder's own run, which is the first round; what they decide is in the recipes of the later ones.
        recipe.rounds = RoundsSection::default();
        recipe.plugins.max_failed_share = 0.0;
        recipe.sample.max_batch_rows = 0;
        recipe.eval.max_batch_rows = 0;
        recipe.report = ReportSection { budget_tokens: 0, bootstrap_resamples: 0 };
        recipe
    }
}
