//! Nothing passes unseen: whatever changes in a run's folder is found before it is used, or computed again to
//! the same bytes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ts_run::Artefact;
use ts_run::manifest::{StageState, read_manifest, write_manifest};

use crate::{Host, read};

/// The smallest run in which every stage has something to do.
pub(crate) const TINY: &[&str] = &[
    "--set",
    "problems.max_train=6",
    "--set",
    "problems.max_heldout=3",
    "--set",
    "sample.n_samples=4",
    "--set",
    "refine.n_rewrites=4",
    "--set",
    "train.steps=2",
    "--set",
    "train.batch_size=4",
    "--set",
    "eval.n_runs=2",
    "--set",
    "report.bootstrap_resamples=100",
];

/// Command, stage and artefact, in order.
const STAGES: &[(&str, &str, &str)] = &[
    ("eval", "eval-baseline", "eval-baseline.jsonl"),
    ("sample", "sample", "samples.jsonl"),
    ("grade", "grade", "grades.jsonl"),
    ("select", "select", "selection.jsonl"),
    ("refine", "refine", "refined.jsonl"),
    ("pair", "pair", "examples.jsonl"),
    ("reference", "reference", "reference.jsonl"),
    ("train", "train", "train.jsonl"),
    ("eval", "eval-result", "eval-result.jsonl"),
];

/// A way to change a file of lines.
type Change = (&'static str, fn(&[u8]) -> Vec<u8>);

const CHANGES: &[Change] = &[
    ("the first line deleted", |bytes| lines(bytes)[1..].concat()),
    ("a middle line deleted", |bytes| without(bytes, lines(bytes).len() / 2)),
    ("the last line deleted", |bytes| without(bytes, lines(bytes).len() - 1)),
    ("a line duplicated at the end", |bytes| [bytes, lines(bytes)[0]].concat()),
    ("a line duplicated in its place", |bytes| [lines(bytes)[0], bytes].concat()),
    ("two lines swapped", |bytes| {
        let mut lines = lines(bytes);
        let last = lines.len() - 1;
        lines.swap(0, last);
        lines.concat()
    }),
    ("all lines reversed", |bytes| lines(bytes).into_iter().rev().collect::<Vec<_>>().concat()),
    ("a digit changed", |bytes| {
        let mut bytes = bytes.to_vec();
        let digit = bytes.iter_mut().find(|byte| byte.is_ascii_digit()).unwrap();
        *digit = if *digit == b'9' { b'1' } else { *digit + 1 };
        bytes
    }),
    ("a byte flipped at its end", |bytes| flipped(bytes, bytes.len() - 2)),
    ("a byte flipped in its middle", |bytes| flipped(bytes, bytes.len() / 2)),
    ("truncated", |bytes| bytes[..bytes.len() / 3].to_vec()),
    ("emptied", |_| Vec::new()),
    ("rubbish behind it", |bytes| [bytes, b"{}\n"].concat()),
];

fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|&byte| byte == b'\n').collect()
}

fn without(bytes: &[u8], index: usize) -> Vec<u8> {
    let mut lines = lines(bytes);
    lines.remove(index);
    lines.concat()
}

fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1;
    bytes
}

fn finished(host: &Host) -> PathBuf {
    host.run(&[&["run", "--out", "whole"], TINY].concat());
    host.path("whole")
}

/// A copy of a run's folder.
fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)
        } else {
            drop(fs::copy(entry.path(), target))
        }
    }
}

/// The files below a folder, relative to it.
fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = PathBuf::from(entry.file_name());
        match entry.path().is_dir() {
            true => found.extend(files(&entry.path()).into_iter().map(|file| name.join(file))),
            false => drop(found.insert(name)),
        }
    }
    found
}

/// Whether anything is decided by a file: what is made of the records for people and for trackers is read by nothing here.
fn decides(file: &Path) -> bool {
    let is_made_for_others = [".lock", "report.json", "report.md", "report.html", "model/README.md"]
        .iter()
        .any(|name| file == Path::new(name));
    !is_made_for_others && !file.starts_with("events")
}

/// The command failed and named the file, or all artefacts are as they were.
fn assert_found_or_mended(host: &Host, args: &[&str], file: &str, whole: &Path, changed: &Path, what: &str) {
    let output = host.output(args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!stderr.contains("panicked"), "{file}, {what}: {stderr}");
    if !output.status.success() {
        let name = Path::new(file).file_name().unwrap().to_str().unwrap();
        assert!(stderr.contains(name), "{file}, {what}: {args:?} failed without naming it: {stderr}");
        return;
    }
    for name in files(whole) {
        // What a manifest says of the start differs.
        let may_differ = !decides(&name) || name == Path::new("manifest.json");
        let same = || read(whole.join(&name)) == read(changed.join(&name));
        assert!(may_differ || same(), "{file}, {what}: {args:?} went on with another {}", name.display());
    }
}

#[test]
fn a_finished_run_that_changed_is_not_used() {
    let host = Host::new();
    let whole = finished(&host);
    let changed = host.path("changed");
    for file in files(&whole).into_iter().filter(|file| decides(file)) {
        let file = file.to_str().unwrap();
        let original = read(whole.join(file));
        for (what, change) in CHANGES {
            let bytes = change(&original);
            if bytes == original {
                continue;
            }
            copy(&whole, &changed);
            fs::write(changed.join(file), bytes).unwrap();
            assert_found_or_mended(&host, &["run", "--out", "changed"], file, &whole, &changed, what);
        }
        copy(&whole, &changed);
        fs::remove_file(changed.join(file)).unwrap();
        let args = [&["run", "--out", "changed"], TINY].concat();
        assert_found_or_mended(&host, &args, file, &whole, &changed, "removed");
    }
    copy(&whole, &changed);
    fs::write(changed.join("model/added.safetensors"), "1").unwrap();
    let error = host.fail(&["run", "--out", "changed"]);
    assert!(error.contains("added.safetensors was added"), "{error}");
}

#[test]
fn a_report_counts_nothing_that_changed() {
    let host = Host::new();
    let whole = finished(&host);
    let changed = host.path("changed");
    let table = |text: String| text.lines().take(12).map(str::to_owned).collect::<Vec<_>>();
    let before = table(host.run(&["report", "whole"]));
    for (_, _, file) in STAGES {
        let original = read(whole.join(file));
        for (what, change) in CHANGES {
            copy(&whole, &changed);
            fs::write(changed.join(file), change(&original)).unwrap();
            let output = host.output(&["report", "changed"]);
            let stderr = String::from_utf8_lossy(&output.stderr);
            match output.status.success() {
                true => {
                    assert_eq!(table(String::from_utf8(output.stdout).unwrap()), before, "{file}, {what}")
                }
                false => assert!(stderr.contains(file), "{file}, {what}: {stderr}"),
            }
        }
    }
    // A forged evaluation is the one that would matter most.
    let forged = String::from_utf8(read(whole.join("eval-result.jsonl"))).unwrap();
    copy(&whole, &changed);
    fs::write(changed.join("eval-result.jsonl"), forged.replace("\"finished\":true", "\"finished\":false"))
        .unwrap();
    assert!(host.fail(&["report", "changed"]).contains("eval-result.jsonl:"));
}

#[test]
fn an_unfinished_stage_that_changed_is_mended_or_refused() {
    let host = Host::new();
    let whole = finished(&host);
    let changed = host.path("changed");
    for (place, (command, stage, file)) in STAGES.iter().enumerate() {
        let original = read(whole.join(file));
        for (what, change) in CHANGES {
            copy(&whole, &changed);
            undo(&changed, &STAGES[place..], stage);
            fs::write(changed.join(file), change(&original)).unwrap();
            assert_mended_or_refused(&host, command, file, &original, what);
        }
    }
}

/// Makes the first of these stages unfinished, and the others as if they had not begun.
fn undo(folder: &Path, stages: &[(&str, &str, &str)], unfinished: &str) {
    let path = Artefact::Manifest.path_in(folder);
    let mut manifest = read_manifest(&path).unwrap();
    for (_, stage, file) in stages {
        manifest.stages.remove(*stage);
        if *stage == unfinished {
            manifest.stages.insert((*stage).to_owned(), StageState::default());
        } else {
            fs::remove_file(folder.join(file)).unwrap();
        }
    }
    write_manifest(&path, &manifest).unwrap();
}

fn assert_mended_or_refused(host: &Host, command: &str, file: &str, original: &[u8], what: &str) {
    let output = host.output(&[command, "--out", "changed"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!stderr.contains("panicked"), "{file}, {what}: {stderr}");
    // A stage after it may be missing, as of `eval` before training; what counts is this one.
    let is_mended = read(host.path("changed").join(file)) == original;
    if stderr.contains(&format!("{file}:")) {
        assert!(!what.contains("deleted"), "a deleted line is computed again: {file}: {stderr}");
    } else {
        assert!(is_mended, "{file}, {what}: {stderr}");
    }
}
