//! Good clients with and without two hostile ones beside them: what each waits, what is lost, what memory is
//! taken.
//!
//! Four good clients ask over a connection each, one request after the other, in rounds with and without the
//! hostile ones in turn, on one server of two workers. The short form runs with the tests and looks that
//! every answer is there and right; the long one prints the table of `docs/serve.md` (`cargo xtask runners`
//! first, for the programs):
//! `cargo test --release --workspace --test cli -- --ignored --nocapture serve::fair`.
//!
//! Times are the machine's, and are not judged.

use std::io::{BufReader, Read, Write};
use std::net::Shutdown;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::load::{exchange, keep, memory_mib};
use super::server::{Server, post};
use crate::repository;

/// Good clients, hostile ones, and rounds of each kind.
const GOOD: usize = 4;
const HOSTILE: usize = 2;
const ROUNDS: usize = 3;
/// Bytes of a body that expands.
const BODY: usize = 15 << 20;

/// What the good ones ask and what they are answered, and what the hostile ones send.
struct Case {
    name: &'static str,
    /// Nothing is the grader that loops.
    plugin: String,
    good: Value,
    verdicts: &'static [&'static str],
    hostile: Vec<String>,
    requests: usize,
}

/// What good clients waited in some rounds.
#[derive(Default)]
struct Waits {
    grades: Vec<Duration>,
    health: Vec<Duration>,
}

#[test]
fn good_clients_have_their_answers_beside_hostile_ones() {
    let server = Server::start(&repository("plugins/math_grader.wasm"), &["--workers", "2"]);
    round(&server, &json_that_expands(1 << 20, 20), true);
}

#[test]
#[ignore = "prints a table"]
fn good_clients_beside_hostile_ones() {
    println!(
        "| two hostile clients send | p50 without | p50 with | p99 without | p99 with | longest with | `/health` with, longest | requests \
         lost | peak memory, MiB |\n|---|---|---|---|---|---|---|---|---|"
    );
    let mut cases = vec![looping_graders(300), json_that_expands(BODY, 300)];
    match looping_programs(150) {
        Some(case) => cases.insert(0, case),
        None => println!("(no plugins/python_runner.wasm: `cargo xtask runners` makes it)"),
    }
    for case in cases {
        let server = match case.plugin.as_str() {
            "" => Server::looping(&["--workers", "2"]),
            plugin => Server::start(plugin, &["--workers", "2"]),
        };
        let (mut without, mut with) = (Waits::default(), Waits::default());
        round(&server, &case, false); // What takes time once has taken it.
        for _ in 0..ROUNDS {
            without.add(round(&server, &case, false));
            with.add(round(&server, &case, true));
        }
        // A request that is lost is a panic.
        println!(
            "| {} | {} | {} | {} | {} | {} | {} | 0 of {} | {} |",
            case.name,
            at(&mut without.grades, 0.5),
            at(&mut with.grades, 0.5),
            at(&mut without.grades, 0.99),
            at(&mut with.grades, 0.99),
            at(&mut with.grades, 1.0),
            at(&mut with.health, 1.0),
            with.grades.len(),
            memory_mib(&server, "VmHWM:"),
        );
    }
}

fn looping_programs(requests: usize) -> Option<Case> {
    Path::new(&repository("plugins/python_runner.wasm")).exists().then(|| {
        let tests: Vec<_> = (0..300).map(|n| json!({ "input": n.to_string(), "output": "0" })).collect();
        let item = |program: &str, tests: &Value| {
            json!({ "reference": "", "response": format!("```python\n{program}\n```"), "tests": tests })
        };
        let looping = item("while True: pass", &tests.into());
        let good_tests = json!([{ "input": "1", "output": "2" }, { "input": "5", "output": "6" }]);
        Case {
            name: "programs that loop, 300 tests each",
            plugin: repository("plugins/code_grader.wasm"),
            good: json!([item("print(int(input()) + 1)", &good_tests)]),
            verdicts: &["correct"],
            hostile: vec![post(&json!({ "items": vec![looping; 4] }).to_string())],
            requests,
        }
    })
}

fn looping_graders(requests: usize) -> Case {
    Case {
        name: "items at which the grader loops",
        plugin: String::new(),
        good: super::items(&["x"; 8]),
        verdicts: &["correct"; 8],
        hostile: vec![post(&json!({ "items": super::items(&["loop"; 100]) }).to_string())],
        requests,
    }
}

fn json_that_expands(bytes: usize, requests: usize) -> Case {
    let members = vec!["{\"\":0}"; bytes / 7].join(",");
    let escapes = "\\u0041".repeat(bytes / 6);
    let good =
        |n: usize| json!({ "reference": "42", "response": format!("It is \\boxed{{{}}}.", [42, 41][n % 2]) });
    Case {
        name: "JSON that expands, 15 MiB each",
        plugin: repository("plugins/math_grader.wasm"),
        good: (0..8).map(good).collect(),
        verdicts: &[
            "correct",
            "incorrect",
            "correct",
            "incorrect",
            "correct",
            "incorrect",
            "correct",
            "incorrect",
        ],
        hostile: vec![
            post(&format!("{{\"items\":[{members}]}}")),
            post(&format!("{{\"reference\":\"1\",\"response\":\"1\",\"tests\":[{members}]}}")),
            post(&format!("{{\"reference\":\"1\",\"response\":\"{escapes}\"}}")),
            post(&format!(
                "{{\"items\":[{}]}}",
                vec!["{\"reference\":\"\",\"response\":\"\"}"; bytes / 31].join(",")
            )),
        ],
        requests,
    }
}

/// Lets the good ones ask, and the hostile ones beside them.
fn round(server: &Server, case: &Case, with_hostile: bool) -> Waits {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let done = &done;
        let hostile: Vec<_> = (0..HOSTILE * usize::from(with_hostile))
            .map(|index| scope.spawn(move || harm(server, case, index, done)))
            .collect();
        if with_hostile {
            // Their work is at its worst before the others come.
            thread::sleep(Duration::from_millis(300));
        }
        let health = scope.spawn(move || watch_health(server, done));
        let good: Vec<_> = (0..GOOD).map(|_| scope.spawn(move || ask(server, case))).collect();
        let grades = good.into_iter().flat_map(|client| client.join().unwrap()).collect();
        done.store(true, Ordering::Relaxed);
        hostile.into_iter().for_each(|client| client.join().unwrap());
        Waits { grades, health: health.join().unwrap() }
    })
}

/// Asks over one connection and checks every answer.
fn ask(server: &Server, case: &Case) -> Vec<Duration> {
    let mut stream = BufReader::new(server.connect());
    let text = keep(&post(&json!({ "items": case.good }).to_string()));
    let one = |_| {
        let started = Instant::now();
        let answers = exchange(&mut stream, &text);
        let elapsed = started.elapsed();
        let answers = answers["items"].as_array().unwrap_or_else(|| panic!("{answers}"));
        let verdicts: Vec<_> =
            answers.iter().map(|answer| answer["verdict"].as_str().unwrap_or("none")).collect();
        assert_eq!(verdicts, case.verdicts, "{answers:?}");
        elapsed
    };
    (0..case.requests).map(one).collect()
}

/// Sends one hostile request after the other until it is enough, and goes in the middle of the last.
fn harm(server: &Server, case: &Case, client: usize, done: &AtomicBool) {
    for request in case.hostile.iter().cycle().skip(client) {
        let mut stream = server.connect();
        stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        // The server may hang up at any time: that is its right.
        let _ = stream.write_all(request.as_bytes());
        let mut buffer = [0; 1 << 16];
        loop {
            match stream.read(&mut buffer) {
                Err(error)
                    if error.kind() == std::io::ErrorKind::WouldBlock && !done.load(Ordering::Relaxed) => {}
                Ok(n) if n > 0 => {}
                _ => break,
            }
        }
        if done.load(Ordering::Relaxed) {
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
    }
}

/// How long `/health` takes, again and again.
fn watch_health(server: &Server, done: &AtomicBool) -> Vec<Duration> {
    let mut waits = Vec::new();
    while !done.load(Ordering::Relaxed) {
        let started = Instant::now();
        assert_eq!(server.get("/health").status, 200);
        waits.push(started.elapsed());
        thread::sleep(Duration::from_millis(5));
    }
    waits
}

impl Waits {
    fn add(&mut self, other: Self) {
        self.grades.extend(other.grades);
        self.health.extend(other.health);
    }
}

fn at(waits: &mut [Duration], share: f64) -> String {
    waits.sort();
    let wait =
        waits.get(((waits.len().saturating_sub(1)) as f64 * share) as usize).copied().unwrap_or_default();
    format!("{:.1} ms", wait.as_secs_f64() * 1e3)
}
