//! The hub over HTTP: one request at a time, redirects by hand.

use std::io::Read;
use std::time::Duration;

use ureq::http::{HeaderMap, Response, Uri};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

use crate::token::Token;
use crate::{Error, Kind, Name};

/// Where the hub is unless `HF_ENDPOINT` says so.
const ENDPOINT: &str = "https://huggingface.co";

/// Redirects of one request.
const MAX_REDIRECTS: usize = 5;

/// Most bytes of an answer that lists a repository's files.
const MAX_LIST_BYTES: u64 = 16 << 20;

/// How long a server may be silent.
const PATIENCE: Duration = Duration::from_secs(30);

/// A hub.
#[derive(Debug)]
pub(crate) struct Remote {
    endpoint: Uri,
    token: Option<Token>,
    agent: Agent,
}

/// Why one request failed.
#[derive(Debug)]
pub(crate) enum Failed {
    /// It may go well the next time, at the earliest after so long.
    ForNow(String, Option<Duration>),
    /// It will not.
    ForGood(Error),
}

/// What stands in the headers about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct About {
    /// The commit that the revision is.
    pub(crate) commit: String,
    /// The digest of its bytes: SHA-256, or that of a Git blob, in hexadecimal; or any other name.
    pub(crate) etag: String,
    /// Bytes.
    pub(crate) size: Option<u64>,
}

impl Remote {
    /// The hub that the environment names.
    pub(crate) fn from_env() -> Result<Self, Error> {
        let endpoint = std::env::var("HF_ENDPOINT").unwrap_or_default();
        let endpoint = match endpoint.trim_end_matches('/') {
            "" => ENDPOINT,
            endpoint => endpoint,
        };
        let parsed = endpoint.parse().ok().filter(is_http);
        let fault = || "is not a URL that begins with https:// or http://".to_owned();
        let endpoint = parsed.ok_or_else(|| Error::Setting { variable: "HF_ENDPOINT", fault: fault() })?;
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("ts-host/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE))
            .timeout_per_read(Some(PATIENCE));
        Ok(Self { endpoint, token: Token::from_env()?, agent: config.build().into() })
    }

    /// As errors name it.
    pub(crate) fn endpoint(&self) -> String {
        let authority = self.endpoint.authority().map_or("", |authority| without_user(authority.as_str()));
        format!("{}://{authority}", self.endpoint.scheme_str().unwrap_or("https"))
    }

    /// The names of a repository's files, and the commit.
    pub(crate) fn list(&self, name: &Name) -> Result<serde_json::Value, Failed> {
        let kind = match name.kind {
            Kind::Model => "models",
            Kind::Dataset => "datasets",
        };
        let path = format!("/api/{kind}/{}/revision/{}", name.repository, escaped(&name.revision, false));
        let mut answer = self.follow(false, &path, None, &name.to_string())?;
        let mut bytes = Vec::new();
        let read = answer.body_mut().as_reader().take(MAX_LIST_BYTES + 1).read_to_end(&mut bytes);
        read.map_err(|error| Failed::ForNow(error.to_string(), None))?;
        let strange = |reason: String| {
            Failed::ForGood(Error::Strange { endpoint: self.endpoint(), name: name.to_string(), reason })
        };
        if bytes.len() as u64 > MAX_LIST_BYTES {
            return Err(strange(format!("a list of more than {MAX_LIST_BYTES} bytes")));
        }
        serde_json::from_slice(&bytes).map_err(|error| strange(format!("a list that is not JSON: {error}")))
    }

    /// What the hub says of a file.
    pub(crate) fn about(&self, name: &Name, path: &str) -> Result<About, Failed> {
        let answer = self.follow(true, &file_path(name, path), None, &format!("{path} of {name}"))?;
        let header = |name: &str| header(answer.headers(), name);
        let etag = header("x-linked-etag").or_else(|| header("etag")).unwrap_or_default();
        let etag = etag.trim_start_matches("W/").trim_matches('"').to_owned();
        let size = header("x-linked-size").or_else(|| header("content-length"));
        let commit = header("x-repo-commit").unwrap_or_default();
        let strange = |reason: &str| {
            let name = format!("{path} of {name}");
            Failed::ForGood(Error::Strange { endpoint: self.endpoint(), name, reason: reason.to_owned() })
        };
        if !crate::name::is_commit(&commit) {
            return Err(strange("no commit in X-Repo-Commit"));
        }
        if !is_etag(&etag) {
            return Err(strange("no ETag that a file can be called by"));
        }
        Ok(About { commit, etag, size: size.and_then(|size| size.parse().ok()) })
    }

    /// A file's bytes from a place on.
    pub(crate) fn get(&self, name: &Name, path: &str, from: u64) -> Result<Response<Body>, Failed> {
        let range = (from > 0).then(|| format!("bytes={from}-"));
        self.follow(false, &file_path(name, path), range.as_deref(), &format!("{path} of {name}"))
    }

    /// Asks, and follows redirects: for what stands in headers alone (`is_head`), within this hub only.
    fn follow(
        &self,
        is_head: bool,
        path: &str,
        range: Option<&str>,
        what: &str,
    ) -> Result<Response<Body>, Failed> {
        let base = self.endpoint.path().trim_end_matches('/');
        let mut uri = with_path(&self.endpoint, &format!("{base}{path}"))
            .ok_or_else(|| self.strange(what, "no URL"))?;
        for _ in 0..=MAX_REDIRECTS {
            let is_ours = has_same_origin(&uri, &self.endpoint);
            let answer = self.ask(is_head, &uri, range, is_ours)?;
            let status = answer.status().as_u16();
            if !matches!(status, 301 | 302 | 303 | 307 | 308) {
                return self.checked(answer, status, what);
            }
            let location = header(answer.headers(), "location").unwrap_or_default();
            let next =
                resolved(&uri, &location).ok_or_else(|| self.strange(what, "a redirect to nowhere"))?;
            if is_head && !has_same_origin(&next, &self.endpoint) {
                return Ok(answer);
            }
            if uri.scheme_str() == Some("https") && next.scheme_str() != Some("https") {
                return Err(self.strange(what, "a redirect from https to http"));
            }
            uri = next;
        }
        Err(self.strange(what, "redirects without an end"))
    }

    fn ask(
        &self,
        is_head: bool,
        uri: &Uri,
        range: Option<&str>,
        is_ours: bool,
    ) -> Result<Response<Body>, Failed> {
        let mut request = if is_head { self.agent.head(uri) } else { self.agent.get(uri) };
        // Sizes and digests are those of the bytes as they are.
        request = request.header("accept-encoding", "identity");
        if let Some(range) = range {
            request = request.header("range", range);
        }
        if let Some(token) = self.token.as_ref().filter(|_| is_ours && is_safe(uri)) {
            request = request.header("authorization", token.header());
        }
        request.call().map_err(|error| Failed::ForNow(error.to_string(), None))
    }

    /// An answer that is neither a refusal nor a fault.
    fn checked(&self, answer: Response<Body>, status: u16, what: &str) -> Result<Response<Body>, Failed> {
        let said = header(answer.headers(), "x-error-code").unwrap_or_default();
        let said = format!("{status} {said}").trim().to_owned();
        let (endpoint, name) = (self.endpoint(), what.to_owned());
        Err(match status {
            200 | 206 => return Ok(answer),
            401 | 404 | 410 => Failed::ForGood(Error::NotThere { endpoint, name, status: said }),
            403 => Failed::ForGood(Error::Forbidden { endpoint, name, status: said }),
            408 | 429 | 500.. => {
                let seconds = header(answer.headers(), "retry-after").and_then(|it| it.parse().ok());
                Failed::ForNow(format!("it answers {said}"), seconds.map(Duration::from_secs))
            }
            _ => self.strange(what, &format!("status {said}")),
        })
    }

    fn strange(&self, what: &str, reason: &str) -> Failed {
        let (name, reason) = (what.to_owned(), reason.to_owned());
        Failed::ForGood(Error::Strange { endpoint: self.endpoint(), name, reason })
    }
}

fn file_path(name: &Name, path: &str) -> String {
    let kind = match name.kind {
        Kind::Model => "",
        Kind::Dataset => "/datasets",
    };
    format!("{kind}/{}/resolve/{}/{}", name.repository, escaped(&name.revision, false), escaped(path, true))
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn is_http(uri: &Uri) -> bool {
    matches!(uri.scheme_str(), Some("https" | "http")) && uri.host().is_some_and(|host| !host.is_empty())
}

fn without_user(authority: &str) -> &str {
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

/// Whether a token may go there: nobody between here and there can read it.
fn is_safe(uri: &Uri) -> bool {
    let is_here = || matches!(uri.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
    uri.scheme_str() == Some("https") || is_here()
}

fn has_same_origin(one: &Uri, other: &Uri) -> bool {
    let port = |uri: &Uri| uri.port_u16().or(Some(if uri.scheme_str() == Some("https") { 443 } else { 80 }));
    one.scheme_str() == other.scheme_str() && one.host() == other.host() && port(one) == port(other)
}

fn with_path(base: &Uri, path: &str) -> Option<Uri> {
    let mut parts = base.clone().into_parts();
    parts.path_and_query = Some(path.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// Where a redirect leads: a whole URL, or a path on the same host.
fn resolved(from: &Uri, location: &str) -> Option<Uri> {
    if location.starts_with('/') && !location.starts_with("//") {
        return with_path(from, location);
    }
    location.parse().ok().filter(is_http)
}

/// Whether a text can be the name of a file.
fn is_etag(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    (1..=128).contains(&text.len()) && text.bytes().all(is_plain)
}

/// A text as part of a URL's path; slashes stay where `keeps_slashes`.
fn escaped(text: &str, keeps_slashes: bool) -> String {
    let escape = |b: u8| match b {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(b).to_string(),
        b'/' if keeps_slashes => "/".to_owned(),
        _ => format!("%{b:02X}"),
    };
    text.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    #[test]
    fn a_token_goes_to_the_same_origin_in_secret_alone() {
        let hub = uri("https://hub.example");
        assert!(has_same_origin(&uri("https://hub.example:443/a"), &hub));
        for other in ["http://hub.example/a", "https://cdn.hub.example/a", "https://hub.example:8443/a"] {
            assert!(!has_same_origin(&uri(other), &hub), "{other}");
        }
        assert!(
            is_safe(&hub) && is_safe(&uri("http://127.0.0.1:80/")) && !is_safe(&uri("http://hub.example/"))
        );
    }

    #[test]
    fn paths_and_redirects() {
        assert_eq!(escaped("refs/pr/3", false), "refs%2Fpr%2F3");
        assert_eq!(escaped("a b/ü.parquet", true), "a%20b/%C3%BC.parquet");
        let from = uri("https://hub.example/a?b=c");
        assert_eq!(resolved(&from, "/x?y=1").unwrap(), uri("https://hub.example/x?y=1"));
        assert_eq!(resolved(&from, "https://cdn.example/x").unwrap(), uri("https://cdn.example/x"));
        for bad in ["", "//cdn.example/x", "ftp://a/b", "x y"] {
            assert_eq!(resolved(&from, bad), None, "{bad}");
        }
    }
}
