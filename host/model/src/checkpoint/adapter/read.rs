//! Reading an adapter's matrices; see [`super`].
//!
//! In: a folder and the configuration of the base. Out: the matrices in f32 on the CPU, those that `target_modules` asks for, no
//! less and no more, each of the shape that the base's projection has room for.

use std::collections::BTreeSet;
use std::path::Path;

use candle_core::{DType, Tensor};

use super::{AdapterConfig, CONFIG, WEIGHTS};
use crate::adapters::{Adapters, Pair, Place, Projection};
use crate::checkpoint::weights::Shard;
use crate::config::ModelConfig;
use crate::error::{ModelError, Result};
use crate::files;

/// Reads the adapter of a folder, for a base of this configuration.
///
/// # Errors
/// Names the file and the field or tensor that is wrong, missing or unexpected.
pub fn read(folder: &Path, config: &ModelConfig) -> Result<(AdapterConfig, Adapters)> {
    let missing = || ModelError::io(folder.join(CONFIG))(std::io::ErrorKind::NotFound.into());
    let adapter = AdapterConfig::read(folder)?.ok_or_else(missing)?;
    if files::open(folder, WEIGHTS)?.is_none() {
        return Err(ModelError::Adapter {
            path: folder.to_owned(),
            reason: format!("there is no {WEIGHTS}"),
        });
    }
    let mut shard = Shard::open(folder, WEIGHTS)?;
    let wrong = |tensor: &str, reason: &str| ModelError::Adapter {
        path: folder.join(WEIGHTS),
        reason: format!("tensor {tensor} {reason}"),
    };
    let mut names: BTreeSet<String> = shard.names().map(str::to_owned).collect();
    let mut pairs = Vec::new();
    for place in Place::all(config, &Projection::ALL) {
        let [down, up] = place.tensor_names();
        let (has_down, has_up) = (names.remove(&down), names.remove(&up));
        let covered = adapter.targets.cover(place).unwrap_or(has_down || has_up);
        match (has_down, has_up) {
            (false, false) if !covered => continue,
            (true, true) if covered => {}
            (false, _) if covered => return Err(wrong(&down, "is missing")),
            (_, false) if covered => return Err(wrong(&up, "is missing")),
            _ => return Err(wrong(&down, "is none that target_modules asks for")),
        }
        let (outputs, inputs) = place.projection.shape(config);
        let mut matrix = |name: &str, shape: [usize; 2]| -> Result<Tensor> {
            if let Some(actual) = shard.shape(name).filter(|actual| **actual != shape) {
                let reason = format!("has shape {actual:?}, where the base has room for {shape:?}");
                return Err(wrong(name, &reason));
            }
            shard.check(name, &shape)?;
            Ok(shard.read(name, &shape, DType::F32)?.to_dtype(DType::F32)?)
        };
        let down = matrix(&down, [adapter.rank, inputs])?;
        pairs.push(Pair { place, down, up: matrix(&up, [outputs, adapter.rank])? });
    }
    match names.first() {
        Some(name) => Err(wrong(name, "is none that the base has room for")),
        None if pairs.is_empty() => {
            Err(ModelError::Adapter { path: folder.to_owned(), reason: "it adapts no projection".into() })
        }
        None => Ok((adapter.clone(), Adapters { scaling: adapter.scaling(), pairs })),
    }
}
