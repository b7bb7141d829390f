//! The command line as its users meet it: the real binary, the embedded model, small settings.

mod authors;
#[cfg(unix)]
mod browser;
mod cache;
mod elsewhere;
mod hub;
mod import;
mod json;
mod model;
mod plugins;
#[cfg(unix)]
mod ray;
mod readme;
mod runs;
mod samples;
mod serve;
mod sources;
mod strangers;
mod wheel;
mod wrong;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Settings under which the whole main job takes seconds.
const SMALL: &[&str] = &[
    "--set",
    "problems.max_train=12",
    "--set",
    "problems.max_heldout=6",
    "--set",
    "sample.n_samples=8",
    "--set",
    "refine.n_rewrites=8",
    "--set",
    "train.batch_size=2",
    "--set",
    "train.epochs=6",
    "--set",
    "train.checkpoint_every=2",
    "--set",
    "eval.n_runs=2",
    "--set",
    "report.bootstrap_resamples=100",
];

/// What a finished run leaves, and two runs of the same work leave alike.
const ARTEFACTS: &[&str] = &[
    "samples.jsonl",
    "grades.jsonl",
    "selection.jsonl",
    "refined.jsonl",
    "examples.jsonl",
    "reference.jsonl",
    "train.jsonl",
    "model/model.safetensors",
    "eval-baseline.jsonl",
    "eval-result.jsonl",
];

/// The binary under test, in a folder of its own.
struct Host {
    folder: tempfile::TempDir,
    /// Where compiled plugins and the cache's key are kept.
    kept: PathBuf,
}

impl Host {
    /// With compiled plugins that all tests share: to compile them takes longer than most runs here.
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            kept: Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli"),
        }
    }

    /// With no plugin compiled yet.
    fn with_own_cache() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { kept: folder.path().to_owned(), folder }
    }

    /// Tells a command where compiled plugins are kept.
    fn keeps<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("XDG_CACHE_HOME", self.kept.join("cache")).env("XDG_STATE_HOME", self.kept.join("state"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ts-host"));
        command.args(args).current_dir(self.folder.path()).env_remove("CLICOLOR_FORCE");
        self.keeps(&mut command);
        command
    }

    fn output(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Standard output of a command that must succeed.
    fn run(&self, args: &[&str]) -> String {
        let output = self.output(args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?} failed: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Standard error of a command that must fail, and not by a panic.
    fn fail(&self, args: &[&str]) -> String {
        self.fail_with(1, args)
    }

    /// The same, with this exit code.
    fn fail_with(&self, code: i32, args: &[&str]) -> String {
        let output = self.output(args);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
        stderr
    }
}

/// `args` and then [`SMALL`].
fn small<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [args, SMALL].concat()
}

/// A verifier that misbehaves: the body of its `grade` is component text.
fn hostile(grade: &str) -> Vec<u8> {
    let text = include_str!("../../host/plugin/tests/guests/hostile.wat").replace("{grade}", grade);
    wat::parse_str(text).unwrap()
}

/// Whether a line on standard error says that a plugin is or was compiled: on a busy machine that may be any plugin.
fn is_of_compiling(line: &str) -> bool {
    line.starts_with("compiling ") || line.starts_with("compiled ")
}

/// Standard error without such lines.
fn without_compiling(stderr: &[u8]) -> String {
    let stderr = String::from_utf8_lossy(stderr);
    stderr.split_inclusive('\n').filter(|line| !is_of_compiling(line)).collect()
}

fn read(path: impl AsRef<Path>) -> Vec<u8> {
    let path = path.as_ref();
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A file of this repository.
fn repository(name: &str) -> String {
    format!("{}/../../{name}", env!("CARGO_MANIFEST_DIR"))
}
