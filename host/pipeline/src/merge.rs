//! Joining what several machines did: the shards' artefacts become those of the whole run, with the bytes
//! that one machine would have written.
//!
//! In: a run's folder, and folders in which its shards are, the run's own `shards/` among them. Out: the
//! stages that were joined. A shard that is missing, duplicate, not done or of another run is named, and
//! nothing is written then.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ts_run::folder::SHARDS;
use ts_run::manifest::{Manifest, stopping};
use ts_run::records::{
    CalibrationRecord, EvalRecord, ExampleRecord, GradeRecord, ReferenceRecord, RefinedRecord, SampleRecord,
    SelectionRecord,
};
use ts_run::{Artefact, ProblemFile, Record, RunFolder, Shard};

use crate::Error;
use crate::identity;
use crate::past_run::PastRun;
use crate::setup::{keep_problems, keep_recipe};
use crate::stage::Stage;

/// Joins every stage that the shards have and the run has not; gives those joined, each with its number of
/// shards.
///
/// # Errors
/// [`Error::NoShards`]; [`Error::Shards`] with the one that is missing, duplicate or not done;
/// [`Error::ForeignShard`] with the folder of one that belongs to another run; artefacts that were changed.
pub fn merge(run: &Path, others: &[PathBuf]) -> Result<Vec<(Stage, u32)>, Error> {
    let mut folders = vec![run.to_owned()];
    folders.extend(others.iter().cloned());
    let shards = find(&folders)?;
    let Some((_, first)) = shards.first() else { return Err(Error::NoShards { folders }) };
    let whole = Manifest { shard: None, stages: BTreeMap::new(), adopted: None, ..first.manifest.clone() };
    for (_, shard) in &shards {
        let differences = stopping(&whole, &Manifest { shard: None, ..shard.manifest.clone() });
        if !differences.is_empty() {
            let differences = identity::with_values(differences, &first.recipe, &shard.recipe);
            let (folder, first) = (shard.folder.clone(), first.folder.clone());
            return Err(Error::ForeignShard { folder, first, differences });
        }
    }
    // What can be wrong with them is found before anything is written.
    let done = match Artefact::Manifest.path_in(run).exists() {
        true => Some(PastRun::open(run)?),
        false => None,
    };
    let mut joined = Vec::new();
    for stage in Stage::ALL.into_iter().filter(|stage| stage.maps_over_problems()) {
        if done.as_ref().is_some_and(|done| done.is_done(stage)) {
            continue;
        }
        let having: Vec<_> = shards.iter().filter(|(_, shard)| has_begun(shard, stage)).collect();
        let adopted = done.as_ref().and_then(|done| done.manifest.adopted.as_ref());
        let other = |(_, shard): &&&(Shard, PastRun)| shard.manifest.adopted.as_ref() != adopted;
        if let Some((shard, run)) = having.iter().find(other).filter(|_| stage == Stage::EvalResult) {
            let folder = run.folder.display();
            let fault =
                format!("shard {shard} in {folder} has measured another model than the run has adopted");
            return Err(Error::Shards { stage, fault });
        }
        if !having.is_empty() {
            joined.push((stage, complete(stage, having)?));
        }
    }

    let mut folder = RunFolder::create_or_resume(run, &whole)?;
    if done.is_none() {
        keep_recipe(&folder, &first.recipe)?;
    }
    let mut stages = Vec::new();
    for (stage, shards) in joined {
        let train = problems(&folder, &shards, Artefact::ProblemsTrain)?;
        let heldout = problems(&folder, &shards, Artefact::ProblemsHeldout)?;
        let problems = if stage.is_heldout() { &heldout } else { &train };
        let path = folder.path_of(stage.artefact());
        let records = match stage {
            Stage::Sample => join::<SampleRecord>(&path, stage, &shards, problems),
            Stage::Grade => join::<GradeRecord>(&path, stage, &shards, problems),
            Stage::Select => join::<SelectionRecord>(&path, stage, &shards, problems),
            Stage::Calibrate => join::<CalibrationRecord>(&path, stage, &shards, problems),
            Stage::Refine => join::<RefinedRecord>(&path, stage, &shards, problems),
            Stage::Pair => join::<ExampleRecord>(&path, stage, &shards, problems),
            Stage::Reference => join::<ReferenceRecord>(&path, stage, &shards, problems),
            Stage::EvalBaseline | Stage::EvalResult => join::<EvalRecord>(&path, stage, &shards, problems),
            Stage::Train => continue,
        }?;
        let state = |shard: &&PastRun| shard.manifest.stages.get(stage.name()).map(|state| state.seconds);
        let seconds = shards.iter().filter_map(state).sum();
        folder.mark_done(stage.name(), stage.artefact(), None, records, seconds)?;
        stages.push((stage, shards.len() as u32));
    }
    Ok(stages)
}

/// The shards in these folders: a folder may be one, or have some below `shards/`.
fn find(folders: &[PathBuf]) -> Result<Vec<(Shard, PastRun)>, Error> {
    let mut paths = Vec::new();
    for folder in folders {
        paths.push(folder.clone());
        let list = std::fs::read_dir(folder.join(SHARDS)).into_iter().flatten().flatten();
        let mut below: Vec<PathBuf> = list.map(|entry| entry.path()).collect();
        below.sort();
        paths.extend(below);
    }
    let mut shards = Vec::new();
    for path in paths.iter().filter(|path| Artefact::Manifest.path_in(path).is_file()) {
        let run = PastRun::open(path)?;
        shards.extend(run.manifest.shard.map(|shard| (shard, run)));
    }
    shards.sort_by_key(|(shard, _)| *shard);
    Ok(shards)
}

fn has_begun(shard: &PastRun, stage: Stage) -> bool {
    shard.is_done(stage) || stage.artefact().path_in(&shard.folder).exists()
}

/// The shards of a stage, in order, after checking that they are a whole.
fn complete(stage: Stage, having: Vec<&(Shard, PastRun)>) -> Result<Vec<&PastRun>, Error> {
    let fault = |fault: String| Err(Error::Shards { stage, fault });
    let of = having[0].0.of();
    for pair in having.windows(2) {
        let ((shard, one), (next, other)) = (pair[0], pair[1]);
        if shard == next {
            let (one, other) = (one.folder.display(), other.folder.display());
            return fault(format!("shard {shard} is a duplicate: it is in {one} and in {other}"));
        }
    }
    if let Some((shard, run)) = having.iter().find(|(shard, _)| shard.of() != of) {
        return fault(format!("{} is shard {shard}, and others are of {of}", run.folder.display()));
    }
    let missing = (1..=of).filter(|index| !having.iter().any(|(shard, _)| shard.index() == *index));
    let missing: Vec<String> = missing.map(|index| format!("{index}/{of}")).collect();
    if !missing.is_empty() {
        return fault(format!("shard {} is missing", missing.join(", ")));
    }
    if let Some((shard, run)) = having.iter().find(|(_, run)| !run.is_done(stage)) {
        return fault(format!("shard {shard} in {} is not done", run.folder.display()));
    }
    Ok(having.into_iter().map(|(_, run)| run).collect())
}

/// Writes the whole run's problems, or checks that they are the same.
fn problems(folder: &RunFolder, shards: &[&PastRun], set: Artefact) -> Result<ProblemFile, Error> {
    let files = shards.iter().map(|shard| shard.problems(set)).collect::<Result<Vec<_>, _>>()?;
    let mut shares = files.iter().map(ProblemFile::problems).collect::<Result<Vec<_>, _>>()?;
    let n_shares = shares.len();
    keep_problems(folder, set, (0..).map_while(|place| shares[place % n_shares].next()))
}

fn join<R: Record>(
    path: &Path,
    stage: Stage,
    shards: &[&PastRun],
    problems: &ProblemFile,
) -> Result<u64, Error> {
    let records = shards.iter().map(|shard| shard.records::<R>(stage)).collect::<Result<Vec<_>, _>>()?;
    Ok(ts_run::merge::merge(path, records, problems.problems()?)?)
}
