//! The checkpoint that a run starts from, and the device that it is loaded on.
//!
//! In: a recipe's `[model]`. Out: a [`Checkpoint`], a Hugging Face folder with its digest. Weights are not read here: grading
//! should not wait for them.

use std::path::PathBuf;

use candle_core::Device;
use ts_run::DigestCache;
use ts_run::digest::sha256_folder;
use ts_run::manifest::ModelOrigin;

use crate::Error;
use crate::setup::unpacked::Unpacked;
use ts_recipe::EMBEDDED;

/// A folder with a checkpoint, deleted with this value if it was unpacked from the binary.
pub(super) struct Checkpoint {
    pub(super) path: PathBuf,
    /// What the manifest says of it.
    pub(super) origin: ModelOrigin,
    _unpacked: Option<Unpacked>,
}

/// Finds a checkpoint, or unpacks the embedded one.
pub(super) fn open_checkpoint(source: &str, digests: Option<&DigestCache>) -> Result<Checkpoint, Error> {
    if source != EMBEDDED {
        let path = PathBuf::from(source);
        // Before all of it is read: a pipe in it has no end.
        ts_model::files::check_folder(&path)?;
        let sha256 = sha256_folder(&path, digests)?.sha256;
        return Ok(Checkpoint {
            path,
            origin: ModelOrigin { source: source.to_owned(), sha256 },
            _unpacked: None,
        });
    }
    let unpacked = Unpacked::new().map_err(|source| Error::File { path: std::env::temp_dir(), source })?;
    for (name, bytes) in ts_embedded::CHECKPOINT {
        let path = unpacked.path().join(name);
        std::fs::write(&path, bytes).map_err(|source| Error::File { path, source })?;
    }
    let path = unpacked.path();
    let sha256 = sha256_folder(&path, None)?.sha256;
    Ok(Checkpoint {
        path,
        origin: ModelOrigin { source: source.to_owned(), sha256 },
        _unpacked: Some(unpacked),
    })
}

/// The device of that name: `cpu` or `cuda:N`.
pub(crate) fn open_device(name: &str) -> Result<Device, Error> {
    let Some(ordinal) = name.strip_prefix("cuda:") else { return Ok(Device::Cpu) };
    let error = |message: String| Error::Device { device: name.to_owned(), message };
    let ordinal = ordinal.parse().map_err(|e: std::num::ParseIntError| error(e.to_string()))?;
    Device::new_cuda(ordinal).map_err(|e| error(e.to_string()))
}
