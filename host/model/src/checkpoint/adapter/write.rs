//! Writing an adapter's folder; see [`super`].

use std::collections::HashMap;
use std::path::Path;

use super::{AdapterConfig, CONFIG, WEIGHTS};
use crate::adapters::Adapters;
use crate::checkpoint::weights::{to_file_dtype, write_json, write_tensors};
use crate::error::Result;

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
