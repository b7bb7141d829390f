//! What stage 2 (section 3.2) does not compute, on the embedded model or another, both ways in one process.
//!
//! Run with `cargo run --release -p ts-pipeline --example bench_refine -- [problems] [setting=value]…` (all 196 problems if not given;
//! settings are the recipe's, such as `model.source="folder"`). Both ways refine the same positives of the default recipe, from the
//! same samples. Scoring all rewrites is the rule as the paper has it; stopping early scores them from the shortest up while they grow
//! and ends at the first that passes, and reads no more of a rewrite than shows that it does not pass.
//!
//! Out: the divergences computed, the tokens sampled, the tokens that the model read and the processor seconds of each, and the ratios.
//! What the paper's way would read is counted from below: 64 rewrites a step, each drawn by itself and ended at the step's length, and
//! read again with the window after it. Fails if anything that was chosen differs, or a divergence by a bit.

use std::error::Error;
use std::path::Path;

use ts_model::shards::CANDLE_THREADS_VARIABLE;
use ts_pipeline::progress::Silent;
use ts_pipeline::{PastRun, Run, Stage, run_stage};
use ts_recipe::{Loader, Override};
use ts_run::records::{RefinedRecord, StepRecord};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[path = "../../model/examples/usage/mod.rs"]
mod usage;

use usage::processor_seconds;

/// One way through stage 2.
struct Way {
    refined: Vec<RefinedRecord>,
    /// Of the processor, all threads together.
    seconds: f64,
    tokens_read: u64,
    n_rewrites: u64,
    window: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    // SAFETY: nothing else runs yet, so no other thread reads the environment.
    unsafe { std::env::set_var(CANDLE_THREADS_VARIABLE, "1") };
    let mut args = std::env::args().skip(1);
    let n_problems: i64 = args.next().map_or(Ok(0), |text| text.parse())?;
    let mut settings = vec![Override::new("problems.max_train", n_problems)];
    for setting in args {
        settings.push(setting.parse()?);
    }
    let folder = tempfile::tempdir()?;
    let (early, all) = (folder.path().join("early"), folder.path().join("all"));
    let early = refine(&early, None, true, &settings)?;
    let all = refine(&all, Some(&folder.path().join("early")), false, &settings)?;

    for (early, all) in early.refined.iter().zip(&all.refined) {
        let divergences = |record: &RefinedRecord| -> Vec<Option<u64>> {
            record.steps.iter().map(|step| step.kl_nats.map(f64::to_bits)).collect()
        };
        if early.tokens != all.tokens || divergences(early) != divergences(all) {
            return Err(format!(
                "problem {}, draw {}: the two ways chose differently",
                all.problem, all.draw
            )
            .into());
        }
    }
    let (before, after) =
        (early.sum(|r| u64::from(r.tokens_before)), early.sum(|r| u64::from(r.tokens_after)));
    println!("{} positives, {before} to {after} tokens, both ways the same", early.refined.len());
    let n_steps = early.steps(|_| 1);
    println!(
        "{n_steps} steps, {} rewrites each: {} in all; equal ones are scored once, longer ones never",
        early.n_rewrites,
        early.n_rewrites * n_steps
    );
    println!("{:>22} {:>12} {:>14} {:>9}", "", "scoring all", "stopping early", "ratio");
    line(
        "divergences looked at",
        all.steps(|s| u64::from(s.n_scored)),
        early.steps(|s| u64::from(s.n_scored)),
    );
    line("tokens sampled", all.steps(|s| s.n_tokens), early.steps(|s| s.n_tokens));
    line("tokens read", all.tokens_read, early.tokens_read);
    line("processor, ms", (1e3 * all.seconds) as u64, (1e3 * early.seconds) as u64);
    let of_paper = all.read_by_paper();
    let ratio = |way: &Way| of_paper as f64 / way.tokens_read as f64;
    println!(
        "the paper's way reads at least {of_paper} tokens: {:.1} times what scoring all reads, {:.1} times what stopping early does",
        ratio(&all),
        ratio(&early)
    );
    Ok(())
}

/// Stage 2 of the default recipe in `folder`, and the stages before it, taken from `donor` if there is one.
fn refine(
    folder: &Path,
    donor: Option<&Path>,
    early_stop: bool,
    settings: &[Override],
) -> Result<Way, Box<dyn Error>> {
    let overrides = [settings, &[Override::new("refine.early_stop", early_stop)]].concat();
    let recipe = Loader { shipped: ts_embedded::RECIPES }.load("default", overrides)?;
    let mut run = Run::open(recipe, folder, None, String::new(), &Silent, None)?;
    if let Some(donor) = donor {
        run.take_from(&PastRun::open(donor)?)?;
    }
    for stage in [Stage::Sample, Stage::Grade, Stage::Select] {
        run_stage(&mut run, stage)?;
    }
    let (seconds, tokens_read) = (processor_seconds(), run.tokens_read());
    run_stage(&mut run, Stage::Refine)?;
    let (seconds, tokens_read) = (processor_seconds() - seconds, run.tokens_read() - tokens_read);
    let refined = PastRun::open(folder)?.records(Stage::Refine)?;
    let refined = refined.map(|row| Ok(row?.record)).collect::<ts_run::Result<_>>()?;
    let (n_rewrites, window) = (run.recipe.refine.n_rewrites, run.recipe.refine.kl_window_tokens);
    Ok(Way { refined, seconds, tokens_read, n_rewrites: u64::from(n_rewrites), window: window as u64 })
}

impl Way {
    fn sum(&self, of: impl Fn(&RefinedRecord) -> u64) -> u64 {
        self.refined.iter().map(of).sum()
    }

    fn steps(&self, of: impl Fn(&StepRecord) -> u64 + Copy) -> u64 {
        self.sum(|record| record.steps.iter().map(of).sum())
    }

    /// What the paper's way reads at least, of a way that drew every rewrite: its rewrites as they are drawn, and again with the window;
    /// and the original once.
    fn read_by_paper(&self) -> u64 {
        self.sum(|record| {
            let mut left = u64::from(record.tokens_before);
            let of_step = |step: &StepRecord| {
                let length = u64::from(step.tokens_before);
                left -= length;
                let window = left.min(self.window);
                2 * step.n_tokens + self.n_rewrites * window + length + window
            };
            record.steps.iter().map(of_step).sum()
        })
    }
}

fn line(what: &str, all: u64, early: u64) {
    println!("{what:>22} {all:>12} {early:>14} {:>8.1}x", all as f64 / early.max(1) as f64);
}
