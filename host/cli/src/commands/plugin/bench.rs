//! What a plugin's calls cost here.
//!
//! In: a plugin and cases. Out: a table, by isolation and number of threads. Loading and compiling, which
//! happen once, are not measured.

use std::fmt::Display;
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::json;
use ts_harness::bench::bench as measure;
use ts_harness::golden::GoldenFile;
use ts_harness::handle::{Handle, Input};
use ts_recipe::{Override, n_threads};

use super::handle;
use super::test::named;
use crate::args::plugin::PluginBenchArgs;
use crate::terminal::{say, say_value};

pub(super) fn bench(args: &PluginBenchArgs) -> Result<()> {
    let most = n_threads(args.workers);
    let mut rows = Vec::new();
    let table = |line: &dyn Display| if args.json { Ok(()) } else { say(line) };
    table(
        &"| instances | threads | calls a second | p50, us | p90, us | p99, us | longest, us | fuel, mean | fuel, most | memory, KiB | failed |",
    )?;
    table(&"|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")?;
    for isolation in ["per_call", "reused"] {
        let mut called = args.called.clone();
        called.set.extend([
            Override::new("plugins.isolation", isolation),
            Override::new("run.workers", most as i64),
        ]);
        let handle = handle(&called)?;
        let inputs = inputs(&handle, args)?;
        for threads in if most > 1 { vec![1, most] } else { vec![1] } {
            let cost =
                measure(&handle, &inputs, threads, Duration::from_secs_f64(args.seconds.clamp(0.0, 3600.0)));
            let [p50, p90, p99, longest] = cost.percentiles.map(|time| time.as_secs_f64() * 1e6);
            rows.push(json!({
                "instances": isolation,
                "threads": threads,
                "calls": cost.calls,
                "calls_per_second": cost.calls_per_second,
                "microseconds": {"p50": p50, "p90": p90, "p99": p99, "longest": longest},
                "fuel": {"mean": cost.fuel.0, "most": cost.fuel.1},
                "memory_bytes": cost.memory,
                "failed": cost.failed,
            }));
            table(&format_args!(
                "| {isolation} | {threads} | {:.0} | {p50:.1} | {p90:.1} | {p99:.1} | {longest:.1} | {:.0} | {} | {} | {} |",
                cost.calls_per_second,
                cost.fuel.0,
                cost.fuel.1,
                cost.memory / 1024,
                cost.failed
            ))?;
        }
    }
    if args.json { say_value(&rows) } else { Ok(()) }
}

/// The inputs of cases of any form.
fn inputs(handle: &Handle, args: &PluginBenchArgs) -> Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for path in &args.cases {
        if let Some(golden) = GoldenFile::read(path)? {
            for (line, case) in golden.cases() {
                match handle.input(&case.input) {
                    Ok(input) => inputs.push(input),
                    Err(reason) => bail!("{}:{line}: {reason}", path.display()),
                }
            }
        } else {
            let cases = ts_harness::read_cases(std::slice::from_ref(path))?;
            inputs.extend(cases.into_iter().map(|case| Input::Grade(case.problem, case.response)));
        }
    }
    if inputs.is_empty() {
        bail!("there are no cases in {}", named(&args.cases));
    }
    Ok(inputs)
}
