//! How fast responses are drawn: tokens a second, by model size and context, on one worker and on two.
//!
//! `cargo run --release -p ts-model --example bench_generate`
//!
//! 64 draws from one prompt, 128 tokens each, on a random model without an end of text. `workers` is the
//! number of one-thread pools that share the draws, as the pipeline does it.

use std::error::Error;
use std::time::Instant;

use candle_core::{DType, Device};
use ts_model::generate::{Prompt, Request, Sampling, Unwatched, generate};
use ts_model::shards::Workers;
use ts_model::{LanguageModel, ModelConfig, ModelError};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const DRAWS: u64 = 64;
const NEW_TOKENS: usize = 128;

fn main() -> Result<(), Box<dyn Error>> {
    println!("{:>12} {:>8} {:>8} {:>10}", "parameters", "prompt", "workers", "tokens/s");
    for (width, feed_forward, layers) in [(128, 384, 6), (192, 512, 7), (320, 960, 8)] {
        let heads = (width / 32, width / 64);
        let config = ModelConfig::tiny(384, width, feed_forward, layers, heads);
        let n_parameters = config.n_parameters();
        let model = LanguageModel::random(config, 1, DType::F32, &Device::Cpu)?;
        for prompt_len in [32, 512] {
            for n_workers in [1, 2] {
                let speed = tokens_per_second(&model, prompt_len, n_workers)?;
                println!("{n_parameters:>12} {prompt_len:>8} {n_workers:>8} {speed:>10.0}");
            }
        }
    }
    Ok(())
}

/// The best of three runs: the machine may be busy with other things.
fn tokens_per_second(model: &LanguageModel, prompt_len: usize, n_workers: usize) -> Result<f64, ModelError> {
    let workers = Workers::new(n_workers)?;
    let prompt: Vec<u32> = (0..prompt_len as u32).map(|i| (i * 7) % 384).collect();
    let share = DRAWS / n_workers as u64;
    let mut best = 0.0f64;
    for _ in 0..3 {
        let start = Instant::now();
        let shares: Vec<u64> = (0..n_workers as u64).collect();
        workers.map_ordered(shares, |worker| {
            let seeds = (worker * share..(worker + 1) * share).collect();
            let request = Request { prompt: Prompt::Tokens(prompt.clone()), seeds };
            let sampling = Sampling {
                temperature: 1.0,
                top_p: 1.0,
                max_new_tokens: NEW_TOKENS,
                max_batch_rows: share as usize,
            };
            generate(model, &[request], &sampling, &mut Unwatched)
        })?;
        let tokens = share as usize * n_workers * NEW_TOKENS;
        best = best.max(tokens as f64 / start.elapsed().as_secs_f64());
    }
    Ok(best)
}
