//! The command line has programs run in processes of their own, and the loss of one costs no verdict.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::repository;

/// `plugin test` on the public cases, with two processes.
fn plugin_test() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ts-host"));
    let arguments = ["plugin", "test", "plugins/code_grader.wasm", "--cases", "tests/data/code_cases.jsonl"];
    command.args(arguments).args(["--workers", "2"]).current_dir(repository()).stdout(Stdio::piped());
    command
}

/// The processes that run programs for process `host`.
#[cfg(target_os = "linux")]
fn processes_of(host: u32) -> Vec<String> {
    let numbers = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.file_name());
    let numbers = numbers.filter_map(|name| name.into_string().ok());
    // The second number after the name in brackets is the parent's.
    let is_ours = |number: &String| {
        let of = |file: &str| std::fs::read_to_string(format!("/proc/{number}/{file}")).unwrap_or_default();
        let stat = of("stat");
        let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
        parent == Some(&host.to_string()) && of("cmdline").contains("--serve-programs")
    };
    numbers.filter(is_ours).collect()
}

/// Starts the command and kills one of its processes; none if it ended before that.
#[cfg(target_os = "linux")]
fn kill_a_process() -> Option<Child> {
    let mut host = plugin_test().spawn().unwrap();
    while host.try_wait().unwrap().is_none() {
        let kill = |process: &String| {
            Command::new("sh").args(["-c", &format!("kill -9 {process}")]).status().unwrap().success()
        };
        if processes_of(host.id()).iter().any(kill) {
            return Some(host);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    None
}

#[test]
#[cfg(target_os = "linux")]
#[ignore = "needs `cargo xtask runners`"]
fn a_process_that_is_killed_is_replaced() {
    // A machine that is busy enough may let the command end before anything is killed: then once more.
    let host = std::iter::repeat_with(kill_a_process).take(10).flatten().next();
    let said = host.expect("there was no process to kill").wait_with_output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.contains("100.00 % agree"), "{said}");
    assert!(!said.contains("no verdict"), "{said}");
}
