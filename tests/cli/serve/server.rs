//! A server that a test starts and speaks to, over plain connections.
//!
//! In: a plugin and flags. Out: a [`Server`] and what it answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::Host;

/// A server that ends with its test.
pub(super) struct Server {
    pub(super) child: Child,
    pub(super) address: SocketAddr,
    _host: Host,
}

/// Whether a server says that it is ready. It is ended then.
pub(crate) fn starts(host: &Host, args: &[&str]) -> bool {
    let mut child =
        host.command(args).args(["--listen", "127.0.0.1:0"]).stderr(Stdio::piped()).spawn().unwrap();
    let line = first_line(&mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    line.contains("http://127.0.0.1:")
}

/// The first line on standard error that is not about compiling, which may come before it on a busy machine.
fn first_line(child: &mut Child) -> String {
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    lines.find(|line| !crate::is_of_compiling(line)).unwrap_or_default()
}

/// What came back.
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Response {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

impl Server {
    pub(super) fn start(plugin: &str, flags: &[&str]) -> Self {
        Self::start_with(plugin, flags, &[])
    }

    /// Starts one with more in its environment.
    pub(super) fn start_with(plugin: &str, flags: &[&str], environment: &[(&str, &str)]) -> Self {
        let host = Host::new();
        let mut args = vec!["serve", "--plugin", plugin, "--listen", "127.0.0.1:0"];
        args.extend(flags);
        let mut command = host.command(&args);
        command.envs(environment.iter().copied());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let line = first_line(&mut child);
        let address = line.split("http://").nth(1).and_then(|rest| rest.split(',').next());
        let address = address.unwrap_or_else(|| panic!("{line}")).parse().unwrap();
        Self { child, address, _host: host }
    }

    /// A server whose grader loops at responses of four bytes and finds all others correct.
    pub(super) fn looping(flags: &[&str]) -> Self {
        Self::looping_with(flags, &[])
    }

    /// The same with more in its environment.
    pub(super) fn looping_with(flags: &[&str], environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("looping.wasm");
        let body = "(if (i32.eq (local.get $length) (i32.const 4)) (then (loop (br 0)))) (i32.const 3072)";
        std::fs::write(&path, crate::hostile(body)).unwrap();
        Self::start_with(path.to_str().unwrap(), flags, environment)
    }

    pub(super) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(300))).unwrap();
        stream
    }

    /// Sends bytes as they are and reads to the end.
    pub(super) fn send(&self, bytes: &[u8]) -> Response {
        let mut stream = self.connect();
        stream.write_all(bytes).unwrap();
        receive(&mut stream)
    }

    pub(super) fn get(&self, path: &str) -> Response {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes())
    }

    pub(super) fn post(&self, body: &str) -> Response {
        self.send(post(body).as_bytes())
    }

    pub(super) fn grade(&self, items: Value) -> Vec<Value> {
        let response = self.post(&json!({ "items": items }).to_string());
        assert_eq!(response.status, 200, "{}", response.body);
        response.json()["items"].as_array().unwrap().clone()
    }

    /// A number of the metrics.
    pub(super) fn metric(&self, name: &str) -> u64 {
        self.metric_with("", name)
    }

    /// The same, asked for with more lines of head.
    pub(super) fn metric_with(&self, head: &str, name: &str) -> u64 {
        let text = format!("GET /metrics HTTP/1.1\r\nhost: localhost\r\n{head}connection: close\r\n\r\n");
        let text = self.send(text.as_bytes()).body;
        let line = text.lines().find_map(|line| line.strip_prefix(name).map(str::trim));
        line.map_or(0, |number| number.parse().unwrap())
    }

    /// Tells the process to stop.
    pub(super) fn terminate(&self) {
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

pub(super) fn post(body: &str) -> String {
    let length = body.len();
    format!(
        "POST /v1/grade HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
}

/// The same with more lines of head.
pub(super) fn with_head(request: &str, head: &str) -> String {
    request.replacen("\r\n", &format!("\r\n{head}"), 1)
}

pub(super) fn receive(stream: &mut TcpStream) -> Response {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no response: {text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Response { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}
