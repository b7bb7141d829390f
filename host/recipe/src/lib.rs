//! Recipes, and the plugins that they name: what a run needs to know before it needs a model.
//!
//! | to do this | use |
//! |---|---|
//! | read a recipe | [`Loader`] |
//! | put a flag over it | [`Override`] |
//! | open the plugins that it names | [`open_plugins`] |
//! | open one plugin alone | [`open_plugin`], [`open_plugin_with_runners`] |
//! | have those here that are of registries and URLs | [`Elsewhere`] |
//! | find what is kept between runs | [`code_cache`], [`plugin_store`], [`user_cache`] |
//!
//! Only a validated recipe comes out of here. The grading service and the tools for plugin authors need no more of the host
//! than this crate, and so link no tensors.

mod adaptive_section;
mod elsewhere;
mod load;
mod lora_section;
mod objective_section;
mod open;
mod open_error;
mod plugins_section;
mod reason;
mod recipe;
mod rounds_section;
mod sampler_section;
mod sources;
mod stage_sections;
#[cfg(test)]
mod testing;
mod user_folders;
mod validate;

pub use adaptive_section::{AdaptiveSection, BeyondDrift, DriftSection};
pub use elsewhere::{Elsewhere, Locked};
pub use load::{Loader, Override, RecipeError};
pub use lora_section::{LoraSection, TargetModules};
pub use objective_section::ObjectiveSection;
pub use open::{
    Plugins, Settings, key_of, load_plugin, open_for, open_plugin, open_plugin_with_runners, open_plugins,
    open_verifier, stem_of,
};
pub use open_error::{OpenError, hint_of_call};
pub use plugins_section::{PluginSection, PluginsSection, RunnerSection};
pub use recipe::{Dtype, ModelSection, ProblemsSection, PromptSection, Recipe, RunSection, n_threads};
pub use rounds_section::RoundsSection;
pub use sampler_section::{SamplerKind, SamplerSection};
pub use stage_sections::{
    DivergenceBy, EvalSection, RefineContext, RefineSection, ReportSection, SampleSection, Schedule,
    SelectSection, SftExamples, TrainSection,
};
pub use user_folders::{code_cache, plugin_store, user_cache};
pub use validate::is_device;
