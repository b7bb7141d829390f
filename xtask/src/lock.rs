//! `plugins/plugins.lock`: which sources, built by which toolchain, gave which component.
//!
//! In and out: the lock file, in TOML, sorted by plugin. It has no times and names no machine, so that
//! an unchanged rebuild leaves the file unchanged.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::toolchain::Identity;

/// Stands at the head of the file.
const HEADER: &str = "# Written by `cargo xtask plugins`; `cargo xtask plugins --check` compares.\n\n";

/// The whole file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lock {
    /// What built the components.
    pub(crate) toolchain: Identity,
    /// One entry for each plugin, by name.
    pub(crate) plugin: BTreeMap<String, Entry>,
}

/// One plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// SHA-256 of its sources; see [`crate::sources`].
    pub(crate) sources: String,
    /// SHA-256 of its component.
    pub(crate) wasm: String,
    /// Size of its component in bytes.
    pub(crate) bytes: u64,
}

impl Lock {
    /// Where the file lies.
    pub(crate) fn path(root: &Path) -> PathBuf {
        root.join("plugins/plugins.lock")
    }

    /// Reads the file.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let path = Self::path(root);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("could not read {}; run `cargo xtask plugins`", path.display()))?;
        toml::from_str(&text).with_context(|| format!("could not understand {}", path.display()))
    }

    /// Writes the file.
    pub(crate) fn write(&self, root: &Path) -> Result<()> {
        Ok(std::fs::write(Self::path(root), format!("{HEADER}{}", toml::to_string(self)?))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let folder = std::env::temp_dir().join(format!("xtask-lock-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("plugins")).unwrap();
        let entry = Entry { sources: "ab".to_owned(), wasm: "cd".to_owned(), bytes: 7 };
        let toolchain =
            Identity { rustc: "rustc 1".to_owned(), std: "0".to_owned(), linker: "ld 1".to_owned() };
        let lock = Lock { toolchain, plugin: BTreeMap::from([("tokens".to_owned(), entry)]) };
        lock.write(&folder).unwrap();
        assert_eq!(Lock::read(&folder).unwrap(), lock);
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(Lock::read(&folder).unwrap_err().to_string().contains("cargo xtask plugins"));
    }
}
