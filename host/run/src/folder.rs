//! The run folder: creating one, locking it, going on with it, and where each artefact lies.
//!
//! In go a path and the manifest of the command at hand; out comes a [`RunFolder`] that nobody else can write
//! to for as long as it lives. A new or empty folder begins a run; one with the same inputs goes on; any
//! other is refused with every difference named.
//! Left out on purpose: the order of the stages, which is the pipeline's.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::artefact::Artefact;
use crate::atomic::write_json;
use crate::digest::sha256_path;
use crate::journal::Journal;
use crate::lock::{FolderLock, LOCK_FILE, is_own_file};
use crate::manifest::{Difference, Manifest, StageState, check_resumable, read_manifest};
use crate::{Error, Result};

/// A run folder that this process alone may write to, until the value is dropped.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    manifest: Manifest,
    resumed: bool,
    notes: Vec<Difference>,
    _lock: FolderLock,
}

impl RunFolder {
    /// Begins a run in a new or empty folder, or goes on with the run that is there.
    ///
    /// The manifest of a run that goes on is the one in the folder, its stages included.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] if another process has the folder; [`Error::NotResumable`] if the run there was made
    /// from something else; [`Error::NotARunFolder`] for a folder of other things; [`Error::Link`] for an entry that
    /// is a link; [`Error::Format`], [`Error::Malformed`] for its manifest; [`Error::Io`].
    pub fn create_or_resume(path: &Path, manifest: &Manifest) -> Result<Self> {
        require_free(path)?;
        fs::create_dir_all(path).map_err(Error::io("create", path))?;
        forbid_links(path)?;
        let lock = FolderLock::acquire(path)?;

        let manifest_path = Artefact::Manifest.path_in(path);
        if !manifest_path.exists() {
            write_json(&manifest_path, manifest)?;
            let (path, manifest) = (path.to_owned(), manifest.clone());
            return Ok(Self { path, manifest, resumed: false, notes: Vec::new(), _lock: lock });
        }
        let old = read_manifest(&manifest_path)?;
        let (differences, notes): (Vec<_>, Vec<_>) =
            check_resumable(&old, manifest).into_iter().partition(|difference| difference.stops);
        if !differences.is_empty() {
            return Err(Error::NotResumable { path: path.to_owned(), differences });
        }
        Ok(Self { path: path.to_owned(), manifest: old, resumed: true, notes, _lock: lock })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where an artefact lies, whether or not it is there yet.
    pub fn path_of(&self, artefact: Artefact) -> PathBuf {
        artefact.path_in(&self.path)
    }

    /// The checkpoint after this many optimiser steps: a folder, for [`crate::atomic::write_folder`]. Their
    /// names are in the order of their steps.
    pub fn checkpoint(&self, step: u64) -> PathBuf {
        self.path_of(Artefact::Checkpoints).join(format!("step-{step:08}"))
    }

    /// Opens the journal of an artefact, and reads what is in it.
    ///
    /// # Errors
    ///
    /// Those of [`Journal::open`].
    pub fn journal<T: Serialize + DeserializeOwned>(
        &self,
        artefact: Artefact,
    ) -> Result<(Journal<T>, Vec<T>)> {
        Journal::open(&self.path_of(artefact))
    }

    /// The manifest as it is on disk.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Whether the run was there before.
    pub fn resumed(&self) -> bool {
        self.resumed
    }

    /// In what the command at hand differs from the one that began the run, and that does not stop it.
    pub fn notes(&self) -> &[Difference] {
        &self.notes
    }

    /// Whether a stage is done.
    pub fn is_done(&self, stage: &str) -> bool {
        self.manifest.stages.get(stage).is_some_and(|state| state.done)
    }

    /// Notes that a stage is done: computes the digest of its artefact, adds the seconds spent in it, and
    /// writes the manifest.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; the stage is then not done.
    pub fn mark_done(&mut self, stage: &str, artefact: Artefact, records: u64, seconds: f64) -> Result<()> {
        let sha256 = sha256_path(&self.path_of(artefact))?;
        let artefact = artefact.file_name().to_owned();
        let seconds = self.seconds(stage) + seconds;
        self.write_stage(stage, StageState { done: true, artefact, records, sha256, seconds })
    }

    /// Notes the seconds spent in a stage that was interrupted.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn mark_interrupted(&mut self, stage: &str, seconds: f64) -> Result<()> {
        let seconds = self.seconds(stage) + seconds;
        self.write_stage(stage, StageState { seconds, ..StageState::default() })
    }

    /// Checks that the artefact of a finished stage is still what the stage left. A stage that is not done
    /// passes.
    ///
    /// # Errors
    ///
    /// [`Error::ArtefactChanged`]; [`Error::Io`], also if the artefact is gone.
    pub fn verify(&self, stage: &str) -> Result<()> {
        let Some(state) = self.manifest.stages.get(stage).filter(|state| state.done) else {
            return Ok(());
        };
        let path = self.path.join(&state.artefact);
        if sha256_path(&path)? == state.sha256 {
            Ok(())
        } else {
            Err(Error::ArtefactChanged { path, stage: stage.to_owned() })
        }
    }

    fn seconds(&self, stage: &str) -> f64 {
        self.manifest.stages.get(stage).map_or(0.0, |state| state.seconds)
    }

    /// Writes the manifest with this state; keeps the old one in memory too if that fails.
    fn write_stage(&mut self, stage: &str, state: StageState) -> Result<()> {
        let mut manifest = self.manifest.clone();
        manifest.stages.insert(stage.to_owned(), state);
        write_json(&self.path_of(Artefact::Manifest), &manifest)?;
        self.manifest = manifest;
        Ok(())
    }
}

/// Refuses a folder that holds other things than a run. What a crash leaves before there is a manifest is no
/// obstacle.
fn require_free(path: &Path) -> Result<()> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(Error::io("read", path))?,
    };
    if Artefact::Manifest.path_in(path).exists() {
        return Ok(());
    }
    for entry in entries {
        let name = entry.map_err(Error::io("read", path))?.file_name();
        if name != LOCK_FILE && name != OsStr::new("manifest.json.partial") {
            return Err(Error::NotARunFolder { path: path.to_owned() });
        }
    }
    Ok(())
}

/// Refuses entries that lead elsewhere: journals are appended to in place, and folders are filled.
fn forbid_links(path: &Path) -> Result<()> {
    for entry in fs::read_dir(path).map_err(Error::io("read", path))? {
        let entry = entry.map_err(Error::io("read", path))?;
        // Of the entry itself, a link's too.
        let metadata = entry.metadata().map_err(Error::io("read", path))?;
        if !metadata.is_dir() && !is_own_file(&metadata) {
            return Err(Error::Link { path: entry.path() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::example;

    /// A run in a folder of its own, which goes when the first value does.
    fn new_run() -> (tempfile::TempDir, PathBuf) {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("runs/one");
        (temp, path)
    }

    #[test]
    fn a_run_begins_and_goes_on() {
        let (_temp, path) = new_run();
        let mut run = RunFolder::create_or_resume(&path, &example()).unwrap();
        assert!(!run.resumed());
        let (mut journal, _) = run.journal::<u32>(Artefact::Samples).unwrap();
        journal.append(&1).unwrap();
        run.mark_interrupted("sample", 1.5).unwrap();
        assert!(!run.is_done("sample"));
        drop((run, journal));

        let mut run = RunFolder::create_or_resume(&path, &example()).unwrap();
        assert!(run.resumed() && run.notes().is_empty());
        let (mut journal, before) = run.journal::<u32>(Artefact::Samples).unwrap();
        assert_eq!(before, [1]);
        journal.append(&2).unwrap();
        run.mark_done("sample", Artefact::Samples, 2, 1.0).unwrap();
        drop(run);

        let run = RunFolder::create_or_resume(&path, &example()).unwrap();
        assert!(run.is_done("sample") && !run.is_done("grade"));
        let state = &run.manifest().stages["sample"];
        assert_eq!((state.records, state.seconds), (2, 2.5));
        assert_eq!(state.sha256, crate::digest::sha256_bytes(b"1\n2\n"));
        assert_eq!(read_manifest(&run.path_of(Artefact::Manifest)).unwrap(), *run.manifest());
    }

    #[test]
    fn two_never_write_one_folder() {
        let (_temp, path) = new_run();
        let first = RunFolder::create_or_resume(&path, &example()).unwrap();
        let second = RunFolder::create_or_resume(&path, &example());
        assert!(matches!(second, Err(Error::Locked { .. })));
        drop(first);
        assert!(RunFolder::create_or_resume(&path, &example()).is_ok());
    }

    #[test]
    fn another_recipe_is_refused_and_another_device_noted() {
        let (_temp, path) = new_run();
        drop(RunFolder::create_or_resume(&path, &example()).unwrap());

        let other = Manifest { recipe_sha256: "ff".to_owned(), run_seed: 8, ..example() };
        let error = RunFolder::create_or_resume(&path, &other).unwrap_err();
        let text = error.to_string();
        assert!(text.ends_with("run_seed was 7 and is now 8; recipe_sha256 was aa and is now ff"), "{text}");

        let other = Manifest { device: "cuda".to_owned(), ..example() };
        let run = RunFolder::create_or_resume(&path, &other).unwrap();
        assert_eq!(run.notes()[0].field, "device");
        assert_eq!(run.manifest().device, "cpu");
    }

    #[test]
    fn a_folder_of_other_things_is_left_alone() {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("thesis.tex"), "").unwrap();
        let error = RunFolder::create_or_resume(temp.path(), &example()).unwrap_err();
        assert!(matches!(error, Error::NotARunFolder { .. }), "{error}");
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_crash_before_the_first_manifest_is_no_obstacle() {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join(LOCK_FILE), "123456789\n").unwrap();
        fs::write(temp.path().join("manifest.json.partial"), "{").unwrap();
        assert!(RunFolder::create_or_resume(temp.path(), &example()).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_with_links_is_refused_and_nothing_written() {
        use std::os::unix::fs::symlink;
        for name in [LOCK_FILE, "samples.jsonl", "checkpoints", "recipe.toml"] {
            let (temp, path) = new_run();
            drop(RunFolder::create_or_resume(&path, &example()).unwrap());
            let victim = temp.path().join("victim");
            fs::write(&victim, "precious").unwrap();
            for link in [symlink, fs::hard_link] as [fn(_: PathBuf, _: PathBuf) -> _; 2] {
                let _ = fs::remove_file(path.join(name));
                link(victim.clone(), path.join(name)).unwrap();
                let error = RunFolder::create_or_resume(&path, &example()).unwrap_err();
                assert!(matches!(error, Error::Link { .. }) && error.to_string().contains(name), "{error}");
                assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
            }
        }
    }

    #[test]
    fn a_changed_artefact_is_found() {
        let (_temp, path) = new_run();
        let mut run = RunFolder::create_or_resume(&path, &example()).unwrap();
        fs::write(run.path_of(Artefact::Grades), "{}\n").unwrap();
        assert!(run.verify("grade").is_ok(), "not done, so nothing to verify");
        run.mark_done("grade", Artefact::Grades, 1, 0.0).unwrap();
        assert!(run.verify("grade").is_ok());
        fs::write(run.path_of(Artefact::Grades), "{ }\n").unwrap();
        assert!(matches!(run.verify("grade"), Err(Error::ArtefactChanged { .. })));
    }

    #[test]
    fn a_stage_without_its_artefact_is_not_done() {
        let (_temp, path) = new_run();
        let mut run = RunFolder::create_or_resume(&path, &example()).unwrap();
        assert!(run.mark_done("train", Artefact::Model, 0, 1.0).is_err());
        assert!(!run.is_done("train"));
    }
}
