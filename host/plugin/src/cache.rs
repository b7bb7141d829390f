//! Compiled plugins, kept from one run to the next.
//!
//! In: a component's bytes and their SHA-256. Out: the compiled component, from the caller's directory if an
//! entry is there, otherwise from the compiler, and then written there. An entry's name is the content's hash
//! and the engine's compatibility hash (its version, its settings, the processor's features), so another
//! engine finds no entry; a broken one is compiled again and replaced. When an entry is written, those that were not used for the
//! longest time go until the rest fits in [`MAX_BYTES`]: a plugin that is being written leaves one behind at every build.
//!
//! Left out on purpose: errors about entries. The cache only saves time: where it cannot be
//! read or written, the plugin is compiled.

use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::load_error::LoadError;
use crate::source::hex;

/// First bytes of an entry; the SHA-256 of the rest follows, then the rest: the compiled code.
const MAGIC: &[u8; 16] = b"ts-plugin code 1";
/// Length of a SHA-256, bytes.
const DIGEST_BYTES: usize = 32;

/// Most bytes of compiled code that are kept.
const MAX_BYTES: u64 = 1 << 30;
/// How exactly it is known when an entry was last used.
const USE_IS_NOTED_EVERY: Duration = Duration::from_secs(3600);

/// A directory of compiled components that only its owner can write to.
#[derive(Debug)]
pub(crate) struct Cache {
    directory: PathBuf,
    max_bytes: u64,
}

impl Cache {
    /// Opens the directory, making it where it is missing; refuses one that others can write to.
    pub(crate) fn open(directory: PathBuf) -> Result<Self, LoadError> {
        let failed = |reason: String| LoadError::CacheDirectory { path: directory.clone(), reason };
        make_directory(&directory).map_err(|error| failed(error.to_string()))?;
        let metadata = fs::metadata(&directory).map_err(|error| failed(error.to_string()))?;
        if !metadata.is_dir() {
            return Err(failed("it is not a directory".into()));
        }
        if others_can_write(&metadata) {
            return Err(failed("other users can write to it".into()));
        }
        Ok(Self { directory, max_bytes: MAX_BYTES })
    }

    /// The component of these bytes, whose SHA-256 is `sha256` in hexadecimal.
    pub(crate) fn component(
        &self,
        engine: &Engine,
        bytes: &[u8],
        sha256: &str,
    ) -> wasmtime::Result<Component> {
        let entry = self.directory.join(format!("{sha256}-{}.code", engine_key(engine)));
        if let Some(code) = read(&entry) {
            // SAFETY: `deserialize` runs what it is given as machine code, so it must come from this
            // engine's own compiler. Only `write` below makes entries, from `Component::serialize`; `read`
            // returns one only if its digest shows that it is whole and no other user could have written
            // it; its name ties it to this engine and this content, and wasmtime checks the engine again.
            if let Ok(component) = unsafe { Component::deserialize(engine, code) } {
                note_use(&entry);
                return Ok(component);
            }
        }
        let component = Component::from_binary(engine, bytes)?;
        // Deliberately not an error: see the head of this file.
        let _ = component.serialize().ok().and_then(|code| write(&entry, &code).ok());
        let _ = self.make_room(&entry);
        Ok(component)
    }

    /// Removes the entries that were not used for the longest time, but for `newest`, until the rest is small enough.
    fn make_room(&self, newest: &Path) -> std::io::Result<()> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let (path, metadata) = entry.and_then(|entry| Ok((entry.path(), entry.metadata()?)))?;
            if path.extension().is_some_and(|extension| extension == "code") {
                entries.push((metadata.modified()?, metadata.len(), path));
            }
        }
        entries.sort_unstable();
        let mut bytes: u64 = entries.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, its_bytes, path) in entries {
            if bytes <= self.max_bytes {
                break;
            }
            if path != newest {
                fs::remove_file(path)?;
                bytes -= its_bytes;
            }
        }
        Ok(())
    }
}

/// A digest of all that compiled code depends on beside its source.
fn engine_key(engine: &Engine) -> String {
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
    hex(&hasher.0.finalize()[..8])
}

/// The code in an entry, if it is whole and nobody else could have written it.
fn read(entry: &Path) -> Option<Vec<u8>> {
    let metadata = fs::symlink_metadata(entry).ok()?;
    if !metadata.is_file() || others_can_write(&metadata) {
        return None;
    }
    let mut bytes = fs::read(entry).ok()?;
    let (digest, code) = bytes.strip_prefix(MAGIC)?.split_at_checked(DIGEST_BYTES)?;
    if Sha256::digest(code)[..] != *digest {
        return None;
    }
    Some(bytes.split_off(MAGIC.len() + DIGEST_BYTES))
}

/// Keeps in mind that an entry is of use, where that can be written.
fn note_use(entry: &Path) {
    let note = || -> std::io::Result<()> {
        let used = fs::metadata(entry)?.modified()?;
        if used.elapsed().is_ok_and(|ago| ago > USE_IS_NOTED_EVERY) {
            fs::File::options().write(true).open(entry)?.set_modified(SystemTime::now())?;
        }
        Ok(())
    };
    let _ = note();
}

/// Writes an entry beside its place and moves it there, so that no reader ever sees half of one.
fn write(entry: &Path, code: &[u8]) -> std::io::Result<()> {
    static WRITES: AtomicU64 = AtomicU64::new(0);
    let unique = format!("{}-{}.part", std::process::id(), WRITES.fetch_add(1, Ordering::Relaxed));
    let part = entry.with_extension(unique);
    let written = fs::write(&part, [MAGIC, &Sha256::digest(code)[..], code].concat())
        .and_then(|()| only_owner_writes(&part))
        .and_then(|()| fs::rename(&part, entry));
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}

#[cfg(unix)]
fn others_can_write(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o022 != 0
}

#[cfg(unix)]
fn make_directory(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(unix)]
fn only_owner_writes(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn others_can_write(_metadata: &fs::Metadata) -> bool {
    false
}

#[cfg(not(unix))]
fn make_directory(path: &Path) -> std::io::Result<()> {
    fs::create_dir_all(path)
}

#[cfg(not(unix))]
fn only_owner_writes(_path: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::source::sha256_hex;

    /// The smallest component.
    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    #[test]
    fn entries_are_reused_and_broken_ones_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path().join("code")).unwrap();
        let engine = crate::engine::start(&Limits::default(), 1).unwrap();
        let sha256 = sha256_hex(EMPTY);
        let entries =
            || fs::read_dir(&cache.directory).unwrap().map(|e| e.unwrap().path()).collect::<Vec<_>>();

        cache.component(&engine, EMPTY, &sha256).unwrap();
        let [entry] = &entries()[..] else { panic!("one entry") };
        let whole = fs::read(entry).unwrap();

        // From the entry: bytes that do not compile are never looked at.
        assert!(cache.component(&engine, b"no component", &sha256).is_ok());

        for broken in [&whole[..whole.len() / 2], &b"foreign"[..], &[&whole[..], b"x"].concat()[..]] {
            fs::write(entry, broken).unwrap();
            cache.component(&engine, EMPTY, &sha256).unwrap();
            assert!(fs::read(entry).unwrap() == whole, "the entry is whole again");
        }
        assert_eq!(entries().len(), 1, "no parts are left behind");
    }

    #[test]
    fn what_was_not_used_for_the_longest_time_makes_room() {
        let folder = tempfile::tempdir().unwrap();
        let mut cache = Cache::open(folder.path().join("code")).unwrap();
        let hours_ago = |hours: u64| SystemTime::now() - Duration::from_secs(3600 * hours);
        let entry = |name: &str| cache.directory.join(format!("{name}.code"));
        for (name, hours) in [("old", 9), ("used", 8), ("middle", 7), ("new", 0)] {
            fs::write(entry(name), [0; 100]).unwrap();
            fs::File::options()
                .write(true)
                .open(entry(name))
                .unwrap()
                .set_modified(hours_ago(hours))
                .unwrap();
        }
        fs::write(cache.directory.join("foreign"), [0; 1000]).unwrap();
        note_use(&entry("used"));
        let left = |cache: &Cache| {
            let names = fs::read_dir(&cache.directory).unwrap().map(|entry| entry.unwrap().file_name());
            let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
            names.sort();
            names
        };
        let new = entry("new");
        cache.make_room(&new).unwrap();
        assert_eq!(left(&cache).len(), 5, "there is room");
        cache.max_bytes = 250;
        cache.make_room(&new).unwrap();
        assert_eq!(left(&cache), ["foreign", "new.code", "used.code"]);
        cache.max_bytes = 50;
        cache.make_room(&new).unwrap();
        assert_eq!(left(&cache), ["foreign", "new.code"], "what was just written stays");
    }

    #[test]
    #[cfg(unix)]
    fn a_directory_that_others_can_write_to_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let error = Cache::open(folder.path().into()).unwrap_err();
        assert!(error.to_string().ends_with("other users can write to it"));
        assert!(error.hint().is_some());
    }
}
