//! Training elsewhere: what a run gives to another trainer, and the model that comes back.

mod adopt;
mod card;
mod export;

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use serde_json::Value;

use crate::{Host, read};

/// Settings under which a run takes seconds, and has pairs and responses that are in none.
const TINY: &[&str] = &[
    "--set",
    "problems.max_train=8",
    "--set",
    "problems.max_heldout=3",
    "--set",
    "sample.n_samples=6",
    "--set",
    "refine.n_rewrites=4",
    "--set",
    "train.batch_size=4",
    "--set",
    "train.steps=3",
    "--set",
    "eval.n_runs=2",
    "--set",
    "report.bootstrap_resamples=100",
];

fn tiny<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [args, TINY].concat()
}

fn lines(path: impl AsRef<Path>) -> Vec<Value> {
    let text = String::from_utf8(read(path)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn json(path: impl AsRef<Path>) -> Value {
    serde_json::from_slice(&read(path)).unwrap()
}

fn text(path: impl AsRef<Path>) -> String {
    String::from_utf8(read(path)).unwrap()
}

/// A folder with two runs of which the tests are made: `trained`, which is done, and `pairs`, which has done what comes before
/// `reference`. They are made once, and so are the compiled plugins.
fn host() -> Host {
    static MADE: OnceLock<Host> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let host = Host::new();
        host.run(&tiny(&["run", "--out", "trained"]));
        run_to_pairs(&host, "pairs", &[]);
        host
    });
    let host = Host::new();
    copy(&made.path("."), &host.path("."));
    host
}

/// Runs all that comes before `reference`.
fn run_to_pairs(host: &Host, out: &str, settings: &[&str]) {
    host.run(&tiny(&[&["sample", "--out", out], settings].concat()));
    for stage in ["grade", "select", "refine", "pair"] {
        host.run(&[stage, "--out", out]);
    }
}

/// A copy of a folder.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target)
        } else {
            let _ = fs::copy(&path, target).unwrap();
        }
    }
}
