//! Work that is done again whenever one of its files changes.
//!
//! In: files, and work that reads them. Out: what the work prints, each time. A file changes when it has another time, size or place on the
//! disk, comes, or goes; nothing is done before that has been the same for [`SETTLED`], since a compiler writes a component piece by piece.
//! Work that fails is told of as by any command, and the wait goes on: Ctrl-C ends it, as the system has it (exit code 130 in a shell).

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use anyhow::Result;

use crate::commands::tell;
use crate::terminal::{is_closed, note};

/// Time between two looks at the files.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Looks with the same outcome after which files count as written.
const SETTLED: usize = 3;

/// What tells one state of a file from another: none where there is no file.
type State = Option<(Option<SystemTime>, u64, u64)>;

/// Does the work, and again after each change of a file, without end.
///
/// # Errors
/// Nobody reads standard output any more.
pub(super) fn again_and_again(mut files: Vec<PathBuf>, work: impl Fn() -> Result<()>) -> Result<()> {
    // The name of an embedded plugin is no file, unless somebody puts one there.
    files.dedup();
    let mut done = states(&files);
    loop {
        if let Err(error) = work() {
            if is_closed(&error) {
                return Err(error);
            }
            tell(&error);
        }
        let watched: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
        note(format_args!("waiting for a change of {}; Ctrl-C ends", watched.join(", ")));
        let changed = wait(&files, &done);
        let which = files.iter().zip(changed.iter().zip(&done)).filter(|(_, (now, before))| now != before);
        let names: Vec<_> = which.map(|(file, _)| file.display().to_string()).collect();
        note(format_args!("changed: {}", names.join(", ")));
        done = changed;
    }
}

/// Waits until files are other than they were, and stay so for a while; their states then.
fn wait(files: &[PathBuf], before: &[State]) -> Vec<State> {
    let (mut last, mut same) = (states(files), 0);
    loop {
        if last != before && same >= SETTLED {
            return last;
        }
        sleep(LOOK_EVERY);
        let now = states(files);
        same = if now == last { same + 1 } else { 0 };
        last = now;
    }
}

fn states(files: &[PathBuf]) -> Vec<State> {
    files.iter().map(|file| state(file)).collect()
}

fn state(file: &Path) -> State {
    let found = std::fs::metadata(file).ok()?;
    Some((found.modified().ok(), found.len(), place(&found)))
}

/// What a file has that another one under its name has not.
#[cfg(unix)]
fn place(found: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(found)
}

#[cfg(not(unix))]
fn place(_: &std::fs::Metadata) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_changed_when_it_is_written_replaced_or_gone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        assert_eq!(state(&file), None);
        std::fs::write(&file, "1").unwrap();
        let first = state(&file);
        assert!(first.is_some() && state(&file) == first);
        std::fs::write(&file, "12").unwrap();
        let longer = state(&file);
        assert_ne!(longer, first);
        let other = folder.path().join("b");
        std::fs::write(&other, "34").unwrap();
        std::fs::rename(&other, &file).unwrap();
        assert_ne!(state(&file), longer);
    }

    #[test]
    fn a_change_is_waited_for_until_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let files = [folder.path().join("a")];
        let before = states(&files);
        let writer = std::thread::spawn({
            let file = files[0].clone();
            move || {
                for size in 1..=5 {
                    sleep(Duration::from_millis(50));
                    std::fs::write(&file, vec![0; size]).unwrap();
                }
            }
        });
        let mut after = wait(&files, &before);
        writer.join().unwrap();
        // Where the writer stood still for long, the rest is a change of its own.
        while after != states(&files) {
            after = wait(&files, &after);
        }
        assert_eq!(after[0].unwrap().1, 5);
    }
}
