//! From a run's folder to its [`Report`]: reads the artefacts, whoever made them, without taking the folder's lock.

use std::io::ErrorKind;
use std::path::Path;

use ts_run::manifest::{Manifest, read_manifest};
use ts_run::records::{EvalRecord, ExampleRecord, GradeRecord, RefinedRecord, SelectionRecord, TrainRecord};
use ts_run::{Artefact, atomic, read_journal};

use crate::Error;
use crate::recipe::{Loader, Recipe};
use crate::report::{Report, Side, StageNumbers, differences};
use crate::stages::Stage;
use crate::ungraded::Ungraded;

/// The report of a finished run; writes `report.json` and `report.md` beside its artefacts.
///
/// # Errors
/// [`Error::MissingStage`] if one of the two evaluations is not done; artefacts that cannot be read.
pub fn report(folder: &Path) -> Result<Report, Error> {
    let manifest = read_manifest(&Artefact::Manifest.path_in(folder))?;
    let recipe = kept_recipe(folder)?;
    for stage in [Stage::EvalBaseline, Stage::EvalResult] {
        require(&manifest, stage, folder)?;
    }
    let baseline: Vec<EvalRecord> = read_journal(&Artefact::EvalBaseline.path_in(folder))?;
    let result: Vec<EvalRecord> = read_journal(&Artefact::EvalResult.path_in(folder))?;
    let (eval, seed) = (&recipe.eval, recipe.run.seed);
    let (baseline, baseline_scored) = Side::of(&baseline, eval, seed)?;
    let (result, result_scored) = Side::of(&result, eval, seed)?;
    let report = Report {
        name: recipe.run.name.clone(),
        seed,
        budget_tokens: eval.budget_tokens,
        n_runs: eval.n_runs,
        temperature: eval.temperature,
        differences: differences(&baseline_scored, &result_scored, eval, seed)?,
        baseline,
        result,
        stages: stage_numbers(folder, &manifest)?,
    };
    atomic::write_json(&Artefact::ReportJson.path_in(folder), &report)?;
    atomic::write_file(&Artefact::ReportMd.path_in(folder), report.to_markdown().as_bytes())?;
    Ok(report)
}

/// The recipe that a run's folder keeps.
///
/// # Errors
/// The folder is no run's, or its recipe was damaged.
pub fn kept_recipe(folder: &Path) -> Result<Recipe, Error> {
    let path = Artefact::Recipe.path_in(folder);
    let text = std::fs::read_to_string(&path).map_err(|source| match source.kind() {
        ErrorKind::NotFound => Error::NoRun { folder: folder.to_owned() },
        _ => Error::File { path: path.clone(), source },
    })?;
    Ok(Loader::parse(&path.display().to_string(), &text)?)
}

fn require(manifest: &Manifest, stage: Stage, folder: &Path) -> Result<(), Error> {
    match manifest.stages.get(stage.name()) {
        Some(state) if state.done => Ok(()),
        _ => Err(Error::MissingStage { stage, folder: folder.to_owned() }),
    }
}

fn stage_numbers(folder: &Path, manifest: &Manifest) -> Result<StageNumbers, Error> {
    let grades: Vec<GradeRecord> = read_journal(&Artefact::Grades.path_in(folder))?;
    let selections: Vec<SelectionRecord> = read_journal(&Artefact::Selection.path_in(folder))?;
    let refined: Vec<RefinedRecord> = read_journal(&Artefact::Refined.path_in(folder))?;
    let examples: Vec<ExampleRecord> = read_journal(&Artefact::Examples.path_in(folder))?;
    let steps: Vec<TrainRecord> = read_journal(&Artefact::Train.path_in(folder))?;
    let ungraded = Ungraded::among(grades.iter().map(|grade| (grade.outcome, grade.failure.as_deref())));
    let n_correct = grades.iter().filter(|grade| grade.outcome.is_correct()).count();
    let seconds = Stage::ALL
        .iter()
        .filter_map(|stage| Some((stage.name().to_owned(), manifest.stages.get(stage.name())?.seconds)));
    let before: u64 = refined.iter().map(|r| u64::from(r.tokens_before)).sum();
    let after: u64 = refined.iter().map(|r| u64::from(r.tokens_after)).sum();
    let any_rewritten = refined.iter().flat_map(|r| &r.steps).any(|step| step.n_candidates > 0);
    Ok(StageNumbers {
        n_samples: grades.len(),
        sample_accuracy: n_correct as f64 / (grades.len() - ungraded.total()).max(1) as f64,
        ungraded,
        n_problems_selected: selections.iter().filter(|s| !s.positives.is_empty()).count(),
        n_positives: selections.iter().map(|s| s.positives.len()).sum(),
        n_pairs: selections.iter().map(|s| s.pairs.len()).sum(),
        refined_tokens: any_rewritten.then_some((before, after)),
        n_refined_dropped: refined.iter().filter(|r| !r.kept).count(),
        n_examples: examples.len(),
        n_train_steps: steps.len(),
        seconds: seconds.collect(),
    })
}
