//! Stage 3, third part: train with DPO-L + SFT. TokenSqueeze, section 3.3 and A.2.
//!
//! In: `examples.jsonl`, `reference.jsonl` and the checkpoint that the run starts from. Out: `train.jsonl`, a line a step, and
//! `model/`, a Hugging Face folder. Checkpoints hold the weights and the optimiser's moments in full, and batches
//! derive from the seed, so a run that resumes goes through the same steps to the same bits on the CPU. The loss is left
//! out on purpose: `objective` has it.

use std::collections::HashMap;
use std::path::Path;

use candle_core::Tensor;
use ts_model::LanguageModel;
use ts_model::optim::{AdamW, AdamWConfig, Decay, LearningRate};
use ts_model::shards::GradientSum;
use ts_model::weights::SaveOptions;
use ts_run::records::{ExampleRecord, ReferenceRecord, TrainRecord};
use ts_run::{Artefact, Journal, atomic};

use super::{Done, Stage};
use crate::objective::{Example, Sums, micro_batch_gradients, micro_batches};
use crate::recipe::Schedule;
use crate::training_set::{Plan, TrainingSet};
use crate::{Error, Run};

pub(super) fn run(run: &Run<'_>) -> Result<Done, Error> {
    let train = &run.recipe.train;
    let records: Vec<ExampleRecord> = run.read(Stage::Pair)?;
    let reference: Vec<ReferenceRecord> = run.read(Stage::Reference)?;
    let TrainingSet { examples, n_too_long } = TrainingSet::new(&records, &reference, train)?;
    drop((records, reference));
    if n_too_long > 0 {
        let limit = train.max_context_tokens;
        run.progress.warn(&format!("{n_too_long} examples are longer than {limit} tokens and left out"));
    }
    let plan = Plan::new(examples.len(), train, run.recipe.run.seed);
    let n_steps = plan.n_steps;
    let mut trainer = Trainer::resume(run, plan)?;
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
    atomic::remove_folder(&run.folder.path_of(Artefact::Checkpoints))?;
    let summary = format!("{} examples, {n_steps} steps", examples.len());
    Ok(Done { records: trainer.journal.n_records(), summary })
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
    /// Goes on from the last checkpoint, or begins with the model that the run starts from.
    fn resume(run: &'a Run<'a>, plan: Plan) -> Result<Self, Error> {
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
        let (mut journal, logged) = run.folder.journal::<TrainRecord>(Artefact::Train)?;
        // The last step with both a checkpoint and a log up to it; later steps are taken again.
        let has_checkpoint = |step: &usize| run.folder.checkpoint(*step as u64).is_dir();
        let step = (1..=logged.len()).rev().find(has_checkpoint).unwrap_or(0);
        journal.truncate(step as u64)?;
        let model = match step {
            0 => run.base_model()?,
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
            atomic::remove_folder(&self.run.folder.checkpoint(before as u64))?;
        }
        Ok(())
    }
}

const OPTIMISER_FILE: &str = "optimiser.safetensors";

/// Writes the trained model as a Hugging Face folder: its weights, and what else the checkpoint that it started from has.
fn save_model(run: &Run<'_>, model: &LanguageModel, folder: &Path) -> Result<(), Error> {
    atomic::write_folder(folder, |partial| -> Result<(), Error> {
        model.save(partial, &SaveOptions::default())?;
        ts_model::weights::copy_companions(run.checkpoint_folder(), partial)?;
        Ok(())
    })
}
