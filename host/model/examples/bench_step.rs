//! What a training step costs on a checkpoint: processor time, peak memory and the memory planned for it.
//!
//! `cargo run --release -p ts-model --example bench_step -- FOLDER DTYPE [LENGTH] [STEPS] [checkpointed]`
//!
//! A step is forward, backward and AdamW on one pair of responses, each LENGTH tokens (256 if not given) with its prompt of a quarter
//! of that, under DPO-L and SFT in equal parts, on one thread. Out: a line of JSON with the processor time of the median step after
//! the first, the largest resident memory, and the plan of such a step. `tests/python/bench_peers.py` runs the same step elsewhere,
//! `bench_cost.py` with longer and longer contexts.

mod usage;

use std::error::Error;
use std::path::Path;

use candle_core::{Device, Tensor};
use ts_model::LanguageModel;
use ts_model::checkpointed::{checkpointed_gradients, gradients};
use ts_model::folder::ModelFolder;
use ts_model::log_prob::{Packed, Sequence};
use ts_model::memory::{Footprint, Numbers, Trained};
use ts_model::objective::{Preferences, sft};
use ts_model::optim::{AdamW, AdamWConfig};
use ts_model::shards::{CANDLE_THREADS_VARIABLE, Workers};
use usage::{dtype_named, processor_seconds, status};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn Error>> {
    // SAFETY: this is the first statement of the program, so no other thread exists that could read the environment.
    unsafe { std::env::set_var(CANDLE_THREADS_VARIABLE, "1") };
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, dtype, rest @ ..] = args.as_slice() else {
        return Err("usage: bench_step FOLDER DTYPE [LENGTH] [STEPS] [checkpointed]".into());
    };
    let dtype = dtype_named(dtype)?;
    let number = |place: usize, default: usize| rest.get(place).map_or(Ok(default), |text| text.parse());
    let (length, n_steps) = (number(0, 256)?, number(1, 4)?);
    let is_checkpointed = rest.get(2).is_some_and(|text| text == "checkpointed");

    let measured = Workers::new(1)?.map_ordered(vec![()], |()| {
        let model =
            LanguageModel::load_to_train(&ModelFolder::open(Path::new(folder))?, dtype, &Device::Cpu)?;
        let planned = Footprint::new(model.config(), Numbers::of(dtype, true)).training(&Trained {
            workers: 1,
            micro_batches: 1,
            tokens: 2 * length,
            longest: length,
            checkpointing: is_checkpointed,
            adapters: None,
        });
        let mut optimiser = AdamW::new(model.parameters(), AdamWConfig::default())?;
        let packed = pair(&model, length)?;
        let mut seconds = Vec::with_capacity(n_steps);
        for _ in 0..n_steps {
            let before = processor_seconds();
            let gradients = match is_checkpointed {
                true => checkpointed_gradients(&model, &packed, |log_probs| loss(&packed, log_probs))?,
                false => gradients(&model, &packed, |log_probs| loss(&packed, log_probs))?,
            };
            optimiser.step_with(&gradients.of_parameters, 1e-6, |place| model.parameter_changed(place))?;
            seconds.push(processor_seconds() - before);
        }
        seconds.drain(..n_steps.min(2) - 1);
        seconds.sort_by(f64::total_cmp);
        Ok::<_, ts_model::ModelError>((seconds[seconds.len() / 2], planned.total() >> 20))
    })?;
    for (median, planned) in measured {
        let peak = status("VmHWM:")? >> 20;
        println!(
            "{{\"cpu_seconds_per_step\": {median:.3}, \"peak_rss_mib\": {peak}, \"planned_mib\": {planned}}}"
        );
    }
    Ok(())
}

/// Two responses to one prompt, of tokens that look random.
fn pair(model: &LanguageModel, length: usize) -> ts_model::Result<Packed> {
    let vocab_size = model.n_tokens() as u32;
    let token = |i: usize| (i as u32).wrapping_mul(2_654_435_761) % vocab_size;
    let prompt_len = length / 4;
    let sequence = |response: usize| Sequence {
        tokens: (0..prompt_len)
            .chain(length * response + prompt_len..length * (response + 1))
            .map(token)
            .collect(),
        prompt_len,
    };
    Packed::sharing_prompts(model.frozen(), &[sequence(1), sequence(2)])
}

/// Half DPO-L against a reference that a fresh model is a little off from, half SFT of the first response.
fn loss(packed: &Packed, token_log_probs: &Tensor) -> ts_model::Result<Tensor> {
    let log_probs = packed.sum_by_sequence(token_log_probs)?;
    let [chosen, rejected] = [log_probs.narrow(0, 0, 1)?, log_probs.narrow(0, 1, 1)?];
    let preferences = Preferences {
        chosen_logp: &chosen,
        rejected_logp: &rejected,
        reference_chosen_logp: &(chosen.detach() - 1.0)?,
        reference_rejected_logp: &(rejected.detach() + 1.0)?,
        length_margin: &Tensor::new(&[0.5_f32], &Device::Cpu)?,
    };
    let n_tokens = Tensor::new(&[192.0_f32], &Device::Cpu)?;
    let total = (preferences.dpo_l(0.1)? + sft(&chosen, &n_tokens)?)?;
    Ok((total.sum_all()? * 0.5)?)
}
