//! A training step of all weights beside one of adapters: seconds of processor time, and the most memory that the process had.
//!
//! Run with `cargo run --release -p ts-model --example bench_lora -- full` or `-- lora`, and for activations that are computed again
//! `-- full recompute` or `-- lora recompute`: one process each, since peak memory is a process's. The model has random weights and
//! SmolLM2-135M's shape; a step is two sequences of 512 tokens, one after the other, and AdamW. Adapters have rank 16, beside every
//! projection.

mod usage;

use std::error::Error;

use candle_core::{DType, Device, Tensor};
use ts_model::LanguageModel;
use ts_model::adapters::Projection;
use ts_model::checkpointed::{checkpointed_gradients, gradients};
use ts_model::log_prob::{Packed, Sequence};
use ts_model::lora::LoraConfig;
use ts_model::optim::{AdamW, AdamWConfig};
use ts_model::shards::GradientSum;
use usage::{processor_seconds, status};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const STEPS: usize = 3;
const LENGTH: usize = 512;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let config = usage::smollm2();
    let mut model = LanguageModel::random(config, 1, DType::F32, &Device::Cpu)?;
    if args.iter().any(|arg| arg == "lora") {
        let target_modules = Projection::ALL.to_vec();
        let lora = LoraConfig { rank: 16, alpha: 32.0, target_modules, dropout: 0.0 };
        let adapters = lora.begin(model.config(), 1, DType::F32, &Device::Cpu)?;
        model = model.with_adapters(&adapters, lora.dropout)?;
    }
    let n_trained: usize = model.parameters().iter().map(|(_, parameter)| parameter.elem_count()).sum();
    let sequence = |shift: u32| {
        let tokens = (0..LENGTH as u32).map(|i| (i * 7919 + shift) % 49_152);
        Sequence { tokens: tokens.collect(), prompt_len: 1 }
    };
    let loss = |log_probs: &Tensor| Ok((log_probs.sum_all()? * (-0.5 / LENGTH as f64))?);
    let mut optimiser = AdamW::new(model.parameters(), AdamWConfig::default())?;
    let mut best = f64::INFINITY;
    for _ in 0..STEPS {
        let start = processor_seconds();
        let mut sum = GradientSum::default();
        for shift in [3, 5] {
            let packed = Packed::new(&[sequence(shift)])?;
            let gradients = match args.iter().any(|arg| arg == "recompute") {
                true => checkpointed_gradients(&model, &packed, loss)?,
                false => gradients(&model, &packed, loss)?,
            };
            sum.add(gradients.of_parameters)?;
        }
        optimiser.step(&sum.finish()?, 1e-4)?;
        best = best.min(processor_seconds() - start);
    }
    let peak = status("VmHWM:")? >> 20;
    println!(
        "{}: {n_trained} numbers, best of {STEPS} steps {best:.1} s, {peak} MiB at most",
        args.join(" ")
    );
    Ok(())
}
