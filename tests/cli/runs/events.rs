//! TensorBoard's events: made of the artefacts and of nothing else, so that losing them loses nothing.

use std::fs;
use std::path::{Path, PathBuf};

use super::integrity::TINY;
use super::resume::kill_after;
use crate::{Host, read};

const STAGES: [&str; 9] =
    ["sample", "grade", "select", "refine", "pair", "reference", "train", "eval-baseline", "eval-result"];

/// The one event file of a stage that holds any; a start before it may have left an empty one.
fn file_of(run: &Path, stage: &str) -> PathBuf {
    let files = fs::read_dir(run.join("events").join(stage)).unwrap();
    let mut files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| !read(path).is_empty());
    assert_eq!(files.len(), 1, "{stage}: {files:?}");
    files.remove(0)
}

/// How many events a file has; each must be whole.
fn n_events(path: &Path) -> usize {
    let bytes = read(path);
    let (mut at, mut count) = (0, 0);
    while at < bytes.len() {
        let length = u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
        at += 8 + 4 + length + 4;
        count += 1;
    }
    assert_eq!(at, bytes.len(), "{}", path.display());
    count
}

#[test]
fn every_stage_has_its_points_and_a_run_that_went_on_has_as_many() {
    let host = Host::new();
    let args = [&["run", "--out", "whole"], TINY].concat();
    host.run(&args);
    let points = |run: &str| STAGES.map(|stage| n_events(&file_of(&host.path(run), stage)));
    let whole = points("whole");
    // Two events begin a file; then there is one a record, of so few.
    let n_records =
        |file: &str| read(host.path("whole").join(file)).iter().filter(|&&byte| byte == b'\n').count();
    assert_eq!(whole[0], 2 + n_records("samples.jsonl"));
    assert_eq!(whole[6], 2 + 2);

    kill_after(&host, &[&["run", "--out", "killed", "--workers", "1"], TINY].concat(), "samples.jsonl", 5);
    host.run(&[&["run", "--out", "killed"], TINY].concat());
    assert_eq!(points("killed"), whole);
}

#[test]
fn events_that_are_lost_damaged_or_cannot_be_written_change_nothing() {
    let host = Host::new();
    host.run(&[&["run", "--out", "run"], TINY].concat());
    let table = host.run(&["report", "run"]);
    fs::write(file_of(&host.path("run"), "train"), "no events").unwrap();
    assert_eq!(host.run(&["run", "--out", "run"]), table);
    fs::remove_dir_all(host.path("run/events")).unwrap();
    assert_eq!(host.run(&["run", "--out", "run"]), table);
    // `report`, with which `run` ends, has made them again; and those of stages that another run did.
    STAGES.iter().for_each(|stage| assert!(n_events(&file_of(&host.path("run"), stage)) > 2, "{stage}"));
    host.run(&["run", "--from", "run", "--out", "heir"]);
    STAGES.iter().for_each(|stage| assert!(n_events(&file_of(&host.path("heir"), stage)) > 2, "{stage}"));

    // Where there is no room for them, the run says so and goes on.
    fs::create_dir_all(host.path("blocked")).unwrap();
    host.run(&[&["sample", "--out", "blocked"], TINY].concat());
    fs::remove_dir_all(host.path("blocked/events")).unwrap();
    fs::write(host.path("blocked/events"), "a file").unwrap();
    let output = host.output(&[&["run", "--out", "blocked"], TINY].concat());
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    assert!(told.contains("no events of `grade`"), "{told}");
    assert_eq!(read(host.path("blocked/eval-result.jsonl")), read(host.path("run/eval-result.jsonl")));
}
