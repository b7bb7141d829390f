//! Stage 2: rewrite the positives' reasoning step by step. TokenSqueeze, section 3.2 and appendix B.
//!
//! In: `samples.jsonl` and `selection.jsonl`. Out: `refined.jsonl`, a line a positive. Only what was selected
//! is refined (section 3 selects first). A refined response is graded again; one that the verifier no longer
//! accepts is not kept. How one step is rewritten is in `rewrite`.

use std::sync::Arc;

use ts_core::seed::derive_seed;
use ts_model::{LanguageModel, Prefix};
use ts_run::Key;
use ts_run::records::{
    EstimateRecord, PositiveRecord, ProblemRecord, RefinedRecord, SampleRecord, StepRecord,
};

use super::Done;
use super::work::{Made, Task, Tasks, Work};
use crate::memory::{Demand, plan_stage, waiting_at_once};
use crate::responses::grading::grade;
use crate::responses::remote::{Remote, server_seed};
use crate::responses::rewrite::{After, Context, Drawer, Rewriter};
use crate::responses::selected::{SelectedReader, count_selected};
use crate::setup::servers::Served;
use crate::stage::Stage;
use crate::{Error, Run};
use ts_recipe::{DivergenceBy, RefineContext, RefineSection, SamplerKind, SamplerSection};

/// A positive, to be refined.
struct Item {
    problem: Arc<ProblemRecord>,
    sample: SampleRecord,
    positive: PositiveRecord,
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
            Ok(vec![refine_one(run, Some(model), Drawer::Local, &item)?])
        };
        work.run(tasks, load, make, each)?
    } else {
        let RefineSection { divergence, .. } = run.recipe.refine;
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
            let refine = || refine_one(run, model.as_ref(), Drawer::Servers(remote, top), &item);
            Ok(vec![remote.turnstile().inside(refine)?])
        };
        work.gather(tasks, prepare, make, each)?
    };
    Ok(Done { records, summary: totals.summary() })
}

/// The longest positive and the longest of their steps.
fn demand(run: &Run<'_>) -> Result<Demand, Error> {
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
fn items(
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

/// Refines one positive.
fn refine_one(
    run: &Run<'_>,
    model: Option<&LanguageModel>,
    drawer: Drawer<'_>,
    item: &Item,
) -> Result<Made<RefinedRecord>, Error> {
    let Item { problem, sample, positive } = item;
    let refine = &run.recipe.refine;
    let original = cut(run, &problem.id, sample, positive.keep_steps)?;
    let steps = run.steps_of(&problem.id, &original)?;
    let rewriter = Rewriter {
        drawer,
        tokenizer: &run.tokenizer,
        splitter: &run.plugins.step_splitter,
        reasoning_end: &run.recipe.prompt.reasoning_end,
        refine,
        problem: &problem.id,
    };
    let mut tokens = Vec::with_capacity(original.len());
    let mut records = Vec::with_capacity(steps.steps.len());
    let mut n_tokens = 0;
    let mut retokenised = sample.retokenised;
    let mut context = run.prompt_tokens(problem)?;
    let mut prefix = model.map(|model| Prefix::new(model, &context)).transpose()?;
    let mut known = None;
    for (index, range) in steps.steps.iter().enumerate() {
        let step = &original[range.clone()];
        let rewritten = if refine.enabled {
            let window_end = original.len().min(range.end + refine.kl_window_tokens);
            let is_last = index + 1 == steps.steps.len();
            let seeds = step_seeds(run, problem, positive.draw, index);
            let decoder = model.zip(prefix.as_ref());
            let context = Context { decoder, known: known.as_ref(), tokens: &context };
            rewriter.rewrite(context, step, &original[range.end..window_end], is_last, seeds)?
        } else {
            Default::default()
        };
        n_tokens += rewritten.n_tokens;
        let After { rewrite: after_rewrite, original: after_original } = rewritten.after;
        let (now, kl_nats, after_now) = match &rewritten.chosen {
            Some((rewrite, kl_nats)) => (rewrite.as_slice(), Some(*kl_nats), after_rewrite),
            None => (step, None, after_original.clone()),
        };
        retokenised |= rewritten.retokenised;
        let follows;
        (follows, known) = match refine.context {
            RefineContext::Refined => (now, after_now),
            RefineContext::Original => (step, after_original),
        };
        if let (Some(model), Some(prefix)) = (model, &mut prefix) {
            prefix.extend(model, follows)?;
        }
        context.extend_from_slice(follows);
        tokens.extend_from_slice(now);
        records.push(StepRecord {
            tokens_before: step.len() as u32,
            tokens_after: now.len() as u32,
            n_candidates: rewritten.n_candidates,
            n_scored: rewritten.n_scored,
            n_tokens: rewritten.n_tokens,
            kl_nats,
            n_refused: rewritten.n_refused,
            estimate: rewritten
                .tail_mass
                .map(|tail_mass| EstimateRecord { top_k: run.recipe.sampler.top_logprobs, tail_mass }),
        });
    }
    tokens.extend_from_slice(&original[steps.tail]);
    let text = run.tokenizer.decode_plain(&tokens)?;
    let outcome = grade(&run.plugins.verifier, problem, &text)?.outcome;
    let record = RefinedRecord {
        problem: problem.id.clone(),
        draw: positive.draw,
        tokens_before: sample.tokens.len() as u32,
        tokens_after: tokens.len() as u32,
        tokens,
        text,
        steps: records,
        outcome,
        kept: outcome.is_correct(),
        retokenised,
    };
    Ok(Made { record, n_tokens: Some(n_tokens), note: String::new() })
}

/// A response with only its first reasoning steps, and everything after the reasoning.
fn cut(
    run: &Run<'_>,
    problem: &str,
    sample: &SampleRecord,
    keep_steps: Option<u32>,
) -> Result<Vec<u32>, Error> {
    let Some(keep) = keep_steps else { return Ok(sample.tokens.clone()) };
    let steps = run.steps_of(problem, &sample.tokens)?;
    let kept =
        (keep as usize).checked_sub(1).and_then(|last| steps.steps.get(last)).map_or(0, |step| step.end);
    Ok([&sample.tokens[..kept], &sample.tokens[steps.tail]].concat())
}

/// A seed for each rewrite of one step.
fn step_seeds(run: &Run<'_>, problem: &ProblemRecord, draw: u32, step: usize) -> Vec<u64> {
    let stage = format!("{}/{draw}/{step}", Stage::Refine.name());
    let seed = |rewrite| match run.recipe.sampler.kind {
        SamplerKind::Local => derive_seed(run.recipe.run.seed, &stage, &problem.id, u64::from(rewrite)),
        SamplerKind::Openai => server_seed(run, &stage, &problem.id, rewrite),
    };
    (0..run.recipe.refine.n_rewrites).map(seed).collect()
}

#[derive(Default)]
struct Totals {
    before: u64,
    after: u64,
    positives: usize,
    dropped: usize,
}

impl Totals {
    fn add(&mut self, record: &RefinedRecord) {
        self.before += u64::from(record.tokens_before);
        self.after += u64::from(record.tokens_after);
        self.positives += 1;
        self.dropped += usize::from(!record.kept);
    }

    fn summary(&self) -> String {
        let Self { before, after, positives, dropped } = self;
        let share = 100.0 * *after as f64 / (*before).max(1) as f64;
        format!("{positives} positives, {before} to {after} tokens ({share:.1} %), {dropped} dropped")
    }
}
