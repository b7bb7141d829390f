//! A folder that only the user who runs this can have written to.
//!
//! In: an absolute path. Out: the opened folder, in which files are opened, written and removed by name. Each
//! step of the path is opened within the one before it and through no symbolic link, and what is checked is
//! what was opened: nobody can exchange it between the check and the use.
//!
//! On systems without owners of files nothing is kept (`no_folder.rs`).

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fstat, mkdirat, openat, renameat, statat, unlinkat,
};
use rustix::io::Errno;

use super::CacheError;

/// How a folder on the way is opened: to go on from there, not to be listed.
#[cfg(any(target_os = "linux", target_os = "android"))]
const ON_THE_WAY: OFlags = OFlags::PATH;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const ON_THE_WAY: OFlags = OFlags::RDONLY;

/// What others may not do: write, as the group or as anybody.
const OTHERS_WRITE: u32 = 0o022;
/// In such a folder nobody removes or renames what belongs to another.
const STICKY: u32 = 0o1000;

/// A folder of the user's own.
pub(super) struct Folder(OwnedFd);

/// A file in a folder.
pub(super) struct Found {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) used: SystemTime,
}

impl Folder {
    /// Opens a folder, and makes it and those above it where they are missing.
    pub(super) fn open(path: &Path) -> Result<Self, CacheError> {
        let failed = |path: &Path, error: Errno| CacheError::new(path, format!("cannot be opened: {error}"));
        if !path.is_absolute() {
            return Err(CacheError::new(path, "is not an absolute path"));
        }
        let mut way = PathBuf::from("/");
        let mut at = openat(CWD, "/", ON_THE_WAY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| failed(&way, error))?;
        let mut steps = path.components().peekable();
        while let Some(step) = steps.next() {
            let name = match step {
                Component::Normal(name) => name,
                Component::RootDir | Component::CurDir => continue,
                Component::ParentDir | Component::Prefix(_) => {
                    return Err(CacheError::new(path, "goes through `..`"));
                }
            };
            check_above(&at).map_err(|reason| CacheError::new(&way, reason))?;
            way.push(name);
            let how = if steps.peek().is_some() { ON_THE_WAY } else { OFlags::RDONLY };
            let open = || {
                let flags = how | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                openat(&at, name, flags, Mode::empty())
            };
            let opened = match open() {
                Err(Errno::NOENT) => match mkdirat(&at, name, Mode::RWXU) {
                    Ok(()) | Err(Errno::EXIST) => open(),
                    Err(error) => return Err(CacheError::new(&way, format!("cannot be made: {error}"))),
                },
                opened => opened,
            };
            at = opened.map_err(|error| match statat(&at, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) if kind(&stat) == FileType::Symlink => CacheError::new(&way, "is a symbolic link"),
                Ok(stat) if kind(&stat) != FileType::Directory => CacheError::new(&way, "is not a folder"),
                _ => failed(&way, error),
            })?;
        }
        let stat = fstat(&at).map_err(|error| failed(&way, error))?;
        ours(&stat).map_err(|reason| CacheError::new(&way, reason))?;
        Ok(Self(at))
    }

    /// Whether there is anything of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// A file's content, and the file. The error says why it is not to be believed, as the rest of a sentence
    /// about it.
    pub(super) fn read(&self, name: &str, most: u64) -> Result<(Vec<u8>, File), String> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(&self.0, name, flags, Mode::empty()).map_err(|error| match error {
            Errno::LOOP => "is a symbolic link".to_owned(),
            error => format!("cannot be opened: {error}"),
        })?;
        let stat = fstat(&file).map_err(|error| error.to_string())?;
        if kind(&stat) != FileType::RegularFile {
            return Err("is not a regular file".into());
        }
        ours(&stat)?;
        let mut file = File::from(file);
        let mut bytes = Vec::new();
        let read = Read::by_ref(&mut file).take(most.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|error| format!("cannot be read: {error}"))?;
        if bytes.len() as u64 > most {
            return Err(format!("has more than {most} bytes"));
        }
        Ok((bytes, file))
    }

    /// Writes a file beside its place, under a name with this ending, and moves it there: no reader ever sees
    /// half of one.
    pub(super) fn write(&self, name: &str, unfinished: &str, parts: &[&[u8]]) -> std::io::Result<()> {
        static WRITES: AtomicU64 = AtomicU64::new(0);
        let count = WRITES.fetch_add(1, Ordering::Relaxed);
        let part = format!("{name}.{}-{count}{unfinished}", std::process::id());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(openat(&self.0, &part, flags, Mode::RUSR | Mode::WUSR)?);
        let written = parts.iter().try_for_each(|part| file.write_all(part));
        let written = written.and_then(|()| Ok(renameat(&self.0, &part, &self.0, name)?));
        if written.is_err() {
            let _ = self.remove(&part);
        }
        written
    }

    /// The files.
    pub(super) fn list(&self) -> std::io::Result<Vec<Found>> {
        let mut files = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            // It may have gone since.
            let Ok(stat) = statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            if kind(&stat) != FileType::Directory {
                let used = SystemTime::UNIX_EPOCH + Duration::from_secs(stat.st_mtime.max(0) as u64);
                files.push(Found { name: name.to_owned(), bytes: stat.st_size.max(0) as u64, used });
            }
        }
        Ok(files)
    }

    /// Removes a file; a link goes, and not what it names.
    pub(super) fn remove(&self, name: &str) -> std::io::Result<()> {
        match unlinkat(&self.0, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Keeps in mind that a file is of use, where that can be written.
pub(super) fn note_use(file: &File, every: Duration) {
    let note = || -> std::io::Result<()> {
        if file.metadata()?.modified()?.elapsed().is_ok_and(|ago| ago > every) {
            file.set_modified(SystemTime::now())?;
        }
        Ok(())
    };
    let _ = note();
}

fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// Fails unless it belongs to who runs this, and nobody else writes to it.
fn ours(stat: &Stat) -> Result<(), String> {
    let user = rustix::process::geteuid().as_raw();
    if stat.st_uid != user {
        return Err(format!("belongs to user {}, not to {user}", stat.st_uid));
    }
    if stat.st_mode & OTHERS_WRITE != 0 {
        return Err(format!("can be written to by other users (mode {:o})", stat.st_mode & 0o7777));
    }
    Ok(())
}

/// Fails unless a folder on the way keeps others from exchanging what is in it.
fn check_above(folder: &OwnedFd) -> Result<(), String> {
    let stat = fstat(folder).map_err(|error| format!("cannot be looked at: {error}"))?;
    let user = rustix::process::geteuid().as_raw();
    if stat.st_uid != user && stat.st_uid != 0 {
        return Err(format!(
            "is above it and belongs to user {}, neither to {user} nor to the system",
            stat.st_uid
        ));
    }
    if stat.st_mode & OTHERS_WRITE != 0 && stat.st_mode & STICKY == 0 {
        return Err(format!(
            "is above it and can be written to by other users (mode {:o})",
            stat.st_mode & 0o7777
        ));
    }
    Ok(())
}
