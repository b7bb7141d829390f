//! `ts-host serve` as its clients meet it: the real binary, over real connections and pipes.

mod load;
mod pages;
mod stdio;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{Host, repository};

/// A server that ends with its test.
struct Server {
    child: Child,
    address: SocketAddr,
    _host: Host,
}

/// Whether a server says that it is ready. It is ended then.
pub(crate) fn starts(host: &Host, args: &[&str]) -> bool {
    let mut child =
        host.command(args).args(["--listen", "127.0.0.1:0"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    line.contains("http://127.0.0.1:")
}

/// What came back.
struct Response {
    status: u16,
    head: String,
    body: String,
}

impl Response {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

impl Server {
    fn start(plugin: &str, flags: &[&str]) -> Self {
        let host = Host::new();
        let mut args = vec!["serve", "--plugin", plugin, "--listen", "127.0.0.1:0"];
        args.extend(flags);
        let mut child = host.command(&args).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).and_then(|rest| rest.split(',').next());
        let address = address.unwrap_or_else(|| panic!("{line}")).parse().unwrap();
        Self { child, address, _host: host }
    }

    /// A server whose grader loops at responses of four bytes and finds all others correct.
    fn looping(flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("looping.wasm");
        let body = "(if (i32.eq (local.get $length) (i32.const 4)) (then (loop (br 0)))) (i32.const 3072)";
        let text = include_str!("../../host/plugin/tests/guests/hostile.wat").replace("{grade}", body);
        std::fs::write(&path, wat::parse_str(text).unwrap()).unwrap();
        Self::start(path.to_str().unwrap(), flags)
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// Sends bytes as they are and reads to the end.
    fn send(&self, bytes: &[u8]) -> Response {
        let mut stream = self.connect();
        stream.write_all(bytes).unwrap();
        receive(&mut stream)
    }

    fn get(&self, path: &str) -> Response {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes())
    }

    fn post(&self, body: &str) -> Response {
        self.send(post(body).as_bytes())
    }

    fn grade(&self, items: Value) -> Vec<Value> {
        let response = self.post(&json!({ "items": items }).to_string());
        assert_eq!(response.status, 200, "{}", response.body);
        response.json()["items"].as_array().unwrap().clone()
    }

    /// A number of the metrics.
    fn metric(&self, name: &str) -> u64 {
        let text = self.get("/metrics").body;
        let line = text.lines().find_map(|line| line.strip_prefix(name).map(str::trim));
        line.map_or(0, |number| number.parse().unwrap())
    }

    /// Tells the process to stop.
    fn terminate(&self) {
        let kill = format!("kill -TERM {}", self.child.id());
        assert!(std::process::Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn post(body: &str) -> String {
    let length = body.len();
    format!(
        "POST /v1/grade HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

fn receive(stream: &mut TcpStream) -> Response {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no response: {text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Response { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

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
    let server = Server::looping(&["--workers", "2"]);
    let answers = server.grade(items(&["fine", "x", "fine", "y"]));
    assert_eq!(outcomes(&answers), ["out_of_fuel", "correct", "out_of_fuel", "correct"]);
    assert!(answers[0]["verdict"].is_null() && answers[0]["score"].is_null());
    assert!(answers[0]["error"]["message"].as_str().unwrap().contains("ran out of fuel"));
}

#[test]
fn no_client_waits_beyond_the_deadline() {
    let server = Server::looping(&["--workers", "1", "--deadline", "1"]);
    let started = Instant::now();
    let answers = server.grade(items(&["x", "loop", "loop", "loop", "loop", "loop", "y"]));
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    let outcomes = outcomes(&answers);
    assert_eq!((outcomes[0], outcomes[5], outcomes[6]), ("correct", "deadline", "deadline"));
    // The worker is free again after the call that it was in.
    let started = Instant::now();
    while server.metric("ts_serve_in_flight_items") + server.metric("ts_serve_queue_items") > 0 {
        assert!(started.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_full_queue_says_when_to_come_back() {
    let server = Server::looping(&["--workers", "1", "--queue", "2"]);
    let mut busy = server.connect();
    busy.write_all(post(&json!({ "items": items(&["loop", "loop"]) }).to_string()).as_bytes()).unwrap();
    let started = Instant::now();
    while server.metric("ts_serve_queue_items") + server.metric("ts_serve_in_flight_items") == 0 {
        assert!(started.elapsed() < Duration::from_secs(20));
    }
    let refused = server.post(&json!({ "items": items(&["x", "y"]) }).to_string());
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert!(refused.head.contains("retry-after: 1"), "{}", refused.head);
    assert_eq!(refused.json()["error"]["kind"], "full");
    assert_eq!(receive(&mut busy).status, 200);
    assert_eq!(outcomes(&server.grade(items(&["x", "y"]))), ["correct", "correct"]);
}

#[test]
fn to_stop_is_to_finish_what_is_in_flight() {
    let mut server = Server::looping(&["--workers", "1"]);
    let mut busy = server.connect();
    busy.write_all(post(&json!({ "items": items(&["loop", "x"]) }).to_string()).as_bytes()).unwrap();
    // A connection that says nothing does not hold it up.
    let _silent = server.connect();
    while server.metric("ts_serve_in_flight_items") == 0 {}
    server.terminate();
    let response = receive(&mut busy);
    assert_eq!(outcomes(response.json()["items"].as_array().unwrap()), ["out_of_fuel", "correct"]);
    let started = Instant::now();
    let status = server.child.wait().unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
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
