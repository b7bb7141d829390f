//! What a step of stage 2 costs (section 3.2): processor time of its rewrites and of their divergences, memory taken and planned.
//!
//! `cargo run --release -p ts-model --example bench_rewrite -- FOLDER DTYPE STEP [WINDOW] [CONTEXT] [REWRITES] [SCORED]`
//!
//! A step of STEP tokens after CONTEXT tokens (512 if not given) and before a window of WINDOW tokens (512). Its REWRITES rewrites (64)
//! grow in lockstep on one thread, their lengths spread evenly from one token to twice the step, and are given up at the step's own
//! length, so that half of them are candidates. SCORED of the candidates (8), spread evenly, are compared with the step in the round in
//! which they are complete, and none passes. The model must not end a text by itself. Out: a line of JSON; drawing is without what
//! scoring took. `tests/python/bench_cost.py` makes plots of it.

mod usage;

use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;

use candle_core::Device;
use ts_model::generate::{Prompt, Request, Sampling, Watch, Watcher, generate};
use ts_model::memory::{Footprint, Numbers, Rewritten};
use ts_model::shards::{CANDLE_THREADS_VARIABLE, Workers};
use ts_model::window_kl::WindowKl;
use ts_model::{LanguageModel, ModelError, Prefix};
use usage::{dtype_named, processor_seconds, status};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn Error>> {
    // SAFETY: this is the first statement of the program, so no other thread exists that could read the environment.
    unsafe { std::env::set_var(CANDLE_THREADS_VARIABLE, "1") };
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, dtype, step, rest @ ..] = args.as_slice() else {
        return Err("usage: bench_rewrite FOLDER DTYPE STEP [WINDOW] [CONTEXT] [REWRITES] [SCORED]".into());
    };
    let dtype = dtype_named(dtype)?;
    let number = |place: usize, default: usize| rest.get(place).map_or(Ok(default), |text| text.parse());
    let (step, window, context) = (step.parse::<usize>()?, number(0, 512)?, number(1, 512)?);
    let (rewrites, scored) = (number(2, 64)?, number(3, 8)?);
    let measured = Workers::new(1)?.map_ordered(vec![()], |()| {
        let model = LanguageModel::load(Path::new(folder), dtype, &Device::Cpu)?;
        let planned = Footprint::new(model.config(), Numbers::of(dtype, true)).rewriting(&Rewritten {
            waiting: 0,
            workers: 1,
            rewrites,
            prompt_tokens: context,
            context_tokens: context,
            step_tokens: step,
            window_tokens: window,
        });
        let prefix = Prefix::new(&model, &tokens(1, context))?;
        let began = processor_seconds();
        let mut divergence = WindowKl::new(&model, &prefix, &tokens(2, step), &tokens(3, window), None)?;
        divergence.read_original()?;
        let original_seconds = processor_seconds() - began;
        let mut search = Search::new(divergence, step, rewrites, scored);
        let sampling =
            Sampling { temperature: 1.0, top_p: 1.0, max_new_tokens: step, max_batch_rows: rewrites };
        let seeds = (0..rewrites as u64).collect();
        let request = Request { prompt: Prompt::Prefix(prefix.clone()), seeds };
        let began = processor_seconds();
        let draws = generate(&model, &[request], &sampling, &mut search)?;
        let seconds = processor_seconds() - began;
        if let Some(error) = search.error {
            return Err(error);
        }
        let n_tokens: usize = draws.iter().flatten().map(|draw| draw.tokens.len()).sum();
        Ok::<_, ModelError>(serde_json::json!({
            "original_seconds": original_seconds,
            "drawing_seconds": seconds - search.scoring_seconds,
            "scoring_seconds": search.scoring_seconds,
            "tokens": n_tokens,
            "candidates": search.n_candidates,
            "scored": search.n_scored,
            "planned_mib": planned.total() >> 20,
        }))
    })?;
    for mut line in measured {
        line["peak_rss_mib"] = (status("VmHWM:")? >> 20).into();
        println!("{line}");
    }
    Ok(())
}

/// Tokens that look random.
fn tokens(seed: usize, n: usize) -> Vec<u32> {
    (0..n).map(|i| ((i * 37 + seed * 101) % 380) as u32).collect()
}

/// Watches the rewrites grow, as stage 2 does: a rewrite is complete when the token after it has come.
struct Search<'a> {
    divergence: WindowKl<'a>,
    /// Of the step.
    length: usize,
    /// Of each rewrite.
    lengths: Vec<usize>,
    /// How many candidates there will be, and how many of them are to be scored.
    expected: (usize, usize),
    n_candidates: usize,
    /// Complete, and not scored yet.
    ready: Vec<Vec<u32>>,
    n_scored: usize,
    scoring_seconds: f64,
    error: Option<ModelError>,
}

impl<'a> Search<'a> {
    fn new(divergence: WindowKl<'a>, length: usize, rewrites: usize, scored: usize) -> Self {
        let lengths: Vec<usize> = (0..rewrites).map(|draw| 1 + 2 * length * draw / rewrites).collect();
        let candidates = lengths.iter().filter(|candidate| **candidate < length).count();
        Self {
            divergence,
            length,
            lengths,
            expected: (candidates, scored.min(candidates)),
            n_candidates: 0,
            ready: Vec::new(),
            n_scored: 0,
            scoring_seconds: 0.0,
            error: None,
        }
    }

    fn score(&mut self) -> Result<(), ModelError> {
        let began = processor_seconds();
        let ready = std::mem::take(&mut self.ready);
        let rewrites: Vec<&[u32]> = ready.iter().map(Vec::as_slice).collect();
        self.n_scored += self.divergence.score(&rewrites)?.len();
        self.scoring_seconds += processor_seconds() - began;
        Ok(())
    }
}

impl Watcher for Search<'_> {
    fn lockstep(&self) -> bool {
        true
    }

    fn after_token(&mut self, _request: usize, draw: usize, tokens: &[u32]) -> Watch {
        let length = self.lengths[draw];
        if tokens.len() <= length {
            return Watch::Continue;
        }
        if length < self.length {
            let (candidates, scored) = self.expected;
            if self.n_candidates * scored % candidates < scored {
                self.ready.push(tokens[..length].to_vec());
            }
            self.n_candidates += 1;
        }
        Watch::StopDraw
    }

    fn after_round(&mut self, _request: usize) -> ControlFlow<()> {
        if !self.ready.is_empty()
            && let Err(error) = self.score()
        {
            self.error = Some(error);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}
