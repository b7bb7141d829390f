//! Compares plans of memory with what a process really takes, on the embedded model's shape and on that of SmolLM2-135M.
//!
//! `cargo run --release -p ts-model --example memory` runs each case in a process of its own and prints planned and real bytes and
//! their ratio: a plan is a bound, so no ratio should be below 1, and few above 1.25. Linux only.

mod usage;

use std::error::Error;
use std::process::Command;
use std::sync::Mutex;

use candle_core::{DType, Device, Tensor};
use ts_model::checkpointed::{checkpointed_gradients, gradients};
use ts_model::generate::{Prompt, Request, Sampling, Unwatched, generate};
use ts_model::log_prob::{Packed, Sequence, score_sequences};
use ts_model::memory::{Drawn, Footprint, Numbers, Plan, Rewritten, Scored, Trained, human};
use ts_model::optim::{AdamW, AdamWConfig};
use ts_model::shards::{CANDLE_THREADS_VARIABLE, GradientSum, Workers, gradient_sets};
use ts_model::weights::SaveOptions;
use ts_model::window_kl::WindowKl;
use ts_model::{LanguageModel, ModelConfig, ModelError, Prefix};
use usage::status;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T> = Result<T, Box<dyn Error>>;

const SHAPES: [&str; 2] = ["embedded", "smollm2"];
const STAGES: [&str; 6] = ["draw", "rewrite", "score", "train", "recompute", "checkpoint"];
const WORKERS: usize = 2;

fn main() -> Outcome<()> {
    // SAFETY: this is the first statement of the program, so no other thread exists that could read the environment.
    unsafe { std::env::set_var(CANDLE_THREADS_VARIABLE, "1") };
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [shape, stage, dtype] = args.as_slice() {
        return one(shape, stage, if dtype == "bf16" { DType::BF16 } else { DType::F32 });
    }
    let dtype = args.first().map_or("f32", String::as_str);
    for shape in SHAPES {
        for stage in STAGES {
            // The program keeps freed memory.
            let mut case = Command::new(std::env::current_exe()?);
            case.args([shape, stage, dtype]).env("MIMALLOC_PURGE_DELAY", "-1").status()?;
        }
    }
    Ok(())
}

fn config(shape: &str) -> ModelConfig {
    let config = match shape {
        "smollm2" => usage::smollm2(),
        _ => ModelConfig::tiny(384, 128, 384, 6, (4, 2)),
    };
    ModelConfig { max_position_embeddings: 8192, ..config }
}

/// One case: prints its plan and what it took.
fn one(shape: &str, stage: &str, dtype: DType) -> Outcome<()> {
    let config = config(shape);
    let model = Footprint::new(&config, Numbers::of(dtype, true));
    let workers = Workers::new(WORKERS)?;
    let before = status("VmRSS:")?;
    let load = || LanguageModel::random(config.clone(), 1, dtype, &Device::Cpu);
    let plan = match stage {
        "draw" => draw(&model, &load()?, &workers)?,
        "rewrite" => rewrite(&model, &load()?, &workers)?,
        "score" => score(&model, &load()?, &workers)?,
        "train" => train(&model, &load()?, &workers, &Step { checkpointing: false, tokens: 400 })?,
        "recompute" => train(&model, &load()?, &workers, &Step { checkpointing: true, tokens: 400 })?,
        _ => train(&model, &load()?, &Workers::new(1)?, &Step { checkpointing: true, tokens: 50 })?,
    };
    let took = status("VmHWM:")?.saturating_sub(before);
    let ratio = plan.total() as f64 / took as f64;
    println!("{shape:>9} {stage:>10}: took {:>8}, {ratio:.2} of it planned: {plan}", human(took));
    Ok(())
}

fn tokens(seed: usize, n: usize) -> Vec<u32> {
    (0..n).map(|i| ((i * 37 + seed * 101) % 380) as u32).collect()
}

fn draw(model: &Footprint<'_>, loaded: &LanguageModel, workers: &Workers) -> Outcome<Plan> {
    let (rows, prompt_tokens, new_tokens) = (24, 100, 200);
    let sampling =
        Sampling { temperature: 1.0, top_p: 1.0, max_new_tokens: new_tokens, max_batch_rows: rows };
    workers.map_ordered(vec![0, 1], |worker| {
        let request = |seed: usize| Request {
            prompt: Prompt::Tokens(tokens(worker * 7 + seed, prompt_tokens)),
            seeds: (0..8).map(|draw| draw + 100 * seed as u64).collect(),
        };
        generate(loaded, &[0, 1, 2, 3].map(request), &sampling, &mut Unwatched).map(drop)
    })?;
    Ok(model.drawing(&Drawn { workers: WORKERS, rows, prompts: 3, prompt_tokens, new_tokens }))
}

fn rewrite(model: &Footprint<'_>, loaded: &LanguageModel, workers: &Workers) -> Outcome<Plan> {
    let (rewrites, context_tokens, step_tokens, window_tokens) = (24, 200, 100, 400);
    workers.map_ordered(vec![0, 1], |worker| {
        let mut prefix = Prefix::new(loaded, &tokens(worker, 100))?;
        for step in 0..(context_tokens - 100) / step_tokens {
            let (step, window) = (tokens(step, step_tokens), tokens(step + 9, window_tokens));
            let mut window = WindowKl::new(loaded, &prefix, &step, &window, None)?;
            let sampling = Sampling {
                temperature: 1.0,
                top_p: 1.0,
                max_new_tokens: step_tokens,
                max_batch_rows: rewrites,
            };
            let seeds = (0..rewrites as u64).collect();
            let request = Request { prompt: Prompt::Prefix(prefix.clone()), seeds };
            let draws = generate(loaded, &[request], &sampling, &mut Unwatched)?;
            window.score(&[&draws[0][0].tokens])?;
            drop(window);
            prefix.extend(loaded, &step)?;
        }
        Ok::<(), ModelError>(())
    })?;
    let rewritten = Rewritten {
        waiting: 0,
        workers: WORKERS,
        rewrites,
        prompt_tokens: 100,
        context_tokens,
        step_tokens,
        window_tokens,
    };
    Ok(model.rewriting(&rewritten))
}

fn sequences(n: usize, n_tokens: usize) -> Vec<Sequence> {
    (0..n).map(|seed| Sequence { tokens: tokens(seed, n_tokens / n), prompt_len: 20 }).collect()
}

fn score(model: &Footprint<'_>, loaded: &LanguageModel, workers: &Workers) -> Outcome<Plan> {
    workers.map_ordered(vec![0, 1], |_| score_sequences(loaded, &sequences(2, 2000), 2000).map(drop))?;
    Ok(model.scoring(&Scored { workers: WORKERS, tokens: 2000, longest: 1000 }))
}

struct Step {
    checkpointing: bool,
    tokens: usize,
}

/// Two steps with five micro-batches, and a checkpoint.
fn train(model: &Footprint<'_>, loaded: &LanguageModel, workers: &Workers, step: &Step) -> Outcome<Plan> {
    let mut optimiser = AdamW::new(loaded.parameters(), AdamWConfig::default())?;
    let packed = Packed::new(&sequences(2, step.tokens))?;
    let micro_batches = 4;
    for _ in 0..2 {
        let total = Mutex::new(GradientSum::default());
        let work = |()| {
            let loss = |log_probs: &Tensor| Ok(log_probs.sum_all()?);
            Ok::<_, ModelError>(match step.checkpointing {
                true => checkpointed_gradients(loaded, &packed, loss)?.of_parameters,
                false => gradients(loaded, &packed, loss)?.of_parameters,
            })
        };
        let held = gradient_sets(workers.count());
        workers.for_each_ordered_held(held, (0..micro_batches).map(|_| Ok(())), work, |gradients| {
            total.lock().expect("no panic").add(gradients)
        })?;
        optimiser.step(&total.into_inner().expect("no panic").finish()?, 1e-6)?;
    }
    let folder = std::env::temp_dir().join(format!("ts-model-memory-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    loaded.save(&folder, &SaveOptions::default())?;
    let state: std::collections::HashMap<_, _> = optimiser.state_tensors()?.into_iter().collect();
    candle_core::safetensors::save(&state, folder.join("optimiser.safetensors"))?;
    std::fs::remove_dir_all(&folder)?;
    Ok(model.training(&Trained {
        workers: workers.count(),
        micro_batches,
        tokens: step.tokens,
        longest: step.tokens / 2,
        checkpointing: step.checkpointing,
        adapters: None,
    }))
}
