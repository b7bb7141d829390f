//! The checkpoint that a run starts from, and the device that it is loaded on.
//!
//! In: a recipe's `[model]`. Out: a [`Checkpoint`], a Hugging Face folder with its digest. Weights are not read here: grading
//! should not wait for them.

use std::path::{Path, PathBuf};

use candle_core::Device;
use ts_embedded::problem::Task;
use ts_hub::{Name, Place};
use ts_model::ModelFolder;
use ts_model::adapter::{AdapterConfig, BaseName};
use ts_run::digest::{sha256_bytes, sha256_folder};
use ts_run::manifest::ModelOrigin;
use ts_run::{Artefact, DigestCache};

use crate::Error;
use crate::setup::unpacked::Unpacked;

/// A folder with a checkpoint or an adapter; what was unpacked from the binary is deleted with this value.
pub(crate) struct OpenFolder {
    pub(crate) folder: ModelFolder,
    /// The task whose embedded weights these are, if they are: those of an f32 model, packed in half of its bytes.
    pub(crate) embedded: Option<Task>,
    _unpacked: Option<Unpacked>,
}

/// Opens a checkpoint's or an adapter's folder, what the hub's cache has under that name, or an embedded checkpoint. An adapter to an
/// embedded model says that it is.
pub(crate) fn open_folder(path: &Path, base: Option<&Path>) -> Result<OpenFolder, Error> {
    if let Some(task) = path.to_str().and_then(Task::named) {
        let unpacked = unpack(task)?;
        let folder = ModelFolder::open(&unpacked.path())?;
        return Ok(OpenFolder { folder, embedded: Some(task), _unpacked: Some(unpacked) });
    }
    let (path, base) = (&on_disk(path)?, base.map(on_disk).transpose()?);
    let plain = |folder| OpenFolder { folder, embedded: None, _unpacked: None };
    if let Some(base) = base {
        return Ok(plain(ModelFolder::of_adapter(path, &base)?));
    }
    if !path.exists() {
        return Err(Error::NoModel { name: path.display().to_string() });
    }
    // Before anything of it is read: a pipe in it has no end.
    ts_model::files::check_folder(path)?;
    let adapter = AdapterConfig::read(path)?;
    if adapter.is_none() && !path.join("config.json").exists() {
        return Err(Error::NotAModel { folder: path.to_owned() });
    }
    if let Some(task) = adapter.as_ref().and_then(|adapter| Task::named(&adapter.base.name)) {
        let unpacked = unpack(task)?;
        let folder = ModelFolder::of_adapter(path, &unpacked.path())?;
        return Ok(OpenFolder { folder, embedded: Some(task), _unpacked: Some(unpacked) });
    }
    match adapter {
        Some(adapter) => match place_of_base(&adapter.base) {
            base @ Place::Hub(_) => Ok(plain(ModelFolder::of_adapter(path, &base.on_disk()?)?)),
            Place::Local(_) => Ok(plain(ModelFolder::open(path)?)),
        },
        None => Ok(plain(ModelFolder::open(path)?)),
    }
}

/// Where an adapter's base is: in the folder of that name, or else on the hub, at the revision that the adapter names.
fn place_of_base(base: &BaseName) -> Place<Name> {
    match ts_hub::model_place(&base.name) {
        Place::Hub(_) => ts_hub::model_place(&base.to_string()),
        local => local,
    }
}

/// The base of an adapter, if the folder is one and its base is the hub's. What is wrong with the folder shows when it is opened.
pub fn base_on_hub(folder: &Path) -> Option<Name> {
    ts_model::files::check_folder(folder).ok()?;
    match place_of_base(&AdapterConfig::read(folder).ok()??.base) {
        Place::Hub(name) => Some(name),
        Place::Local(_) => None,
    }
}

/// The folder itself, or the one that the hub's cache has under that name.
fn on_disk(path: &Path) -> Result<PathBuf, Error> {
    Ok(path.to_str().map_or_else(|| Ok(path.to_owned()), |text| ts_hub::model_place(text).on_disk())?)
}

fn unpack(task: Task) -> Result<Unpacked, Error> {
    let unpacked = Unpacked::new().map_err(|source| Error::File { path: std::env::temp_dir(), source })?;
    for (name, bytes) in task.checkpoint() {
        let path = unpacked.path().join(name);
        std::fs::write(&path, bytes).map_err(|source| Error::File { path, source })?;
    }
    Ok(unpacked)
}

/// The checkpoint that a run starts from.
pub(super) struct Checkpoint {
    pub(super) open: OpenFolder,
    /// What the manifest says of it.
    pub(super) origin: ModelOrigin,
}

/// Finds a checkpoint, or unpacks an embedded one.
pub(super) fn open_checkpoint(source: &str, digests: Option<&DigestCache>) -> Result<Checkpoint, Error> {
    let open = open_folder(Path::new(source), None)?;
    let digests_of_base = digests.filter(|_| open.embedded.is_none());
    let mut sha256 = sha256_of(open.folder.base(), digests_of_base)?;
    if let Some(adapter) = open.folder.adapter() {
        let of_adapter = sha256_of(adapter, digests)?;
        sha256 = sha256_bytes(format!("{sha256} {of_adapter}").as_bytes());
    }
    Ok(Checkpoint { open, origin: ModelOrigin { source: source.to_owned(), sha256 } })
}

/// The digest of a checkpoint's folder. Of one that a run trained, without the model card: a report writes it again at any time.
fn sha256_of(folder: &Path, digests: Option<&DigestCache>) -> Result<String, Error> {
    let digest = sha256_folder(folder, digests)?;
    let is_of_run = folder.file_name().is_some_and(|name| name == Artefact::Model.file_name())
        && folder.parent().is_some_and(|run| Artefact::Manifest.path_in(run).is_file());
    Ok(if is_of_run { digest.without(Artefact::MODEL_CARD).sha256 } else { digest.sha256 })
}

impl Checkpoint {
    /// What an adapter to this checkpoint names as its base: what the checkpoint itself names if it is an adapter, or else its name and
    /// commit on the hub, or where its folder is.
    pub(super) fn name_of_base(&self) -> Result<BaseName, Error> {
        if let Some(adapter) = self.open.folder.adapter().map(AdapterConfig::read).transpose()?.flatten() {
            return Ok(adapter.base);
        }
        if let Some(task) = self.open.embedded {
            return Ok(BaseName::new(task.name()));
        }
        let path = self.open.folder.base();
        let path =
            std::path::absolute(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
        Ok(match ts_hub::name_of(&path) {
            Some(name) => BaseName { name: name.repository, revision: Some(name.revision) },
            None => BaseName::new(path.display().to_string()),
        })
    }
}

/// The device of that name: `cpu` or `cuda:N`.
pub(crate) fn open_device(name: &str) -> Result<Device, Error> {
    let Some(ordinal) = name.strip_prefix("cuda:") else { return Ok(Device::Cpu) };
    let error = |message: String| Error::Device { device: name.to_owned(), message };
    let ordinal = ordinal.parse().map_err(|e: std::num::ParseIntError| error(e.to_string()))?;
    ts_model::device::cuda(ordinal).map_err(|e| error(e.to_string()))
}
