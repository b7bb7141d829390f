//! Writing an adapter's folder; see [`super`].

use std::collections::HashMap;
use std::path::Path;

use super::{AdapterConfig, BaseName, CONFIG, WEIGHTS};
use crate::adapters::Adapters;
use crate::checkpoint::weights::{copy as files_of, to_file_dtype, write_json, write_tensors};
use crate::config::read_object;
use crate::error::Result;

/// Copies an adapter, under whose `base_model_name_or_path` stands another base.
///
/// # Errors
/// A file cannot be read or written.
pub fn copy(from: &Path, to: &Path, base: BaseName) -> Result<()> {
    files_of(from, to, &[WEIGHTS])?;
    let mut fields = read_object(from, CONFIG)?.unwrap_or_default();
    fields.insert("base_model_name_or_path".to_owned(), base.name.into());
    fields.insert("revision".to_owned(), base.revision.into());
    write_json(&to.join(CONFIG), &fields.into())
}

/// Writes an adapter into a folder that exists: its matrices in f32, or the half format that they have, and
/// `adapter_config.json` last.
///
/// # Errors
/// The folder cannot be written.
pub fn save(folder: &Path, config: &AdapterConfig, adapters: &Adapters) -> Result<()> {
    let mut tensors = Vec::with_capacity(2 * adapters.pairs.len());
    for pair in &adapters.pairs {
        for (name, tensor) in pair.place.tensor_names().into_iter().zip([&pair.down, &pair.up]) {
            tensors.push((name, to_file_dtype(tensor, None)?));
        }
    }
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    write_tensors(&folder.join(WEIGHTS), tensors, metadata)?;
    write_json(&folder.join(CONFIG), &config.to_json())
}
