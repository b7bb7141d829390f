//! `ts-host serve` as its clients meet it: the real binary, over real connections and pipes.

mod door;
mod fair;
mod load;
mod pages;
mod server;
mod stdio;
mod turns;

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{Host, repository};
pub(crate) use server::starts;
use server::{Server, post, receive};

/// For loops that end soon.
const QUICK: [&str; 2] = ["--set", "plugins.limits.fuel=100000000"];

/// Items for [`Server::looping`].
fn items(responses: &[&str]) -> Value {
    responses.iter().map(|response| json!({ "reference": "", "response": response })).collect()
}

/// The verdict or the kind of the error of each answer.
fn outcomes(answers: &[Value]) -> Vec<&str> {
    answers
        .iter()
        .map(|answer| match answer["verdict"].as_str() {
            Some(verdict) => verdict,
            None => answer["error"]["kind"].as_str().unwrap(),
        })
        .collect()
}

#[test]
fn items_are_answered_in_their_order() {
    let server = Server::start(&repository("plugins/math_grader.wasm"), &["--workers", "2"]);
    let answers = server.grade(json!([
        { "id": "a", "prompt": "?", "reference": "1/2", "response": "So \\boxed{0.5}." },
        { "id": 2, "reference": 3, "response": "\\boxed{4}" },
        { "reference": "3", "response": "" },
    ]));
    assert_eq!(outcomes(&answers), ["correct", "incorrect", "no_answer"]);
    let ids: Vec<_> = answers.iter().map(|answer| answer["id"].clone()).collect();
    assert_eq!(ids, [json!("a"), json!(2), Value::Null]);
    assert_eq!(answers[0]["answer"], json!([10, 13]));
    assert_eq!(answers[0]["score"], 1.0);
    assert!(answers[0]["fuel"].as_u64().unwrap() > 0 && answers[0]["ms"].as_f64().unwrap() > 0.0);
    // An item alone is answered alone.
    let one = server.post(r#"{"id": "b", "reference": "7", "response": "\\boxed{7}"}"#);
    assert_eq!(one.json()["verdict"], "correct");

    let health = server.get("/health").json();
    assert_eq!((&health["ready"], &health["plugin"]["name"]), (&json!(true), &json!("math_grader")));
    assert_eq!(health["plugin"]["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(server.metric("ts_serve_items_total{outcome=\"correct\"}"), 2);
    assert_eq!(server.metric("ts_serve_request_seconds_count"), 2);
}

#[test]
fn a_request_that_is_wrong_is_told_what_and_where() {
    let server = Server::start("math_grader", &["--max-body-mib", "1", "--queue", "3"]);
    let good = json!({ "reference": "1", "response": "1" });
    let too_many = json!({ "items": [&good, &good, &good, &good] }).to_string();
    let too_long = json!({ "reference": "1", "response": "x".repeat(2 << 20) }).to_string();
    for (request, status, says) in [
        (post("{"), 400, "not JSON"),
        (post("\u{0}"), 400, "not JSON"),
        (
            post(&json!({ "items": [&good, { "reference": "1" }] }).to_string()),
            400,
            "item 1: field `response` is missing",
        ),
        (post(&too_many), 413, "4 items, and 3 may wait"),
        (post(&too_long), 413, "more than 1048576 bytes"),
        (post("").replace("content-length: 0", "content-length: 99999999999"), 413, "1048576"),
        (post("{}").replace("/v1/grade", "/v2/grade"), 404, "nothing is at /v2/grade"),
        (post("{}").replace("POST", "PUT"), 405, "POST only"),
    ] {
        let response = server.send(request.as_bytes());
        assert_eq!(response.status, status, "{}", response.body);
        let message = response.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(says), "{message}");
    }
    assert_eq!(server.send(b"nonsense\r\n\r\n").status, 400);
    // Nothing of all this stays.
    assert_eq!(outcomes(&server.grade(json!([good])))[0], "correct");
}

#[test]
fn a_grader_that_loops_is_an_error_and_never_a_verdict() {
    let server = Server::looping(&QUICK);
    let answers = server.grade(items(&["fine", "x", "fine", "y"]));
    assert_eq!(outcomes(&answers), ["out_of_fuel", "correct", "out_of_fuel", "correct"]);
    assert!(answers[0]["verdict"].is_null() && answers[0]["score"].is_null());
    assert!(answers[0]["error"]["message"].as_str().unwrap().contains("ran out of fuel"));
}

/// Waits until this holds. The time is there to end a test that hangs, and decides nothing else.
fn until(what: &str, holds: impl Fn() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(300), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn to_stop_is_to_finish_what_is_in_flight() {
    let mut server = Server::looping(&["--workers", "1"]);
    let mut busy = server.connect();
    busy.write_all(post(&json!({ "items": items(&["loop", "x"]) }).to_string()).as_bytes()).unwrap();
    // A connection that says nothing does not hold it up.
    let _silent = server.connect();
    until("the loop has begun, or even ended", || {
        server.metric("ts_serve_in_flight_items") > 0
            || server.metric("ts_serve_items_total{outcome=\"out_of_fuel\"}") > 0
    });
    server.terminate();
    let response = receive(&mut busy);
    assert_eq!(outcomes(response.json()["items"].as_array().unwrap()), ["out_of_fuel", "correct"]);
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    assert!(TcpStream::connect(server.address).is_err());
}

#[test]
fn what_cannot_be_served_is_said() {
    let host = Host::new();
    assert!(host.fail(&["serve", "--plugin", "q_dyn", "--stdio"]).contains("verifier"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let error = host.fail(&["serve", "--plugin", "math_grader", "--listen", &address]);
    assert!(error.contains(&address) && error.contains("--listen"), "{error}");
}
