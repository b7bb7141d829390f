//! The service under load, with clients among the others that mean harm.
//!
//! Every request that is sent whole has its answer, whatever the others do, and the memory does not grow. The
//! short form runs with the tests; the long one prints the latencies:
//! `cargo test --release --workspace --test cli -- --ignored --nocapture serve::load`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::server::{Server, post, receive};
use crate::repository;

/// Connections at once that ask for grades, and that misbehave.
const HONEST: usize = 32;
const HOSTILE: usize = 8;
const ITEMS: usize = 8;

#[test]
fn no_request_is_lost_among_hostile_clients() {
    load(10);
}

#[test]
#[ignore = "prints latencies"]
fn no_request_is_lost_in_the_long_run() {
    load(300);
}

fn load(requests_each: usize) {
    let server = Server::start(&repository("plugins/math_grader.wasm"), &[]);
    round(&server, requests_each); // Whatever memory it takes once, it has now.
    let (before, worked, started) = (resident_mib(&server), processor_ms(&server), Instant::now());
    let mut latencies = round(&server, requests_each);
    let (after, worked, elapsed) = (resident_mib(&server), processor_ms(&server) - worked, started.elapsed());
    latencies.sort();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
    println!(
        "{} requests of {ITEMS} items in {:.1} s: {:.0} requests a second, {:.0} µs of the server's processors each; p50 {:?}, \
         p90 {:?}, p99 {:?}, most {:?}; {before} MiB before, {after} after",
        latencies.len(),
        elapsed.as_secs_f64(),
        latencies.len() as f64 / elapsed.as_secs_f64(),
        worked as f64 * 1000.0 / latencies.len() as f64,
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0)
    );
    assert_eq!(latencies.len(), HONEST * requests_each);
    assert!(after < before + 32, "{before} MiB, then {after}");
    let asked = (2 * HONEST * requests_each * ITEMS / 2) as u64;
    for outcome in ["correct", "incorrect"] {
        // Hostile clients that ask for grades and go may add to them.
        assert!(server.metric(&format!("ts_serve_items_total{{outcome=\"{outcome}\"}}")) >= asked);
    }
}

/// Lets all clients loose; the latencies of the honest ones.
fn round(server: &Server, requests_each: usize) -> Vec<Duration> {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let hostile: Vec<_> = (0..HOSTILE)
            .map(|index| {
                scope.spawn({
                    let done = &done;
                    move || harm(server, index, done)
                })
            })
            .collect();
        let honest: Vec<_> =
            (0..HONEST).map(|client| scope.spawn(move || ask(server, client, requests_each))).collect();
        let latencies = honest.into_iter().flat_map(|client| client.join().unwrap()).collect();
        done.store(true, Ordering::Relaxed);
        hostile.into_iter().for_each(|client| client.join().unwrap());
        latencies
    })
}

/// Asks for grades over one connection and checks every answer.
fn ask(server: &Server, client: usize, requests: usize) -> Vec<Duration> {
    let mut stream = BufReader::new(server.connect());
    let one = |request| {
        let item = |index: usize| {
            let answer = [42, 41][index % 2];
            let id = format!("{client}-{request}-{index}");
            json!({ "id": id, "reference": "42", "response": format!("It is \\boxed{{{answer}}}.") })
        };
        let items: Vec<_> = (0..ITEMS).map(item).collect();
        let text = keep(&post(&json!({ "items": items }).to_string()));
        let started = Instant::now();
        let answers = exchange(&mut stream, &text);
        let elapsed = started.elapsed();
        let answers = answers["items"].as_array().unwrap();
        assert_eq!(answers.len(), ITEMS);
        for (index, answer) in answers.iter().enumerate() {
            assert_eq!(answer["id"], items[index]["id"]);
            assert_eq!(answer["verdict"], ["correct", "incorrect"][index % 2]);
        }
        elapsed
    };
    (0..requests).map(one).collect()
}

/// The request, and the connection is kept after it.
pub(super) fn keep(request: &str) -> String {
    request.replace("connection: close\r\n", "")
}

/// Sends a request and reads its answer; the connection is kept.
pub(super) fn exchange(stream: &mut BufReader<TcpStream>, request: &str) -> Value {
    stream.get_mut().write_all(request.as_bytes()).unwrap();
    let (mut line, mut length) = (String::new(), 0);
    while line != "\r\n" {
        line.clear();
        assert!(stream.read_line(&mut line).unwrap() > 0, "the connection ended");
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    serde_json::from_slice(&body).unwrap()
}

/// Misbehaves in one of several ways until it is enough.
fn harm(server: &Server, way: usize, done: &AtomicBool) {
    let whole = post(&json!({ "items": [{ "reference": "42", "response": "\\boxed{42}" }] }).to_string());
    let mut held = Vec::new();
    while !done.load(Ordering::Relaxed) {
        let mut stream = server.connect();
        // The server may hang up at any time: that is its right.
        match way % 4 {
            // Half a head or half a body, and nothing more.
            0 => {
                let _ = stream.write_all(&whole.as_bytes()[..whole.len() / 3]);
                held.push(stream);
                if held.len() > 20 {
                    held.clear();
                }
            }
            1 => {
                let garbage: Vec<u8> =
                    (0..5000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
                let _ = stream.write_all(&garbage);
            }
            // Asks, and goes before the answer.
            2 => {
                let _ = stream.write_all(whole.as_bytes());
                let _ = stream.shutdown(Shutdown::Both);
            }
            // JSON that is none.
            _ => {
                let body = "[".repeat(100_000);
                let _ = stream.write_all(post(&body).as_bytes());
                assert_eq!(receive(&mut stream).status, 400);
            }
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// Memory of the server's process, MiB; nothing where the system does not say.
fn resident_mib(server: &Server) -> u64 {
    memory_mib(server, "VmRSS:")
}

/// Processor time of the server's process, milliseconds; nothing where the system does not say.
fn processor_ms(server: &Server) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.child.id())).unwrap_or_default();
    // After the name, which may hold anything: user and system time are the 12th and 13th, in hundredths of a
    // second.
    let fields = stat.rsplit(") ").next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10
}

/// What the system says of a process's memory under this name.
pub(super) fn memory_mib(server: &Server, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default() / 1024
}
