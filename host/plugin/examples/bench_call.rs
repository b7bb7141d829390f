//! What a call costs: microseconds per call under each isolation, measured in turns in one process, so that
//! the ratios hold on a busy machine too; and what a start costs, with compiled code at hand and without.
//! Only the two lines about two threads at once, on one host or on a host each, need two idle cores.
//!
//!     cargo build --release --workspace --examples
//!     target/release/examples/bench_call [FOLDER OF PLUGINS]

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use serde_json::Map;
use ts_plugin::{CachePlace, CodeCache, HostOptions, Isolation, PluginHost, PluginSource, Problem, Verifier};

/// Rounds of which the fastest counts.
const ROUNDS: usize = 7;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Some(done) = ts_plugin::support_processes() {
        return Ok(done?);
    }
    let folder = std::env::args().nth(1).map_or_else(|| PathBuf::from("plugins"), PathBuf::from);
    let load = |isolation, name: &str| -> Result<_, Box<dyn std::error::Error>> {
        let host = PluginHost::new(HostOptions { isolation, max_parallel: 2, ..HostOptions::default() })?;
        Ok(host.load(PluginSource::File(folder.join(name)))?)
    };
    let problem = Problem { id: "p".into(), prompt: "1+1?".into(), reference: "2".into(), metadata: vec![] };
    let response = format!("<think>{}</think><answer>2</answer>", "One and one is two. ".repeat(10));

    let reused = load(Isolation::Reused, "exact_grader.wasm")?.verifier(&Map::new())?;
    let fresh = load(Isolation::PerCall, "exact_grader.wasm")?.verifier(&Map::new())?;
    let elsewhere = load(Isolation::PerCall, "exact_grader.wasm")?.verifier(&Map::new())?;
    let splitter = load(Isolation::Reused, "paragraph_splitter.wasm")?.step_splitter(&Map::new())?;
    let length = load(Isolation::Reused, "tokens.wasm")?.length_function(&Map::new())?;
    let text = "A step that is being sampled.";

    let kept = tempfile::tempdir()?;
    let place = CachePlace { folder: kept.path().join("code"), key: kept.path().join("key") };
    let cache = Arc::new(CodeCache::open(place)?);
    let grader = PluginSource::File(folder.join("math_grader.wasm"));
    let start = |cache: Option<&Arc<CodeCache>>| {
        let begin = || -> Result<(), Box<dyn std::error::Error>> {
            let host = PluginHost::new(HostOptions { cache: cache.cloned(), ..HostOptions::default() })?;
            let verifier = host.load(grader.clone())?.verifier(&Map::new())?;
            verifier.grade(&problem, "\\boxed{2}")?;
            Ok(())
        };
        let began = Instant::now();
        begin().map(|()| began.elapsed().as_secs_f64() * 1e3).unwrap_or(f64::NAN)
    };

    let grades = |by: &Verifier| micros(5_000, || drop(black_box(by.grade(&problem, &response))));
    let together = |here: &Verifier, there: &Verifier| {
        thread::scope(|scope| {
            let threads = [here, there].map(|verifier| scope.spawn(move || grades(verifier)));
            threads.into_iter().map(|thread| thread.join().unwrap_or(f64::NAN)).sum::<f64>() / 2.0
        })
    };

    let mut best = [f64::INFINITY; 6];
    for _ in 0..ROUNDS {
        let took = [
            grades(&reused),
            grades(&fresh),
            together(&fresh, &fresh),
            together(&fresh, &elsewhere),
            micros(5_000, || drop(black_box(splitter.split("p", text)))),
            micros(5_000, || drop(black_box(length.measure("p", text, 7)))),
        ];
        for (best, took) in best.iter_mut().zip(took) {
            *best = best.min(took);
        }
    }
    let warm = Some(&cache);
    let compiled = start(warm);
    let started = (0..ROUNDS).map(|_| start(warm)).fold(f64::INFINITY, f64::min);
    let [reused, fresh, shared, apart, split, measure] = best;
    println!("grade,   reused:   {reused:8.2} µs");
    println!("grade,   per call: {fresh:8.2} µs ({:.1} times)", fresh / reused);
    println!("  two threads:     {shared:8.2} µs ({:.2} times)", shared / fresh);
    println!("  a host each:     {apart:8.2} µs ({:.2} times)", apart / fresh);
    println!("split,   reused:   {split:8.2} µs");
    println!("measure, reused:   {measure:8.2} µs");
    println!("math_grader from its file to a first verdict, compiled before: {started:.1} ms");
    println!("  compiled now: {compiled:.0} ms ({:.0} times)", compiled / started);
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
