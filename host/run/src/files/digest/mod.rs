//! SHA-256 of bytes, files and folders, as lower-case hexadecimal.
//!
//! In goes a path; out come 64 digits that change if any byte does. Digests identify what a run was made from
//! and what its stages left. Modification times and permissions, which copying changes, do not count.

pub mod cache;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use ts_text::hexadecimal;

use crate::{Error, Result};
use cache::{DigestCache, Known, Stamp};

/// The digest of these bytes.
pub fn sha256_bytes(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// The first bytes of the digest of these bytes: enough to tell them from others, in little room.
pub fn short_digest<const N: usize>(bytes: impl AsRef<[u8]>) -> [u8; N] {
    let mut short = [0; N];
    short.copy_from_slice(&Sha256::digest(bytes)[..N]);
    short
}

/// The digest of a file's content.
///
/// # Errors
///
/// [`Error::Io`].
pub fn sha256_file(path: &Path) -> Result<String> {
    let mut hasher = Sha256::new();
    hash_file(path, &mut hasher)?;
    Ok(hexadecimal(&hasher.finalize()))
}

/// What is in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderDigest {
    /// Changes if any byte of any file does, or a name.
    pub sha256: String,
    /// The digest of each file below it, by its name relative to the folder.
    pub files: BTreeMap<String, String>,
}

/// The digests of a folder's files. Symbolic links count as what they point to. A file that the cache knows
/// to be as it was is not read.
///
/// # Errors
///
/// [`Error::Io`] with the file that could not be read.
pub fn sha256_folder(path: &Path, cache: Option<&DigestCache>) -> Result<FolderDigest> {
    let mut paths = Vec::new();
    collect_files(path, &mut paths)?;
    let known = cache.map(|cache| cache.of(path)).unwrap_or_default();
    let (mut files, mut seen) = (BTreeMap::new(), BTreeMap::new());
    for file in paths {
        let name = file.strip_prefix(path).unwrap_or(&file);
        let name: Vec<_> = name.components().map(|part| part.as_os_str().to_string_lossy()).collect();
        let name = name.join("/");
        let stamp = Stamp::of(&fs::metadata(&file).map_err(Error::io("read", &file))?);
        let sha256 = match known.get(&name) {
            Some(known) if stamp.as_ref() == Some(&known.stamp) => known.sha256.clone(),
            _ => sha256_file(&file)?,
        };
        // What was written only now may be written again without its times changing.
        if let Some(stamp) = stamp.filter(Stamp::is_settled) {
            seen.insert(name.clone(), Known { stamp, sha256: sha256.clone() });
        }
        files.insert(name, sha256);
    }
    if let Some(cache) = cache.filter(|_| seen != known) {
        cache.keep(path, &seen);
    }
    Ok(FolderDigest::of(files))
}

impl FolderDigest {
    fn of(files: BTreeMap<String, String>) -> Self {
        let mut hasher = Sha256::new();
        for (name, sha256) in &files {
            // Lengths first, so that no name can pass for a digest.
            hasher.update((name.len() as u64).to_le_bytes());
            hasher.update(name);
            hasher.update(sha256);
        }
        Self { sha256: hexadecimal(&hasher.finalize()), files }
    }

    /// The digest of the folder as it would be without this file.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.files.remove(name);
        Self::of(self.files)
    }
}

fn hash_file(path: &Path, hasher: &mut Sha256) -> Result<()> {
    let mut file = File::open(path).map_err(Error::io("read", path))?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n_bytes = file.read(&mut buffer).map_err(Error::io("read", path))?;
        if n_bytes == 0 {
            return Ok(());
        }
        hasher.update(&buffer[..n_bytes]);
    }
}

fn collect_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(Error::io("read", folder))? {
        let path = entry.map_err(Error::io("read", folder))?.path();
        if path.is_dir() {
            collect_files(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_digests() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_bytes(b""), empty);
        assert_eq!(sha256_bytes(b"abc"), abc);
    }

    #[test]
    fn a_folder_is_its_names_and_contents() {
        let temp = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = temp.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("one/a", "x");
        write("one/sub/b", "y");
        write("two/sub/b", "y");
        write("two/a", "x");
        write("three/a", "x");
        write("three/sub/c", "y");
        let digest = |name: &str| sha256_folder(&temp.path().join(name), None).unwrap().sha256;
        assert_eq!(digest("one"), digest("two"));
        assert_ne!(digest("one"), digest("three"));
        assert_eq!(sha256_file(&temp.path().join("one/a")).unwrap(), sha256_bytes(b"x"));
        assert!(sha256_folder(&temp.path().join("none"), None).is_err());
    }
}
