//! The service over two pipes.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::{Host, repository};

#[test]
fn lines_are_answered_in_their_order() {
    let host = Host::new();
    let plugin = repository("plugins/math_grader.wasm");
    let args = ["serve", "--plugin", &plugin, "--stdio", "--workers", "4", "--queue", "16"];
    let mut child = host.command(&args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        for index in 0..2000 {
            if index % 100 == 50 {
                writeln!(input, "no item").unwrap();
                continue;
            }
            let answer = if index % 3 == 0 { "4" } else { "5" };
            writeln!(input, r#"{{"id":{index},"reference":"2+2","response":"\\boxed{{{answer}}}"}}"#)
                .unwrap();
        }
    });
    let mut n_lines = 0;
    for (index, line) in BufReader::new(child.stdout.take().unwrap()).lines().enumerate() {
        let answer: Value = serde_json::from_str(&line.unwrap()).unwrap();
        if index % 100 == 50 {
            assert_eq!(answer["error"]["kind"], "malformed");
            assert!(
                answer["error"]["message"].as_str().unwrap().starts_with(&format!("line {}:", index + 1))
            );
        } else {
            let verdict = if index % 3 == 0 { "correct" } else { "incorrect" };
            assert_eq!((answer["id"].as_u64(), &answer["verdict"]), (Some(index as u64), &verdict.into()));
        }
        n_lines += 1;
    }
    writer.join().unwrap();
    assert_eq!(n_lines, 2000);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_reader_that_goes_ends_it_without_a_word() {
    let host = Host::new();
    let mut child = host
        .command(&["serve", "--plugin", "math_grader", "--stdio"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut input = child.stdin.take().unwrap();
    // The input stays open: it ends all the same. Writing fails once it has.
    while writeln!(input, r#"{{"reference":"1","response":"1"}}"#).is_ok() {}
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(crate::without_compiling(&output.stderr), "");
}

#[test]
fn who_waits_for_an_answer_before_the_next_line_has_it() {
    let host = Host::new();
    let mut child = host
        .command(&["serve", "--plugin", "exact_grader", "--stdio"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    let (line, answers) = std::sync::mpsc::channel();
    std::thread::spawn(move || output.lines().for_each(|answer| line.send(answer.unwrap()).unwrap()));
    for index in 0..3 {
        writeln!(input, r#"{{"id":{index},"reference":"1","response":"<answer>1</answer>"}}"#).unwrap();
        let answer = answers.recv_timeout(Duration::from_secs(60)).expect("the answer is kept back");
        assert!(answer.contains(&format!("\"id\":{index},\"verdict\":\"correct\"")), "{answer}");
    }
    drop(input);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
