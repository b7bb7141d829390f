//! Stage 2: rewrite the positives' reasoning step by step. TokenSqueeze, section 3.2 and appendix B.
//!
//! In: `samples.jsonl` and `selection.jsonl`. Out: `refined.jsonl`, a line a positive. Only what was selected is refined
//! (section 3 selects first). A refined response is graded again; one that the verifier no longer accepts is not
//! kept. How one step is rewritten is left out on purpose: `rewrite` does that.

use std::collections::BTreeMap;

use ts_core::seed::derive_seed;
use ts_model::{LanguageModel, Prefix};
use ts_run::Artefact;
use ts_run::records::{
    PositiveRecord, ProblemRecord, RefinedRecord, SampleRecord, SelectionRecord, StepRecord,
};

use super::grade::grade;
use super::{Done, Stage};
use crate::recipe::RefineContext;
use crate::rewrite::Rewriter;
use crate::{Error, Run};

/// A positive, to be refined.
struct Item<'a> {
    problem: &'a ProblemRecord,
    sample: &'a SampleRecord,
    positive: &'a PositiveRecord,
}

pub(super) fn run(run: &Run<'_>) -> Result<Done, Error> {
    let samples: Vec<SampleRecord> = run.read(Stage::Sample)?;
    let selections: Vec<SelectionRecord> = run.read(Stage::Select)?;
    let samples: BTreeMap<(&str, u32), &SampleRecord> =
        samples.iter().map(|sample| ((sample.problem.as_str(), sample.draw), sample)).collect();
    let problems: BTreeMap<&str, &ProblemRecord> = run.train.iter().map(|p| (p.id.as_str(), p)).collect();
    let mut items = Vec::new();
    for selection in &selections {
        for positive in &selection.positives {
            let (Some(&problem), Some(&sample)) = (
                problems.get(selection.problem.as_str()),
                samples.get(&(selection.problem.as_str(), positive.draw)),
            ) else {
                let message = format!("problem `{}` has no draw {}", selection.problem, positive.draw);
                return Err(Error::Inconsistent { file: "selection.jsonl", message });
            };
            items.push(Item { problem, sample, positive });
        }
    }

    let (mut journal, done) = run.folder.journal::<RefinedRecord>(Artefact::Refined)?;
    run.progress.start(Stage::Refine.name(), "positives", done.len() as u64, items.len() as u64);
    let mut totals = Totals::default();
    done.iter().for_each(|record| totals.add(record));
    let rest = items.get(done.len()..).unwrap_or_default();
    if !rest.is_empty() {
        let model = run.base_model()?;
        let refine = |item: &Item<'_>| refine_one(run, &model, item);
        run.model_workers().for_each_ordered(rest.iter().collect(), refine, |(record, n_tokens)| {
            journal.append(&record)?;
            totals.add(&record);
            run.progress.advance(1, n_tokens);
            Ok(())
        })?;
    }
    journal.sync()?;
    Ok(Done { records: journal.n_records(), summary: totals.summary() })
}

/// Refines one positive; also says how many tokens were sampled for it.
fn refine_one(run: &Run<'_>, model: &LanguageModel, item: &Item<'_>) -> Result<(RefinedRecord, u64), Error> {
    let Item { problem, sample, positive } = *item;
    let refine = &run.recipe.refine;
    let original = cut(run, &problem.id, sample, positive.keep_steps)?;
    let steps = run.steps_of(&problem.id, &original)?;
    let rewriter = Rewriter {
        model,
        tokenizer: &run.tokenizer,
        splitter: &run.plugins.step_splitter,
        reasoning_end: &run.recipe.prompt.reasoning_end,
        refine,
        problem: &problem.id,
    };
    let mut tokens = Vec::with_capacity(original.len());
    let mut records = Vec::with_capacity(steps.steps.len());
    let mut n_tokens = 0;
    let mut prefix = Prefix::new(model, &run.prompt_tokens(problem)?)?;
    for (index, range) in steps.steps.iter().enumerate() {
        let step = &original[range.clone()];
        let rewritten = if refine.enabled {
            let window_end = original.len().min(range.end + refine.kl_window_tokens);
            let is_last = index + 1 == steps.steps.len();
            let seeds = step_seeds(run, problem, positive.draw, index);
            rewriter.rewrite(&prefix, step, &original[range.end..window_end], is_last, seeds)?
        } else {
            Default::default()
        };
        n_tokens += rewritten.n_tokens;
        let (now, kl_nats) = match &rewritten.chosen {
            Some((rewrite, kl_nats)) => (rewrite.as_slice(), Some(*kl_nats)),
            None => (step, None),
        };
        prefix.extend(
            model,
            match refine.context {
                RefineContext::Refined => now,
                RefineContext::Original => step,
            },
        )?;
        tokens.extend_from_slice(now);
        records.push(StepRecord {
            tokens_before: step.len() as u32,
            tokens_after: now.len() as u32,
            n_candidates: rewritten.n_candidates,
            n_scored: rewritten.n_scored,
            n_tokens: rewritten.n_tokens,
            kl_nats,
        });
    }
    tokens.extend_from_slice(&original[steps.tail]);
    let text = run.tokenizer.decode_plain(&tokens)?;
    let outcome = grade(&run.plugins.verifier, problem, &text).outcome;
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
    };
    Ok((record, n_tokens))
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
    let seed = |rewrite| derive_seed(run.recipe.run.seed, &stage, &problem.id, u64::from(rewrite));
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
