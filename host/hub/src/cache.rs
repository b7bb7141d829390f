//! The hub's cache on disk, which every program that uses the hub shares.
//!
//! ```text
//! models--org--name/refs/main                 the commit that main was when it was asked for
//! models--org--name/blobs/ETAG                a file's bytes
//! models--org--name/snapshots/COMMIT/PATH     a link to them
//! ```

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use serde::Deserialize;

use crate::name::{is_commit, is_path};
use crate::{DataFile, Error, Kind, Name};

/// The list of a checkpoint's shards.
pub(crate) const INDEX: &str = "model.safetensors.index.json";

/// Most bytes of that list. The longest known ones have a few megabytes.
const MAX_INDEX_BYTES: u64 = 64 << 20;

/// The cache.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Where the environment says that it is.
    ///
    /// # Errors
    /// [`Error::NoPlace`].
    pub fn from_env() -> Result<Self, Error> {
        let folder = absolute("HF_HUB_CACHE").or_else(|| Some(home()?.join("hub")));
        folder.map(|folder| Self { folder }).ok_or(Error::NoPlace)
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of a checkpoint that is there whole.
    pub fn model(&self, name: &Name) -> Option<PathBuf> {
        self.snapshot(name).filter(|folder| is_whole(folder))
    }

    /// A file of a data set, if it is there.
    pub fn file(&self, file: &DataFile) -> Option<PathBuf> {
        self.snapshot(&file.name).map(|folder| folder.join(&file.path)).filter(|path| path.is_file())
    }

    /// The folder of a repository.
    pub(crate) fn repository(&self, name: &Name) -> PathBuf {
        let kind = match name.kind {
            Kind::Model => "models",
            Kind::Dataset => "datasets",
        };
        self.folder.join(format!("{kind}--{}", name.repository.replace('/', "--")))
    }

    fn snapshot(&self, name: &Name) -> Option<PathBuf> {
        let repository = self.repository(name);
        let commit = match name.commit() {
            Some(commit) => commit.to_owned(),
            None => {
                let mut commit = String::new();
                let file = std::fs::File::open(repository.join("refs").join(&name.revision)).ok()?;
                file.take(64).read_to_string(&mut commit).ok()?;
                commit.trim().to_owned()
            }
        };
        is_commit(&commit).then(|| repository.join("snapshots").join(commit))
    }
}

/// The repository and the commit of a folder of a cache: `models--ORG--NAME/snapshots/COMMIT`.
pub fn name_of(folder: &Path) -> Option<Name> {
    let revision = folder.file_name()?.to_str()?;
    let snapshots = folder.parent().filter(|parent| parent.ends_with("snapshots"))?;
    let repository = snapshots.parent()?.file_name()?.to_str()?.strip_prefix("models--")?.replace("--", "/");
    Name::model(&format!("{repository}@{revision}")).filter(|name| name.commit().is_some())
}

/// The folder for everything of the hub.
pub(crate) fn home() -> Option<PathBuf> {
    let of_user = || Some(absolute("HOME")?.join(".cache"));
    let cache = || match cfg!(unix) {
        true => absolute("XDG_CACHE_HOME").or_else(of_user),
        false => etcetera::choose_base_strategy().ok().map(|folders| folders.home_dir().join(".cache")),
    };
    absolute("HF_HOME").or_else(|| Some(cache()?.join("huggingface")))
}

/// A variable's path, with `~` for the user's home; none if it is not absolute.
pub(crate) fn absolute(variable: &str) -> Option<PathBuf> {
    let value = PathBuf::from(std::env::var_os(variable)?);
    let path = match value.strip_prefix("~") {
        Ok(rest) => PathBuf::from(std::env::var_os("HOME")?).join(rest),
        Err(_) => value,
    };
    path.is_absolute().then_some(path)
}

/// Whether a folder has a checkpoint's files: its configuration or an adapter's, and all of the weights.
fn is_whole(folder: &Path) -> bool {
    let has = |name: &str| folder.join(name).is_file();
    if has("adapter_config.json") {
        return has("adapter_model.safetensors");
    }
    let has_weights = match shards(&folder.join(INDEX)) {
        Some(shards) => shards.iter().all(|shard| has(shard)),
        None => !has(INDEX) && has("model.safetensors"),
    };
    has_weights && has("config.json") && has("tokenizer.json")
}

/// The files of weights that a list of shards names; `None` if there is no such list that can be read.
pub(crate) fn shards(index: &Path) -> Option<BTreeSet<String>> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: std::collections::BTreeMap<String, String>,
    }
    let mut text = String::new();
    std::fs::File::open(index).ok()?.take(MAX_INDEX_BYTES).read_to_string(&mut text).ok()?;
    let index: Index = serde_json::from_str(&text).ok()?;
    let shards: BTreeSet<String> = index.weight_map.into_values().collect();
    let is_plain = |shard: &String| is_path(shard) && !shard.contains('/');
    (!shards.is_empty() && shards.iter().all(is_plain)).then_some(shards)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_a_cache_has_its_name_and_others_have_none() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let name = name_of(&Path::new("/hub/models--Qwen--Qwen2.5-0.5B/snapshots").join(commit)).unwrap();
        assert_eq!(name.to_string(), format!("Qwen/Qwen2.5-0.5B@{commit}"));
        let cache = Cache { folder: "/hub".into() };
        assert_eq!(cache.snapshot(&name).as_deref().and_then(name_of), Some(name));
        for folder in [
            "/models/Qwen",
            "Qwen/Qwen2.5-0.5B",
            "/hub/models--a--b--c/snapshots/x",
            "/hub/models--a--b--c/snapshots/0123456789abcdef0123456789abcdef01234567",
            "/hub/models--a: b--c/snapshots/0123456789abcdef0123456789abcdef01234567",
            "/hub/datasets--a--b/snapshots/0123456789abcdef0123456789abcdef01234567",
            "/hub/models--a--b/snapshots/main",
            "/hub/models--a--b/0123456789abcdef0123456789abcdef01234567",
        ] {
            assert_eq!(name_of(Path::new(folder)), None, "{folder}");
        }
    }
}
