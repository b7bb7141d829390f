//! What `math_grader` costs: natively and as a component, and where the time goes. Microseconds a response,
//! each way in turns in one process over the same cases, on one thread.
//!
//!     cargo build --release --workspace --examples
//!     target/release/examples/bench_math [FILES OF CASES]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::Map;
use ts_harness::{Case, read_cases};
use ts_math::WORK;
use ts_math::algebra::Work;
use ts_math::compare::same;
use ts_math::syntax::{Node, parse};
use ts_plugin::{HostOptions, Isolation, PluginHost, PluginSource, Verifier};

/// Rounds of which the fastest counts.
const ROUNDS: usize = 9;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files: Vec<PathBuf> = std::env::args().skip(1).map(PathBuf::from).collect();
    if files.is_empty() {
        files = ["gsm8k_labelled.jsonl", "symbolic_answers.jsonl"]
            .map(|file| root.join("tests/data").join(file))
            .to_vec();
    }
    let load = |isolation| -> Result<Verifier, Box<dyn std::error::Error>> {
        let host = PluginHost::new(HostOptions { isolation, max_parallel: 1, ..HostOptions::default() })?;
        let file = PluginSource::File(root.join("plugins/math_grader.wasm"));
        Ok(host.load(file)?.verifier(&Map::new())?)
    };
    let (reused, fresh) = (load(Isolation::Reused)?, load(Isolation::PerCall)?);
    for file in files {
        println!("{}", file.file_name().unwrap_or_default().to_string_lossy());
        bench(&read_cases(&[file])?, &reused, &fresh);
    }
    Ok(())
}

fn bench(cases: &[Case], reused: &Verifier, fresh: &Verifier) {
    let answers: Vec<Option<String>> = cases.iter().map(answer).collect();
    let trees: Vec<Option<(Node, Node)>> = cases
        .iter()
        .zip(&answers)
        .map(|(case, answer)| Some((parse(&case.problem.reference).ok()?, parse(answer.as_ref()?).ok()?)))
        .collect();
    let mut best = [f64::INFINITY; 6];
    for _ in 0..ROUNDS {
        let took = [
            micros(cases, |at| drop(black_box(ts_extract::answer(&cases[at].response)))),
            micros(cases, |at| {
                drop(black_box(parse(&cases[at].problem.reference)));
                drop(black_box(answers[at].as_deref().map(parse)));
            }),
            micros(cases, |at| {
                if let Some((a, b)) = &trees[at] {
                    let _ = black_box(same(a, b, &Work::new(WORK)));
                }
            }),
            micros(cases, |at| {
                drop(black_box(ts_math::grade(&cases[at].problem.reference, &cases[at].response)))
            }),
            micros(cases, |at| drop(black_box(reused.grade(&cases[at].problem, &cases[at].response)))),
            micros(cases, |at| drop(black_box(fresh.grade(&cases[at].problem, &cases[at].response)))),
        ];
        for (best, took) in best.iter_mut().zip(took) {
            *best = best.min(took);
        }
    }
    let [extraction, parsing, deciding, native, reused, fresh] = best;
    println!("  finding the answer          {extraction:7.2} µs");
    println!("  reading both                {parsing:7.2} µs");
    println!("  deciding                    {deciding:7.2} µs");
    println!(
        "  native, whole               {native:7.2} µs   (plain numbers are compared without reading them)"
    );
    println!("  component, instance reused  {reused:7.2} µs   {:5.1} x native", reused / native);
    println!(
        "  component, fresh instance   {fresh:7.2} µs   {:5.1} x native, {:.0} responses/s",
        fresh / native,
        1e6 / fresh
    );
}

/// The text of the answer, as the grader finds it.
fn answer(case: &Case) -> Option<String> {
    let found = ts_extract::answer(&case.response)?;
    Some(found.places.into_iter().map(|place| &case.response[place]).collect::<Vec<_>>().join(", "))
}

/// Mean time of one case, microseconds.
fn micros(cases: &[Case], mut call: impl FnMut(usize)) -> f64 {
    let began = Instant::now();
    for at in 0..cases.len() {
        call(at);
    }
    began.elapsed().as_secs_f64() * 1e6 / cases.len() as f64
}
