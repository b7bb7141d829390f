//! What a folder that a model is taken from holds: a whole checkpoint, or an adapter in PEFT's layout, which names the folder of
//! its base.
//!
//! In: a folder. Out: where configuration, weights, tokenizer and template are read from. An adapter is merged into the weights
//! as they are read, so that sampling and scoring cost what they cost of the base. A folder with an `adapter_config.json` is an
//! adapter's, as PEFT and `transformers` take it.

use std::path::{Path, PathBuf};

use crate::adapters::Adapters;
use crate::checkpoint::adapter::{self, AdapterConfig};
use crate::config::ModelConfig;
use crate::error::{ModelError, Result};
use crate::files;
use crate::weights::{Weights, copy_generation, copy_texts};

/// Where a model is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFolder {
    base: PathBuf,
    adapter: Option<PathBuf>,
}

impl ModelFolder {
    /// A checkpoint, or an adapter whose base is where `base_model_name_or_path` says. Checks that the folders hold nothing but
    /// regular files.
    ///
    /// # Errors
    /// [`ModelError::AdapterBase`] if the base is not there; what [`files::check_folder`] finds.
    pub fn open(folder: &Path) -> Result<Self> {
        files::check_folder(folder)?;
        match AdapterConfig::read(folder)? {
            None => Ok(Self { base: folder.to_owned(), adapter: None }),
            Some(adapter) => Self::of_adapter(folder, Path::new(&adapter.base.name)),
        }
    }

    /// The same; if it is an adapter's, then over this base.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_over(folder: &Path, base: &Path) -> Result<Self> {
        files::check_folder(folder)?;
        match AdapterConfig::read(folder)? {
            None => Ok(Self { base: folder.to_owned(), adapter: None }),
            Some(_) => Self::of_adapter(folder, base),
        }
    }

    /// An adapter and its base, whatever it says of that.
    ///
    /// # Errors
    /// As [`Self::open`]; also if `adapter` is no adapter's folder.
    pub fn of_adapter(adapter: &Path, base: &Path) -> Result<Self> {
        files::check_folder(adapter)?;
        let base_is = |reason: &'static str| {
            Err(ModelError::AdapterBase { adapter: adapter.to_owned(), base: base.to_owned(), reason })
        };
        if AdapterConfig::read(adapter)?.is_none() {
            let reason = "there is no adapter_config.json".to_owned();
            return Err(ModelError::Adapter { path: adapter.to_owned(), reason });
        }
        if base.as_os_str().is_empty() {
            return base_is("is named nowhere");
        }
        if !base.is_dir() {
            return base_is("is not a folder here");
        }
        files::check_folder(base)?;
        if AdapterConfig::read(base)?.is_some() {
            return base_is("is an adapter itself");
        }
        Ok(Self { base: base.to_owned(), adapter: Some(adapter.to_owned()) })
    }

    /// The folder of configuration and weights.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// The adapter's folder, if there is one.
    pub fn adapter(&self) -> Option<&Path> {
        self.adapter.as_deref()
    }

    /// The folder of tokenizer and template: the adapter's, where it has a tokenizer.
    pub fn texts(&self) -> &Path {
        let has_tokenizer = |folder: &&Path| folder.join("tokenizer.json").exists();
        self.adapter().filter(has_tokenizer).unwrap_or(&self.base)
    }

    /// The base's configuration.
    ///
    /// # Errors
    /// As [`ModelConfig::read`].
    pub fn config(&self) -> Result<ModelConfig> {
        ModelConfig::read(&self.base)
    }

    /// What the adapter is, and its matrices, if there is one.
    ///
    /// # Errors
    /// As [`adapter::read`].
    pub fn adapters(&self, config: &ModelConfig) -> Result<Option<(AdapterConfig, Adapters)>> {
        self.adapter().map(|folder| adapter::read(folder, config)).transpose()
    }

    /// Copies the files beside configuration and weights that make a checkpoint usable, those that exist.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn copy_companions(&self, to: &Path) -> Result<()> {
        copy_texts(self.texts(), to)?;
        copy_generation(&self.base, to)
    }

    /// The weights, with the adapter in them once they are loaded.
    ///
    /// # Errors
    /// As [`Weights::open`] and [`adapter::read`].
    pub fn weights(&self, config: &ModelConfig) -> Result<Weights> {
        let weights = Weights::open(&self.base, config)?;
        Ok(match self.adapters(config)? {
            None => weights,
            Some((_, adapters)) => weights.with_adapters(adapters),
        })
    }
}
