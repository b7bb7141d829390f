//! An author's day: labels for scores, tests that run again at each change, compiling that shows itself, what a served plugin says.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::{Host, hostile, small, without_compiling};

/// The body of a grader's `grade`: correct, with this score.
fn scores(score: f64) -> String {
    format!("(f64.store (i32.const 3096) (f64.const {score})) (i32.const 3072)")
}

/// A labelled case.
fn case(id: &str, labels: &str) -> String {
    format!("{{\"id\":\"{id}\",\"problem\":{{\"reference\":\"2\"}},\"response\":\"2\",{labels}}}\n")
}

#[test]
fn a_score_is_a_label_beside_a_verdict_or_alone() {
    let host = Host::new();
    std::fs::write(host.path("half.wasm"), hostile(&scores(0.5))).unwrap();
    let good = [
        case("exact", r#""expected":"correct","score":0.5"#),
        case("range", r#""expected":true,"score":[0.4,0.6]"#),
        case("alone", r#""score":0.5"#),
    ];
    std::fs::write(host.path("cases.jsonl"), good.concat()).unwrap();
    let test = ["plugin", "test", "half.wasm", "--cases", "cases.jsonl"];
    let text = host.run(&test);
    assert!(text.starts_with("3 cases, 3 with an expected verdict or score: 100.00 % agree\n"), "{text}");

    let bad = [
        case("high", r#""expected":"correct","score":1"#),
        case("low", r#""score":[0,0.25]"#),
        case("both", r#""expected":"incorrect","score":0"#),
    ];
    std::fs::write(host.path("cases.jsonl"), [good.concat(), bad.concat()].concat()).unwrap();
    let output = host.output(&test);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("6 cases, 6 with an expected verdict or score: 50.00 % agree\n"), "{said}");
    assert!(
        said.contains("\n  both: expected incorrect with score 0, got correct with score 0.5 in "),
        "{said}"
    );
    let scores = said.split("other scores than expected: 2\n").nth(1).unwrap_or_else(|| panic!("{said}"));
    assert!(
        scores.contains("  high: expected correct with score 1, got correct with score 0.5 in "),
        "{said}"
    );
    assert!(scores.contains("  low: expected score 0 to 0.25, got correct with score 0.5 in "), "{said}");
    assert!(host.fail(&test).contains("verdicts and scores that are not as expected: 3; --allow 3"));
    let json = host.run(&[&test[..], &["--json", "--allow", "3", "--out", "out.jsonl"]].concat());
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let wrong = serde_json::json!([
        {"id": "high", "expected": [1.0, 1.0], "score": 0.5},
        {"id": "low", "expected": [0.0, 0.25], "score": 0.5},
    ]);
    assert_eq!((&json["wrong_scores"], &json["false_positives"]), (&wrong, &serde_json::json!(["both"])));
    let out = std::fs::read_to_string(host.path("out.jsonl")).unwrap();
    assert_eq!(out.matches(r#""verdict":true,"score":0.5,"#).count(), 6, "{out}");
}

#[test]
fn fields_that_nobody_reads_are_told_and_misspelt_ones_refused() {
    let host = Host::new();
    let test = ["plugin", "test", "exact_grader", "--cases", "cases.jsonl", "--allow", "9"];
    let cases = case("a", r#""expected":false,"kind":"x","must":{"why":1}"#)
        + &case("b", r#""expected":false,"kind":"y""#);
    std::fs::write(host.path("cases.jsonl"), cases).unwrap();
    let output = host.output(&test);
    let told = without_compiling(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert_eq!(
        told,
        "warning: nobody reads these fields of cases.jsonl: `kind` (2 cases), `must.why` (1 cases)\n"
    );
    std::fs::write(host.path("cases.jsonl"), case("a", r#""expected":false,"scores":0"#)).unwrap();
    let error = host.fail(&test);
    assert!(
        error.contains("cases.jsonl:1: field `scores` is read by nobody; did you mean `score`?"),
        "{error}"
    );
}

/// A command that goes on, and the lines that it writes.
struct Watching {
    child: Child,
    said: Receiver<String>,
    told: Receiver<String>,
}

impl Watching {
    fn start(host: &Host, args: &[&str]) -> Self {
        use std::os::unix::process::CommandExt;

        let mut command = host.command(args);
        // Whoever runs the tests in the background of a shell has this signal ignored, and so would have this process.
        // SAFETY: the call is one of those that may be made between fork and exec.
        unsafe {
            command.pre_exec(|| {
                libc::signal(libc::SIGINT, libc::SIG_DFL);
                Ok(())
            });
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (said, told) = (lines(child.stdout.take().unwrap()), lines(child.stderr.take().unwrap()));
        Self { child, said, told }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of a pipe, as they come.
fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (line, lines) = channel();
    std::thread::spawn(move || {
        BufReader::new(pipe).lines().map_while(Result::ok).for_each(|read| drop(line.send(read)))
    });
    lines
}

/// The first line from here on that has this in it, after others that have not.
fn wait_for(lines: &Receiver<String>, part: &str) -> String {
    let mut before = Vec::new();
    loop {
        match lines.recv_timeout(Duration::from_secs(120)) {
            Ok(line) if line.contains(part) => return line,
            Ok(line) => before.push(line),
            Err(error) => panic!("no `{part}`: {error}: {before:?}"),
        }
    }
}

#[test]
#[cfg(unix)]
fn a_test_runs_again_at_each_change_until_it_is_interrupted() {
    use std::os::unix::process::ExitStatusExt;

    let host = Host::new();
    let (right, wrong) = (
        hostile("(i32.const 3072)"),
        hostile("(i32.store8 (i32.const 3080) (i32.const 1)) (i32.const 3072)"),
    );
    std::fs::write(host.path("grader.wasm"), &right).unwrap();
    std::fs::write(host.path("cases.jsonl"), case("a", r#""expected":"correct""#)).unwrap();
    let args = ["plugin", "test", "grader.wasm", "--cases", "cases.jsonl", "--watch"];
    let mut watching = Watching::start(&host, &args);
    let (said, told) = (&watching.said, &watching.told);
    wait_for(said, "1 cases, 1 with an expected verdict: 100.00 % agree");
    wait_for(told, "waiting for a change of grader.wasm, cases.jsonl; Ctrl-C ends");
    // A component that is half written, and stays so.
    std::fs::write(host.path("grader.wasm"), &wrong[..wrong.len() / 2]).unwrap();
    wait_for(told, "changed: grader.wasm");
    wait_for(told, "error: plugin `grader.wasm` is not a valid component");
    wait_for(told, "waiting for a change");
    // The rest of it comes.
    std::fs::write(host.path("grader.wasm"), &wrong).unwrap();
    wait_for(said, "0.00 % agree");
    wait_for(said, "a: expected correct, got incorrect");
    wait_for(told, "error: verdicts that are not as expected: 1");
    wait_for(told, "waiting for a change");
    // No component at all.
    std::fs::remove_file(host.path("grader.wasm")).unwrap();
    wait_for(told, "there is no plugin");
    wait_for(told, "waiting for a change");
    std::fs::write(host.path("next.wasm"), &wrong).unwrap();
    std::fs::rename(host.path("next.wasm"), host.path("grader.wasm")).unwrap();
    wait_for(said, "0.00 % agree");
    wait_for(told, "waiting for a change");
    std::fs::write(host.path("cases.jsonl"), case("a", r#""expected":false"#)).unwrap();
    wait_for(told, "changed: cases.jsonl");
    wait_for(said, "1 cases, 1 with an expected verdict: 100.00 % agree");
    wait_for(told, "waiting for a change");
    // SAFETY: a signal to a process of ours, which has not been waited for.
    unsafe { libc::kill(watching.child.id() as i32, libc::SIGINT) };
    assert_eq!(watching.child.wait().unwrap().signal(), Some(libc::SIGINT));
}

/// A grader that takes a compiler some seconds: its one function, which no other thread can share, is long.
fn long_to_compile() -> Vec<u8> {
    let add = "(i64.store (i32.const 512) (i64.add (i64.load (i32.const 512)) (i64.const 7)))";
    hostile(&format!("{} (i32.const 3072)", add.repeat(40_000)))
}

#[test]
fn compiling_shows_itself_in_a_log_and_not_in_the_output() {
    let host = Host::with_own_cache();
    std::fs::write(host.path("long.wasm"), long_to_compile()).unwrap();
    std::fs::write(host.path("input.json"), r#"{"problem": {"reference": "2"}, "response": "2"}"#).unwrap();
    std::fs::write(host.path("cases.jsonl"), case("a", r#""expected":true"#)).unwrap();
    let big = ["--set", "plugins.limits.fuel=100000000"];
    let run = |plugin| host.output(&[&["plugin", "run", plugin, "--input", "input.json"][..], &big].concat());
    let told = |output: &std::process::Output| String::from_utf8_lossy(&output.stderr).into_owned();

    let first = run("long.wasm");
    let lines = told(&first);
    assert!(first.status.success(), "{lines}");
    assert!(lines.starts_with("compiling long.wasm ("), "{lines}");
    let end = lines.lines().nth(1).unwrap();
    assert!(end.starts_with("compiled long.wasm (") && end.ends_with(" s"), "{lines}");
    serde_json::from_slice::<serde_json::Value>(&first.stdout).unwrap();
    assert!(!lines.contains('\r') && !lines.contains('\u{1b}'), "{lines}");
    // What is there already is not told of.
    let again = run("long.wasm");
    assert!(again.status.success() && !told(&again).contains("compil"), "{}", told(&again));
    // Every command that loads a plugin.
    let sample = small(&["sample", "--plugin", "long.wasm"]);
    for args in [
        &["plugin", "check", "long.wasm"][..],
        &["plugin", "test", "long.wasm", "--cases", "cases.jsonl"],
        &["serve", "--plugin", "long.wasm", "--stdio"],
        &["check", "--plugin", "long.wasm"],
        &sample,
    ] {
        host.run(&["cache", "--clear"]);
        let output = host.command(args).stdin(Stdio::null()).output().unwrap();
        let lines = told(&output);
        assert!(output.status.success(), "{args:?}: {lines}");
        assert!(
            lines.contains("compiling long.wasm (") && lines.contains("compiled long.wasm ("),
            "{args:?}: {lines}"
        );
        assert!(!String::from_utf8_lossy(&output.stdout).contains("compil"), "{args:?}");
    }
}

/// On a terminal a line is written over itself, and goes.
#[test]
#[cfg(unix)]
fn compiling_shows_the_time_on_a_terminal() {
    use std::os::fd::FromRawFd;

    let host = Host::with_own_cache();
    std::fs::write(host.path("long.wasm"), long_to_compile()).unwrap();
    let (mut ours, mut theirs) = (0, 0);
    let none = std::ptr::null_mut();
    // SAFETY: two places for descriptors; no name, settings or size are asked for.
    assert_eq!(unsafe { libc::openpty(&mut ours, &mut theirs, none, none.cast(), none.cast()) }, 0);
    // SAFETY: the two descriptors are open, and nobody else has them.
    let (mut ours, theirs) =
        unsafe { (std::fs::File::from_raw_fd(ours), std::fs::File::from_raw_fd(theirs)) };
    let mut child = host
        .command(&["plugin", "check", "long.wasm"])
        .env("TERM", "xterm")
        .stdout(Stdio::null())
        .stderr(theirs)
        .spawn()
        .unwrap();
    let mut shown = Vec::new();
    // It ends with an error when nobody has the other side any more.
    let _ = ours.read_to_end(&mut shown);
    child.wait().unwrap();
    let shown = String::from_utf8_lossy(&shown);
    let at = |part: &str| shown.find(part).unwrap_or_else(|| panic!("{part:?} is not in {shown:?}"));
    assert!(at("\rcompiling long.wasm (") < at(" KB) … 1 s\u{1b}[K"), "{shown:?}");
    assert!(at(" KB) … 1 s\u{1b}[K") < at("\r\u{1b}[Kcompiled long.wasm ("), "{shown:?}");
}

#[test]
fn what_a_served_plugin_says_is_shown_where_it_is_asked_for() {
    let host = Host::new();
    // An information of 7 bytes, "hostile", and a warning that is no UTF-8.
    let says = "(call $log (i32.const 1) (i32.const 1024) (i32.const 7)) (i32.const 3072)";
    std::fs::write(host.path("says.wasm"), hostile(says)).unwrap();
    let serve = |flags: &[&str], n: usize| {
        let mut child = host
            .command(&[&["serve", "--plugin", "says.wasm", "--stdio", "--workers", "1"][..], flags].concat())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let item = "{\"reference\":\"1\",\"response\":\"1\"}\n".repeat(n);
        child.stdin.take().unwrap().write_all(item.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.stdout.iter().filter(|byte| **byte == b'\n').count(), n);
        assert!(!String::from_utf8_lossy(&output.stdout).contains("hostile"));
        without_compiling(&output.stderr)
    };
    assert_eq!(serve(&[], 2), "");
    assert_eq!(serve(&["-v"], 2), "[plugin hostile] info: hostile\n".repeat(2));
    let started = Instant::now();
    let told = serve(&["--verbose"], 300);
    let windows = 1 + started.elapsed().as_secs() as usize / 10;
    let shown = told.matches("[plugin hostile] info: hostile\n").count();
    assert!((100..=100 * windows).contains(&shown), "{shown} lines");
}
