//! `docs/serve.md`: every example is answered as it says, and the client in Python works against the real
//! server.

use std::process::Command;

use serde_json::Value;

use super::server::Server;
use super::{QUICK, until};
use crate::{Host, read, repository};

/// The page's blocks of one language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    page.split(fence.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// An answer without its times, which differ, and its fuel, which another version of the grader changes.
fn without_costs(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            fields.retain(|name, _| !matches!(name.as_str(), "ms" | "fuel"));
            fields.values_mut().for_each(|field| *field = without_costs(field.take()));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| *value = without_costs(value.take())),
        _ => {}
    }
    value
}

#[test]
fn every_example_of_the_page_is_answered_as_it_says() {
    let page = String::from_utf8(read(repository("docs/serve.md"))).unwrap();
    let server = Server::start(&repository("plugins/math_grader.wasm"), &[]);
    let examples = blocks(&page, "json");
    assert!(examples.len() >= 6 && examples.len().is_multiple_of(2), "{}", examples.len());
    for pair in examples.chunks(2) {
        let answer = server.post(pair[0]).json();
        let expected: Value = serde_json::from_str(pair[1]).unwrap();
        assert_eq!(without_costs(answer.clone()), without_costs(expected), "to {} came\n{answer}", pair[0]);
    }
}

#[test]
fn the_lines_of_the_page_are_answered_as_it_says() {
    let page = String::from_utf8(read(repository("docs/serve.md"))).unwrap();
    let lines = blocks(&page, "jsonl");
    let host = Host::new();
    std::fs::write(host.path("items.jsonl"), lines[0]).unwrap();
    let items = std::fs::File::open(host.path("items.jsonl")).unwrap();
    let plugin = repository("plugins/math_grader.wasm");
    let output = host.command(&["serve", "--plugin", &plugin, "--stdio"]).stdin(items).output().unwrap();
    let values = |text: &str| -> Vec<Value> {
        text.lines().map(|line| without_costs(serde_json::from_str(line).unwrap())).collect()
    };
    assert_eq!(values(&String::from_utf8(output.stdout).unwrap()), values(lines[1]));
}

/// Runs a program in Python with the client beside it.
fn python(server: &Server, program: &str) -> String {
    let output = Command::new("python3")
        .args(["-c", program])
        .env("PYTHONPATH", repository("docs/clients"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("TS_SERVE_URL", format!("http://{}", server.address))
        .env("TS_SERVE_PATIENCE", "20")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_client_rewards_for_trl_and_for_verl() {
    let server = Server::start(&repository("plugins/math_grader.wasm"), &[]);
    let program = r#"
from ts_serve import compute_score, reward
chat = [{"role": "assistant", "content": "\\boxed{4}"}]
print(reward(completions=["\\boxed{0.5}", "\\boxed{3}", ""], reference=["1/2", "4", "1"], prompts=["?", "?", "?"], level=[1, 2, 3]))
print(reward(prompts=[[{"role": "user", "content": "?"}]] * 600, completions=[chat] * 600, reference=["4"] * 600) == [1.0] * 600)
print(compute_score("gsm8k", "\\boxed{7}", "7"), compute_score("gsm8k", "\\boxed{7}", "8", extra_info={"index": 1}, reward_router_address=None))
logged = []
reward(["1", ""], ["1", ""], log_metric=lambda *metric: logged.append(metric), trainer_state=None, completion_ids=[[1], [2]])
print(logged)
"#;
    assert_eq!(
        python(&server, program),
        "[1.0, 0.0, 0.0]\nTrue\n{'score': 1.0, 'acc': 1.0, 'graded': 1.0} {'score': 0.0, 'acc': 0.0, 'graded': 1.0}\n\
         [('ts_serve/without_grade', 0.5)]\n"
    );
}

#[test]
fn the_client_waits_for_room_and_gives_no_score_where_there_is_no_grade() {
    let key = "0123456789abcdef";
    let server = Server::looping_with(
        &[&["--workers", "1", "--queue", "2"], &QUICK[..]].concat(),
        &[("TS_HOST_SERVE_KEYS", &format!("trainer {key}"))],
    );
    let program = r#"
import os, threading
os.environ["TS_SERVE_KEY"] = "0123456789abcdef"
from ts_serve import compute_score, reward
print(reward(completions=["x", "loop"], reference=["", ""]), compute_score("code", "loop", ""))
scores = []
threads = [threading.Thread(target=lambda: scores.extend(reward(["loop", "x"], ["", ""]))) for _ in range(3)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(sorted(scores, key=str))
"#;
    let head = format!("authorization: Bearer {key}\r\n");
    // Whether the threads meet at the queue is the machine's affair.
    until("a request has waited for room", || {
        assert_eq!(
            python(&server, program),
            "[1.0, None] {'score': 0.0, 'acc': 0.0, 'graded': 0.0}\n[1.0, 1.0, 1.0, None, None, None]\n"
        );
        server.metric_with(&head, "ts_serve_requests_total{status=\"503\"}") > 0
    });
}
