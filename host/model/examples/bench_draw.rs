//! What drawing costs as responses become longer and more: processor time, memory taken and memory planned.
//!
//! `cargo run --release -p ts-model --example bench_draw -- FOLDER DTYPE PROMPTS DRAWS LENGTH [ROWS] [varied]`
//!
//! PROMPTS prompts of 64 tokens, DRAWS responses of LENGTH tokens to each, at most ROWS at once (64 if not given), on one thread. With
//! `varied`, lengths are spread evenly from half of LENGTH to one and a half, so that rows end and are refilled at different times. The
//! model must not end a text by itself. Out: a line of JSON when the first responses have 1 token, where all are in step also when they have
//! 128, 256 and so on, and at the end; each with the tokens of all responses so far, the processor time since the drawing began, the
//! largest resident memory so far, and the plan of drawing up to that length. `tests/python/bench_cost.py` makes plots of them.

mod usage;

use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;

use candle_core::{DType, Device};
use ts_model::generate::{Prompt, Request, Sampling, Watch, Watcher, generate};
use ts_model::memory::{Drawn, Footprint, Numbers};
use ts_model::shards::{CANDLE_THREADS_VARIABLE, Workers};
use ts_model::{LanguageModel, ModelConfig, ModelError};
use usage::{dtype_named, processor_seconds, status};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PROMPT_TOKENS: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    // SAFETY: this is the first statement of the program, so no other thread exists that could read the environment.
    unsafe { std::env::set_var(CANDLE_THREADS_VARIABLE, "1") };
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, dtype, prompts, draws, length, rest @ ..] = args.as_slice() else {
        return Err("usage: bench_draw FOLDER DTYPE PROMPTS DRAWS LENGTH [ROWS] [varied]".into());
    };
    let dtype = dtype_named(dtype)?;
    let task = Task {
        prompts: prompts.parse()?,
        draws: draws.parse()?,
        length: length.parse()?,
        rows: rest.first().map_or(Ok(64), |text| text.parse())?,
        is_varied: rest.get(1).is_some_and(|text| text == "varied"),
    };
    Workers::new(1)?.map_ordered(vec![()], |()| {
        let model = LanguageModel::load(Path::new(folder), dtype, &Device::Cpu)?;
        let began = processor_seconds();
        let mut meter = Meter { task: &task, config: model.config(), dtype, began, n_tokens: 0, rounds: 0 };
        let sampling = task.sampling();
        let draws = generate(&model, &task.requests(), &sampling, &mut meter)?;
        let wanted: usize = task.all().map(|(request, draw)| task.length_of(request, draw)).sum();
        let drawn: usize = draws.iter().flatten().map(|draw| draw.tokens.len()).sum();
        assert_eq!(drawn, wanted, "the model ended a text by itself");
        meter.print(task.length);
        Ok::<_, ModelError>(())
    })?;
    Ok(())
}

/// What is to be drawn.
struct Task {
    prompts: usize,
    draws: usize,
    length: usize,
    rows: usize,
    is_varied: bool,
}

impl Task {
    fn all(&self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.prompts).flat_map(|request| (0..self.draws).map(move |draw| (request, draw)))
    }

    fn requests(&self) -> Vec<Request> {
        let token = |request: usize, place: usize| ((place * 37 + request * 101) % 380) as u32;
        let request = |request: usize| Request {
            prompt: Prompt::Tokens((0..PROMPT_TOKENS).map(|place| token(request, place)).collect()),
            seeds: (0..self.draws).map(|draw| (request * self.draws + draw) as u64).collect(),
        };
        (0..self.prompts).map(request).collect()
    }

    fn sampling(&self) -> Sampling {
        let max_new_tokens = if self.is_varied { self.length + self.length / 2 } else { self.length };
        Sampling { temperature: 1.0, top_p: 1.0, max_new_tokens, max_batch_rows: self.rows }
    }

    /// Tokens of one response.
    fn length_of(&self, request: usize, draw: usize) -> usize {
        match self.is_varied {
            true => self.length / 2 + (request * 7919 + draw * 104_729) % (self.length / 2 * 2 + 1),
            false => self.length,
        }
    }

    /// Whether all responses are equally long after every round.
    fn is_in_step(&self) -> bool {
        self.prompts == 1 && self.draws <= self.rows && !self.is_varied
    }

    /// Bytes that drawing takes if no response has more than `length` tokens.
    fn planned(&self, config: &ModelConfig, dtype: DType, length: usize) -> u64 {
        let sampling = self.sampling();
        let drawn = Drawn {
            workers: 1,
            rows: self.rows.min(self.prompts * self.draws),
            prompts: sampling.prompts_at_once(self.draws as u32).min(self.prompts),
            prompt_tokens: PROMPT_TOKENS,
            new_tokens: length,
        };
        Footprint::new(config, Numbers::of(dtype, true)).drawing(&drawn).total()
    }
}

/// Ends responses at their lengths and prints what it has taken so far.
struct Meter<'a> {
    task: &'a Task,
    config: &'a ModelConfig,
    dtype: DType,
    began: f64,
    n_tokens: usize,
    /// Of the first request.
    rounds: usize,
}

impl Meter<'_> {
    fn print(&self, length: usize) {
        let seconds = processor_seconds() - self.began;
        let peak = status("VmHWM:").unwrap_or(0) >> 20;
        let longest = if length == self.task.length { self.task.sampling().max_new_tokens } else { length };
        let planned = self.task.planned(self.config, self.dtype, longest) >> 20;
        println!(
            "{{\"length\": {length}, \"tokens\": {}, \"cpu_seconds\": {seconds:.4}, \"peak_rss_mib\": {peak}, \"planned_mib\": {planned}}}",
            self.n_tokens
        );
    }
}

impl Watcher for Meter<'_> {
    fn after_token(&mut self, request: usize, draw: usize, tokens: &[u32]) -> Watch {
        self.n_tokens += 1;
        match tokens.len() == self.task.length_of(request, draw) {
            true => Watch::StopDraw,
            false => Watch::Continue,
        }
    }

    fn after_round(&mut self, request: usize) -> ControlFlow<()> {
        if request == 0 {
            self.rounds += 1;
            let is_doubled = self.task.is_in_step() && self.rounds >= 128 && self.rounds.is_power_of_two();
            if self.rounds == 1 || is_doubled && self.rounds < self.task.length {
                self.print(self.rounds);
            }
        }
        ControlFlow::Continue(())
    }
}
