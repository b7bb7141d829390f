//! A hub on this machine: its API, and the storage that it redirects large files to, at another address.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};

/// What goes wrong with one request.
#[derive(Clone, Copy)]
pub(crate) enum Fault {
    /// After so many bytes the connection is closed.
    CutOff(usize),
    /// This status, and nothing.
    Status(u16),
    /// Too many requests; again in no time.
    TooMany,
    /// As many bytes, others.
    WrongBytes,
}

struct File {
    bytes: Vec<u8>,
    /// Whether it lies in the storage.
    is_large: bool,
}

#[derive(Default)]
struct State {
    files: HashMap<(String, String), File>,
    /// What is to go wrong, by what stands in a request's path, the first first.
    faults: Vec<(String, Fault)>,
    log: Vec<String>,
}

pub(crate) struct Stub {
    hub: String,
    commit: String,
    state: Arc<Mutex<State>>,
}

impl Stub {
    pub(crate) fn start(commit: &str) -> Self {
        let listeners = ["hub", "store"].map(|name| (name, TcpListener::bind("127.0.0.1:0").unwrap()));
        let [hub, store] =
            [&listeners[0].1, &listeners[1].1].map(|it| format!("http://{}", it.local_addr().unwrap()));
        let state: Arc<Mutex<State>> = Arc::default();
        for (place, listener) in listeners {
            let (state, commit, store) = (Arc::clone(&state), commit.to_owned(), store.clone());
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    let (state, commit, store) = (Arc::clone(&state), commit.clone(), store.clone());
                    std::thread::spawn(move || serve(stream.ok()?, place, &state, &commit, &store));
                }
            });
        }
        Self { hub, commit: commit.to_owned(), state }
    }

    pub(crate) fn endpoint(&self) -> &str {
        debug_assert_eq!(self.commit.len(), 40);
        &self.hub
    }

    pub(crate) fn has(&mut self, repository: &str, path: &str, bytes: Vec<u8>, is_large: bool) {
        let key = (repository.to_owned(), path.to_owned());
        self.state.lock().unwrap().files.insert(key, File { bytes, is_large });
    }

    pub(crate) fn has_also(&self, repository: &str, path: &str, bytes: Vec<u8>) {
        let key = (repository.to_owned(), path.to_owned());
        self.state.lock().unwrap().files.insert(key, File { bytes, is_large: false });
    }

    /// The next request for bytes whose path has this text goes wrong; of `api`, the next list.
    pub(crate) fn fault(&self, path: &str, fault: Fault) {
        self.state.lock().unwrap().faults.push((path.to_owned(), fault));
    }

    /// Every request: where, what, the range, the authorization.
    pub(crate) fn log(&self) -> Vec<String> {
        self.state.lock().unwrap().log.clone()
    }
}

/// Serves one connection, which it closes after each answer.
fn serve(stream: TcpStream, place: &str, state: &Mutex<State>, commit: &str, store: &str) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let request = lines.next()?.ok()?;
    let headers: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let header = |name: &str| {
        let line = headers.iter().find(|line| line.to_lowercase().starts_with(&format!("{name}:")))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let (method, rest) = request.split_once(' ')?;
    let path = unescaped(rest.split(' ').next()?);
    let (range, authorization) = (header("range"), header("authorization"));
    let mut state = state.lock().unwrap();
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    state.log.push(format!("{place} {method} {path} {} {}", shown(&range), shown(&authorization)));
    let mut stream = stream;
    let mut answer = |status: &str, headers: &[String], body: &[u8], sent: usize| {
        let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let length = if headers.contains("content-length") {
            String::new()
        } else {
            format!("content-length: {}\r\n", body.len())
        };
        let head = format!("HTTP/1.1 {status} X\r\n{headers}{length}connection: close\r\n\r\n");
        let _ = stream.write_all(head.as_bytes());
        if method != "HEAD" {
            let _ = stream.write_all(&body[..sent.min(body.len())]);
        }
        Some(())
    };

    if let Some(api) = path.strip_prefix("/api/") {
        if let Some(at) = state.faults.iter().position(|(text, _)| text == "api") {
            state.faults.remove(at);
            return answer("302", &[], b"", 0);
        }
        let (repository, _) = api.strip_prefix("models/")?.split_once("/revision/")?;
        let names: Vec<_> =
            state.files.keys().filter(|(of, _)| of == repository).map(|(_, name)| name).collect();
        if repository == "org/gated" {
            return answer("403", &["x-error-code: GatedRepo".to_owned()], b"", 0);
        }
        if names.is_empty() {
            return answer("404", &["x-error-code: RepoNotFound".to_owned()], b"{}", 2);
        }
        let siblings: Vec<_> = names.iter().map(|name| serde_json::json!({ "rfilename": name })).collect();
        let body = serde_json::json!({"sha": commit, "siblings": siblings}).to_string();
        return answer("200", &[], body.as_bytes(), body.len());
    }

    let (repository, rest) = match place {
        "hub" => path[1..].split_once("/resolve/")?,
        _ => path[1..].split_once("/at/")?,
    };
    let found =
        state.files.iter().find(|((of, name), _)| of == repository && rest.ends_with(&format!("/{name}")));
    let Some(((_, name), file)) = found else {
        return answer("404", &["x-error-code: EntryNotFound".to_owned()], b"", 0);
    };
    let (name, bytes) = (name.clone(), file.bytes.clone());
    let etag = match file.is_large {
        true => hexadecimal(&Sha256::digest(&bytes)),
        false => hexadecimal(&sha1(&[format!("blob {}\0", bytes.len()).as_bytes(), &bytes].concat())),
    };
    let commit_line = format!("x-repo-commit: {commit}");
    if place == "hub" && file.is_large {
        let location = format!(
            "location: {store}/{}/at/x/{}?signed",
            repository.replace(' ', "%20"),
            name.replace(' ', "%20")
        );
        let linked = [format!("x-linked-etag: \"{etag}\""), format!("x-linked-size: {}", bytes.len())];
        return answer("302", &[vec![commit_line, location], linked.to_vec()].concat(), b"moved", 5);
    }
    let mut headers = vec![commit_line, format!("etag: W/\"{etag}\"")];
    if method == "HEAD" {
        headers.push(format!("content-length: {}", bytes.len()));
        return answer("200", &headers, b"", 0);
    }
    let from: usize =
        range.and_then(|it| it.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()).unwrap_or(0);
    let fault = state.faults.iter().position(|(text, _)| path.contains(text.as_str()));
    match fault.map(|at| state.faults.remove(at).1) {
        Some(Fault::Status(status)) => return answer(&status.to_string(), &[], b"", 0),
        Some(Fault::TooMany) => return answer("429", &["retry-after: 0".to_owned()], b"", 0),
        Some(Fault::CutOff(sent)) => return answer("200", &headers, &bytes, sent),
        Some(Fault::WrongBytes) => {
            let wrong: Vec<u8> = bytes.iter().map(|b| b ^ 1).collect();
            return answer("200", &headers, &wrong, wrong.len());
        }
        None => {}
    }
    let status = if from > 0 { "206" } else { "200" };
    answer(status, &headers, &bytes[from.min(bytes.len())..], bytes.len())
}

fn unescaped(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.split('?').next().unwrap().bytes();
    while let Some(b) = rest.next() {
        let digits = if b == b'%' { Some([rest.next().unwrap(), rest.next().unwrap()]) } else { None };
        let code = digits.map(|it| u8::from_str_radix(std::str::from_utf8(&it).unwrap(), 16).unwrap());
        bytes.push(code.unwrap_or(b));
    }
    String::from_utf8(bytes).unwrap()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn sha1(bytes: &[u8]) -> Vec<u8> {
    sha1::Sha1::digest(bytes).to_vec()
}
