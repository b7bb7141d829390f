//! TensorBoard's events of every stage: `events/STAGE/` in the run's folder.
//!
//! In: a stage's records as they are made, or as they stand in its artefact. Out: an event file with the means over all records so far,
//! so that its last point is the stage's figure; of training, a point a step. Events are made of records, and nothing is made of events: a
//! stage that goes on begins its file anew from the records that are there, so that no step counts twice, and where a file
//! cannot be written the run goes on without it. Only throughput is of the moment, and stands in what was written while it was.

mod figures;

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use ts_events::EventFile;
use ts_run::records::{
    CalibrationRecord, EvalRecord, ExampleRecord, GradeRecord, ReferenceRecord, RefinedRecord, SampleRecord,
    SelectionRecord, TrainRecord,
};
use ts_run::{Artefact, Record, atomic};

pub(crate) use self::figures::{Figures, Watched};
use crate::Error;
use crate::past_run::PastRun;
use crate::progress::Progress;
use crate::stage::Stage;

/// Points of a stage that maps over problems, at most.
const MAX_POINTS: u64 = 256;

/// The folder of a stage's events.
fn folder_of(run: &Path, stage: Stage) -> PathBuf {
    Artefact::Events.path_in(run).join(stage.name())
}

/// Watches a stage.
pub(crate) struct Watch<'a> {
    stage: Stage,
    progress: &'a dyn Progress,
    /// None where it cannot be written any more.
    file: Option<EventFile>,
    figures: Figures,
    n_records: u64,
    /// Records from one point to the next.
    every: u64,
    /// When the first record could be made; of training, when the step began.
    since: Instant,
    /// Tokens that were made since then.
    new_tokens: u64,
}

impl<'a> Watch<'a> {
    /// Begins a stage's events anew. `total` is how many records there will be.
    pub(crate) fn begin(run: &Path, stage: Stage, total: u64, progress: &'a dyn Progress) -> Self {
        let every = if stage == Stage::Train { 1 } else { total.div_ceil(MAX_POINTS).max(1) };
        let (since, figures) = (Instant::now(), Figures::of(stage));
        let mut watch =
            Self { stage, progress, file: None, figures, n_records: 0, every, since, new_tokens: 0 };
        let folder = folder_of(run, stage);
        let begin = || -> Result<EventFile, Error> {
            let file = |source| Error::File { path: folder.clone(), source };
            std::fs::create_dir_all(&folder).map_err(file)?;
            forget(&folder)?;
            EventFile::create(&folder, now()).map_err(file)
        };
        match begin() {
            Ok(file) => watch.file = Some(file),
            Err(error) => watch.give_up(&error),
        }
        watch
    }

    /// A record of the stage; `is_new` if it was made just now.
    pub(crate) fn record<R: Watched>(&mut self, record: &R, is_new: bool) {
        if self.file.is_none() {
            return;
        }
        self.n_records += 1;
        let tokens = record.observe(&mut self.figures);
        if is_new {
            self.new_tokens += tokens;
        } else if self.new_tokens == 0 {
            self.since = Instant::now();
        }
        if self.n_records.is_multiple_of(self.every) {
            self.point();
        }
    }

    /// The last point, if there are records after the one before.
    pub(crate) fn finish(mut self) {
        if !self.n_records.is_multiple_of(self.every) {
            self.point();
        }
    }

    fn point(&mut self) {
        let Some(file) = &mut self.file else { return };
        let mut scalars = self.figures.scalars();
        let seconds = self.since.elapsed().as_secs_f64();
        if self.new_tokens > 0 && seconds > 0.0 {
            let tag = format!("{}/throughput/tokens_per_second", self.figures.prefix());
            scalars.push((tag, self.new_tokens as f64 / seconds));
        }
        if self.stage == Stage::Train {
            (self.since, self.new_tokens) = (Instant::now(), 0);
        }
        let scalars: Vec<(&str, f64)> = scalars.iter().map(|(tag, value)| (tag.as_str(), *value)).collect();
        if let Err(source) = file.scalars(self.n_records, now(), &scalars) {
            self.give_up(&source);
        }
    }

    /// Goes on without events.
    fn give_up(&mut self, reason: &dyn std::fmt::Display) {
        self.file = None;
        let name = self.stage.name();
        self.progress
            .warn(&format!("no events of `{name}`: {reason}; the run goes on, and `report` writes them"));
    }
}

/// Writes the events of every finished stage that has none: one that another run did, or several machines, or that lost them.
///
/// # Errors
/// Artefacts that cannot be read. That events cannot be written is none.
pub(crate) fn write_missing(run: &PastRun, progress: &dyn Progress) -> Result<(), Error> {
    for stage in Stage::ALL {
        let is_empty = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|file| file.len() == 0);
        let is_there = files_in(&folder_of(&run.folder, stage)).iter().any(|path| !is_empty(path));
        let n_records = run.manifest.stages.get(stage.name()).map_or(0, |state| state.records);
        if !run.is_done(stage) || is_there || n_records == 0 {
            continue;
        }
        match stage {
            Stage::Sample => derive::<SampleRecord>(run, stage, progress),
            Stage::Grade => derive::<GradeRecord>(run, stage, progress),
            Stage::Select => derive::<SelectionRecord>(run, stage, progress),
            Stage::Calibrate => derive::<CalibrationRecord>(run, stage, progress),
            Stage::Refine => derive::<RefinedRecord>(run, stage, progress),
            Stage::Pair => derive::<ExampleRecord>(run, stage, progress),
            Stage::Reference => derive::<ReferenceRecord>(run, stage, progress),
            Stage::Train => derive::<TrainRecord>(run, stage, progress),
            Stage::EvalBaseline | Stage::EvalResult => derive::<EvalRecord>(run, stage, progress),
        }?;
    }
    Ok(())
}

/// Takes an earlier start's events away. The last file stays, empty: a reader that follows it goes on from it to the next, and would stay
/// for good with one that is gone.
fn forget(folder: &Path) -> Result<(), Error> {
    let mut files = files_in(folder);
    let last = files.pop();
    files.iter().try_for_each(|path| atomic::remove_file(path))?;
    last.map_or(Ok(()), |path| Ok(atomic::write_file(&path, b"")?))
}

/// A folder's files, by name, which is by time.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files
}

fn derive<R: Record + Watched>(run: &PastRun, stage: Stage, progress: &dyn Progress) -> Result<(), Error> {
    let total = run.manifest.stages.get(stage.name()).map_or(0, |state| state.records);
    let mut watch = Watch::begin(&run.folder, stage, total, progress);
    for row in run.records::<R>(stage)? {
        watch.record(&row?.record, false);
    }
    watch.finish();
    Ok(())
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}
