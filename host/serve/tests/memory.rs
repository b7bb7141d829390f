//! The memory of requests: at most four times the bodies that are in flight, whatever they say.
//!
//! Every allocation of this process is counted: the service runs in it, and clients send bodies that were
//! made before, over loopback connections, all at once. What counts is the most that was allocated at a time,
//! so no verdict depends on how fast the machine is. A grader's own memory is not part of it; the plugin host
//! bounds that.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use serde_json::Map;
use ts_plugin::{HostOptions, PluginHost, PluginSource};
use ts_serve::{Options, Service};

const MIB: usize = 1 << 20;
/// Bodies at once, and bytes of each.
const AT_ONCE: usize = 8;
const BODY: usize = 4 * MIB;

/// Counts what is allocated.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MOST.fetch_max(NOW.fetch_add(layout.size(), Ordering::SeqCst) + layout.size(), Ordering::SeqCst);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::SeqCst);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn start() -> SocketAddr {
    let plugin = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins/exact_grader.wasm");
    let options = Options { workers: 2, ..Options::default() };
    let host =
        PluginHost::new(HostOptions { max_parallel: options.places(), ..HostOptions::default() }).unwrap();
    let verifier = host.load(PluginSource::File(plugin.into())).unwrap().verifier(&Map::new()).unwrap();
    let (ready, address) = channel();
    std::thread::spawn(move || {
        let service = Service::start(verifier, options).unwrap();
        ts_serve::serve(&service, ([127, 0, 0, 1], 0).into(), |address| ready.send(address).unwrap())
    });
    address.recv().unwrap()
}

/// The status of the answer to a body.
fn post(address: SocketAddr, body: &[u8]) -> u16 {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(300))).unwrap();
    let head = format!(
        "POST /v1/grade HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: \
         {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let (mut status, mut rest) = ([0; 12], [0; 4096]);
    stream.read_exact(&mut status).unwrap();
    while stream.read(&mut rest).unwrap() > 0 {}
    std::str::from_utf8(&status[9..]).unwrap().parse().unwrap()
}

/// `unit` as often as fits between `before` and `after`.
fn filled(before: &str, unit: &str, between: &str, after: &str) -> Vec<u8> {
    let n = (BODY - before.len() - after.len()) / (unit.len() + between.len());
    let mut body = String::with_capacity(BODY);
    body.push_str(before);
    for index in 0..n {
        body.push_str(if index > 0 { between } else { "" });
        body.push_str(unit);
    }
    body.push_str(after);
    body.into_bytes()
}

#[test]
fn memory_is_at_most_four_times_the_bodies_in_flight() {
    let item = r#"{"reference":"a","response":"<answer>a</answer>"}"#;
    let numbered: Vec<_> = (0..BODY / 14).map(|n| format!("\"{n}\":0")).collect();
    let bodies: Vec<(&str, Vec<u8>, u16)> = vec![
        ("items that are none", filled(r#"{"items":["#, r#"{"":0}"#, ",", "]}"), 400),
        ("fields of one name", filled(r#"{"items":[{"#, r#""":0"#, ",", "}]}"), 400),
        ("fields of many names", format!("{{{}}}", numbered.join(",")).into_bytes(), 400),
        (
            "metadata of many objects",
            filled(r#"{"reference":"a","response":"a","tests":["#, r#"{"":0}"#, ",", "]}"),
            200,
        ),
        ("lists of lists", filled(r#"{"reference":"a","response":"a","tests":["#, "[[]]", ",", "]}"), 200),
        ("lists in lists", filled("", "[", "", ""), 400),
        ("a text of escapes", filled(r#"{"reference":"a","response":""#, r"\u0041", "", r#""}"#), 200),
        ("a name of escapes", filled(r#"{"reference":"a","response":"a",""#, r"\n", "", r#"":0}"#), 200),
        ("an id that is long", filled(r#"{"reference":"a","response":"a","id":""#, r"\\", "", r#""}"#), 400),
        ("more items than may wait", filled(r#"{"items":["#, item, ",", "]}"), 413),
        ("no JSON", filled("{", " ", "", "}x"), 400),
    ];
    let address = start();
    // What is allocated once has been.
    assert_eq!(post(address, item.as_bytes()), 200);
    for (name, body, status) in &bodies {
        let before = NOW.load(Ordering::SeqCst);
        MOST.store(before, Ordering::SeqCst);
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(|| post(address, body))).collect();
            for client in clients {
                assert_eq!(client.join().unwrap(), *status, "{name}");
            }
        });
        let (most, in_flight) = (MOST.load(Ordering::SeqCst) - before, AT_ONCE * body.len());
        println!("{name}: {:.2} times the bodies", most as f64 / in_flight as f64);
        assert!(most <= 4 * in_flight, "{name}: {most} bytes for {in_flight}");
    }
}
