//! Files and folders that are there whole or not at all.
//!
//! In go a path and what to put there. It is written beside its place as `NAME.partial`, forced to disk, and
//! renamed: whoever finds `NAME` finds all of it, also after a crash. A leftover `NAME.partial` is replaced
//! next time, and so is a link of that name, which is never written through. A path has one writer at a time:
//! the run folder's lock sees to that.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::{Error, Result};

/// Writes a file, replacing what is there.
///
/// # Errors
///
/// [`Error::Io`]; what was there before stays.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    write_with(path, |out| out.write_all(bytes).map_err(Error::io("write", path)))
}

/// Writes a file of what `fill` writes, replacing what is there.
///
/// # Errors
///
/// Those of `fill`, and [`Error::Io`]; what was there before stays.
pub fn write_with(path: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let partial = with_suffix(path, ".partial");
    let mut out = BufWriter::new(create_anew(&partial)?);
    fill(&mut out)?;
    let file = out.into_inner().map_err(|error| Error::io("write", &partial)(error.into_error()))?;
    file.sync_all().map_err(Error::io("write", &partial))?;
    fs::rename(&partial, path).map_err(Error::io("replace", path))?;
    sync_parent(path)
}

/// Writes a file of a folder in which nothing but whole files may be seen: it is written beside the folder, and moved into it.
///
/// # Errors
///
/// [`Error::Io`]; what was there before stays.
pub fn write_into(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let beside = with_suffix(folder, &format!("-{name}"));
    write_file(&beside, bytes)?;
    fs::rename(&beside, folder.join(name)).map_err(Error::io("replace", &folder.join(name)))?;
    sync_names(folder)
}

/// Writes a value as indented JSON, with a line feed at the end, for people too: what nobody sees is escaped.
///
/// # Errors
///
/// [`Error::Unwritable`], [`Error::Io`].
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    write_file(path, to_text(value, path)?.as_bytes())
}

/// The text that [`write_json`] writes.
pub(crate) fn to_text<T: Serialize>(value: &T, path: &Path) -> Result<String> {
    let text = serde_json::to_string_pretty(value).map_err(|source| Error::Unwritable {
        path: path.to_owned(),
        n_records: 0,
        source,
    })?;
    let mut text = ts_text::json(&text).into_owned();
    text.push('\n');
    Ok(text)
}

/// Makes a folder of what `fill` puts into the empty folder that it is given, replacing what is there.
///
/// A folder cannot be replaced in one move: the old one becomes `NAME.old`, the new one takes its place, the
/// old one is deleted. A crash between the two moves leaves both beside their place, and none in it.
///
/// # Errors
///
/// Those of `fill`, and [`Error::Io`]; what was there before stays.
pub fn write_folder<E: From<Error>>(
    path: &Path,
    fill: impl FnOnce(&Path) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let partial = with_suffix(path, ".partial");
    delete(&partial)?;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
    }
    fs::create_dir(&partial).map_err(Error::io("create", &partial))?;
    fill(&partial)?;
    sync_folder(&partial)?;

    let old = move_away(path)?;
    fs::rename(&partial, path).map_err(Error::io("create", path))?;
    delete(&old)?;
    Ok(sync_parent(path)?)
}

/// Moves a folder that is whole, replacing what is at `to`, which lies beside it.
///
/// # Errors
///
/// [`Error::Io`]; a crash between two moves leaves what was at `to` beside its place, and nothing in it.
pub fn move_folder(from: &Path, to: &Path) -> Result<()> {
    let old = move_away(to)?;
    fs::rename(from, to).map_err(Error::io("create", to))?;
    delete(&old)?;
    sync_parent(to)
}

/// Copies a file or a folder, replacing what is at `to`.
///
/// # Errors
///
/// [`Error::Io`]; what was at `to` before stays.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        return write_folder(to, |partial| copy_entries(from, partial));
    }
    let partial = with_suffix(to, ".partial");
    copy_file(from, &partial)?.sync_all().map_err(Error::io("write", &partial))?;
    fs::rename(&partial, to).map_err(Error::io("replace", to))?;
    sync_parent(to)
}

fn copy_entries(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).map_err(Error::io("read", from))? {
        let entry = entry.map_err(Error::io("read", from))?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            fs::create_dir(&to).map_err(Error::io("create", &to))?;
            copy_entries(&from, &to)?;
        } else {
            copy_file(&from, &to)?;
        }
    }
    Ok(())
}

/// Byte by byte and not with `fs::copy`, whose errors do not say which of the two files is at fault, and
/// which copies permissions too.
fn copy_file(from: &Path, to: &Path) -> Result<File> {
    let mut source = File::open(from).map_err(Error::io("read", from))?;
    let mut target = create_anew(to)?;
    io::copy(&mut source, &mut target).map_err(Error::io("write", to))?;
    Ok(target)
}

/// A new file: what has its name, a leftover or a link, loses the name and is not written to.
fn create_anew(path: &Path) -> Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Error::io("replace", path)(error));
        }
        _ => {}
    }
    File::options().write(true).create_new(true).open(path).map_err(Error::io("create", path))
}

/// Deletes a folder and all that is in it; one that is not there is fine.
///
/// It first becomes `NAME.old`: a crash leaves that, and never a part of the folder under its own name.
///
/// # Errors
///
/// [`Error::Io`].
pub fn remove_folder(path: &Path) -> Result<()> {
    delete(&move_away(path)?)
}

/// Deletes a file; one that is not there is fine.
///
/// # Errors
///
/// [`Error::Io`].
pub fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Ok(()) => sync_parent(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io("delete", path)(error)),
    }
}

/// Renames what is at a path, if anything is, to `NAME.old`; gives that path.
fn move_away(path: &Path) -> Result<PathBuf> {
    let old = with_suffix(path, ".old");
    delete(&old)?;
    match fs::rename(path, &old) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("move", path)(error)),
        _ => Ok(old),
    }
}

/// Deletes a folder, or a link to one; nothing there is fine.
fn delete(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("delete", path)(error)),
        _ => Ok(()),
    }
}

/// `NAME` with a suffix, in the same folder.
fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Forces every file of a folder to disk, and the names that lead to it.
fn sync_folder(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(Error::io("read", folder))? {
        let path = entry.map_err(Error::io("read", folder))?.path();
        if path.is_dir() {
            sync_folder(&path)?;
        } else {
            // Windows syncs only what is open for writing.
            let file = File::options().write(true).open(&path).map_err(Error::io("write", &path))?;
            file.sync_all().map_err(Error::io("write", &path))?;
        }
    }
    sync_names(folder)
}

fn sync_parent(path: &Path) -> Result<()> {
    match path.parent() {
        Some(parent) if parent != Path::new("") => sync_names(parent),
        _ => sync_names(Path::new(".")),
    }
}

/// Forces a folder's list of names to disk, where the system has such a thing.
fn sync_names(folder: &Path) -> Result<()> {
    if cfg!(unix) {
        let names = File::open(folder).map_err(Error::io("read", folder))?;
        names.sync_all().map_err(Error::io("write", folder))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_and_leaves_nothing_beside_it() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("report.json");
        fs::write(temp.path().join("report.json.partial"), "torn").unwrap();
        write_file(&path, b"one").unwrap();
        write_json(&path, &[1, 2]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "[\n  1,\n  2\n]\n");
        write_json(&path, &"\u{9b}\u{202e}").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "\"\\u009b\\u202e\"\n");
        assert_eq!(names(temp.path()), ["report.json"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_replaced_and_never_written_through() {
        use std::os::unix::fs::symlink;
        let temp = tempfile::tempdir().unwrap();
        let (victim, victims) = (temp.path().join("victim"), temp.path().join("victims"));
        fs::write(&victim, "precious").unwrap();
        fs::create_dir(&victims).unwrap();
        fs::write(victims.join("a"), "precious").unwrap();
        let run = temp.path().join("run");
        fs::create_dir(&run).unwrap();
        symlink(&victim, run.join("report.md.partial")).unwrap();
        fs::hard_link(&victim, run.join("manifest.json.partial")).unwrap();
        symlink(&victim, run.join("copy.partial")).unwrap();
        symlink(&victim, run.join("report.md")).unwrap();
        for suffix in ["", ".partial", ".old"] {
            symlink(&victims, run.join(format!("model{suffix}"))).unwrap();
        }
        write_file(&run.join("report.md"), b"report").unwrap();
        write_json(&run.join("manifest.json"), &1).unwrap();
        copy(&run.join("report.md"), &run.join("copy")).unwrap();
        write_folder(&run.join("model"), |folder| {
            fs::write(folder.join("b"), "1").map_err(Error::io("write", folder))
        })
        .unwrap();
        symlink(&victims, run.join("checkpoints")).unwrap();
        remove_folder(&run.join("checkpoints")).unwrap();
        assert_eq!(names(&run), ["copy", "manifest.json", "model", "report.md"]);
        assert!(fs::symlink_metadata(run.join("model")).unwrap().is_dir());
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        assert_eq!(names(&victims), ["a"]);
    }

    #[test]
    fn a_folder_is_never_removed_in_part() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("checkpoints");
        let old = temp.path().join("checkpoints.old");
        for folder in [&path, &old] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("a"), "1").unwrap();
        }
        // What a crash leaves in the middle: the folder under another name.
        assert_eq!(move_away(&path).unwrap(), old);
        assert_eq!(names(temp.path()), ["checkpoints.old"]);
        remove_folder(&path).unwrap();
        assert!(names(temp.path()).is_empty());
    }

    #[test]
    fn a_folder_is_replaced_whole() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("model");
        for (file, text) in [("a", "1"), ("b", "2")] {
            write_folder(&path, |folder| {
                fs::write(folder.join(file), text).map_err(Error::io("write", folder))
            })
            .unwrap();
        }
        assert_eq!(names(temp.path()), ["model"]);
        assert_eq!(names(&path), ["b"]);
    }

    #[test]
    fn a_copy_is_whole_and_replaces() {
        let temp = tempfile::tempdir().unwrap();
        let (from, to) = (temp.path().join("from"), temp.path().join("to"));
        fs::create_dir_all(from.join("deep")).unwrap();
        fs::write(from.join("a"), "1").unwrap();
        fs::write(from.join("deep/b"), "2").unwrap();
        fs::create_dir(&to).unwrap();
        fs::write(to.join("old"), "0").unwrap();
        copy(&from, &to).unwrap();
        assert_eq!(names(&to), ["a", "deep"]);
        assert_eq!(fs::read_to_string(to.join("deep/b")).unwrap(), "2");
        copy(&from.join("deep/b"), &to.join("a")).unwrap();
        assert_eq!(fs::read_to_string(to.join("a")).unwrap(), "2");
        assert!(copy(&from.join("none"), &to.join("a")).is_err());
        assert_eq!(fs::read_to_string(to.join("a")).unwrap(), "2");
    }

    #[test]
    fn a_folder_that_could_not_be_filled_leaves_the_old_one() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("model");
        write_folder(&path, |folder| fs::write(folder.join("a"), "1").map_err(Error::io("write", folder)))
            .unwrap();
        let failed = write_folder(&path, |folder| {
            fs::write(folder.join("b"), "2").map_err(Error::io("write", folder))?;
            Err(Error::NoProblems { source_name: "test".to_owned() })
        });
        assert!(failed.is_err());
        assert_eq!(names(&path), ["a"]);
        // The next attempt begins with an empty folder.
        write_folder(&path, |folder| {
            assert!(names(folder).is_empty());
            Ok::<_, Error>(())
        })
        .unwrap();
        assert!(names(&path).is_empty());
    }
}
