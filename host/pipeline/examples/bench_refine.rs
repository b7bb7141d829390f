//! What stopping early saves in stage 2 (section 3.2), both ways in one process on the embedded model.
//!
//! Run with `cargo run --release -p ts-pipeline --example bench_refine -- [problems]` (all 196 if not given).
//! Both ways refine the same positives of the default recipe, from the same samples. Scoring all rewrites is
//! the rule as the paper has it; stopping early scores them from the shortest up while they grow and ends at
//! the first that passes.
//!
//! Out: the divergences computed, the tokens sampled and the seconds of each, and the ratios. Fails if a
//! single token of the refined responses differs.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use ts_model::shards::CANDLE_THREADS_VARIABLE;
use ts_pipeline::progress::Silent;
use ts_pipeline::{PastRun, Run, Stage, run_stage};
use ts_recipe::{Loader, Override};
use ts_run::records::{RefinedRecord, StepRecord};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One way through stage 2.
struct Way {
    refined: Vec<RefinedRecord>,
    seconds: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    // SAFETY: nothing else runs yet, so no other thread reads the environment.
    unsafe { std::env::set_var(CANDLE_THREADS_VARIABLE, "1") };
    let n_problems: i64 = std::env::args().nth(1).map_or(Ok(0), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let (early, all) = (folder.path().join("early"), folder.path().join("all"));
    let early = refine(&early, None, true, n_problems)?;
    let all = refine(&all, Some(&folder.path().join("early")), false, n_problems)?;

    for (early, all) in early.refined.iter().zip(&all.refined) {
        if early.tokens != all.tokens {
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
        "{n_steps} steps, 64 rewrites each: {} in all; equal ones are scored once, longer ones never",
        64 * n_steps
    );
    println!("{:>22} {:>12} {:>14} {:>9}", "", "scoring all", "stopping early", "ratio");
    line(
        "divergences computed",
        all.steps(|s| u64::from(s.n_scored)),
        early.steps(|s| u64::from(s.n_scored)),
    );
    line("tokens sampled", all.steps(|s| s.n_tokens), early.steps(|s| s.n_tokens));
    line("milliseconds", (1e3 * all.seconds) as u64, (1e3 * early.seconds) as u64);
    Ok(())
}

/// Stage 2 of the default recipe in `folder`, and the stages before it, taken from `donor` if there is one.
fn refine(
    folder: &Path,
    donor: Option<&Path>,
    early_stop: bool,
    n_problems: i64,
) -> Result<Way, Box<dyn Error>> {
    let overrides =
        vec![Override::new("refine.early_stop", early_stop), Override::new("problems.max_train", n_problems)];
    let recipe = Loader { shipped: ts_embedded::RECIPES }.load("default", overrides)?;
    let mut run = Run::open(recipe, folder, None, String::new(), &Silent, None)?;
    if let Some(donor) = donor {
        run.take_from(&PastRun::open(donor)?)?;
    }
    for stage in [Stage::Sample, Stage::Grade, Stage::Select] {
        run_stage(&mut run, stage)?;
    }
    let started = Instant::now();
    run_stage(&mut run, Stage::Refine)?;
    let seconds = started.elapsed().as_secs_f64();
    let refined = PastRun::open(folder)?.records(Stage::Refine)?;
    Ok(Way { refined: refined.map(|row| Ok(row?.record)).collect::<ts_run::Result<_>>()?, seconds })
}

impl Way {
    fn sum(&self, of: impl Fn(&RefinedRecord) -> u64) -> u64 {
        self.refined.iter().map(of).sum()
    }

    fn steps(&self, of: impl Fn(&StepRecord) -> u64 + Copy) -> u64 {
        self.sum(|record| record.steps.iter().map(of).sum())
    }
}

fn line(what: &str, all: u64, early: u64) {
    println!("{what:>22} {all:>12} {early:>14} {:>8.1}x", all as f64 / early.max(1) as f64);
}
