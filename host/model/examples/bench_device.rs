//! How fast a device draws and trains: tokens a second, on random weights of a model's shape.
//!
//! `cargo run --release -p ts-model --features cuda --example bench_device -- [DEVICE] [DTYPE] [SHAPE]`
//!
//! DEVICE is `cuda:N` or `cpu` (`cuda:0` if not given), DTYPE `f32` or `bf16` (`bf16`), SHAPE `embedded`, `smollm2` or `qwen-1.5b`
//! (the first two, one after the other). Draws of 128 tokens after one prompt of 128, 1, 8 and 64 at a time; a step of training is
//! forward, backward and AdamW on four texts of 512 tokens. Time on the clock; the best of three draws, and the median of three steps
//! after a first one. In bf16 the CPU draws only.

mod usage;

use std::error::Error;
use std::time::Instant;

use candle_core::{Device, Tensor};
use ts_model::checkpointed::gradients;
use ts_model::generate::{Prompt, Request, Sampling, Unwatched, generate};
use ts_model::log_prob::{Packed, Sequence};
use ts_model::optim::{AdamW, AdamWConfig};
use ts_model::shards::CANDLE_THREADS_VARIABLE;
use ts_model::{LanguageModel, ModelConfig, device};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const DRAWS: [usize; 3] = [1, 8, 64];
const PROMPT_TOKENS: usize = 128;
const NEW_TOKENS: usize = 128;
const TEXTS: usize = 4;
const TEXT_TOKENS: usize = 512;

fn main() -> Result<(), Box<dyn Error>> {
    // SAFETY: this is the first statement of the program, so no other thread exists that could read the environment.
    unsafe { std::env::set_var(CANDLE_THREADS_VARIABLE, "1") };
    let args: Vec<String> = std::env::args().skip(1).collect();
    let argument = |place: usize, default: &'static str| args.get(place).map_or(default, String::as_str);
    let device = match argument(0, "cuda:0") {
        "cpu" => Device::Cpu,
        name => device::cuda(name.strip_prefix("cuda:").ok_or("DEVICE must be cpu or cuda:N")?.parse()?)?,
    };
    let dtype = usage::dtype_named(argument(1, "bf16"))?;
    let shapes = args.get(2).map_or(vec!["embedded", "smollm2"], |shape| vec![shape]);
    println!("{:>10} {:>12} {:>18} {:>10}", "shape", "parameters", "what", "tokens/s");
    for shape in shapes {
        let config = config(shape).ok_or("SHAPE must be embedded, smollm2 or qwen-1.5b")?;
        let n_parameters = config.n_parameters();
        let line =
            |what: String, speed: f64| println!("{shape:>10} {n_parameters:>12} {what:>18} {speed:>10.0}");
        let model = LanguageModel::random(config, 1, dtype, &device)?;
        for n in DRAWS {
            line(format!("draws, {n} at a time"), drawing(&model, n)?);
        }
        if !model.parameters().is_empty() {
            line("training".into(), training(&model)?);
        }
    }
    Ok(())
}

fn config(shape: &str) -> Option<ModelConfig> {
    let config = match shape {
        "embedded" => ModelConfig::tiny(612, 128, 384, 5, (4, 2)),
        "smollm2" => usage::smollm2(),
        "qwen-1.5b" => ModelConfig::tiny(151_936, 1536, 8960, 28, (12, 2)),
        _ => return None,
    };
    Some(ModelConfig { max_position_embeddings: 2048, ..config })
}

/// Tokens that look random.
fn tokens(model: &LanguageModel, seed: usize, n: usize) -> Vec<u32> {
    let token = |i: usize| ((seed * n + i) as u32).wrapping_mul(2_654_435_761) % model.n_tokens() as u32;
    (0..n).map(token).collect()
}

fn drawing(model: &LanguageModel, n: usize) -> ts_model::Result<f64> {
    let sampling = Sampling { temperature: 1.0, top_p: 1.0, max_new_tokens: NEW_TOKENS, max_batch_rows: n };
    let prompt = Prompt::Tokens(tokens(model, 1, PROMPT_TOKENS));
    let request = Request { prompt, seeds: (0..n as u64).collect() };
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        let start = Instant::now();
        generate(model, std::slice::from_ref(&request), &sampling, &mut Unwatched)?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok((n * NEW_TOKENS) as f64 / best)
}

fn training(model: &LanguageModel) -> ts_model::Result<f64> {
    let text = |seed: usize| Sequence::new(&[1], &tokens(model, seed, TEXT_TOKENS - 1));
    let packed = Packed::new(&(0..TEXTS).map(text).collect::<Vec<_>>())?;
    let n = packed.ids.len();
    let loss = |log_probs: &Tensor| Ok((log_probs.sum_all()? * (-1.0 / n as f64))?);
    let mut optimiser = AdamW::new(model.parameters(), AdamWConfig::default())?;
    let mut seconds = Vec::new();
    for _ in 0..4 {
        let start = Instant::now();
        optimiser.step(&gradients(model, &packed, loss)?.of_parameters, 1e-6)?;
        model.device().synchronize()?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds[1..].sort_by(f64::total_cmp);
    Ok(n as f64 / seconds[2])
}
