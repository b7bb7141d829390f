//! The lock of a run folder: at most one process writes it.
//!
//! In goes the folder; out comes a value that holds `.lock` until it is dropped. The operating system keeps
//! the lock and gives it up when the process ends, however it ends; a lock file that is merely there locks
//! nothing.
//! The lock file is the folder's own: a link to another file is refused, so that no other file is written to.
//! Readers need no lock, since files appear whole and journals grow.

use std::fs::{File, Metadata, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use crate::{Error, Result};

/// The lock file's name in a run folder. It holds the number of the process that locked it last.
pub(crate) const LOCK_FILE: &str = ".lock";

/// A locked folder; dropping this unlocks it.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Locks a folder, without waiting.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] if another process has it, or this one already; [`Error::Link`]; [`Error::Io`].
    pub(crate) fn acquire(folder: &Path) -> Result<Self> {
        let path = folder.join(LOCK_FILE);
        let mut file = open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Locked { path: folder.to_owned(), pid: read_pid(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", &path)(error)),
        }
        write_pid(&mut file).map_err(Error::io("write", &path))?;
        Ok(Self { _file: file })
    }
}

/// Opens the lock file, making it where it is missing.
fn open(path: &Path) -> Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        rustix::fs::OFlags::NOFOLLOW.bits().cast_signed(),
    );
    let file = options.open(path).map_err(Error::io("open", path))?;
    let metadata = file.metadata().map_err(Error::io("open", path))?;
    match is_own_file(&metadata) {
        true => Ok(file),
        false => Err(Error::Link { path: path.to_owned() }),
    }
}

/// Whether this is a regular file that no other name leads to.
pub(crate) fn is_own_file(metadata: &Metadata) -> bool {
    #[cfg(unix)]
    let n_names = std::os::unix::fs::MetadataExt::nlink(metadata);
    #[cfg(not(unix))]
    let n_names = 1;
    metadata.is_file() && n_names == 1
}

/// The process in the lock file; none where the system does not let a locked file be read.
fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn the_second_is_told_who_the_first_is() {
        let temp = tempfile::tempdir().unwrap();
        let first = FolderLock::acquire(temp.path()).unwrap();
        let error = FolderLock::acquire(temp.path()).unwrap_err();
        let end = format!("is in use by process {}", std::process::id());
        assert!(error.to_string().ends_with(&end), "{error}");
        drop(first);
        assert!(FolderLock::acquire(temp.path()).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn another_file_is_not_written_to() {
        for link in [std::os::unix::fs::symlink, std::fs::hard_link] as [fn(_: PathBuf, _: PathBuf) -> _; 2] {
            let temp = tempfile::tempdir().unwrap();
            let (victim, folder) = (temp.path().join("victim"), temp.path().join("run"));
            std::fs::write(&victim, "precious").unwrap();
            std::fs::create_dir(&folder).unwrap();
            link(victim.clone(), folder.join(LOCK_FILE)).unwrap();
            assert!(FolderLock::acquire(&folder).is_err());
            assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
        }
    }

    #[test]
    fn a_file_left_behind_locks_nothing() {
        let temp = tempfile::tempdir().unwrap();
        std::fs::write(temp.path().join(LOCK_FILE), "a much longer text than a number\n").unwrap();
        drop(FolderLock::acquire(temp.path()).unwrap());
        let text = std::fs::read_to_string(temp.path().join(LOCK_FILE)).unwrap();
        assert_eq!(text, format!("{}\n", std::process::id()));
    }
}
