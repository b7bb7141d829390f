//! Clients beside clients that take all they can get.
//!
//! No time decides: the looping graders here have fuel for hours, so what is answered was answered beside
//! them.

use std::io::Write;
use std::net::TcpStream;

use serde_json::json;

use super::server::{Server, post, receive, with_head};
use super::{items, outcomes, until};

/// Fuel and time for longer than any test.
const ENDLESS: [&str; 6] = [
    "--set",
    "plugins.limits.fuel=9000000000000000",
    "--set",
    "plugins.limits.processor_ms=86400000",
    "--deadline",
    "86400",
];

fn looping(server: &Server, n_items: usize) -> TcpStream {
    let mut stream = server.connect();
    let body = json!({ "items": items(&vec!["loop"; n_items]) }).to_string();
    stream.write_all(post(&body).as_bytes()).unwrap();
    stream
}

#[test]
fn clients_that_loop_keep_no_other_client_waiting() {
    let server = Server::looping(&[&["--workers", "2"], &ENDLESS[..]].concat());
    // As many as there are places, and more.
    let hostile: Vec<_> = (0..10).map(|_| looping(&server, 20)).collect();
    until("all of them are read, and all places taken", || {
        server.metric("ts_serve_queue_items") >= 10 * 20 - 8 && server.metric("ts_serve_in_flight_items") >= 5
    });
    for _ in 0..5 {
        assert_eq!(outcomes(&server.grade(items(&["x", "y", "z"]))), ["correct"; 3]);
    }
    assert_eq!(server.get("/health").status, 200);
    assert!(server.metric("ts_serve_put_back_items_total") > 0);
    // Those that go are forgotten.
    drop(hostile);
    until("their work has ended", || {
        server.metric("ts_serve_in_flight_items") + server.metric("ts_serve_queue_items") == 0
    });
}

#[test]
fn a_deadline_ends_the_work() {
    let flags = ["--workers", "1", "--set", "plugins.limits.fuel=9000000000000000"];
    let more = ["--set", "plugins.limits.processor_ms=86400000", "--deadline", "2"];
    let server = Server::looping(&[&flags[..], &more].concat());
    let loops = ["loop"; 40];
    let answers = server.grade(items(&[&loops[..], &["y"]].concat()));
    assert_eq!(outcomes(&answers), ["deadline"; 41]);
    assert!(answers[0]["error"]["message"].as_str().unwrap().contains("time was up"));
    // The worker is free, though the grader has fuel for hours.
    until("the work has ended", || {
        server.metric("ts_serve_in_flight_items") + server.metric("ts_serve_queue_items") == 0
    });
    assert_eq!(outcomes(&server.grade(items(&["x"]))), ["correct"]);
}

#[test]
fn a_client_that_goes_takes_its_work_along() {
    let server = Server::looping(&[&["--workers", "1"], &ENDLESS[..]].concat());
    for _ in 0..3 {
        let gone = looping(&server, 10);
        until("one item has begun", || server.metric("ts_serve_queue_items") == 9);
        drop(gone);
        until("the work has ended", || {
            server.metric("ts_serve_in_flight_items") + server.metric("ts_serve_queue_items") == 0
        });
    }
    assert_eq!(server.metric("ts_serve_items_total"), 0);
}

#[test]
fn a_full_queue_says_when_to_come_back() {
    let key = ("TS_HOST_SERVE_KEYS", "trainer 0123456789abcdef");
    let mine = "authorization: Bearer 0123456789abcdef\r\n";
    let flags = ["--workers", "1", "--queue", "2"];
    let server = Server::looping_with(&[&flags, &ENDLESS[..]].concat(), &[key]);
    let ask = |responses: &[&str]| {
        let mut stream = server.connect();
        let request = post(&json!({ "items": items(responses) }).to_string());
        stream.write_all(with_head(&request, mine).as_bytes()).unwrap();
        stream
    };
    let metric = |name: &str| server.metric_with(mine, name);
    let busy = ask(&["loop", "loop"]);
    // In this order: what waits after something has begun is an item, and no longer the request's text.
    until("one item has begun and one waits", || {
        metric("ts_serve_in_flight_items") > 0 && metric("ts_serve_queue_items") == 1
    });
    let mut next = ask(&["x", "y"]);
    until("a request waits behind it", || metric("ts_serve_queue_items") == 2);
    let refused = receive(&mut ask(&["x"]));
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert!(refused.head.contains("retry-after: 1"), "{}", refused.head);
    assert_eq!(refused.json()["error"]["kind"], "full");
    drop(busy);
    assert_eq!(outcomes(receive(&mut next).json()["items"].as_array().unwrap()), ["correct", "correct"]);
}

#[test]
fn a_line_has_its_time_too() {
    let host = crate::Host::new();
    std::fs::write(
        host.path("looping.wasm"),
        crate::hostile(
            "(if (i32.eq (local.get $length) (i32.const 4)) (then (loop (br 0)))) (i32.const 3072)",
        ),
    )
    .unwrap();
    let lines: String = ["x", "loop", "y", "loop"]
        .map(|response| format!("{}\n", json!({ "reference": "", "response": response })))
        .concat();
    std::fs::write(host.path("items.jsonl"), lines).unwrap();
    let args = [
        "serve",
        "--plugin",
        "./looping.wasm",
        "--stdio",
        "--workers",
        "2",
        "--deadline",
        "1",
        "--set",
        "plugins.limits.fuel=9000000000000000",
        "--set",
        "plugins.limits.processor_ms=86400000",
    ];
    let input = std::fs::File::open(host.path("items.jsonl")).unwrap();
    let output = host.command(&args).stdin(input).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // A machine that is very busy may not even do an `x` in a second.
    let outcomes = outcomes(&answers);
    assert_eq!((outcomes[1], outcomes[3]), ("deadline", "deadline"), "{outcomes:?}");
    assert!([outcomes[0], outcomes[2]].iter().all(|outcome| matches!(*outcome, "correct" | "deadline")));
}

#[test]
fn a_request_that_is_cut_short_is_nobodys() {
    let server = Server::looping(&["--workers", "1"]);
    let mut half = server.connect();
    let whole = post(&json!({ "items": items(&["x", "y"]) }).to_string());
    half.write_all(&whole.as_bytes()[..whole.len() - 5]).unwrap();
    half.shutdown(std::net::Shutdown::Write).unwrap();
    let answered = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| receive(&mut half).status));
    assert!(answered.is_err() || answered.is_ok_and(|status| status == 400));
    assert_eq!(server.metric("ts_serve_queue_items"), 0);
}
