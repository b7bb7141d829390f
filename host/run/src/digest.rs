//! SHA-256 of bytes, files and folders, as lower-case hexadecimal.
//!
//! In goes a path; out come 64 digits that change if any byte does. Digests identify what a run was made from
//! and what its stages left. Left out on purpose: modification times and permissions, which copying changes.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// The digest of these bytes.
pub fn sha256_bytes(bytes: &[u8]) -> String {
    hexadecimal(Sha256::new_with_prefix(bytes))
}

/// The digest of a file's content, or of a folder's: of the names, relative to it and in order, and the
/// content of every file below it. Symbolic links count as what they point to.
///
/// # Errors
///
/// [`Error::Io`] with the file that could not be read.
pub fn sha256_path(path: &Path) -> Result<String> {
    let mut hasher = Sha256::new();
    if !path.is_dir() {
        hash_file(path, &mut hasher)?;
        return Ok(hexadecimal(hasher));
    }
    let mut files = Vec::new();
    collect_files(path, &mut files)?;
    files.sort();
    for file in files {
        let name = file.strip_prefix(path).unwrap_or(&file);
        let name: Vec<_> = name.components().map(|part| part.as_os_str().to_string_lossy()).collect();
        let name = name.join("/");
        let n_bytes = fs::metadata(&file).map_err(Error::io("read", &file))?.len();
        // Lengths first, so that no content can pass for a name.
        hasher.update((name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        hasher.update(n_bytes.to_le_bytes());
        hash_file(&file, &mut hasher)?;
    }
    Ok(hexadecimal(hasher))
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

fn hexadecimal(hasher: Sha256) -> String {
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
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
        let digest = |name: &str| sha256_path(&temp.path().join(name)).unwrap();
        assert_eq!(digest("one"), digest("two"));
        assert_ne!(digest("one"), digest("three"));
        assert_eq!(digest("one/a"), sha256_bytes(b"x"));
        assert!(sha256_path(&temp.path().join("none")).is_err());
    }
}
