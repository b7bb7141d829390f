//! The run folder: creating one, locking it, going on with it, and where each artefact lies.
//!
//! In go a path and the manifest of the command at hand; out comes a [`RunFolder`] that nobody else can write
//! to for as long as it lives. A new or empty folder begins a run; one with the same inputs goes on; any
//! other is refused with every difference named.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::artefact::Artefact;
use crate::atomic;
use crate::digest::{sha256_file, sha256_folder};
use crate::digest_cache::DigestCache;
use crate::lock::{FolderLock, LOCK_FILE, is_own_file};
use crate::manifest::{
    Adoption, Difference, FolderState, ImportedFile, Manifest, StageState, check_resumable, read_manifest,
    write_manifest,
};
use crate::problem_file::ProblemFile;
use crate::read::Records;
use crate::seal::Seal;
use crate::sealed::lines::SealedLines;
use crate::shard::Shard;
use crate::{Error, Result};
use crate::{Journal, Record};

/// The folder of the shards in a run's folder, each a run folder of its own.
pub const SHARDS: &str = "shards";

/// The folder of the rounds after the first in a run's folder.
pub const ROUNDS: &str = "rounds";

/// The folder of what a run's model does on other domains, in its folder.
pub const TRANSFER: &str = "transfer";

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
    /// from something else; [`Error::NotARunFolder`] for a folder of other things; [`Error::Link`] for an
    /// entry that is a link; [`Error::Format`], [`Error::Malformed`] for its manifest; [`Error::Io`].
    pub fn create_or_resume(path: &Path, manifest: &Manifest) -> Result<Self> {
        require_free(path)?;
        fs::create_dir_all(path).map_err(Error::io("create", path))?;
        forbid_links(path)?;
        let lock = FolderLock::acquire(path)?;

        let manifest_path = Artefact::Manifest.path_in(path);
        if !manifest_path.exists() {
            write_manifest(&manifest_path, manifest)?;
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
        self.path.join(checkpoint_name(step))
    }

    /// Opens the journal of an artefact.
    ///
    /// # Errors
    ///
    /// Those of [`Journal::open`].
    pub fn journal<R: Record>(&self, artefact: Artefact, seal: Seal) -> Result<Journal<R>> {
        Journal::open(&self.path_of(artefact), seal)
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

    /// Notes that a stage is done: computes the digests of its artefact and of the folder that it left beside
    /// it, adds the seconds spent in it, and writes the manifest.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; the stage is then not done.
    pub fn mark_done(
        &mut self,
        stage: &str,
        artefact: Artefact,
        folder: Option<Artefact>,
        records: u64,
        seconds: f64,
    ) -> Result<()> {
        let folder = folder.map(|folder| self.folder_state(folder.file_name())).transpose()?;
        let state = StageState {
            done: true,
            artefact: artefact.file_name().to_owned(),
            records,
            sha256: sha256_file(&self.path_of(artefact))?,
            seconds: self.seconds(stage) + seconds,
            folder,
            checkpoint: None,
            imported: self.imported(stage),
        };
        self.write_stage(stage, state)
    }

    /// Notes that `model/`, which must be there, was adopted in the place of what the stage would have trained: the stage is done.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; the stage is then not done.
    pub fn mark_adopted(&mut self, stage: &str, artefact: Artefact, adoption: Adoption) -> Result<()> {
        let folder = Some(self.folder_state(Artefact::Model.file_name())?);
        let (name, sha256) = (artefact.file_name().to_owned(), sha256_file(&self.path_of(artefact))?);
        let state = StageState { done: true, artefact: name, sha256, folder, ..StageState::default() };
        self.change(|manifest| {
            manifest.adopted = Some(adoption);
            manifest.stages.insert(stage.to_owned(), state);
        })
    }

    /// Notes the adoption of the run that this folder is a shard of.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn follow_adoption(&mut self, adoption: Option<Adoption>) -> Result<()> {
        self.change(|manifest| manifest.adopted = adoption)
    }

    /// Notes that a stage is not done, nor begun, and takes its artefact away.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; the artefact may then be there still, and the stage goes on from it.
    pub fn undo(&mut self, stage: &str, artefact: Artefact) -> Result<()> {
        if self.state(stage).is_some() {
            self.change(|manifest| drop(manifest.stages.remove(stage)))?;
        }
        atomic::remove_file(&self.path_of(artefact))
    }

    /// Notes that no model is adopted, and that the stage in whose place it was is not done.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn undo_adoption(&mut self, stage: &str) -> Result<()> {
        self.change(|manifest| {
            manifest.adopted = None;
            manifest.stages.remove(stage);
        })
    }

    /// Notes the seconds spent in a stage that was interrupted.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn mark_interrupted(&mut self, stage: &str, seconds: f64) -> Result<()> {
        let seconds = self.seconds(stage) + seconds;
        let checkpoint = self.state(stage).and_then(|state| state.checkpoint.clone());
        let imported = self.imported(stage);
        self.write_stage(stage, StageState { seconds, checkpoint, imported, ..StageState::default() })
    }

    /// Notes the checkpoint from which an interrupted stage goes on: a folder in the run's.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; the one before is then still the one to go on from.
    pub fn mark_checkpoint(&mut self, stage: &str, name: &str) -> Result<()> {
        let checkpoint = Some(self.folder_state(name)?);
        self.write_stage(
            stage,
            StageState { seconds: self.seconds(stage), checkpoint, ..StageState::default() },
        )
    }

    /// Notes the files of other programs that a stage's records come from, before the first of them is written.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn mark_imported(&mut self, stage: &str, imported: Vec<ImportedFile>) -> Result<()> {
        self.write_stage(
            stage,
            StageState { seconds: self.seconds(stage), imported, ..StageState::default() },
        )
    }

    /// What the manifest has of a stage.
    pub fn state(&self, stage: &str) -> Option<&StageState> {
        self.manifest.stages.get(stage)
    }

    /// The records of a finished stage, and that they are what it left.
    ///
    /// # Errors
    ///
    /// Those of [`read_finished`].
    pub fn records<R: Record>(&self, stage: &str, seal: Seal) -> Result<Records<R>> {
        read_finished(&self.path, &self.manifest, stage, seal)
    }

    /// Checks a finished stage of this run; see [`verify_stage`].
    ///
    /// # Errors
    ///
    /// Those of [`verify_stage`].
    pub fn verify(&self, stage: &str, seal: Seal, cache: Option<&DigestCache>) -> Result<()> {
        verify_stage(&self.path, &self.manifest, stage, seal, cache)
    }

    fn folder_state(&self, name: &str) -> Result<FolderState> {
        let mut files = sha256_folder(&self.path.join(name), None)?.files;
        files.remove(Artefact::MODEL_CARD);
        Ok(FolderState { name: name.to_owned(), files })
    }

    fn imported(&self, stage: &str) -> Vec<ImportedFile> {
        self.state(stage).map_or_else(Vec::new, |state| state.imported.clone())
    }

    fn seconds(&self, stage: &str) -> f64 {
        self.manifest.stages.get(stage).map_or(0.0, |state| state.seconds)
    }

    /// Writes the manifest with this state; keeps the old one in memory too if that fails.
    fn write_stage(&mut self, stage: &str, state: StageState) -> Result<()> {
        self.change(|manifest| drop(manifest.stages.insert(stage.to_owned(), state)))
    }

    /// Writes the manifest with a change; keeps the old one in memory too if that fails.
    fn change(&mut self, change: impl FnOnce(&mut Manifest)) -> Result<()> {
        let mut manifest = self.manifest.clone();
        change(&mut manifest);
        write_manifest(&self.path_of(Artefact::Manifest), &manifest)?;
        self.manifest = manifest;
        Ok(())
    }
}

/// The folder of a shard in a run's folder, whether or not it is there yet.
///
/// # Errors
///
/// [`Error::Link`] if something else than a folder is in its place.
pub fn shard_folder(run_folder: &Path, shard: Shard) -> Result<PathBuf> {
    let shards = run_folder.join(SHARDS);
    let folder = shards.join(shard.folder_name());
    for path in [shards, folder.clone()] {
        if fs::symlink_metadata(&path).is_ok_and(|metadata| !metadata.is_dir()) {
            return Err(Error::Link { path });
        }
    }
    Ok(folder)
}

/// A folder of a run's later rounds, each a run folder of its own: `rounds` in the run's folder, and these names below it, whether or not it is
/// there yet.
///
/// # Errors
///
/// [`Error::Link`] if something else than a folder is in its place.
pub fn folder_of_rounds(run_folder: &Path, names: &[&str]) -> Result<PathBuf> {
    folder_below(run_folder, ROUNDS, names)
}

/// A folder of a run's transfer, each a run folder of its own: `transfer` in the run's folder, and these names below it, whether or not it is
/// there yet.
///
/// # Errors
///
/// [`Error::Link`] if something else than a folder is in its place.
pub fn folder_of_transfer(run_folder: &Path, names: &[&str]) -> Result<PathBuf> {
    folder_below(run_folder, TRANSFER, names)
}

fn folder_below(run_folder: &Path, first: &str, names: &[&str]) -> Result<PathBuf> {
    let mut folder = run_folder.to_owned();
    for name in [first].iter().chain(names) {
        folder.push(name);
        if fs::symlink_metadata(&folder).is_ok_and(|metadata| !metadata.is_dir()) {
            return Err(Error::Link { path: folder });
        }
    }
    Ok(folder)
}

/// One of a run's two problem sets.
///
/// # Errors
///
/// [`Error::Altered`] if they are not those that the run was made from; [`Error::Io`].
pub fn problems_of(folder: &Path, manifest: &Manifest, set: Artefact) -> Result<ProblemFile> {
    ProblemFile::open(&set.path_in(folder), manifest.problems_sha256(set))
}

/// The name of a checkpoint in a run's folder.
pub fn checkpoint_name(step: u64) -> String {
    format!("{}/step-{step:08}", Artefact::Checkpoints.file_name())
}

/// The records of a finished stage in a run's folder, of which this process need not have the lock.
///
/// # Errors
///
/// [`Error::NotDone`]; [`Error::Io`], also if the artefact is gone.
pub fn read_finished<R: Record>(
    folder: &Path,
    manifest: &Manifest,
    stage: &str,
    seal: Seal,
) -> Result<Records<R>> {
    match manifest.stages.get(stage).filter(|state| state.done) {
        Some(state) => Records::of_finished(&folder.join(&state.artefact), seal, state),
        None => Err(Error::NotDone { stage: stage.to_owned(), folder: folder.to_owned() }),
    }
}

/// Checks that a finished stage's artefact, and the folder beside it, are still what the stage left. A stage
/// that is not done passes.
///
/// # Errors
///
/// [`Error::Broken`] with the line that was changed, [`Error::ArtefactChanged`] where lines were removed,
/// added or moved, [`Error::FileChanged`]; [`Error::Io`], also if the artefact is gone.
pub fn verify_stage(
    run_folder: &Path,
    manifest: &Manifest,
    stage: &str,
    seal: Seal,
    cache: Option<&DigestCache>,
) -> Result<()> {
    let Some(state) = manifest.stages.get(stage).filter(|state| state.done) else {
        return Ok(());
    };
    let path = run_folder.join(&state.artefact);
    if sha256_file(&path)? != state.sha256 {
        let mut lines = SealedLines::open(&path, seal)?;
        while lines.next_line()?.is_some() {}
        return Err(Error::ArtefactChanged { path, stage: stage.to_owned() });
    }
    state.folder.as_ref().map_or(Ok(()), |folder| verify_folder(run_folder, folder, cache))
}

/// Checks that a folder below a run's is what the manifest says: no file changed, missing or added. A model card may be there or not.
///
/// # Errors
///
/// [`Error::FileChanged`] with the first such file; [`Error::Io`].
pub fn verify_folder(run_folder: &Path, state: &FolderState, cache: Option<&DigestCache>) -> Result<()> {
    let folder = run_folder.join(&state.name);
    let mut found = sha256_folder(&folder, cache)?.files;
    found.remove(Artefact::MODEL_CARD);
    let names: BTreeSet<&String> = found.keys().chain(state.files.keys()).collect();
    for name in names {
        let fault = match (found.get(name), state.files.get(name)) {
            (Some(now), Some(then)) if now == then => continue,
            (Some(_), Some(_)) => "was changed",
            (None, _) => "is missing",
            (_, None) => "was added",
        };
        return Err(Error::FileChanged { path: folder.join(name), fault });
    }
    Ok(())
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
        if ![LOCK_FILE, "manifest.json.partial", SHARDS].map(OsStr::new).contains(&name.as_os_str()) {
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
    use crate::records::TrainRecord;

    fn seal() -> Seal {
        Seal::of("this run")
    }

    fn journal(run: &RunFolder) -> Journal<TrainRecord> {
        run.journal(Artefact::Samples, seal()).unwrap()
    }

    fn step(step: u64) -> TrainRecord {
        TrainRecord {
            step,
            epoch: step as u32,
            loss: 0.5,
            dpo_loss: None,
            sft_loss: None,
            sequence_loss: None,
            reward_margin: None,
            reward_accuracy: None,
            grad_norm: 1.0,
            learning_rate: 0.1,
            tokens: 1,
            reward_chosen: None,
            reward_rejected: None,
        }
    }

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
        let mut journal = journal(&run);
        journal.append(&step(1)).unwrap();
        run.mark_interrupted("sample", 1.5).unwrap();
        assert!(!run.is_done("sample"));
        drop((run, journal));

        let mut run = RunFolder::create_or_resume(&path, &example()).unwrap();
        assert!(run.resumed() && run.notes().is_empty());
        let mut journal = self::journal(&run);
        assert_eq!(journal.n_records(), 1);
        journal.append(&step(2)).unwrap();
        run.mark_done("sample", Artefact::Samples, None, 2, 1.0).unwrap();
        drop(run);

        let run = RunFolder::create_or_resume(&path, &example()).unwrap();
        assert!(run.is_done("sample") && !run.is_done("grade"));
        let state = &run.manifest().stages["sample"];
        assert_eq!((state.records, state.seconds), (2, 2.5));
        assert_eq!(state.sha256, sha256_file(&run.path_of(Artefact::Samples)).unwrap());
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

    #[cfg(unix)]
    #[test]
    fn a_link_in_the_place_of_the_shards_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let shard = Shard::new(1, 2).unwrap();
        assert!(shard_folder(temp.path(), shard).is_ok());
        let elsewhere = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), temp.path().join(SHARDS)).unwrap();
        assert!(matches!(shard_folder(temp.path(), shard), Err(Error::Link { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_the_place_of_a_round_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        assert_eq!(
            folder_of_rounds(temp.path(), &["tuning", "0"]).unwrap(),
            temp.path().join("rounds/tuning/0")
        );
        let elsewhere = tempfile::tempdir().unwrap();
        fs::create_dir(temp.path().join(ROUNDS)).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), temp.path().join("rounds/tuning")).unwrap();
        for names in [&["tuning"][..], &["tuning", "0"]] {
            assert!(matches!(folder_of_rounds(temp.path(), names), Err(Error::Link { .. })));
        }
        assert!(folder_of_rounds(temp.path(), &["2"]).is_ok());
        assert_eq!(folder_of_transfer(temp.path(), &["a"]).unwrap(), temp.path().join("transfer/a"));
        std::os::unix::fs::symlink(elsewhere.path(), temp.path().join(TRANSFER)).unwrap();
        assert!(matches!(folder_of_transfer(temp.path(), &["a"]), Err(Error::Link { .. })));
    }

    #[test]
    fn a_changed_artefact_is_found() {
        let (_temp, path) = new_run();
        let mut run = RunFolder::create_or_resume(&path, &example()).unwrap();
        let mut journal = journal(&run);
        (1..=2).for_each(|number| journal.append(&step(number)).unwrap());
        let verify = |run: &RunFolder| run.verify("sample", seal(), None);
        assert!(verify(&run).is_ok(), "not done, so nothing to verify");
        run.mark_done("sample", Artefact::Samples, None, 2, 0.0).unwrap();
        assert!(verify(&run).is_ok());
        let file = run.path_of(Artefact::Samples);
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace("\"epoch\":2", "\"epoch\":3")).unwrap();
        assert!(matches!(verify(&run), Err(Error::Broken { line: 2, .. })));
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        for changed in [lines[0].to_owned(), [lines[1], lines[0]].concat(), [&text, lines[0]].concat()] {
            fs::write(&file, changed).unwrap();
            assert!(matches!(verify(&run), Err(Error::ArtefactChanged { .. })));
        }
        fs::remove_file(&file).unwrap();
        assert!(matches!(verify(&run), Err(Error::Io { .. })));
    }

    #[test]
    fn a_changed_file_of_the_model_is_found() {
        let (_temp, path) = new_run();
        let mut run = RunFolder::create_or_resume(&path, &example()).unwrap();
        let model = run.path_of(Artefact::Model);
        let fill = |text: &str| {
            crate::atomic::write_folder(&model, |folder| {
                fs::write(folder.join("weights"), text).map_err(Error::io("write", folder))
            })
        };
        fill("1").unwrap();
        journal(&run);
        run.mark_done("train", Artefact::Samples, Some(Artefact::Model), 0, 0.0).unwrap();
        let fault = |run: &RunFolder| run.verify("train", seal(), None).unwrap_err().to_string();
        run.verify("train", seal(), None).unwrap();
        fill("2").unwrap();
        assert!(fault(&run).ends_with("weights was changed"));
        fill("1").unwrap();
        fs::write(model.join("a"), "").unwrap();
        assert!(fault(&run).ends_with("a was added"));
        fs::remove_file(model.join("a")).unwrap();
        fs::remove_file(model.join("weights")).unwrap();
        assert!(fault(&run).ends_with("weights is missing"));
    }

    #[test]
    fn a_stage_without_its_artefact_is_not_done() {
        let (_temp, path) = new_run();
        let mut run = RunFolder::create_or_resume(&path, &example()).unwrap();
        assert!(run.mark_done("train", Artefact::Model, None, 0, 1.0).is_err());
        assert!(!run.is_done("train"));
    }
}
