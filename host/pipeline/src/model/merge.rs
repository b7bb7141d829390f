//! An adapter merged into the weights of its base: a whole checkpoint, for programs that know no adapters.
//!
//! In: an adapter's folder and that of its base. Out: a new folder with every weight W as W + scaling·B·A, computed in f32 and
//! rounded once to the base's number format, and with what else the two folders have. As PEFT's `merge_and_unload` computes it.

use std::path::{Path, PathBuf};

use candle_core::Device;
use serde::Serialize;
use ts_model::weights::{self, SaveOptions};
use ts_run::atomic;

use crate::Error;
use crate::setup::{open_folder, written_dtype};

/// What was merged.
#[derive(Debug, Serialize)]
pub struct Merged {
    /// The new folder.
    pub folder: PathBuf,
    /// How many projections had an adapter.
    pub n_adapted: usize,
    /// Its rank.
    pub rank: usize,
    /// The number format that was written.
    pub dtype: &'static str,
}

/// Merges an adapter into its base, the folder that it names or `base`, and writes `out`, which must not exist.
///
/// # Errors
/// [`Error::Exists`]; a folder that is no adapter's, whose base is not there or is another model; what cannot be read or written.
pub fn merge(adapter: &Path, out: &Path, base: Option<&Path>) -> Result<Merged, Error> {
    if out.symlink_metadata().is_ok() {
        return Err(Error::Exists { path: out.to_owned() });
    }
    let open = open_folder(adapter, base)?;
    let folder = &open.folder;
    let config = folder.config()?;
    let Some((_, adapters)) = folder.adapters(&config)? else {
        let reason = "there is no adapter_config.json".to_owned();
        return Err(ts_model::ModelError::Adapter { path: adapter.to_owned(), reason }.into());
    };
    let dtype = written_dtype(&open)?;
    let (n_adapted, rank) = (adapters.pairs.len(), adapters.rank());
    let tensors = folder.weights(&config)?.load(dtype, &Device::Cpu)?;
    atomic::write_folder(out, |partial| -> Result<(), Error> {
        let named = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor));
        let options = SaveOptions { dtype: Some(dtype), ..SaveOptions::default() };
        weights::save(partial, &config, named, &options)?;
        Ok(folder.copy_companions(partial)?)
    })?;
    Ok(Merged { folder: out.to_owned(), n_adapted, rank, dtype: dtype.as_str() })
}
