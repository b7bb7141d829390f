//! Adapters to be trained: begun from a recipe, gone on with from a checkpoint, and written as an adapter of the run's base.
//!
//! A run that starts from an adapter trains new ones over the merged weights. What it writes is one adapter that does what both do,
//! of the same base, so that an adapter never needs another.

use std::path::Path;

use ts_model::LanguageModel;
use ts_model::adapter::{self, AdapterConfig};
use ts_model::adapters::{Adapters, Projection};
use ts_model::lora::LoraConfig;

use crate::{Error, Run};
use ts_recipe::LoraSection;

/// A recipe's `[train.lora]`, whose names were checked.
pub(crate) fn lora_config(section: &LoraSection) -> LoraConfig {
    let names = section.target_modules.names();
    let wanted = Projection::ALL.into_iter().filter(|projection| names.contains(&projection.name()));
    LoraConfig {
        rank: section.rank,
        alpha: section.alpha,
        target_modules: wanted.collect(),
        dropout: section.dropout,
    }
}

/// The model that the run starts from, with adapters: those of a checkpoint of the training, or new ones.
pub(crate) fn with_adapters(
    run: &Run<'_>,
    section: &LoraSection,
    checkpoint: Option<&Path>,
) -> Result<LanguageModel, Error> {
    let (model, lora) = (run.model_to_adapt()?, lora_config(section));
    let (dtype, device) = (model.dtype(), model.device().clone());
    let adapters = match checkpoint {
        None => lora.begin(model.config(), run.recipe.run.seed, dtype, &device)?,
        Some(folder) => adapter::read(folder, model.config())?.1.to(dtype, &device)?,
    };
    Ok(model.with_adapters(&adapters, lora.dropout)?)
}

/// Writes the adapters alone: what a checkpoint of the training holds.
pub(crate) fn save_new(
    run: &Run<'_>,
    section: &LoraSection,
    adapters: &Adapters,
    folder: &Path,
) -> Result<(), Error> {
    let config = AdapterConfig::new(run.name_of_base()?, &lora_config(section));
    Ok(adapter::save(folder, &config, adapters)?)
}

/// Writes the adapters, and with them those that the run started from, and the tokenizer.
pub(crate) fn save_all(
    run: &Run<'_>,
    section: &LoraSection,
    model: &LanguageModel,
    adapters: &Adapters,
    folder: &Path,
) -> Result<(), Error> {
    let start = run.checkpoint_folder();
    match start.adapters(model.config())? {
        None => save_new(run, section, adapters, folder)?,
        Some((_, before)) => {
            let (config, joined) = (model.config(), before.joined(adapters, model.config())?);
            let (base, n_layers) = (run.name_of_base()?, config.num_hidden_layers);
            let config = AdapterConfig::of_joined(base, &joined, n_layers, section.dropout);
            adapter::save(folder, &config, &joined)?;
        }
    }
    Ok(ts_model::weights::copy_texts(start.texts(), folder)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ts_recipe::TargetModules;

    #[test]
    fn a_recipe_s_names_are_the_decoder_s() {
        let all = LoraSection {
            target_modules: TargetModules::Word("all-linear".into()),
            ..LoraSection::default()
        };
        assert_eq!(all.target_modules.names(), Projection::ALL.map(Projection::name));
        assert_eq!(lora_config(&all).target_modules, Projection::ALL);
        let peft = lora_config(&LoraSection::default());
        assert_eq!(peft.target_modules, [Projection::Query, Projection::Value]);
        assert_eq!((peft.rank, peft.alpha), (LoraConfig::DEFAULT_RANK, LoraConfig::DEFAULT_ALPHA));
    }
}
