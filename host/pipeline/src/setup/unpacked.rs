//! A folder in the temporary directory that goes with its process, however that ends.
//!
//! In: nothing. Out: a folder, locked for as long as the value lives and deleted with it. One that a killed process left is locked by
//! nobody, and the next start of the same user deletes it. Where files have no owners, what a
//! killed process left stays.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// How the folders' names begin.
const PREFIX: &str = "ts-host-unpacked-";
/// The file in each that is locked.
const LOCK: &str = "lock";

/// A folder that is deleted with this value, or at the next start.
pub(super) struct Unpacked {
    folder: tempfile::TempDir,
    _lock: File,
}

impl Unpacked {
    /// Makes a folder, and deletes those that were left.
    pub(super) fn new() -> io::Result<Self> {
        let unpacked = Self::new_in(&std::env::temp_dir())?;
        fs::create_dir(unpacked.path())?;
        Ok(unpacked)
    }

    fn new_in(parent: &Path) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
        // It has its name only once it is locked: without one, nobody takes the folder for abandoned.
        let unlocked = folder.path().join("unlocked");
        let lock = File::create_new(&unlocked)?;
        lock.lock()?;
        fs::rename(&unlocked, folder.path().join(LOCK))?;
        delete_abandoned(parent, folder.path());
        Ok(Self { folder, _lock: lock })
    }

    /// The place in it to unpack to.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("files")
    }
}

/// Deletes folders of the same owner as `ours` that no process has locked. What cannot be deleted stays.
fn delete_abandoned(parent: &Path, ours: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let is_candidate =
            entry.file_name().to_string_lossy().starts_with(PREFIX) && is_alike(&entry.path(), ours);
        if is_candidate && File::open(entry.path().join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether both are folders of one owner.
#[cfg(unix)]
fn is_alike(path: &Path, ours: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (fs::symlink_metadata(path), fs::symlink_metadata(ours)) {
        (Ok(path), Ok(ours)) => path.is_dir() && path.uid() == ours.uid(),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_alike(_: &Path, _: &Path) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_left_is_deleted_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let make = |name: &str, lock: bool| {
            let folder = parent.path().join(name);
            fs::create_dir(&folder).unwrap();
            if lock {
                fs::write(folder.join(LOCK), "").unwrap();
            }
            folder
        };
        let abandoned = make("ts-host-unpacked-dead", true);
        let (starting, other) = (make("ts-host-unpacked-starting", false), make("other", true));
        let link = parent.path().join("ts-host-unpacked-link");
        std::os::unix::fs::symlink(&other, &link).unwrap();
        let first = Unpacked::new_in(parent.path()).unwrap();
        assert!(!abandoned.exists());
        let second = Unpacked::new_in(parent.path()).unwrap();
        for path in [&starting, &other, &link, first.folder.path(), second.folder.path()] {
            assert!(path.exists(), "{}", path.display());
        }
        let path = first.folder.path().to_owned();
        drop(first);
        assert!(!path.exists());
    }
}
