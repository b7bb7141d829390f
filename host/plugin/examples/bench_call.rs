//! What a call costs: microseconds per call under each isolation, measured in turns in one process, so that the
//! ratios hold on a busy machine too.
//!
//!     cargo run --release -p ts-plugin --example bench_call [FOLDER OF PLUGINS]

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use serde_json::Map;
use ts_plugin::{HostOptions, Isolation, PluginHost, PluginSource, Problem};

/// Rounds of which the fastest counts.
const ROUNDS: usize = 7;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).map_or_else(|| PathBuf::from("plugins"), PathBuf::from);
    let load = |isolation, name: &str| -> Result<_, Box<dyn std::error::Error>> {
        let host = PluginHost::new(HostOptions { isolation, max_parallel: 2, ..HostOptions::default() })?;
        Ok(host.load(PluginSource::File(folder.join(name)))?)
    };
    let problem = Problem { id: "p".into(), prompt: "1+1?".into(), reference: "2".into(), metadata: vec![] };
    let response = format!("<think>{}</think><answer>2</answer>", "One and one is two. ".repeat(10));

    let reused = load(Isolation::Reused, "exact_grader.wasm")?.verifier(&Map::new())?;
    let fresh = load(Isolation::PerCall, "exact_grader.wasm")?.verifier(&Map::new())?;
    let splitter = load(Isolation::Reused, "paragraph_splitter.wasm")?.step_splitter(&Map::new())?;
    let length = load(Isolation::Reused, "tokens.wasm")?.length_function(&Map::new())?;
    let text = "A step that is being sampled.";

    let mut best = [f64::INFINITY; 4];
    for _ in 0..ROUNDS {
        let took = [
            micros(5_000, || drop(black_box(reused.grade(&problem, &response)))),
            micros(500, || drop(black_box(fresh.grade(&problem, &response)))),
            micros(5_000, || drop(black_box(splitter.split("p", text)))),
            micros(5_000, || drop(black_box(length.measure("p", text, 7)))),
        ];
        for (best, took) in best.iter_mut().zip(took) {
            *best = best.min(took);
        }
    }
    let [reused, fresh, split, measure] = best;
    println!("grade,   reused:   {reused:8.2} µs");
    println!("grade,   per call: {fresh:8.2} µs ({:.1} times)", fresh / reused);
    println!("split,   reused:   {split:8.2} µs");
    println!("measure, reused:   {measure:8.2} µs");
    Ok(())
}

/// Mean time of one of `calls` calls, microseconds.
fn micros(calls: u32, mut call: impl FnMut()) -> f64 {
    let began = Instant::now();
    for _ in 0..calls {
        call();
    }
    began.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
}
