//! A registry on this machine: its API as the distribution specification has it, who gives out tokens, the storage that it redirects
//! blobs to at another address, and files behind plain URLs. Every way to misbehave is a [`Fault`].

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};

/// What goes wrong with one request.
#[derive(Clone)]
pub(crate) enum Fault {
    /// This status, and nothing.
    Status(u16),
    /// Other bytes.
    Bytes(Vec<u8>),
    /// Bytes without an end, and no length.
    Endless,
    /// So many of the bytes, and the connection is closed.
    CutOff(usize),
    /// Redirects to this.
    Redirect(String),
    /// Wants a token of this realm.
    Realm(String),
    /// Wants the name and the password themselves.
    Basic,
}

/// Who may have what: the name and the password, and the token that they are changed for.
pub(crate) const LOGIN: &str = "me:hunter2";
const TOKEN: &str = "aTokenThatIsSecret";

#[derive(Default)]
struct State {
    manifests: BTreeMap<(String, String), Vec<u8>>,
    blobs: BTreeMap<String, Vec<u8>>,
    files: BTreeMap<String, Vec<u8>>,
    /// What goes wrong, by what stands in a request's path, again and again.
    faults: Vec<(String, Fault)>,
    is_private: bool,
    redirects_blobs: bool,
    log: Vec<String>,
}

/// A registry, a storage.
pub(crate) struct Registry {
    host: String,
    state: Arc<Mutex<State>>,
}

impl Registry {
    pub(crate) fn start() -> Self {
        let listeners = ["registry", "store"].map(|name| (name, TcpListener::bind("127.0.0.1:0").unwrap()));
        let [host, store] = [0, 1].map(|at: usize| listeners[at].1.local_addr().unwrap().to_string());
        let state: Arc<Mutex<State>> = Arc::default();
        for (place, listener) in listeners {
            let (state, host, store) = (Arc::clone(&state), host.clone(), store.clone());
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let (state, host, store) = (Arc::clone(&state), host.clone(), store.clone());
                    std::thread::spawn(move || serve(stream, place, &state, &host, &store));
                }
            });
        }
        Self { host, state }
    }

    /// A name in it: `oci://127.0.0.1:PORT/REPOSITORY:TAG`, or what `rest` says.
    pub(crate) fn name(&self, rest: &str) -> String {
        format!("oci://{}/{rest}", self.host)
    }

    /// A URL of a file.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("http://{}/files/{name}", self.host)
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Puts a component there as people share it today, with a tag: the manifest's digest.
    pub(crate) fn has(&self, repository: &str, tag: &str, component: &[u8]) -> String {
        let layer = self.has_blob(component);
        let config = self.has_blob(b"{}");
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.wasm.config.v0+json", "digest": config, "size": 2},
            "layers": [{"mediaType": "application/wasm", "digest": layer, "size": component.len()}],
        });
        self.has_manifest(repository, tag, manifest.to_string().as_bytes())
    }

    pub(crate) fn has_manifest(&self, repository: &str, tag: &str, manifest: &[u8]) -> String {
        let digest = digest(manifest);
        let mut state = self.state.lock().unwrap();
        for by in [tag, digest.as_str()] {
            state.manifests.insert((repository.to_owned(), by.to_owned()), manifest.to_vec());
        }
        digest
    }

    pub(crate) fn has_blob(&self, bytes: &[u8]) -> String {
        let digest = digest(bytes);
        self.state.lock().unwrap().blobs.insert(digest.clone(), bytes.to_vec());
        digest
    }

    pub(crate) fn has_file(&self, name: &str, bytes: &[u8]) {
        self.state.lock().unwrap().files.insert(name.to_owned(), bytes.to_vec());
    }

    /// What there is by a tag or a digest.
    pub(crate) fn manifest(&self, repository: &str, by: &str) -> serde_json::Value {
        let state = self.state.lock().unwrap();
        serde_json::from_slice(&state.manifests[&(repository.to_owned(), by.to_owned())]).unwrap()
    }

    pub(crate) fn blob(&self, digest: &str) -> Vec<u8> {
        self.state.lock().unwrap().blobs[digest].clone()
    }

    /// Whoever asks needs a token.
    pub(crate) fn is_private(&self) {
        self.state.lock().unwrap().is_private = true;
    }

    /// Blobs lie in the storage.
    pub(crate) fn redirects_blobs(&self) {
        self.state.lock().unwrap().redirects_blobs = true;
    }

    /// Requests whose path has this text go wrong from now on; none does without one.
    pub(crate) fn fault(&self, path: &str, fault: Option<Fault>) {
        let mut state = self.state.lock().unwrap();
        state.faults.clear();
        state.faults.extend(fault.map(|fault| (path.to_owned(), fault)));
    }

    /// Every request: where, what, the authorization.
    pub(crate) fn log(&self) -> Vec<String> {
        self.state.lock().unwrap().log.clone()
    }
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    let digits: String = Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
    format!("sha256:{digits}")
}

/// Serves one connection, which it closes after the answer.
fn serve(stream: TcpStream, place: &str, state: &Mutex<State>, host: &str, store: &str) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let header = |name: &str| {
        let line = lines.iter().find(|line| line.to_lowercase().starts_with(&format!("{name}:")))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let mut words = lines.first()?.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut body = vec![0; header("content-length").and_then(|it| it.parse().ok()).unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let authorization = header("authorization");
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));

    let mut state = state.lock().unwrap();
    state.log.push(format!("{place} {method} {target} {}", authorization.as_deref().unwrap_or("-")));
    let mut stream = stream;
    let mut answer = |status: u16, headers: &[String], bytes: &[u8], sent: usize| {
        let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let length =
            if sent == usize::MAX { String::new() } else { format!("content-length: {}\r\n", bytes.len()) };
        let head = format!("HTTP/1.1 {status} X\r\n{headers}{length}connection: close\r\n\r\n");
        let _ = stream.write_all(head.as_bytes());
        if sent == usize::MAX {
            while stream.write_all(&[b' '; 1 << 16]).is_ok() {}
        } else if method != "HEAD" {
            let _ = stream.write_all(&bytes[..sent.min(bytes.len())]);
        }
        Some(())
    };
    let ok = |bytes: &[u8]| (200, vec![], bytes.to_vec());
    let missing =
        |code: &str| (404, vec![], format!("{{\"errors\":[{{\"code\":\"{code}\"}}]}}").into_bytes());

    let fault = state.faults.iter().find(|(text, _)| path.contains(text.as_str()));
    let mut cut = None;
    match fault.map(|(_, fault)| fault.clone()) {
        Some(Fault::Status(status)) => return answer(status, &["retry-after: 0".to_owned()], b"", 0),
        Some(Fault::Bytes(bytes)) => return answer(200, &[], &bytes, bytes.len()),
        Some(Fault::Endless) => {
            drop(state);
            return answer(200, &[], b"", usize::MAX);
        }
        Some(Fault::Redirect(to)) => return answer(307, &[format!("location: {to}")], b"", 0),
        Some(Fault::Realm(realm)) => {
            return answer(401, &[format!("www-authenticate: Bearer realm=\"{realm}\"")], b"", 0);
        }
        Some(Fault::Basic) if authorization.as_deref() != Some(&format!("Basic {}", base64(LOGIN))) => {
            return answer(401, &["www-authenticate: Basic realm=\"stub\"".to_owned()], b"", 0);
        }
        Some(Fault::Basic) => {}
        Some(Fault::CutOff(sent)) => cut = Some(sent),
        None => {}
    }
    if path == "/token" {
        let wanted = format!("Basic {}", base64(LOGIN));
        return match authorization {
            Some(secret) if secret == wanted && query.contains("scope=repository%3A") => {
                let body = format!("{{\"token\": \"{TOKEN}\", \"expires_in\": 60}}");
                answer(200, &[], body.as_bytes(), body.len())
            }
            _ => answer(401, &[], b"{}", 2),
        };
    }
    if place == "registry"
        && path.starts_with("/v2/")
        && state.is_private
        && !authorization.as_deref().is_some_and(|it| it.starts_with("Basic "))
        && authorization.as_deref() != Some(&format!("Bearer {TOKEN}"))
    {
        let scope = if method == "GET" { "pull" } else { "pull,push" };
        let challenge = format!(
            "www-authenticate: Bearer realm=\"http://{host}/token\",service=\"stub\",scope=\"repository:x:{scope}\""
        );
        return answer(401, &[challenge], b"{\"errors\":[{\"code\":\"UNAUTHORIZED\"}]}", 100);
    }
    let (status, headers, bytes) = if let Some(name) = path.strip_prefix("/files/") {
        state.files.get(name).map_or(missing("NO_FILE"), |bytes| ok(bytes))
    } else if let Some((repository, by)) =
        path.strip_prefix("/v2/").and_then(|it| it.split_once("/manifests/"))
    {
        let key = (repository.to_owned(), by.to_owned());
        if method == "PUT" {
            let own = (repository.to_owned(), digest(&body));
            state.manifests.insert(own, body.clone());
            state.manifests.insert(key, body);
            (201, vec![], vec![])
        } else {
            state.manifests.get(&key).map_or(missing("MANIFEST_UNKNOWN"), |bytes| ok(bytes))
        }
    } else if path.ends_with("/blobs/uploads/") {
        (202, vec!["location: /upload?of=this".to_owned()], vec![])
    } else if path == "/upload" {
        let wanted = query.split('&').find_map(|it| it.strip_prefix("digest=")).unwrap_or_default();
        let wanted = wanted.replace("%3A", ":");
        if digest(&body) == wanted && query.contains("of=this") {
            state.blobs.insert(wanted, body);
            (201, vec![], vec![])
        } else {
            (400, vec![], vec![])
        }
    } else if let Some((_, digest)) = path.split_once("/blobs/") {
        if place == "registry" && state.redirects_blobs && state.blobs.contains_key(digest) {
            (307, vec![format!("location: http://{store}/at/blobs/{digest}?signed=1")], vec![])
        } else {
            state.blobs.get(digest).map_or(missing("BLOB_UNKNOWN"), |bytes| ok(bytes))
        }
    } else {
        missing("NAME_UNKNOWN")
    };
    answer(status, &headers, &bytes, cut.unwrap_or(bytes.len()))
}

/// A text in base64.
pub(crate) fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}
