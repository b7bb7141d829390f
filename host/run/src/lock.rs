//! The lock of a run folder: at most one process writes it.
//!
//! In goes the folder; out comes a value that holds `.lock` until it is dropped. The operating system keeps
//! the lock and gives it up when the process ends, however it ends; a lock file that is merely there locks
//! nothing.
//! Left out on purpose: readers. Whoever only reads a run needs no lock, since files appear whole and
//! journals grow.

use std::fs::{File, TryLockError};
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
    /// [`Error::Locked`] if another process has it, or this one already; [`Error::Io`].
    pub(crate) fn acquire(folder: &Path) -> Result<Self> {
        let path = folder.join(LOCK_FILE);
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = file.map_err(Error::io("open", &path))?;
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

    #[test]
    fn a_file_left_behind_locks_nothing() {
        let temp = tempfile::tempdir().unwrap();
        std::fs::write(temp.path().join(LOCK_FILE), "a much longer text than a number\n").unwrap();
        drop(FolderLock::acquire(temp.path()).unwrap());
        let text = std::fs::read_to_string(temp.path().join(LOCK_FILE)).unwrap();
        assert_eq!(text, format!("{}\n", std::process::id()));
    }
}
