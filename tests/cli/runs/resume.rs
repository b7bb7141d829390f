//! A run that is killed in the middle of any stage goes on, and ends with the same bytes.

use std::process::Stdio;
use std::time::{Duration, Instant};

use ts_run::manifest::{read_manifest, write_manifest};

use crate::{Host, read, repository, small};

/// Stage, the file it writes, and how many of its records to wait for before the kill.
const STAGES: &[(&str, &str, usize)] = &[
    ("sample", "samples.jsonl", 9),
    ("grade", "grades.jsonl", 3),
    ("select", "selection.jsonl", 2),
    ("refine", "refined.jsonl", 1),
    ("pair", "examples.jsonl", 1),
    ("train", "reference.jsonl", 1),
    ("train", "train.jsonl", 3),
    ("eval", "eval-baseline.jsonl", 1),
    ("eval", "eval-result.jsonl", 1),
];

#[test]
#[cfg(unix)]
fn an_interrupted_run_says_how_to_go_on_and_does() {
    use std::os::unix::process::ExitStatusExt;

    let host = Host::new();
    let mut command = host.command(&["sample", "--out", "run", "--set", "problems.max_train=40"]);
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while std::fs::metadata(host.path("run/samples.jsonl")).map_or(0, |file| file.len()) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(120), "nothing was sampled");
        std::thread::sleep(Duration::from_millis(20));
    }
    // SAFETY: a signal to a process of ours, which has not been waited for.
    unsafe { libc::kill(child.id() as i32, libc::SIGINT) };
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(libc::SIGINT), "{stderr}");
    assert!(stderr.contains("stopped; the same command goes on where this ended, in run"), "{stderr}");
    host.run(&["sample", "--out", "run"]);
    let samples = read(host.path("run/samples.jsonl"));
    assert_eq!(samples.iter().filter(|byte| **byte == b'\n').count(), 40 * 32);
}

#[test]
fn a_quick_run_has_a_name_that_says_so_and_goes_on_as_one() {
    let host = Host::new();
    let small = ["--set", "problems.max_train=6", "--set", "problems.max_heldout=2"];
    host.run(&[&["sample", "--quick", "--out", "run"][..], &small].concat());
    let recipe = String::from_utf8(read(host.path("run/recipe.toml"))).unwrap();
    assert!(recipe.contains("name = \"default-quick\"") && recipe.contains("n_samples = 8"), "{recipe}");
    host.run(&["grade", "--out", "run"]);
    host.run(&[&["select", "--quick", "--out", "run"][..], &small].concat());
    assert_eq!(
        host.fail(&["select", "--out", "run", "--set", "sample.n_samples=9"]).matches("error: ").count(),
        1
    );
}

#[test]
fn killed_in_each_stage_and_resumed_a_run_ends_with_the_same_bytes() {
    let host = Host::new();
    host.run(&small(&["run", "--out", "whole"]));
    let mut first = true;
    for &(stage, file, n_records) in STAGES {
        let args = match first {
            true => small(&[stage, "--out", "killed"]),
            false => vec![stage, "--out", "killed"],
        };
        first = false;
        kill_after(&host, &args, file, n_records);
        host.run(&[stage, "--out", "killed"]);
        assert!(
            read(host.path("whole").join(file)) == read(host.path("killed").join(file)),
            "{stage}: {file}"
        );
    }
    let weights = "model/model.safetensors";
    assert!(read(host.path("whole").join(weights)) == read(host.path("killed").join(weights)));
    assert!(!host.path("killed/checkpoints").exists());
    assert_eq!(host.run(&["report", "killed"]).lines().nth(4), host.run(&["report", "whole"]).lines().nth(4));
}

/// Starts a command and kills it as soon as its file has so many records; it may be done before that.
pub(super) fn kill_after(host: &Host, args: &[&str], file: &str, n_records: usize) {
    let mut child = host.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    let path = host.path("killed").join(file);
    while child.try_wait().unwrap().is_none() && started.elapsed() < Duration::from_secs(120) {
        let n_lines = std::fs::read(&path).map_or(0, |bytes| bytes.iter().filter(|&&b| b == b'\n').count());
        if n_lines >= n_records {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_torn_last_line_is_computed_again() {
    let host = Host::new();
    host.run(&small(&["sample", "--out", "run"]));
    host.run(&["grade", "--out", "run"]);
    let whole = read(host.path("run/grades.jsonl"));

    // The stage is not done, and its last line lacks its end: what a loss of power leaves.
    std::fs::write(host.path("run/grades.jsonl"), &whole[..whole.len() - 20]).unwrap();
    let path = host.path("run/manifest.json");
    let mut manifest = read_manifest(&path).unwrap();
    manifest.stages.remove("grade");
    write_manifest(&path, &manifest).unwrap();

    host.run(&["grade", "--out", "run"]);
    assert!(read(host.path("run/grades.jsonl")) == whole);
}

/// A disk that fills up in the middle of sampling: a limit on the size of files, which the system enforces.
#[test]
#[cfg(unix)]
fn a_full_disk_loses_nothing() {
    let host = Host::new();
    // A folder, so that no checkpoint has to be unpacked under the limit.
    let model = repository("host/embedded/checkpoints/plain");
    host.run(&small(&["sample", "--out", "whole", "--model", &model]));
    let whole = read(host.path("whole/samples.jsonl"));
    let blocks = whole.len() / 512 / 2;
    let limited = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let args = small(&["sample", "--out", "run", "--model", &model]);
    let sample = host.command(&args);
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &limited]).arg(sample.get_program()).args(sample.get_args());
    let output = host.keeps(&mut shell).current_dir(host.path("")).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    for thing in [
        "error: stage sample: cannot append to run/samples.jsonl, which keeps its ",
        "hint: start the same command again",
    ] {
        assert!(stderr.contains(thing), "{stderr}");
    }
    let kept = read(host.path("run/samples.jsonl"));
    assert!(
        !kept.is_empty() && kept.len() < whole.len() && whole.starts_with(&kept) && kept.ends_with(b"\n")
    );

    host.run(&args);
    assert!(read(host.path("run/samples.jsonl")) == whole);
}

#[test]
fn an_artefact_that_was_changed_afterwards_is_refused() {
    let host = Host::new();
    host.run(&small(&["sample", "--out", "run"]));
    let path = host.path("run/samples.jsonl");
    let mut bytes = read(&path);
    bytes.extend_from_within(..bytes.iter().position(|&b| b == b'\n').unwrap() + 1);
    std::fs::write(&path, bytes).unwrap();
    assert!(host.fail(&["grade", "--out", "run"]).contains("samples.jsonl"));
}
