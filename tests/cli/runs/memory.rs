//! A stage for which there is too little memory: refused before it starts, or ended with a message and an exit code; the folder
//! goes on to the same bytes as one that always had enough.

#![cfg(target_os = "linux")]

use std::process::{Command, Output};

use crate::{ARTEFACTS, Host, read, repository, small};

/// Commands of a run, one stage or two each.
const STAGES: &[&str] = &["sample", "grade", "select", "refine", "pair", "train", "eval"];

/// A plan that is right, and one that is overruled. With one worker, since chance decides how many instances of a plugin several have at once, and with them
/// how much is left.
const PLANNED: &[&str] = &["--set", "run.memory_gib=0", "--workers", "1"];
const OVERRULED: &[&str] = &["--set", "run.memory_gib=1000", "--workers", "1"];

/// Runs a command with so many KiB of address space.
fn limited(host: &Host, kib: u64, args: &[&str]) -> Output {
    let command = host.command(args);
    // Core files are of no use, and take long.
    let script = format!("ulimit -c 0; ulimit -v {kib}; exec \"$0\" \"$@\"");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).arg(command.get_program()).args(command.get_args());
    shell.current_dir(host.path(""));
    host.keeps(&mut shell);
    // Address space is taken as it is needed, so that the limit is met there and not a gibibyte later.
    shell.env("MIMALLOC_ARENA_RESERVE", "16384").output().unwrap()
}

/// Whether the command succeeded; if not, how it must have ended.
#[track_caller]
fn ended_in_order(kib: u64, output: &Output) -> bool {
    let stderr = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        return true;
    }
    // Memory; an instance of a plugin; a thread.
    assert!(matches!(output.status.code(), Some(4 | 19 | 1)), "{kib} KiB: {:?}: {stderr}", output.status);
    assert!(stderr.contains("error: "), "{kib} KiB: {stderr}");
    assert!(!stderr.contains("panicked") && !stderr.contains("fault of ts-host"), "{kib} KiB: {stderr}");
    false
}

/// The least address space with which the plugins start, KiB.
fn least(host: &Host) -> u64 {
    let model = repository("host/embedded/checkpoints/plain");
    let (mut fails, mut works) = (50_000, 6_000_000);
    while works - fails > 10_000 {
        let middle = (fails + works) / 2;
        match ended_in_order(middle, &limited(host, middle, &["check", "--model", &model, "--workers", "1"]))
        {
            true => works = middle,
            false => fails = middle,
        }
    }
    works
}

#[test]
fn under_a_limit_on_address_space_each_stage_ends_in_order_and_goes_on() {
    let host = Host::new();
    let settings = ["--set", "train.epochs=2"];
    host.run(&[&small(&["run", "--out", "whole"])[..], &settings].concat());
    let first = [&small(&[STAGES[0], "--out", "limited"])[..], &settings].concat();
    let least = least(&host);
    let (mut n_refused, mut n_ended) = (0, 0);
    for (index, stage) in STAGES.iter().enumerate() {
        let args = if index == 0 { first.clone() } else { vec![stage, "--out", "limited"] };
        // Three stages need little beside the plugins.
        let limits: &[(u64, &[&str])] = match *stage {
            "grade" | "select" | "pair" => &[(least + 10_000, OVERRULED)],
            _ => &[(least + 10_000, PLANNED), (least + 10_000, OVERRULED), (least + 60_000, OVERRULED)],
        };
        for &(kib, how) in limits {
            let output = limited(&host, kib, &[&args[..], how].concat());
            if !ended_in_order(kib, &output) {
                let stderr = String::from_utf8_lossy(&output.stderr);
                n_refused += usize::from(stderr.contains("needs memory of"));
                n_ended += usize::from(stderr.contains("out of memory: the system did not give"));
            }
        }
        host.run(&args);
    }
    for name in ARTEFACTS {
        assert!(read(host.path("whole").join(name)) == read(host.path("limited").join(name)), "{name}");
    }
    assert!(n_refused > 0 && n_ended > 0, "{n_refused} refused, {n_ended} ended");
}

#[test]
fn a_stage_that_does_not_fit_is_refused_with_what_fits() {
    let host = Host::new();
    let set = |gib: &str| {
        small(&["run", "--out", "run", "--workers", "1", "--set", &format!("run.memory_gib={gib}")])
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let output = host.output(&set("0.132").iter().map(String::as_str).collect::<Vec<_>>());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    for thing in [
        "memory: up to ",
        "error: stage sample: needs memory of ",
        ", and there is 135 MiB (run.memory_gib)",
        "hint: this fits: --set sample.max_batch_rows=",
    ] {
        assert!(stderr.contains(thing), "`{thing}` is not in: {stderr}");
    }
    // With what it says, in the same folder.
    let rows = stderr.split("--set sample.max_batch_rows=").nth(1).unwrap();
    let rows: String = rows.chars().take_while(char::is_ascii_digit).collect();
    host.run(&["sample", "--out", "run", "--set", &format!("sample.max_batch_rows={rows}")]);
    host.run(&["sample", "--out", "run", "--set", "run.memory_gib=0"]);
    let wrong = host.fail(&["sample", "--out", "run", "--set", "run.memory_gib=-1"]);
    assert!(wrong.contains("run.memory_gib must be 0 or above"), "{wrong}");
}
