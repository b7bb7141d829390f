//! What it costs to keep speculation within bounds: `math_grader` compiled with the guards and without them,
//! in turns in one process over the same cases, in processor time of the one thread.
//!
//!     cargo build --release --workspace --examples
//!     target/release/examples/bench_speculation [FILES OF CASES]
//!
//! Each round's two turns stand side by side, and the ratio is that of a round; the median of the rounds
//! counts, and the quartiles say how far to believe it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde_json::Map;
use ts_harness::{Case, read_cases};
use ts_plugin::{HostOptions, Isolation, Limits, PluginHost, PluginSource, Verifier};

const ROUNDS: usize = 41;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files: Vec<PathBuf> = std::env::args().skip(1).map(PathBuf::from).collect();
    if files.is_empty() {
        files = ["gsm8k_labelled.jsonl", "symbolic_answers.jsonl"]
            .map(|file| root.join("tests/data").join(file))
            .to_vec();
    }
    let load = |guard_speculation, isolation| -> Result<Verifier, Box<dyn std::error::Error>> {
        let limits = Limits { guard_speculation, ..Limits::default() };
        let host =
            PluginHost::new(HostOptions { limits, isolation, max_parallel: 1, ..HostOptions::default() })?;
        let file = PluginSource::File(root.join("plugins/math_grader.wasm"));
        Ok(host.load(file)?.verifier(&Map::new())?)
    };
    let isolations = [("fresh instance", Isolation::PerCall), ("instance reused", Isolation::Reused)];
    for (name, isolation) in isolations {
        let [with, without] = [load(true, isolation)?, load(false, isolation)?];
        for file in &files {
            let cases = read_cases(std::slice::from_ref(file))?;
            println!("{}, {name}", file.file_name().unwrap_or_default().to_string_lossy());
            bench(&cases, &with, &without);
        }
    }
    Ok(())
}

fn bench(cases: &[Case], with: &Verifier, without: &Verifier) {
    let mut rounds: Vec<[f64; 3]> = (0..ROUNDS)
        .map(|round| {
            // Whoever is first in one round is second in the next.
            let (guarded, bare) = if round % 2 == 0 {
                let guarded = micros(cases, with);
                (guarded, micros(cases, without))
            } else {
                let bare = micros(cases, without);
                (micros(cases, with), bare)
            };
            [guarded / bare, guarded, bare]
        })
        .collect();
    let mut quantile = |column: usize, share: f64| {
        rounds.sort_by(|a, b| a[column].total_cmp(&b[column]));
        rounds[((ROUNDS - 1) as f64 * share) as usize][column]
    };
    let [low, ratio, high] = [0.25, 0.5, 0.75].map(|share| quantile(0, share));
    println!("  with guards     {:8.2} µs a response", quantile(1, 0.5));
    println!("  without         {:8.2} µs", quantile(2, 0.5));
    println!("  ratio           {ratio:8.3}    (quartiles {low:.3} and {high:.3})");
}

/// Mean processor time of one case, microseconds.
fn micros(cases: &[Case], verifier: &Verifier) -> f64 {
    let began = processor_time();
    for case in cases {
        // The verdict is not what is asked here.
        let _ = std::hint::black_box(verifier.grade(&case.problem, &case.response));
    }
    (processor_time() - began).as_secs_f64() * 1e6 / cases.len() as f64
}

/// That of this thread.
fn processor_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}
