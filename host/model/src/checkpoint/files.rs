//! The files of a checkpoint folder, which a stranger wrote.
//!
//! In: a folder and a name in it. Out: a regular file of that folder, open for reading, or its content up to
//! a bound. A path that leads out of the folder, a pipe, a device or a folder is refused before anything is
//! read of it: a pipe would keep its reader waiting for good.
//!
//! A symbolic link may lead to a file of the same folder. Hugging Face's cache keeps files as `blobs/DIGEST`
//! and links to them from `snapshots/REVISION/NAME`, so links from such a folder may lead into the `blobs` of
//! the same repository. Any other link is refused: the content of a file elsewhere would pass for the
//! checkpoint's, and be copied with it.
//!
//! Hard links are taken, since they cannot be told from files.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::path::{Component, Path, PathBuf};

use crate::error::{ModelError, Result};

/// How deep folders of a checkpoint may lie in each other.
const MAX_DEPTH: usize = 16;

/// Most files of a checkpoint's folder.
const MAX_FILES: usize = 100_000;

/// Checks that a folder holds nothing but regular files and folders, so that whoever reads all of it gets to
/// an end.
///
/// # Errors
/// [`ModelError::NotAFile`], [`ModelError::Outside`] or [`ModelError::Io`] with the path;
/// [`ModelError::TooMuch`] for more files than any checkpoint has.
pub fn check_folder(folder: &Path) -> Result<()> {
    let mut n_files = 0;
    check_entries(folder, &Roots::of(folder)?, 0, &mut n_files)
}

fn check_entries(folder: &Path, roots: &Roots, depth: usize, n_files: &mut usize) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(ModelError::TooMuch {
            path: folder.into(),
            what: "folders in folders",
            most: MAX_DEPTH as u64,
        });
    }
    for entry in std::fs::read_dir(folder).map_err(ModelError::io(folder))? {
        let path = entry.map_err(ModelError::io(folder))?.path();
        *n_files += 1;
        if *n_files > MAX_FILES {
            return Err(ModelError::TooMuch { path: folder.into(), what: "files", most: MAX_FILES as u64 });
        }
        let kind = std::fs::symlink_metadata(&path).map_err(ModelError::io(&path))?.file_type();
        if kind.is_dir() {
            check_entries(&path, roots, depth + 1, n_files)?;
        } else if kind.is_symlink() {
            let target = roots.resolve(&path)?;
            if !std::fs::metadata(&target).map_err(ModelError::io(&path))?.is_file() {
                return Err(ModelError::NotAFile { path });
            }
        } else if !kind.is_file() {
            return Err(ModelError::NotAFile { path });
        }
    }
    Ok(())
}

/// Opens a file of `folder`; `None` if there is none of that name.
pub(crate) fn open(folder: &Path, name: &str) -> Result<Option<File>> {
    let path = folder.join(name);
    let mut components = Path::new(name).components();
    if !matches!((components.next(), components.next()), (Some(Component::Normal(_)), None)) {
        return Err(ModelError::Outside { path, target: name.into() });
    }
    match std::fs::symlink_metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ModelError::io(path)(error)),
        Ok(_) => {}
    }
    let target = Roots::of(folder)?.resolve(&path)?;
    let file = open_at_once(&target).map_err(ModelError::io(&path))?;
    // Of the file that is open, since the name may have changed hands meanwhile.
    match file.metadata().map_err(ModelError::io(&path))?.is_file() {
        true => Ok(Some(file)),
        false => Err(ModelError::NotAFile { path }),
    }
}

/// The content of a file of `folder`, at most `most` bytes; `None` if there is none of that name.
pub(crate) fn read(folder: &Path, name: &str, most: u64) -> Result<Option<Vec<u8>>> {
    let Some(file) = open(folder, name)? else { return Ok(None) };
    let path = folder.join(name);
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(ModelError::io(&path))?;
    if bytes.len() as u64 > most {
        return Err(ModelError::TooMuch { path, what: "bytes", most });
    }
    Ok(Some(bytes))
}

/// Opens a file and does not wait for the other end of a pipe.
fn open_at_once(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // The path is resolved, so a link at its end was put there meanwhile.
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW;
        options.custom_flags(flags.bits().cast_signed());
    }
    options.open(path)
}

/// The folders that a checkpoint's files may lie in, without links in their paths.
struct Roots(Vec<PathBuf>);

impl Roots {
    fn of(folder: &Path) -> Result<Self> {
        let folder = folder.canonicalize().map_err(ModelError::io(folder))?;
        let snapshots =
            folder.parent().filter(|parent| parent.file_name().is_some_and(|name| name == "snapshots"));
        let blobs = snapshots.and_then(Path::parent).map(|repository| repository.join("blobs"));
        Ok(Self([folder].into_iter().chain(blobs).collect()))
    }

    /// Where a path leads, if that is within.
    fn resolve(&self, path: &Path) -> Result<PathBuf> {
        let target = path.canonicalize().map_err(ModelError::io(path))?;
        match self.0.iter().any(|root| target.starts_with(root)) {
            true => Ok(target),
            false => Err(ModelError::Outside { path: path.to_owned(), target }),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn content(folder: &Path, name: &str) -> Result<Option<Vec<u8>>> {
        read(folder, name, 10)
    }

    #[test]
    fn only_regular_files_within_are_read() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("model");
        std::fs::create_dir_all(folder.join("sub")).unwrap();
        std::fs::write(folder.join("a"), "within").unwrap();
        std::fs::write(temp.path().join("secret"), "secret").unwrap();
        symlink("a", folder.join("to_a")).unwrap();
        symlink("../secret", folder.join("to_secret")).unwrap();
        symlink("to_secret", folder.join("to_link")).unwrap();
        symlink("/dev/zero", folder.join("to_zero")).unwrap();
        symlink("nowhere", folder.join("dangling")).unwrap();
        symlink("circle", folder.join("circle")).unwrap();
        assert_eq!(content(&folder, "a").unwrap().unwrap(), b"within");
        assert_eq!(content(&folder, "to_a").unwrap().unwrap(), b"within");
        assert_eq!(content(&folder, "none").unwrap(), None);
        let secret = temp.path().join("secret");
        for name in [
            "to_secret",
            "to_link",
            "to_zero",
            "../secret",
            "sub/../../secret",
            secret.to_str().unwrap(),
            "",
            ".",
            "/",
        ] {
            assert!(matches!(content(&folder, name), Err(ModelError::Outside { .. })), "{name}");
        }
        assert!(matches!(content(&folder, "sub"), Err(ModelError::NotAFile { .. })));
        for name in ["dangling", "circle"] {
            assert!(matches!(content(&folder, name), Err(ModelError::Io { .. })), "{name}");
        }
        std::fs::write(folder.join("large"), "12345678901").unwrap();
        let error = content(&folder, "large").unwrap_err();
        assert!(error.to_string().ends_with("large has more than 10 bytes"), "{error}");
    }

    #[test]
    fn a_snapshot_leads_to_blobs_of_its_own_repository() {
        let temp = tempfile::tempdir().unwrap();
        let repository = |name: &str| {
            let snapshot = temp.path().join(name).join("snapshots/0123");
            std::fs::create_dir_all(&snapshot).unwrap();
            std::fs::create_dir_all(temp.path().join(name).join("blobs")).unwrap();
            std::fs::write(temp.path().join(name).join("blobs/abc"), "blob").unwrap();
            snapshot
        };
        let (ours, _) = (repository("ours"), repository("theirs"));
        symlink("../../blobs/abc", ours.join("config.json")).unwrap();
        check_folder(&ours).unwrap();
        assert_eq!(content(&ours, "config.json").unwrap().unwrap(), b"blob");
        symlink("../../../theirs/blobs/abc", ours.join("stolen")).unwrap();
        assert!(matches!(content(&ours, "stolen"), Err(ModelError::Outside { .. })));
        assert!(matches!(check_folder(&ours), Err(ModelError::Outside { .. })));
    }

    #[test]
    fn pipes_and_folders_in_circles_are_found_at_once() {
        let temp = tempfile::tempdir().unwrap();
        let pipe = temp.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(matches!(content(temp.path(), "pipe"), Err(ModelError::NotAFile { .. })));
        assert!(matches!(check_folder(temp.path()), Err(ModelError::NotAFile { .. })));
        std::fs::remove_file(pipe).unwrap();
        symlink(".", temp.path().join("circle")).unwrap();
        assert!(matches!(check_folder(temp.path()), Err(ModelError::NotAFile { .. })));
    }
}
