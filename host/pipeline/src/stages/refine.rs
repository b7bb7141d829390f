//! Stage 2: rewrite the positives' reasoning step by step. TokenSqueeze, section 3.2 and appendix B.
//!
//! In: `samples.jsonl` and `selection.jsonl`. Out: `refined.jsonl`, a line a positive. Only what was selected
//! is refined (section 3 selects first). A refined response is graded again; one that the verifier no longer
//! accepts is not kept. With `[refine.adaptive]` the threshold is that of the problem's difficulty, by `calibration.jsonl`. How one response is
//! refined is in `responses::refining`.

use std::sync::Arc;

use ts_model::LanguageModel;
use ts_run::Key;
use ts_run::records::{CalibrationRecord, PositiveRecord, ProblemRecord, RefinedRecord, SampleRecord};

use super::Done;
use super::work::{Made, Task, Tasks, Work};
use crate::memory::{Demand, plan_stage, waiting_at_once};
use crate::responses::drift;
use crate::responses::grading::grade;
use crate::responses::refining::{Refined, Refining, cut};
use crate::responses::remote::Remote;
use crate::responses::rewrite::Drawer;
use crate::responses::selected::{SelectedReader, count_selected};
use crate::responses::thresholds::{Calibration, ThresholdGroup, threshold_of};
use crate::setup::servers::Served;
use crate::stage::Stage;
use crate::{Error, Run};
use ts_recipe::{BeyondDrift, DivergenceBy, RefineSection, SamplerKind, SamplerSection};

/// A positive, to be refined.
pub(super) struct Item {
    pub(super) problem: Arc<ProblemRecord>,
    pub(super) sample: SampleRecord,
    pub(super) positive: PositiveRecord,
}

pub(super) fn run(run: &Run<'_>) -> Result<Done, Error> {
    let work = Work {
        run,
        stage: Stage::Refine,
        unit: "positives",
        total: count_selected(run, |selection| selection.positives.len())?,
        workers: run.model_workers(),
    };
    let tasks = || -> Result<Tasks<'_, Item>, Error> {
        let mut selected = SelectedReader::open(run)?;
        Ok(Box::new(run.train.problems()?.flat_map(move |problem| match items(problem, &mut selected) {
            Ok(tasks) => tasks.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        })))
    };
    let adaptive = adaptive_thresholds(run)?;
    let adaptive = adaptive.as_deref();
    let mut totals = Totals::default();
    let load = || {
        plan_stage(run, Stage::Refine, &demand(run)?)?;
        run.base_model()
    };
    let each = |record: &RefinedRecord, _: &str| {
        totals.add(record);
        Ok(())
    };
    let records = if run.recipe.sampler.kind == SamplerKind::Local || !run.recipe.refine.enabled {
        let make = |model: &LanguageModel, item: Item, _: &[usize]| {
            Ok(vec![refine_one(run, Some(model), Drawer::Local, &item, adaptive)?])
        };
        work.run(tasks, load, make, each)?
    } else {
        let divergence = run.recipe.refine.divergence;
        let SamplerSection { refuse_first, top_logprobs, .. } = run.recipe.sampler;
        let top = (refuse_first || divergence == DivergenceBy::TopK).then_some(top_logprobs);
        let prepare = || {
            let model = match divergence {
                DivergenceBy::Exact => Some(load()?),
                DivergenceBy::TopK => None,
            };
            let shared = (model, Remote::open(run, Served::Base)?);
            let cores = run.model_workers().count();
            let n_at_once = cores + waiting_at_once(&run.recipe, cores);
            Ok((shared, n_at_once))
        };
        let make = |(model, remote): &(Option<LanguageModel>, Remote<'_>), item: Item, _: &[usize]| {
            let refine = || refine_one(run, model.as_ref(), Drawer::Servers(remote, top), &item, adaptive);
            Ok(vec![remote.turnstile().inside(refine)?])
        };
        work.gather(tasks, prepare, make, each)?
    };
    Ok(Done { records, summary: totals.summary() })
}

/// With `[refine.adaptive]` the threshold of each difficulty, chosen from the calibration of all problems, of a shard those of the whole run.
fn adaptive_thresholds(run: &Run<'_>) -> Result<Option<Vec<ThresholdGroup>>, Error> {
    let Some(section) = &run.recipe.refine.adaptive else { return Ok(None) };
    let mut calibration = Calibration::default();
    for row in run.records_of_all::<CalibrationRecord>(Stage::Calibrate)? {
        calibration.add(&row?.record);
    }
    let groups = calibration.choose(section);
    for group in groups.iter().filter(|group| group.max_kl_nats.is_none()) {
        let (name, n) = (group.name(), group.n_problems);
        run.progress.warn(&format!("{name}, {n} problems: {}", group.verdict(section.max_loss)));
    }
    if groups.is_empty() {
        run.progress.warn("no problem to choose thresholds from: nothing is rewritten");
    }
    Ok(Some(groups))
}

/// The longest positive and the longest of their steps.
pub(super) fn demand(run: &Run<'_>) -> Result<Demand, Error> {
    let (mut positives, mut response, mut longest_step) = (0, 0, 0);
    let mut selected = SelectedReader::open(run)?;
    for problem in run.train.problems()? {
        let problem = problem?;
        let selected = selected.of(&problem)?;
        for positive in &selected.selection.positives {
            let tokens = cut(run, &problem.id, selected.sample(positive.draw)?, positive.keep_steps)?;
            let steps = run.steps_of(&problem.id, &tokens)?.steps;
            longest_step = steps.iter().map(|step| step.len()).fold(longest_step, usize::max);
            response = response.max(tokens.len());
            positives += 1;
        }
    }
    let prompt = run.longest_prompt();
    Ok(Demand::Rewrites { positives, prompt, text: prompt + response, step: longest_step })
}

/// The positives of the next problem, which must be this one.
pub(super) fn items(
    problem: ts_run::Result<ProblemRecord>,
    selected: &mut SelectedReader,
) -> Result<Vec<Task<Item>>, Error> {
    let problem = Arc::new(problem?);
    let selected = selected.of(&problem)?;
    let item = |positive: &PositiveRecord| {
        let sample = selected.sample(positive.draw)?.clone();
        let keys = vec![Key::Draw(problem.id.clone(), positive.draw)];
        Ok(Task { keys, input: Item { problem: Arc::clone(&problem), sample, positive: positive.clone() } })
    };
    selected.selection.positives.iter().map(item).collect()
}

/// Refines one positive, below its difficulty's threshold if there are such.
fn refine_one(
    run: &Run<'_>,
    model: Option<&LanguageModel>,
    drawer: Drawer<'_>,
    item: &Item,
    adaptive: Option<&[ThresholdGroup]>,
) -> Result<Made<RefinedRecord>, Error> {
    let Item { problem, sample, positive } = item;
    let RefineSection { max_kl_nats, drift: limits, .. } = &run.recipe.refine;
    let original = cut(run, &problem.id, sample, positive.keep_steps)?;
    let refining = Refining { run, model, drawer, problem, draw: positive.draw };
    let of_difficulty = adaptive.map(|groups| threshold_of(groups, problem.difficulty));
    let (refined, n_tokens) = refining.below(&original, &[of_difficulty.unwrap_or(*max_kl_nats)])?;
    let [Refined { mut tokens, n_reasoning, mut steps, retokenised, .. }] = <[Refined; 1]>::try_from(refined)
        .map_err(|_| Error::Inconsistent {
            file: Stage::Refine.artefact().file_name(),
            message: format!("problem `{}`: one threshold gave other than one text", problem.id),
        })?;
    let mut retokenised = sample.retokenised || retokenised;
    let mut drift = None;
    if let Some((model, limits)) = model.zip(limits.as_ref()) {
        let n_reasoning_before = original.len() + n_reasoning - tokens.len(); // what follows is the same
        let sides = ((&original[..], n_reasoning_before), (&tokens[..], n_reasoning));
        let mut measured = drift::measure(model, &run.prompt_tokens(problem)?, sides.0, sides.1)?;
        measured.is_beyond = drift::is_beyond(limits, &measured);
        if measured.is_beyond && limits.beyond == BeyondDrift::Original {
            tokens = original;
            retokenised = sample.retokenised;
            for step in &mut steps {
                (step.tokens_after, step.kl_nats, step.estimate) = (step.tokens_before, None, None);
            }
        }
        drift = Some(measured);
    }
    let is_dropped = drift.as_ref().is_some_and(|drift| drift.is_beyond)
        && limits.as_ref().is_some_and(|limits| limits.beyond == BeyondDrift::Drop);
    let text = run.tokenizer.decode_plain(&tokens)?;
    let outcome = grade(&run.plugins.verifier, problem, &text)?.outcome;
    let record = RefinedRecord {
        problem: problem.id.clone(),
        draw: positive.draw,
        tokens_before: sample.tokens.len() as u32,
        tokens_after: tokens.len() as u32,
        tokens,
        text,
        steps,
        outcome,
        kept: outcome.is_correct() && !is_dropped,
        retokenised,
        max_kl_nats: of_difficulty,
        drift,
    };
    Ok(Made { record, n_tokens: Some(n_tokens), note: String::new() })
}

#[derive(Default)]
struct Totals {
    before: u64,
    after: u64,
    positives: usize,
    dropped: usize,
    n_beyond: usize,
}

impl Totals {
    fn add(&mut self, record: &RefinedRecord) {
        self.before += u64::from(record.tokens_before);
        self.after += u64::from(record.tokens_after);
        self.positives += 1;
        self.dropped += usize::from(!record.kept);
        self.n_beyond += usize::from(record.drift.as_ref().is_some_and(|drift| drift.is_beyond));
    }

    fn summary(&self) -> String {
        let Self { before, after, positives, dropped, n_beyond } = self;
        let share = 100.0 * *after as f64 / (*before).max(1) as f64;
        let beyond = if *n_beyond > 0 { format!(", {n_beyond} drifted too far") } else { String::new() };
        format!("{positives} positives, {before} to {after} tokens ({share:.1} %), {dropped} dropped{beyond}")
    }
}
