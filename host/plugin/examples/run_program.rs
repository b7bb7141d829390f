//! Runs programs in a runner, as a verifier's tests are run: what each wrote, how it ended, what it used.
//!
//!     cargo build --release --workspace --examples
//!     target/release/examples/run_program plugins/python_runner.wasm [--time-ms=2000] PROGRAM... < INPUT

use std::io::Read;
use std::time::Instant;

use ts_plugin::{HostOptions, PluginHost, PluginSource, Program, RunLimits};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let runner = arguments.next().ok_or("usage: run_program RUNNER [--time-ms=2000] PROGRAM... < INPUT")?;
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input)?;
    let began = Instant::now();
    let host = PluginHost::new(HostOptions::default())?;
    let runner = host.load(PluginSource::File(runner.into()))?.runner()?;
    println!("{} is ready after {:.2} s", runner.language(), began.elapsed().as_secs_f64());
    let mut limits = RunLimits { time_ms: 2000, memory_mib: 256, output_bytes: 1 << 20 };
    for path in arguments {
        if let Some(ms) = path.strip_prefix("--time-ms=") {
            limits.time_ms = ms.parse()?;
            continue;
        }
        let source = std::fs::read_to_string(&path)?;
        let began = Instant::now();
        let ran = runner.run(&Program { source: &source, input: &input, limits });
        let ms = began.elapsed().as_secs_f64() * 1000.0;
        match ran {
            Ok(ran) => println!(
                "{path}: {:?}, {ms:.2} ms, fuel {}, {:.1} MiB, {} bytes{}\n{}",
                ran.ending,
                ran.fuel,
                ran.memory as f64 / (1 << 20) as f64,
                ran.output.len(),
                if ran.output_cut { " and more" } else { "" },
                String::from_utf8_lossy(&ran.output[..ran.output.len().min(4000)])
            ),
            Err(error) => println!("{path}: no verdict: {error}"),
        }
    }
    Ok(())
}
