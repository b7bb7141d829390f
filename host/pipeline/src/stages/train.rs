//! Stage 3, second part: train with DPO-L + SFT. TokenSqueeze, section 3.3 and A.2.
//!
//! In: `examples.jsonl` and the checkpoint that the run starts from. Out: `reference.jsonl`, the reference
//! log-probabilities, computed once before training so that no second model is in memory; `train.jsonl`, a line a step;
//! `model/`, a Hugging Face folder. Checkpoints hold the weights and the optimiser's moments in full, and batches
//! derive from the seed, so a run that resumes goes through the same steps to the same bits on the CPU. The loss is left
//! out on purpose: `objective` has it.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use candle_core::Tensor;
use ts_core::seed::{SplitMix64, derive_seed};
use ts_model::LanguageModel;
use ts_model::log_prob::{Sequence, score_sequences};
use ts_model::optim::{AdamW, AdamWConfig, Decay, LearningRate};
use ts_model::shards::GradientSum;
use ts_model::weights::SaveOptions;
use ts_run::records::{ExampleKind, ExampleRecord, ReferenceRecord, TrainRecord};
use ts_run::{Artefact, Journal, atomic};

use super::{Done, Stage};
use crate::objective::{Example, Rejected, Sums, micro_batch_gradients, micro_batches};
use crate::recipe::{Schedule, SftExamples, TrainSection};
use crate::{Error, Run};

/// Examples scored by one thread before their reference log-probabilities are written.
const REFERENCE_CHUNK: usize = 16;

pub(super) fn run(run: &Run<'_>) -> Result<Done, Error> {
    let train = &run.recipe.train;
    let records: Vec<ExampleRecord> = run.read(Stage::Train, Stage::Pair)?;
    let model = run.base_model()?;
    let reference = reference_log_probs(run, &model, &records)?;
    let (examples, n_too_long) = examples(&records, &reference, train)?;
    if n_too_long > 0 {
        let limit = train.max_context_tokens;
        run.progress.warn(&format!("{n_too_long} examples are longer than {limit} tokens and left out"));
    }
    let plan = Plan::new(examples.len(), train, run.recipe.run.seed);
    let n_steps = plan.n_steps;
    let mut trainer = Trainer::resume(run, model, plan)?;
    run.progress.start(Stage::Train.name(), "steps", trainer.step as u64, n_steps as u64);
    while trainer.step < n_steps {
        let (record, tokens) = trainer.step(&examples)?;
        trainer.journal.append(&record)?;
        run.progress.advance(1, tokens);
        if trainer.step % train.checkpoint_every == 0 && trainer.step < n_steps {
            trainer.checkpoint()?;
        }
    }
    trainer.journal.sync()?;
    save_model(run, &trainer.model, &run.folder.path_of(Artefact::Model))?;
    remove_folder(&run.folder.path_of(Artefact::Checkpoints))?;
    let summary = format!("{} examples, {n_steps} steps", examples.len());
    Ok(Done { records: trainer.journal.n_records(), summary })
}

/// log pi_ref of every example's responses, under the model before training.
fn reference_log_probs(
    run: &Run<'_>,
    model: &LanguageModel,
    records: &[ExampleRecord],
) -> Result<Vec<ReferenceRecord>, Error> {
    let (mut journal, mut done) = run.folder.journal::<ReferenceRecord>(Artefact::Reference)?;
    let rest = records.get(done.len()..).unwrap_or_default();
    if rest.is_empty() {
        return Ok(done);
    }
    run.progress.start("reference", "examples", done.len() as u64, records.len() as u64);
    let chunks: Vec<&[ExampleRecord]> = rest.chunks(REFERENCE_CHUNK).collect();
    let score = |chunk: &[ExampleRecord]| {
        let chosen = chunk.iter().map(|e| Sequence::new(&e.prompt_tokens, &e.chosen_tokens));
        let rejected =
            chunk.iter().filter_map(|e| Some(Sequence::new(&e.prompt_tokens, e.rejected_tokens.as_ref()?)));
        let sequences: Vec<Sequence> = chosen.chain(rejected).collect();
        let scores = score_sequences(model, &sequences, run.recipe.train.micro_batch_tokens)?;
        let (chosen, rejected) = scores.split_at(chunk.len());
        let mut rejected = rejected.iter();
        let tokens = sequences.iter().map(|s| s.tokens.len() as u64).sum::<u64>();
        let records = chunk.iter().zip(chosen).map(|(example, &chosen_logp)| ReferenceRecord {
            id: example.id.clone(),
            chosen_logp,
            rejected_logp: example.rejected_tokens.as_ref().and_then(|_| rejected.next().copied()),
        });
        Ok((records.collect::<Vec<_>>(), tokens))
    };
    run.model_workers().for_each_ordered(chunks, score, |(records, tokens)| {
        let n = records.len() as u64;
        for record in records {
            journal.append(&record)?;
            done.push(record);
        }
        run.progress.advance(n, tokens);
        Ok::<(), Error>(())
    })?;
    journal.sync()?;
    run.progress.finish(&format!("{} log-probabilities", done.len()));
    Ok(done)
}

/// What to train on, and how many examples are too long for that.
fn examples(
    records: &[ExampleRecord],
    reference: &[ReferenceRecord],
    train: &TrainSection,
) -> Result<(Vec<Example>, usize), Error> {
    let pairs = records.iter().filter(|e| e.kind == ExampleKind::Pair);
    let in_pairs: BTreeSet<(&str, &[u32])> =
        pairs.map(|e| (e.problem.as_str(), e.chosen_tokens.as_slice())).collect();
    let mut examples = Vec::new();
    let mut n_too_long = 0;
    for (record, reference) in records.iter().zip(reference) {
        if record.id != reference.id {
            let message = format!("`{}` stands where `{}` should", reference.id, record.id);
            return Err(Error::Inconsistent { file: "reference.jsonl", message });
        }
        let chosen = Sequence::new(&record.prompt_tokens, &record.chosen_tokens);
        let rejected = match (&record.rejected_tokens, record.len_rejected, reference.rejected_logp) {
            (Some(tokens), Some(len_rejected), Some(rejected_logp)) => Some(Rejected {
                sequence: Sequence::new(&record.prompt_tokens, tokens),
                lengths: [record.len_chosen, len_rejected],
                reference_logp: [reference.chosen_logp, rejected_logp],
            }),
            _ => None,
        };
        let is_pair = rejected.is_some();
        let imitate = match train.sft_examples {
            SftExamples::Pairs => {
                is_pair || !in_pairs.contains(&(record.problem.as_str(), record.chosen_tokens.as_slice()))
            }
            SftExamples::Positives => !is_pair,
        };
        let example = Example {
            chosen,
            rejected,
            pair_weight: if is_pair { record.weight } else { 0.0 },
            sft_weight: if imitate { record.weight } else { 0.0 },
        };
        // With one of the two terms switched off, half of the examples may train nothing.
        let trains =
            example.pair_weight * train.dpo_weight + example.sft_weight * (1.0 - train.dpo_weight) > 0.0;
        let rejected_len = example.rejected.as_ref().map_or(0, |r| r.sequence.tokens.len());
        if example.chosen.tokens.len().max(rejected_len) > train.max_context_tokens {
            n_too_long += 1;
        } else if trains {
            examples.push(example);
        }
    }
    if examples.is_empty() {
        let reason = match records.is_empty() {
            true => "the policy selected nothing".to_owned(),
            false => format!("{n_too_long} of {} are too long, the others have no weight", records.len()),
        };
        return Err(Error::NoExamples { reason });
    }
    Ok((examples, n_too_long))
}

/// Which examples each step sees: the epochs' permutations one after another, cut into batches.
struct Plan {
    order: Vec<usize>,
    batch_size: usize,
    n_examples: usize,
    n_steps: usize,
}

impl Plan {
    fn new(n_examples: usize, train: &TrainSection, run_seed: u64) -> Self {
        let n_seen = ((n_examples as f64 * train.epochs).ceil() as usize).max(1);
        let mut order = Vec::with_capacity(n_seen + n_examples);
        for epoch in 0.. {
            if order.len() >= n_seen {
                break;
            }
            let mut permutation: Vec<usize> = (0..n_examples).collect();
            SplitMix64::new(derive_seed(run_seed, Stage::Train.name(), "", epoch)).shuffle(&mut permutation);
            order.extend(permutation);
        }
        order.truncate(n_seen);
        Self { n_steps: n_seen.div_ceil(train.batch_size), order, batch_size: train.batch_size, n_examples }
    }

    /// The batch of step `step`, from 0, and the epoch in which it begins.
    fn batch(&self, step: usize) -> (&[usize], usize) {
        let start = step * self.batch_size;
        let end = (start + self.batch_size).min(self.order.len());
        (&self.order[start..end], start / self.n_examples)
    }
}

/// The model, the optimiser, and how far they are.
struct Trainer<'a> {
    run: &'a Run<'a>,
    model: LanguageModel,
    optimiser: AdamW,
    schedule: LearningRate,
    plan: Plan,
    /// Steps taken.
    step: usize,
    journal: Journal<TrainRecord>,
}

impl<'a> Trainer<'a> {
    /// Goes on from the last checkpoint, or begins with `model`.
    fn resume(run: &'a Run<'a>, model: LanguageModel, plan: Plan) -> Result<Self, Error> {
        let train = &run.recipe.train;
        let config = AdamWConfig {
            beta1: train.adam_beta1,
            beta2: train.adam_beta2,
            eps: train.adam_eps,
            weight_decay: train.weight_decay,
            max_grad_norm: train.max_grad_norm,
        };
        let decay = match train.schedule {
            Schedule::Constant => Decay::Constant,
            Schedule::Linear => Decay::Linear,
            Schedule::Cosine => Decay::Cosine,
        };
        let schedule = LearningRate {
            peak: train.learning_rate,
            warmup_steps: (train.warmup_share * plan.n_steps as f64).ceil() as usize,
            total_steps: plan.n_steps,
            decay,
            final_ratio: 0.0,
        };
        let (journal, logged) = run.folder.journal::<TrainRecord>(Artefact::Train)?;
        let (journal, step) = rewind(run, journal, &logged)?;
        let model = match step {
            0 => model,
            _ => run.load_checkpoint(&run.folder.checkpoint(step as u64))?,
        };
        let mut optimiser = AdamW::new(model.parameters(), config)?;
        if step > 0 {
            let file = run.folder.checkpoint(step as u64).join(OPTIMISER_FILE);
            optimiser.load_state(&candle_core::safetensors::load(file, model.device())?)?;
        }
        Ok(Self { run, model, optimiser, schedule, plan, step, journal })
    }

    /// One optimiser step; also says how many tokens went through the model.
    fn step(&mut self, examples: &[Example]) -> Result<(TrainRecord, u64), Error> {
        let train = &self.run.recipe.train;
        let (indices, epoch) = self.plan.batch(self.step);
        let batch: Vec<&Example> = indices.iter().map(|&index| &examples[index]).collect();
        let mut sums = Sums::weights(&batch);
        let weights = sums;
        let micro_batches = micro_batches(&batch, train.micro_batch_tokens);
        let mut total = GradientSum::default();
        let work = |micro: Vec<&Example>| micro_batch_gradients(&self.model, &micro, train, &weights);
        self.run.model_workers().for_each_ordered(micro_batches, work, |(losses, gradients)| {
            sums.add_losses(&losses);
            Ok(total.add(gradients)?)
        })?;
        let learning_rate = self.schedule.at(self.step);
        let report = self.optimiser.step(&total.finish()?, learning_rate)?;
        self.step += 1;

        let mean = |sum: f64, weight: f64| (weight > 0.0).then(|| sum / weight);
        let dpo_loss = mean(sums.dpo_loss, sums.pair_weight);
        let sft_loss = mean(sums.sft_loss, sums.sft_weight);
        let loss =
            train.dpo_weight * dpo_loss.unwrap_or(0.0) + (1.0 - train.dpo_weight) * sft_loss.unwrap_or(0.0);
        if !loss.is_finite() || !report.grad_norm.is_finite() {
            return Err(Error::Diverged { step: self.step });
        }
        let response_tokens = |e: &&Example| {
            e.chosen.response_len() + e.rejected.as_ref().map_or(0, |r| r.sequence.response_len())
        };
        let record = TrainRecord {
            step: self.step as u64,
            epoch: epoch as u32,
            loss,
            dpo_loss,
            sft_loss,
            reward_margin: mean(sums.reward_margin, sums.pair_weight),
            reward_accuracy: mean(sums.n_margin_positive, sums.n_pairs),
            grad_norm: report.grad_norm,
            learning_rate,
            tokens: batch.iter().map(response_tokens).sum::<usize>() as u64,
        };
        Ok((record, batch.iter().map(|e| e.n_tokens() as u64).sum()))
    }

    /// Writes a checkpoint, then removes the one before.
    fn checkpoint(&self) -> Result<(), Error> {
        self.journal.sync()?;
        let folder = self.run.folder.checkpoint(self.step as u64);
        atomic::write_folder(&folder, |partial| -> Result<(), Error> {
            self.model.save(partial, &SaveOptions::default())?;
            let state: HashMap<String, Tensor> = self.optimiser.state_tensors()?.into_iter().collect();
            candle_core::safetensors::save(&state, partial.join(OPTIMISER_FILE))?;
            Ok(())
        })?;
        let every = self.run.recipe.train.checkpoint_every;
        if let Some(before) = self.step.checked_sub(every).filter(|&before| before > 0) {
            remove_folder(&self.run.folder.checkpoint(before as u64))?;
        }
        Ok(())
    }
}

const OPTIMISER_FILE: &str = "optimiser.safetensors";

/// The last step with both a checkpoint and a log up to it; the log is cut back to there.
fn rewind(
    run: &Run<'_>,
    journal: Journal<TrainRecord>,
    logged: &[TrainRecord],
) -> Result<(Journal<TrainRecord>, usize), Error> {
    let has_checkpoint = |step: &usize| run.folder.checkpoint(*step as u64).is_dir();
    let step = (1..=logged.len()).rev().find(has_checkpoint).unwrap_or(0);
    if step == logged.len() {
        return Ok((journal, step));
    }
    drop(journal);
    let path = run.folder.path_of(Artefact::Train);
    let mut lines = Vec::new();
    for record in &logged[..step] {
        serde_json::to_writer(&mut lines, record)
            .map_err(|error| Error::Inconsistent { file: "train.jsonl", message: error.to_string() })?;
        lines.push(b'\n');
    }
    atomic::write_file(&path, &lines)?;
    Ok((run.folder.journal(Artefact::Train)?.0, step))
}

/// Writes the trained model as a Hugging Face folder: its weights, and what else the checkpoint that it started from has.
fn save_model(run: &Run<'_>, model: &LanguageModel, folder: &Path) -> Result<(), Error> {
    atomic::write_folder(folder, |partial| -> Result<(), Error> {
        model.save(partial, &SaveOptions::default())?;
        ts_model::weights::copy_companions(run.checkpoint_folder(), partial)?;
        Ok(())
    })
}

fn remove_folder(folder: &Path) -> Result<(), Error> {
    match std::fs::remove_dir_all(folder) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::File { path: folder.to_owned(), source })
        }
        _ => Ok(()),
    }
}
