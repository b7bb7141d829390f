//! Compiled plugins, kept from one run to the next.
//!
//! Compiled code runs as it stands, so an entry is believed only where nobody but the user could have written
//! it. In: a [`CachePlace`]. Out: the code that was stored under a name, if
//!
//! - the folder and the entry belong to the user who runs and are written by nobody else, and so is every
//!   folder above, or it is the system's (`folder`);
//! - no symbolic link is on the way: each step is opened by name within the one before it, and what was
//!   opened is checked;
//! - it carries the code of authentication (HMAC-SHA256) of its name and its content under the user's key,
//!   which is kept elsewhere (`key`), so that a folder that came from another machine brings nothing that is
//!   believed.
//!
//! A name has the component's hash and the engine's compatibility hash (its version, its settings, the
//! processor's features), so another engine finds no entry; what is not believed is compiled again and
//! replaced. When an entry is written, those that were not used for the longest time go until the rest fits
//! in [`MAX_BYTES`].
//!
//! There are no errors about entries. The cache only saves time: where one cannot be read or written, the
//! plugin is compiled.

#[cfg_attr(not(unix), path = "no_folder.rs")]
mod folder;
mod key;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wasmtime::Engine;

use folder::{Folder, Found};
use key::Key;

/// First bytes of an entry; the code of authentication follows, then the compiled code.
const MAGIC: &[u8; 16] = b"ts-plugin code 2";
/// Length of a code of authentication, bytes.
const TAG_BYTES: usize = 32;
/// How names of entries end.
const SUFFIX: &str = ".code";
/// How names end of what is being written, or was when its writer was killed.
const UNFINISHED: &str = ".part";

/// Most bytes of compiled code that are kept.
const MAX_BYTES: u64 = 1 << 30;
/// How exactly it is known when an entry was last used.
const USE_IS_NOTED_EVERY: Duration = Duration::from_secs(3600);

/// Where compiled plugins are kept, and the key that says whose they are. Both paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CachePlace {
    /// The folder for entries; made where it is missing.
    pub folder: PathBuf,
    /// The file with the user's key, outside of that folder; made where it is missing.
    pub key: PathBuf,
}

/// Why no compiled code is kept or taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("compiled plugins are not kept: `{}` {reason}", path.display())]
pub struct CacheError {
    /// The folder or file at fault.
    pub path: PathBuf,
    /// What is wrong with it, as the rest of a sentence about it.
    pub reason: String,
}

impl CacheError {
    fn new(path: impl Into<PathBuf>, reason: impl Into<String>) -> Self {
        Self { path: path.into(), reason: reason.into() }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = "compiled code runs as it stands, so its folder must be yours, be reached through no symbolic link, and be written by nobody else; \
         XDG_CACHE_HOME and XDG_STATE_HOME name others. Until then each start compiles anew";
        Some(hint.to_owned())
    }
}

/// A folder of compiled plugins that only its owner, who runs this, can have written.
pub struct CodeCache {
    place: CachePlace,
    folder: Folder,
    key: Key,
    max_bytes: u64,
}

/// An entry, for a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheEntry {
    /// The file's name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// When it was last used, to the hour.
    pub used: SystemTime,
    /// Why it would not be run; `None` for one that would.
    pub not_trusted: Option<String>,
}

impl CodeCache {
    /// Opens a cache, making its folder and its key where they are missing.
    ///
    /// # Errors
    ///
    /// [`CacheError`] where another user could have written to it, or nothing can be kept there.
    pub fn open(place: CachePlace) -> Result<Self, CacheError> {
        let folder = Folder::open(&place.folder)?;
        let key = Key::open(&place.key)?;
        Ok(Self { place, folder, key, max_bytes: MAX_BYTES })
    }

    /// Where it is.
    pub fn place(&self) -> &CachePlace {
        &self.place
    }

    /// The most bytes that are kept.
    pub fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// What is kept, those used last first.
    ///
    /// # Errors
    ///
    /// The folder cannot be listed.
    pub fn entries(&self) -> std::io::Result<Vec<CacheEntry>> {
        let mut entries: Vec<CacheEntry> = self
            .folder
            .list()?
            .into_iter()
            .filter(|found| found.name.ends_with(SUFFIX))
            .map(|Found { name, bytes, used }| {
                let not_trusted = self.read(&name).err();
                CacheEntry { name, bytes, used, not_trusted }
            })
            .collect();
        entries.sort_by(|a, b| (b.used, &b.name).cmp(&(a.used, &a.name)));
        Ok(entries)
    }

    /// Removes every entry, and what writers that were killed left; how many files and bytes that were. Other
    /// files stay.
    ///
    /// # Errors
    ///
    /// The folder cannot be listed, or a file in it cannot be removed.
    pub fn clear(&self) -> std::io::Result<(usize, u64)> {
        let ours = |found: &Found| found.name.ends_with(SUFFIX) || found.name.ends_with(UNFINISHED);
        let (mut files, mut bytes) = (0, 0);
        for found in self.folder.list()?.into_iter().filter(ours) {
            self.folder.remove(&found.name)?;
            files += 1;
            bytes += found.bytes;
        }
        Ok((files, bytes))
    }

    /// The code that was stored under a name, if it is to be believed.
    pub(crate) fn get(&self, name: &str) -> Option<Vec<u8>> {
        self.read(name).ok()
    }

    /// Stores code under a name, and makes room for it.
    pub(crate) fn put(&self, name: &str, code: &[u8]) {
        let tag = self.key.tag(name, code).finalize().into_bytes();
        // Deliberately not an error: see the head of this file.
        let _ = self.folder.write(name, UNFINISHED, &[MAGIC, &tag[..], code]);
        let _ = self.make_room(name);
    }

    /// The code of an entry, or why it is not believed.
    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        let (mut bytes, file) = self.folder.read(name, MAX_BYTES)?;
        let (tag, code) = bytes
            .strip_prefix(MAGIC)
            .and_then(|rest| rest.split_at_checked(TAG_BYTES))
            .ok_or("is not of this version")?;
        let ours = self.key.tag(name, code).verify_slice(tag);
        ours.map_err(|_| "was not written with your key, or was changed since")?;
        folder::note_use(&file, USE_IS_NOTED_EVERY);
        bytes.drain(..MAGIC.len() + TAG_BYTES);
        Ok(bytes)
    }

    /// Removes the entries that were not used for the longest time, but for `newest`, until the rest is small
    /// enough; and what writers that were killed left.
    fn make_room(&self, newest: &str) -> std::io::Result<()> {
        let (mut entries, others): (Vec<_>, Vec<_>) =
            self.folder.list()?.into_iter().partition(|found| found.name.ends_with(SUFFIX));
        for found in others.iter().filter(|found| found.name.ends_with(UNFINISHED)) {
            if found.used.elapsed().is_ok_and(|ago| ago > USE_IS_NOTED_EVERY) {
                self.folder.remove(&found.name)?;
            }
        }
        entries.sort_by(|a, b| (a.used, &a.name).cmp(&(b.used, &b.name)));
        let mut bytes: u64 = entries.iter().map(|found| found.bytes).sum();
        for found in entries.iter().filter(|found| found.name != newest) {
            if bytes <= self.max_bytes {
                break;
            }
            self.folder.remove(&found.name)?;
            bytes -= found.bytes;
        }
        Ok(())
    }
}

impl fmt::Debug for CodeCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeCache").field("place", &self.place).finish_non_exhaustive()
    }
}

/// The name of the entry of a component, whose SHA-256 is `sha256` in hexadecimal, for an engine.
pub(crate) fn name_of(engine: &Engine, sha256: &str) -> String {
    /// Hands everything hashed on to SHA-256, whose result is the same in every process.
    struct Sha256Hasher(Sha256);
    impl Hasher for Sha256Hasher {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0 // nobody asks: the digest is taken below
        }
    }
    let mut hasher = Sha256Hasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{sha256}-{}{SUFFIX}", ts_text::hexadecimal(&hasher.0.finalize()[..8]))
}

impl Key {
    /// The code of authentication of a name and a content, to be finished or compared.
    fn tag(&self, name: &str, code: &[u8]) -> Hmac<Sha256> {
        // A key that is shorter than a block is filled up with zeros.
        let mut block = [0; 64];
        block[..self.bytes().len()].copy_from_slice(self.bytes());
        let mut mac = Hmac::<Sha256>::new(&block.into());
        // The name's length first: no other pair of name and content gives the same bytes.
        mac.update(&(name.len() as u64).to_le_bytes());
        mac.update(name.as_bytes());
        mac.update(code);
        mac
    }
}

#[cfg(all(test, unix))]
mod tests;
