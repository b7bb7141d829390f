//! Programs in sandboxes: the runners that `cargo xtask runners` builds, alone and behind `code_grader`.
//!
//! Every test here needs `plugins/*_runner.wasm`, which are too big to commit, and so is ignored unless asked
//! for:
//!
//!     cargo xtask runners
//!     cargo test --release --workspace --test runners -- --ignored
//!
//! In: programs, kind and hostile. Out: nothing. Limits are fuel, not time.

mod grader;
mod javascript;
mod processes;
mod python;
mod squeeze;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use ts_plugin::{
    CachePlace, CodeCache, Ending, HostOptions, PluginHost, PluginSource, Program, Ran, RunLimits, Runner,
    Verifier,
};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn plugin_file(name: &str) -> PluginSource {
    PluginSource::File(repository().join("plugins").join(name).with_extension("wasm"))
}

/// A host that keeps compiled code beside the tests' own build, since a runner takes seconds to compile.
fn host() -> PluginHost {
    let beside = repository().canonicalize().unwrap().join("target/runners");
    let place = CachePlace { folder: beside.join("compiled"), key: beside.join("cache.key") };
    let cache = CodeCache::open(place).ok().map(Arc::new);
    PluginHost::new(HostOptions { cache, ..HostOptions::default() }).unwrap()
}

fn runner(name: &str) -> Runner {
    host().load(plugin_file(name)).unwrap().runner().unwrap()
}

/// `code_grader` on a host with both runners.
fn grader(settings: serde_json::Value) -> Verifier {
    let host = host();
    for name in ["python_runner", "javascript_runner"] {
        host.add_runner(host.load(plugin_file(name)).unwrap().runner().unwrap());
    }
    let serde_json::Value::Object(settings) = settings else { panic!("settings are an object") };
    host.load(plugin_file("code_grader")).unwrap().verifier(&settings).unwrap()
}

const LIMITS: RunLimits = RunLimits { time_ms: 1000, memory_mib: 256, output_bytes: 1 << 20 };

fn python() -> &'static Runner {
    static PYTHON: OnceLock<Runner> = OnceLock::new();
    PYTHON.get_or_init(|| runner("python_runner"))
}

fn run(source: &str, input: &str) -> Ran {
    python().run(&Program { source, input, limits: LIMITS }).unwrap()
}

/// What a program writes that must end well.
fn output(source: &str, input: &str) -> String {
    let ran = run(source, input);
    assert_eq!(ran.ending, Ending::Exited(0), "{source}");
    String::from_utf8(ran.output).unwrap()
}
