//! Stage 3, third part: train with DPO-L + SFT. TokenSqueeze, section 3.3 and A.2.
//!
//! In: `examples.jsonl`, the responses that they name, `reference.jsonl` and the checkpoint that the run
//! starts from. Out: `train.jsonl`, a line a step, and `model/`, a Hugging Face folder, or an adapter's in PEFT's layout if the recipe
//! has `[train.lora]`. Checkpoints hold what is trained, the weights or the adapters, and the optimiser's moments in full, the manifest names the one to go on from, and batches derive
//! from the seed, so a run that resumes goes through the same steps to the same bits on the CPU. The loss is
//! in `objective`.

use std::collections::HashMap;
use std::path::Path;

use candle_core::Tensor;
use ts_core::seed::derive_seed;
use ts_core::sequences::Normalise;
use ts_model::LanguageModel;
use ts_model::optim::{AdamW, AdamWConfig, Decay, LearningRate};
use ts_model::shards::{GradientSum, gradient_sets};
use ts_model::weights::SaveOptions;
use ts_run::folder::{checkpoint_name, verify_folder};
use ts_run::records::TrainRecord;
use ts_run::{Artefact, Journal, Key, atomic};

use super::Done;
use crate::memory::plan_stage;
use crate::stage::Stage;
use crate::training::lora;
use crate::training::objective::{
    Example, Objective, Sums, micro_batch_gradients, micro_batches, normalise_batch,
};
use crate::training::training_set::{Plan, TrainingSet};
use crate::watch::Watch;
use crate::{Error, Run};
use ts_recipe::Schedule;

pub(super) fn run(run: &mut Run<'_>) -> Result<Done, Error> {
    let mut set = TrainingSet::open(run)?;
    let (n_examples, n_too_long) = (set.len(), set.n_too_long);
    if n_too_long > 0 {
        let limit = run.recipe.train.max_context_tokens;
        run.progress.warn(&format!("{n_too_long} examples are longer than {limit} tokens and left out"));
    }
    let plan = Plan::new(n_examples, &run.recipe.train, run.recipe.run.seed);
    plan_stage(run, Stage::Train, &set.demand)?;
    let (n_steps, checkpoint_every) = (plan.n_steps, run.recipe.train.checkpoint_every);
    let mut trainer = Trainer::resume(run, plan)?;
    run.progress.start(Stage::Train.name(), "steps", trainer.step as u64, n_steps as u64);
    let mut watch = Watch::begin(run.folder.path(), Stage::Train, n_steps as u64, run.progress);
    for row in trainer.journal.records()? {
        watch.record(&row?.record, false);
    }
    while trainer.step < n_steps {
        let (indices, epoch) = trainer.plan.batch(trainer.step);
        let mut batch = set.batch(run, indices)?;
        if run.recipe.objective.normalise == Normalise::Batch {
            normalise_batch(&mut batch);
        }
        let (record, tokens) = trainer.step(run, &batch, epoch)?;
        trainer.journal.append(&record)?;
        watch.record(&record, true);
        run.progress.advance(1, tokens);
        if trainer.step % checkpoint_every == 0 && trainer.step < n_steps {
            trainer.checkpoint(run)?;
        }
    }
    trainer.journal.sync()?;
    watch.finish();
    save_model(run, &trainer.model, &run.folder.path_of(Artefact::Model))?;
    let summary = format!("{n_examples} examples, {n_steps} steps");
    Ok(Done { records: trainer.journal.n_records(), summary })
}

/// The model, the optimiser, and how far they are.
struct Trainer {
    model: LanguageModel,
    optimiser: AdamW,
    schedule: LearningRate,
    plan: Plan,
    /// Steps taken.
    step: usize,
    journal: Journal<TrainRecord>,
}

impl Trainer {
    /// Goes on from the checkpoint that the manifest names, or begins with the model that the run starts
    /// from.
    fn resume(run: &Run<'_>, plan: Plan) -> Result<Self, Error> {
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
        let mut journal: Journal<TrainRecord> =
            run.folder.journal(Artefact::Train, run.seal(Stage::Train))?;
        let checkpoint = run.folder.state(Stage::Train.name()).and_then(|state| state.checkpoint.clone());
        let folder = checkpoint.as_ref().map(|checkpoint| run.folder.path().join(&checkpoint.name));
        if let Some(checkpoint) = &checkpoint {
            verify_folder(run.folder.path(), checkpoint, run.digests())?;
        }
        // Steps after the checkpoint are taken again, and so are those whose log is not whole up to there.
        let at = |step: &u64| checkpoint.as_ref().is_some_and(|c| c.name == checkpoint_name(*step));
        let step = (1..=journal.n_records()).rev().find(at).unwrap_or(0);
        let mut logged = journal.records()?;
        (1..=step).try_for_each(|step| logged.expect(&Key::Step(step)).map(drop))?;
        journal.truncate(step)?;
        let folder = folder.filter(|_| step > 0);
        let model = match &train.lora {
            Some(section) => lora::with_adapters(run, section, folder.as_deref())?,
            None => run.model_to_train(folder.as_deref())?,
        };
        let mut optimiser = AdamW::new(model.parameters(), config)?;
        if let Some(folder) = folder {
            let file = folder.join(OPTIMISER_FILE);
            optimiser.load_state(candle_core::safetensors::load(file, model.device())?)?;
        }
        Ok(Self { model, optimiser, schedule, plan, step: step as usize, journal })
    }

    /// One optimiser step; also how many tokens went through the model.
    fn step(
        &mut self,
        run: &Run<'_>,
        examples: &[Example],
        epoch: usize,
    ) -> Result<(TrainRecord, u64), Error> {
        let train = &run.recipe.train;
        let objective = Objective::of(&run.recipe);
        let batch: Vec<&Example> = examples.iter().collect();
        let mut sums = Sums::weights(&batch);
        let weights = sums;
        let micro_batches = micro_batches(&batch, train.micro_batch_tokens);
        let mut total = GradientSum::default();
        // What dropout drops depends on the step and the micro-batch, and on nothing that a worker does.
        let (seed, step) = (run.recipe.run.seed, self.step.to_string());
        let work = |(index, micro): (usize, Vec<&Example>)| {
            let model = self.model.for_pass(derive_seed(seed, "dropout", &step, index as u64));
            micro_batch_gradients(&model, &micro, objective, &weights)
        };
        let workers = run.model_workers();
        workers.for_each_ordered_held(
            gradient_sets(workers.count()),
            micro_batches.into_iter().enumerate().map(Ok),
            work,
            |(losses, gradients)| {
                sums.add_losses(&losses);
                Ok(total.add(gradients)?)
            },
        )?;
        let learning_rate = self.schedule.at(self.step);
        let (gradients, model) = (total.finish()?, &self.model);
        let report =
            self.optimiser.step_with(&gradients, learning_rate, |place| model.parameter_changed(place))?;
        self.step += 1;

        let mean = |sum: f64, weight: f64| (weight > 0.0).then(|| sum / weight);
        let dpo_loss = mean(sums.dpo_loss, sums.pair_weight);
        let sft_loss = mean(sums.sft_loss, sums.sft_weight);
        let sequence_loss = mean(sums.sequence_loss, sums.n_sequences);
        let loss = train.dpo_weight * dpo_loss.unwrap_or(0.0)
            + (1.0 - train.dpo_weight) * (sft_loss.unwrap_or(0.0) + sequence_loss.unwrap_or(0.0));
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
            sequence_loss,
            reward_margin: mean(sums.reward_margin, sums.pair_weight),
            reward_accuracy: mean(sums.n_margin_positive, sums.n_pairs),
            grad_norm: report.grad_norm,
            learning_rate,
            tokens: batch.iter().map(response_tokens).sum::<usize>() as u64,
            reward_chosen: mean(sums.reward_chosen, sums.pair_weight),
            reward_rejected: mean(sums.reward_rejected, sums.pair_weight),
        };
        Ok((record, batch.iter().map(|e| e.n_tokens() as u64).sum()))
    }

    /// Writes a checkpoint and names it in the manifest, then removes the one before.
    fn checkpoint(&self, run: &mut Run<'_>) -> Result<(), Error> {
        self.journal.sync()?;
        let before = run.folder.state(Stage::Train.name()).and_then(|state| state.checkpoint.clone());
        let name = checkpoint_name(self.step as u64);
        atomic::write_folder(&run.folder.path().join(&name), |partial| -> Result<(), Error> {
            match (&run.recipe.train.lora, self.model.adapters()) {
                (Some(section), Some(adapters)) => lora::save_new(run, section, adapters, partial)?,
                _ => self.model.save(partial, &SaveOptions::default())?,
            }
            let state: HashMap<String, Tensor> = self.optimiser.state_tensors()?.into_iter().collect();
            candle_core::safetensors::save(&state, partial.join(OPTIMISER_FILE))?;
            Ok(())
        })?;
        run.folder.mark_checkpoint(Stage::Train.name(), &name)?;
        if let Some(before) = before.filter(|before| before.name != name) {
            atomic::remove_folder(&run.folder.path().join(before.name))?;
        }
        Ok(())
    }
}

const OPTIMISER_FILE: &str = "optimiser.safetensors";

/// Writes the trained model as a Hugging Face folder: its weights, in the number format of the checkpoint that it started from,
/// and what else that one has; or the adapters that were trained, and the tokenizer.
fn save_model(run: &Run<'_>, model: &LanguageModel, folder: &Path) -> Result<(), Error> {
    if let (Some(section), Some(adapters)) = (&run.recipe.train.lora, model.adapters()) {
        return atomic::write_folder(folder, |partial| {
            lora::save_all(run, section, model, adapters, partial)
        });
    }
    let options = SaveOptions { dtype: Some(run.written_dtype()?), ..SaveOptions::default() };
    atomic::write_folder(folder, |partial| -> Result<(), Error> {
        model.save(partial, &options)?;
        run.checkpoint_folder().copy_companions(partial)?;
        Ok(())
    })
}
