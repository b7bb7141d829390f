//! Before stage 2, where the recipe has `[refine.adaptive]`: what refining at each threshold does to the answers. Beyond the paper.
//!
//! In: `samples.jsonl` and `selection.jsonl`, of training problems alone. Out: `calibration.jsonl`, a line a positive of a problem that
//! decides. Each positive is refined at every threshold of the grid; rewrites are drawn and scored once for all of them
//! (`responses::refining`), and are those that stage 2 draws. From each refined reasoning, and from the original's, the model goes on to the
//! answer a few times, with the same seeds; an answer is lost if it is right after the original and not after the refined one. One without a
//! grade is not right. Which threshold each difficulty gets follows from all records, and stage 2 looks it up: `responses::thresholds`.

use std::collections::BTreeMap;

use ts_core::seed::derive_seed;
use ts_model::LanguageModel;
use ts_model::generate::{Prompt, Request, Sampling, Unwatched, generate};
use ts_recipe::AdaptiveSection;
use ts_run::records::{CalibrationRecord, ThresholdRecord};

use super::Done;
use super::refine::{Item, demand, items};
use super::work::{Made, Task, Tasks, Work};
use crate::memory::plan_stage;
use crate::responses::grading::grade;
use crate::responses::refining::{Refining, cut};
use crate::responses::rewrite::Drawer;
use crate::responses::selected::{SelectedReader, count_selected};
use crate::responses::thresholds::Calibration;
use crate::stage::Stage;
use crate::{Error, Run};

pub(super) fn run(run: &Run<'_>, adaptive: &AdaptiveSection) -> Result<Done, Error> {
    let is_asked =
        |problem: &str| adaptive.share >= 1.0 || share_of(run.recipe.run.seed, problem) < adaptive.share;
    let work =
        Work {
            run,
            stage: Stage::Calibrate,
            unit: "positives",
            total: count_selected(run, |selection| {
                if is_asked(&selection.problem) { selection.positives.len() } else { 0 }
            })?,
            workers: run.model_workers(),
        };
    let tasks = || -> Result<Tasks<'_, Item>, Error> {
        let mut selected = SelectedReader::open(run)?;
        Ok(Box::new(run.train.problems()?.flat_map(move |problem| match items(problem, &mut selected) {
            Ok(tasks) => {
                let is_asked = |task: &Task<Item>| is_asked(&task.input.problem.id);
                tasks.into_iter().filter(is_asked).map(Ok).collect()
            }
            Err(error) => vec![Err(error)],
        })))
    };
    let load = || {
        plan_stage(run, Stage::Calibrate, &demand(run)?)?;
        run.base_model()
    };
    let make = |model: &LanguageModel, item: Item, _: &[usize]| {
        Ok(vec![calibrate_one(run, model, adaptive, &item)?])
    };
    let mut calibration = Calibration::default();
    let each = |record: &CalibrationRecord, _: &str| {
        calibration.add(record);
        Ok(())
    };
    let records = work.run(tasks, load, make, each)?;
    let mut summary = format!("{records} positives at {} thresholds", adaptive.thresholds.len());
    if run.folder.manifest().shard.is_none() {
        for group in calibration.choose(adaptive) {
            summary += &format!("; {} ({} problems): ", group.name(), group.n_problems);
            summary += &group.verdict(adaptive.max_loss);
        }
    }
    Ok(Done { records, summary })
}

/// A number from 0 to 1 that is a problem's own, whatever the shards.
fn share_of(run_seed: u64, problem: &str) -> f64 {
    derive_seed(run_seed, Stage::Calibrate.name(), problem, 0) as f64 / 2_f64.powi(64)
}

fn calibrate_one(
    run: &Run<'_>,
    model: &LanguageModel,
    adaptive: &AdaptiveSection,
    item: &Item,
) -> Result<Made<CalibrationRecord>, Error> {
    let Item { problem, sample, positive } = item;
    let original = cut(run, &problem.id, sample, positive.keep_steps)?;
    let (model_here, drawer) = (Some(model), Drawer::Local);
    let refining = Refining { run, model: model_here, drawer, problem, draw: positive.draw };
    let (refined, n_tokens) = refining.below(&original, &adaptive.thresholds)?;
    let n_reasoning = run.steps_of(&problem.id, &original)?.tail.start;
    let mut rollouts = Rollouts {
        run,
        model,
        adaptive,
        item,
        answer: &original[n_reasoning..],
        max_new_tokens: run.recipe.sample.max_new_tokens.saturating_sub(n_reasoning).max(1),
        known: BTreeMap::new(),
        n_tokens,
    };
    let reasonings = refined.iter().map(|text| &text.tokens[..text.n_reasoning]);
    rollouts.draw([&original[..n_reasoning]].into_iter().chain(reasonings))?;
    let before = rollouts.of(&original[..n_reasoning]);
    let count =
        |is_so: &dyn Fn(usize) -> bool| (0..before.len()).filter(|&place| is_so(place)).count() as u32;
    let mut thresholds = Vec::with_capacity(adaptive.thresholds.len());
    for text in &refined {
        let after = rollouts.of(&text.tokens[..text.n_reasoning]);
        for &max_kl_nats in &adaptive.thresholds[text.thresholds.clone()] {
            thresholds.push(ThresholdRecord {
                max_kl_nats,
                tokens_after: text.tokens.len() as u32,
                n_correct: count(&|place| after[place]),
                n_lost: count(&|place| before[place] && !after[place]),
            });
        }
    }
    let record = CalibrationRecord {
        problem: problem.id.clone(),
        draw: positive.draw,
        difficulty: problem.difficulty,
        tokens_before: original.len() as u32,
        n_rollouts: adaptive.n_rollouts,
        n_correct_before: count(&|place| before[place]),
        thresholds,
    };
    Ok(Made { record, n_tokens: Some(rollouts.n_tokens), note: String::new() })
}

/// Continuations of reasonings to their answers, each text's found once.
struct Rollouts<'a> {
    run: &'a Run<'a>,
    model: &'a LanguageModel,
    adaptive: &'a AdaptiveSection,
    item: &'a Item,
    /// What follows the reasoning in the original; empty if nothing does.
    answer: &'a [u32],
    max_new_tokens: usize,
    /// Of each reasoning, whether each continuation is right.
    known: BTreeMap<Vec<u32>, Vec<bool>>,
    /// Tokens sampled so far, for rewrites too.
    n_tokens: u64,
}

impl Rollouts<'_> {
    /// Finds those of `reasonings` that are not known yet.
    fn draw<'r>(&mut self, reasonings: impl Iterator<Item = &'r [u32]>) -> Result<(), Error> {
        let mut unknown: Vec<&[u32]> = reasonings.filter(|it| !self.known.contains_key(*it)).collect();
        unknown.sort_unstable();
        unknown.dedup();
        let n_rollouts = self.adaptive.n_rollouts as usize;
        if self.answer.is_empty() {
            // The reasoning never ended, and the answer stands in it: there is nothing to draw.
            for reasoning in unknown {
                let right = vec![self.is_right(reasoning)?; n_rollouts];
                self.known.insert(reasoning.to_vec(), right);
            }
            return Ok(());
        }
        let (run, model, adaptive) = (self.run, self.model, self.adaptive);
        let Item { problem, positive, .. } = self.item;
        let stage = format!("{}/{}", Stage::Calibrate.name(), positive.draw);
        let seed = |rollout| derive_seed(run.recipe.run.seed, &stage, &problem.id, rollout);
        let seeds: Vec<u64> = (0..u64::from(adaptive.n_rollouts)).map(seed).collect();
        let prompt = run.prompt_tokens(problem)?;
        let request = |reasoning: &&[u32]| {
            let prompt = Prompt::Tokens([prompt.as_slice(), reasoning].concat());
            Request { prompt, seeds: seeds.clone() }
        };
        let requests: Vec<Request> = unknown.iter().map(request).collect();
        let sampling = Sampling {
            temperature: adaptive.temperature,
            top_p: 1.0,
            max_new_tokens: self.max_new_tokens,
            max_batch_rows: run.recipe.refine.n_rewrites.max(1) as usize,
        };
        let drawn = generate(model, &requests, &sampling, &mut Unwatched)?;
        for (reasoning, draws) in unknown.into_iter().zip(drawn) {
            let mut right = Vec::with_capacity(n_rollouts);
            for draw in draws {
                self.n_tokens += draw.tokens.len() as u64;
                right.push(self.is_right(&[reasoning, &draw.tokens].concat())?);
            }
            self.known.insert(reasoning.to_vec(), right);
        }
        Ok(())
    }

    fn is_right(&self, response: &[u32]) -> Result<bool, Error> {
        let text = self.run.tokenizer.decode_plain(response)?;
        Ok(grade(&self.run.plugins.verifier, &self.item.problem, &text)?.outcome.is_correct())
    }

    /// Whether each continuation of a reasoning that was drawn is right.
    fn of(&self, reasoning: &[u32]) -> &[bool] {
        self.known.get(reasoning).map_or(&[], Vec::as_slice)
    }
}
