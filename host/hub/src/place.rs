//! What a text means that may name something local or something of the hub.

use std::path::{Path, PathBuf};

use crate::{Cache, DataFile, Error, Name};

/// Where something is to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place<N> {
    /// On this disk.
    Local(PathBuf),
    /// On the hub.
    Hub(N),
}

/// Where a checkpoint is: in the folder that exists there, or else on the hub if the text has the form of a name.
pub fn model_place(text: &str) -> Place<Name> {
    let path = Path::new(text);
    match Name::model(text) {
        Some(name) if !path.exists() => Place::Hub(name),
        _ => Place::Local(path.to_owned()),
    }
}

/// Where a file of data is: on the hub if the text begins with `hub:`, and on this disk otherwise.
///
/// # Errors
/// [`Error::BadName`].
pub fn data_place(text: &str) -> Result<Place<DataFile>, Error> {
    match DataFile::parse(text) {
        Some(file) => Ok(Place::Hub(file?)),
        None => Ok(Place::Local(PathBuf::from(text))),
    }
}

impl Place<Name> {
    /// The checkpoint's folder, which must be here or in the cache.
    ///
    /// # Errors
    /// [`Error::NoPlace`], [`Error::NotCached`].
    pub fn on_disk(self) -> Result<PathBuf, Error> {
        match self {
            Self::Local(path) => Ok(path),
            Self::Hub(name) => {
                let cache = Cache::from_env()?;
                cache.model(&name).ok_or_else(|| not_cached(name.to_string(), &cache))
            }
        }
    }
}

impl Place<DataFile> {
    /// The file, which must be here or in the cache.
    ///
    /// # Errors
    /// [`Error::NoPlace`], [`Error::NotCached`].
    pub fn on_disk(self) -> Result<PathBuf, Error> {
        match self {
            Self::Local(path) => Ok(path),
            Self::Hub(file) => {
                let cache = Cache::from_env()?;
                cache.file(&file).ok_or_else(|| not_cached(file.to_string(), &cache))
            }
        }
    }
}

fn not_cached(name: String, cache: &Cache) -> Error {
    Error::NotCached { name, cache: cache.folder().to_owned() }
}
