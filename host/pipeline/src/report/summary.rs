//! From a run's folder to its [`Report`]: reads the artefacts, whoever made them, without taking the folder's
//! lock. Every record is checked before it counts.

use std::path::Path;

use ts_core::metrics::Scored;
use ts_recipe::{DivergenceBy, Recipe, ReportSection, SamplerKind};
use ts_run::manifest::ImportedFile;
use ts_run::records::{
    EvalRecord, ExampleRecord, GradeRecord, RefinedRecord, SampleRecord, SelectionRecord, TrainRecord,
};
use ts_run::{Artefact, Record, atomic};

use crate::Error;
use crate::past_run::PastRun;
use crate::progress::Silent;
use crate::report::card::card;
use crate::report::page::{self, page};
use crate::report::refinement::refinement_of;
use crate::report::rounds::rounds_of;
use crate::report::transfer::transfer_of;
use crate::report::{OfServers, PluginUsed, Report, Side, StageNumbers, differences};
use crate::stage::Stage;
use crate::watch::write_missing;

/// The report of a finished run; writes `report.json`, `report.md` and `report.html` beside its artefacts, and the model card.
///
/// # Errors
/// [`Error::MissingStage`] if one of the two evaluations is not done; artefacts that cannot be read.
pub fn report(folder: &Path) -> Result<Report, Error> {
    let run = PastRun::open(folder)?;
    report_with(&run, &run.recipe.report)
}

/// [`report`], made with other values of `[report]` than the run's.
///
/// # Errors
/// As [`report`].
pub fn report_with(run: &PastRun, section: &ReportSection) -> Result<Report, Error> {
    Ok(report_with_responses(run, section)?.0)
}

/// [`report_with`], and the responses to held-out problems before and after.
pub(super) fn report_with_responses(
    run: &PastRun,
    section: &ReportSection,
) -> Result<(Report, Vec<Scored>, Vec<Scored>), Error> {
    let recipe = &run.recipe;
    let (eval, seed) = (&recipe.eval, recipe.run.seed);
    let (baseline, baseline_scored) = side(run, Stage::EvalBaseline, section)?;
    let (result, result_scored) = side(run, Stage::EvalResult, section)?;
    let stages = stage_numbers(run)?;
    let first = (&result, stages.n_train_steps);
    let rounds = rounds_of(run, section, first, &baseline_scored, &result_scored)?;
    let report = Report {
        name: recipe.run.name.clone(),
        seed,
        budget_tokens: section.budget_tokens,
        n_runs: eval.n_runs,
        temperature: eval.temperature,
        differences: differences(&baseline_scored, &result_scored, section, seed)?,
        baseline,
        result,
        stages,
        plugins: PluginUsed::of(&run.manifest),
        adopted: run.manifest.adopted.clone(),
        rounds,
        transfer: transfer_of(run)?,
    };
    atomic::write_json(&Artefact::ReportJson.path_in(&run.folder), &report)?;
    atomic::write_file(&Artefact::ReportMd.path_in(&run.folder), report.to_markdown().as_bytes())?;
    let given =
        page::Given { run, section, report: &report, before: &baseline_scored, after: &result_scored };
    atomic::write_file(&Artefact::ReportHtml.path_in(&run.folder), page(&given)?.as_bytes())?;
    let model = Artefact::Model.path_in(&run.folder);
    if model.is_dir() {
        let card = card(run, &report, model.join("adapter_config.json").is_file());
        atomic::write_into(&model, Artefact::MODEL_CARD, card.as_bytes())?;
    }
    write_missing(run, &Silent)?;
    Ok((report, baseline_scored, result_scored))
}

/// One evaluation of a run, and its responses.
fn side(run: &PastRun, stage: Stage, section: &ReportSection) -> Result<(Side, Vec<Scored>), Error> {
    let records = run.records::<EvalRecord>(stage)?.map(|row| Ok(row?.record));
    Side::of(records, section, run.recipe.run.seed)
}

fn stage_numbers(run: &PastRun) -> Result<StageNumbers, Error> {
    let seconds = Stage::ALL
        .iter()
        .filter_map(|stage| Some((stage.name().to_owned(), run.manifest.stages.get(stage.name())?.seconds)));
    let mut numbers = StageNumbers { seconds: seconds.collect(), ..StageNumbers::default() };
    let imported = run.manifest.stages.get(Stage::Sample.name()).map_or(&[][..], |state| &state.imported);
    let file = |file: &ImportedFile| format!("{} ({}, sha256 {})", file.source, file.format, file.sha256);
    numbers.imported = imported.iter().map(file).collect();
    let mut n_correct = 0;
    for_each(run, Stage::Grade, |grade: GradeRecord| {
        numbers.n_samples += 1;
        numbers.ungraded.count(grade.outcome, grade.failure.as_deref());
        n_correct += usize::from(grade.outcome.is_correct());
    })?;
    let n_graded = numbers.n_samples - numbers.ungraded.total();
    numbers.sample_accuracy = n_correct as f64 / n_graded.max(1) as f64;
    for_each(run, Stage::Select, |selection: SelectionRecord| {
        numbers.n_problems_selected += usize::from(!selection.positives.is_empty());
        numbers.n_positives += selection.positives.len();
        numbers.n_pairs += selection.pairs.len();
        numbers.n_sequences += selection.sequences.len();
    })?;
    let (mut before, mut after, mut any_rewritten) = (0, 0, false);
    for_each(run, Stage::Refine, |refined: RefinedRecord| {
        before += u64::from(refined.tokens_before);
        after += u64::from(refined.tokens_after);
        any_rewritten |= refined.steps.iter().any(|step| step.n_candidates > 0);
        numbers.n_refined_dropped += usize::from(!refined.kept);
    })?;
    numbers.refined_tokens = any_rewritten.then_some((before, after));
    numbers.refinement = refinement_of(run)?;
    let mut sampled = Sampled::default();
    for_each(run, Stage::Sample, |sample: SampleRecord| sampled.count(&sample))?;
    numbers.sample_cut_off = sampled.n_cut_off as f64 / sampled.n.max(1) as f64;
    numbers.servers = of_servers(run, &sampled)?;
    for_each(run, Stage::Pair, |_: ExampleRecord| numbers.n_examples += 1)?;
    for_each(run, Stage::Train, |_: TrainRecord| numbers.n_train_steps += 1)?;
    Ok(numbers)
}

/// What is counted of the samples.
#[derive(Default)]
struct Sampled {
    n: usize,
    n_cut_off: usize,
    n_retokenised: usize,
}

impl Sampled {
    fn count(&mut self, sample: &SampleRecord) {
        self.n += 1;
        self.n_cut_off += usize::from(!sample.finished);
        self.n_retokenised += usize::from(sample.retokenised);
    }
}

fn of_servers(run: &PastRun, sampled: &Sampled) -> Result<Option<OfServers>, Error> {
    let Recipe { sampler, refine, .. } = &run.recipe;
    if sampler.kind == SamplerKind::Local {
        return Ok(None);
    }
    let mut n_retokenised = sampled.n_retokenised;
    for stage in [Stage::EvalBaseline, Stage::EvalResult] {
        for_each(run, stage, |record: EvalRecord| n_retokenised += usize::from(record.retokenised))?;
    }
    let is_estimated = refine.enabled && refine.divergence == DivergenceBy::TopK;
    Ok(Some(OfServers { n_retokenised, estimated_by: is_estimated.then_some(sampler.top_logprobs) }))
}

fn for_each<R: Record>(run: &PastRun, stage: Stage, mut count: impl FnMut(R)) -> Result<(), Error> {
    for row in run.records(stage)? {
        count(row?.record);
    }
    Ok(())
}
