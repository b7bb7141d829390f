//! The user's key, under which entries of the cache are authenticated.
//!
//! In: the path of its file, outside of the cache. Out: its bytes. The file is trusted as entries are, and
//! nobody else may read it either; where it is missing it is made, of the system's randomness, and moved to
//! its place when it is whole. Two programs that make it at once leave one of the two: what was stored with
//! the other one is compiled again.
//!
//! A key that is not trusted is not replaced. Whoever put it there may have put more; the user removes it.

use std::path::Path;

use super::CacheError;
use super::folder::Folder;

/// Length of a key, bytes.
const BYTES: usize = 32;
/// What nobody else may do: read, write, run.
#[cfg(unix)]
const OTHERS: u32 = 0o077;

/// A key.
pub(super) struct Key([u8; BYTES]);

impl Key {
    /// Reads the key, or makes it.
    pub(super) fn open(path: &Path) -> Result<Self, CacheError> {
        let failed = |reason: String| CacheError::new(path, reason);
        let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str()))
        else {
            return Err(failed("names no file".into()));
        };
        let folder = Folder::open(folder)?;
        if !folder.has(name) {
            let mut bytes = [0; BYTES];
            getrandom::fill(&mut bytes).map_err(|error| failed(format!("cannot be made: {error}")))?;
            let written = folder.write(name, super::UNFINISHED, &[&bytes]);
            written.map_err(|error| failed(format!("cannot be written: {error}")))?;
        }
        let (bytes, file) = folder.read(name, BYTES as u64).map_err(failed)?;
        if others_read(&file) {
            return Err(failed("can be read by other users".into()));
        }
        let bytes = bytes.try_into().map_err(|bytes: Vec<u8>| {
            failed(format!("has {} bytes where a key has {BYTES}; remove it", bytes.len()))
        })?;
        Ok(Self(bytes))
    }

    pub(super) fn bytes(&self) -> &[u8; BYTES] {
        &self.0
    }
}

#[cfg(unix)]
fn others_read(file: &std::fs::File) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().map_or(true, |metadata| metadata.permissions().mode() & OTHERS != 0)
}

#[cfg(not(unix))]
fn others_read(_: &std::fs::File) -> bool {
    true
}
