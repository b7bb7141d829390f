//! Every stage of a tiny run, with a fault at each of its calls that change the run's folder: the same
//! command, started again, ends with the bytes of a run without faults.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::injector::{Call, Fault, available, trace};
use crate::{Host, read};

/// Settings under which a whole run takes two seconds, trains on pairs, and removes an old checkpoint twice.
const TINY: &[&str] = &[
    "--set",
    "problems.max_train=3",
    "--set",
    "problems.max_heldout=2",
    "--set",
    "sample.n_samples=4",
    "--set",
    "refine.n_rewrites=2",
    "--set",
    "train.batch_size=2",
    "--set",
    "train.epochs=2",
    "--set",
    "train.checkpoint_every=1",
    "--set",
    "eval.n_runs=1",
    "--set",
    "report.bootstrap_resamples=100",
];

/// Each stage's command in the folder that holds `run`, and of how many calls the short tests take one.
const STAGES: &[(&[&str], usize)] = &[
    (&["sample", "--out", "run"], 3),
    (&["grade", "--out", "run"], 1),
    (&["select", "--out", "run"], 1),
    (&["refine", "--out", "run"], 2),
    (&["pair", "--out", "run"], 1),
    (&["train", "--out", "run"], 2),
    (&["eval", "--out", "run"], 2),
    (&["report", "run"], 1),
];

const THREADS: usize = 2;

#[test]
fn killed_at_some_call_and_started_again_a_stage_ends_with_the_same_bytes() {
    examine(Fault::Kill, |calls, every| turns(calls).into_iter().skip(every / 2).step_by(every).collect());
}

#[test]
#[ignore = "takes minutes; the gate runs it"]
fn killed_at_any_call_and_started_again_a_stage_ends_with_the_same_bytes() {
    examine(Fault::Kill, |calls, _| (1..=calls.len()).collect());
}

#[test]
fn refused_some_call_and_started_again_a_stage_ends_with_the_same_bytes() {
    examine(Fault::Refuse, |calls, every| turns(calls).into_iter().step_by(4 * every).collect());
}

#[test]
#[ignore = "takes minutes; the gate runs it"]
fn refused_any_call_and_started_again_a_stage_ends_with_the_same_bytes() {
    examine(Fault::Refuse, |calls, _| (1..=calls.len()).collect());
}

#[test]
fn adopting_killed_or_refused_at_any_call_and_started_again_ends_with_the_same_bytes() {
    if let Err(reason) = available(Fault::Kill) {
        println!("passed over: {reason}");
        return;
    }
    let host = Host::new();
    let whole = host.path("whole");
    let run = |args: &[&str]| {
        let output = host.command(args).current_dir(&whole).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    std::fs::create_dir_all(&whole).unwrap();
    run(&[&["run", "--out", "once"], TINY].concat());
    run(&[&["run", "--out", "twice", "--from", "once", "--set", "train.epochs=4"], TINY].concat());
    run(&[&["pair", "--out", "run"], TINY, &["--set", "train.lambda=0.5", "--from", "once"]].concat());
    let first = Stage::run(&host, &["adopt", "run", "once/model"], 1);
    run(&["run", "--out", "run"]);
    let again = Stage::run(&host, &["adopt", "run", "twice/model"], 1);
    for fault in [Fault::Kill, Fault::Refuse] {
        examine_stages(&host, &[&first, &again], fault, |calls, _| turns(calls));
    }
}

#[test]
fn rounds_killed_or_refused_at_some_call_and_started_again_end_with_the_same_bytes() {
    if let Err(reason) = available(Fault::Kill) {
        println!("passed over: {reason}");
        return;
    }
    let host = Host::new();
    let whole = host.path("whole");
    std::fs::create_dir_all(&whole).unwrap();
    let first = [&["run", "--out", "run"], TINY].concat();
    assert!(host.command(&first).current_dir(&whole).output().unwrap().status.success());
    let two = ["rounds.count=2", "rounds.max_loss=1", "rounds.max_tuning=2"];
    let two = two.iter().flat_map(|value| ["--set", *value]);
    let rounds = Stage::run(&host, &["run", "--out", "run"].into_iter().chain(two).collect::<Vec<_>>(), 1);
    for fault in [Fault::Kill, Fault::Refuse] {
        // Some of the calls, spread over everything that is done after the first round.
        examine_stages(&host, &[&rounds], fault, |calls, _| {
            let turns = turns(calls);
            let every = turns.len().div_ceil(6).max(1);
            turns.into_iter().skip(every / 3).step_by(every).collect()
        });
    }
}

/// The calls before which the folder is not as it was before another: not after a call that failed or only
/// waited for the disk, and of several writes to one file only the first two.
fn turns(calls: &[Call]) -> Vec<usize> {
    let changes = |call: &Call| !call.failed && !matches!(call.name, "fsync" | "fdatasync");
    let mut turns: Vec<usize> = Vec::new();
    for (index, call) in calls.iter().enumerate() {
        let writes = |turn: &usize| {
            let other = &calls[turn - 1];
            other.path == call.path && other.name == call.name && call.name.contains("write")
        };
        let again = turns.iter().rev().take(2).filter(|turn| writes(turn)).count() == 2;
        if changes(call) && !again {
            turns.push(index + 1);
        }
    }
    turns
}

/// Every stage, with the fault at those of its calls that are chosen; all failures together.
fn examine(fault: Fault, choose: fn(&[Call], usize) -> Vec<usize>) {
    if let Err(reason) = available(fault) {
        println!("passed over: {reason}");
        return;
    }
    let host = Host::new();
    let stages: Vec<Stage> = STAGES.iter().map(|(args, every)| Stage::run(&host, args, *every)).collect();
    examine_stages(&host, &stages.iter().collect::<Vec<_>>(), fault, choose);
}

fn examine_stages(host: &Host, stages: &[&Stage], fault: Fault, choose: fn(&[Call], usize) -> Vec<usize>) {
    let jobs: Vec<(&Stage, usize)> = stages
        .iter()
        .flat_map(|stage| choose(&stage.calls, stage.every).into_iter().map(move |n| (*stage, n)))
        .collect();
    let (next, met, failures) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some((stage, n)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match stage.survives(host, *n, fault) {
                        Ok(was_met) => drop(met.fetch_add(usize::from(was_met), Ordering::Relaxed)),
                        Err(failure) => failures.lock().unwrap().push(failure),
                    }
                }
            });
        }
    });
    let (met, failures) = (met.into_inner(), failures.into_inner().unwrap());
    println!("{} faults in {} stages, {} failures", jobs.len(), stages.len(), failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(10 * met >= 9 * jobs.len(), "only {met} of {} faults were met", jobs.len());
}

/// A stage as it goes without faults.
struct Stage {
    args: Vec<&'static str>,
    /// What its folders are called.
    name: String,
    every: usize,
    /// The calls that change the run's folder.
    calls: Vec<Call>,
    /// The folder that holds `run` as it is before the stage.
    before: PathBuf,
    /// What is in the run's folder after it.
    after: BTreeMap<PathBuf, Vec<u8>>,
}

impl Stage {
    /// Runs the stage that is next in the run of the folder `whole`.
    fn run(host: &Host, args: &[&'static str], every: usize) -> Self {
        let name = args.join("-").replace('/', "-");
        let args = match args[0] {
            "sample" => [args, TINY].concat(),
            _ => args.to_vec(),
        };
        let (whole, before) = (host.path("whole"), host.path(&format!("before-{name}")));
        std::fs::create_dir_all(&whole).unwrap();
        copy(&whole, &before);
        let mut stage = Self { args, name, every, calls: Vec::new(), before, after: BTreeMap::new() };
        let (status, calls) = stage.trace(host, &whole, None);
        assert!(status.success(), "{:?}: {}", stage.args, errors(&whole));
        stage.calls = calls;
        stage.after = contents(&whole.join("run"));
        stage
    }

    /// Runs the stage in a copy with a fault at call `n`, and then without one. Returns whether there was
    /// such a call, or what went wrong.
    fn survives(&self, host: &Host, n: usize, fault: Fault) -> Result<bool, String> {
        let folder = host.path(&format!("{}-{n}", self.name));
        copy(&self.before, &folder);
        let (status, calls) = self.trace(host, &folder, Some((n, fault)));
        let call = calls
            .get(n - 1)
            .map_or_else(String::new, |call| format!("{} {}", call.name, call.path.display()));
        let failure = |what: String| Err(format!("{} at call {n} ({call}): {what}", self.args[0]));
        let told = errors(&folder);
        let ended_well = match fault {
            // A stage may make a call less than another time; then it was done.
            Fault::Kill => status.signal() == Some(9) || calls.len() < n && status.success(),
            Fault::Refuse => matches!(status.code(), Some(0 | 1)) && !told.contains("panicked"),
        };
        if !ended_well {
            return failure(format!("ended with {status}: {told}"));
        }
        let output = self.command(host, &folder).output().unwrap();
        if !output.status.success() {
            return failure(format!("started again: {}", String::from_utf8_lossy(&output.stderr)));
        }
        let different = differences(&self.after, &contents(&folder.join("run")));
        if !different.is_empty() {
            return failure(format!("other bytes than without a fault: {}", different.join(", ")));
        }
        std::fs::remove_dir_all(&folder).unwrap();
        Ok(calls.len() >= n)
    }

    /// The stage's command; what it unpacks goes into the same folder as its run.
    fn command(&self, host: &Host, folder: &Path) -> Command {
        let temporary = folder.join("temporary");
        std::fs::create_dir_all(&temporary).unwrap();
        let mut command = host.command(&self.args);
        command.current_dir(folder).env("TMPDIR", temporary);
        command
    }

    fn trace(&self, host: &Host, folder: &Path, fault: Option<(usize, Fault)>) -> (ExitStatus, Vec<Call>) {
        let mut command = self.command(host, folder);
        command.stdout(Stdio::null()).stderr(File::create(folder.join("stderr")).unwrap());
        let run = folder.canonicalize().unwrap().join("run");
        let trace = trace(&mut command, &run, fault).unwrap();
        (trace.status, trace.calls)
    }
}

/// What the traced command wrote to standard error.
fn errors(folder: &Path) -> String {
    String::from_utf8_lossy(&read(folder.join("stderr"))).into_owned()
}

/// Everything below a folder but the lock; of the manifest, what does not depend on the time.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut contents = BTreeMap::new();
    for path in below(folder) {
        let name = path.strip_prefix(folder).unwrap().to_owned();
        let in_round = name.starts_with("rounds");
        let bytes = match name.file_name().unwrap().to_str().unwrap() {
            ".lock" => continue,
            // Their times are those of the day, and so are their names.
            _ if name.iter().any(|part| part == "events") => continue,
            // They name the folder of the model before them, or say how long something took.
            "recipe.toml" | "report.json" | "report.md" | "report.html" if in_round => continue,
            "manifest.json" => timeless(&read(path), in_round),
            _ if path.is_dir() => Vec::new(),
            _ => read(path),
        };
        contents.insert(name, bytes);
    }
    contents
}

/// A manifest without times and without what is computed over them; of a later round's folder, without the places of what it was made from.
fn timeless(manifest: &[u8], in_round: bool) -> Vec<u8> {
    let mut json: Value = serde_json::from_slice(manifest).unwrap();
    for key in ["created", "check", "sha256", "adopted"] {
        json.as_object_mut().unwrap().remove(key);
    }
    without(&mut json, "seconds");
    if in_round {
        without(&mut json, "recipe_sha256");
        without(&mut json, "source");
    }
    json.to_string().into_bytes()
}

fn without(json: &mut Value, key: &str) {
    match json {
        Value::Object(object) => {
            object.remove(key);
            object.values_mut().for_each(|value| without(value, key));
        }
        Value::Array(array) => array.iter_mut().for_each(|value| without(value, key)),
        _ => {}
    }
}

/// What is in one folder alone, or differs.
fn differences(one: &BTreeMap<PathBuf, Vec<u8>>, other: &BTreeMap<PathBuf, Vec<u8>>) -> Vec<String> {
    let missing = one.keys().filter(|path| !other.contains_key(*path)).map(|path| ("lacks", path));
    let more = other.keys().filter(|path| !one.contains_key(*path)).map(|path| ("has", path));
    let changed = one.iter().filter(|(path, bytes)| other.get(*path).is_some_and(|other| other != *bytes));
    let all = missing.chain(more).chain(changed.map(|(path, _)| ("differs in", path)));
    all.map(|(how, path)| format!("{how} {}", path.display())).collect()
}

/// Files and folders below a folder, folders before what is in them.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let inner = if path.is_dir() { below(&path) } else { Vec::new() };
        all.push(path);
        all.extend(inner);
    }
    all
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for path in below(from) {
        let copied = to.join(path.strip_prefix(from).unwrap());
        match path.is_dir() {
            true => std::fs::create_dir_all(copied).unwrap(),
            false => drop(std::fs::copy(&path, copied).unwrap()),
        }
    }
}
