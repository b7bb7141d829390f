//! The hub over HTTP: one request at a time, redirects by hand.

use std::time::Duration;

use ts_http::{
    MAX_REDIRECTS, agent, bounded, escaped, has_same_origin, header, is_downgrade, is_http, is_private,
    is_redirect, resolved, with_path, without_user,
};
use ureq::http::{Response, Uri};
use ureq::{Agent, Body};

use crate::token::Token;
use crate::{Error, Kind, Name};

/// Where the hub is unless `HF_ENDPOINT` says so.
const ENDPOINT: &str = "https://huggingface.co";

/// Most bytes of an answer that lists a repository's files.
const MAX_LIST_BYTES: u64 = 16 << 20;

/// A hub.
#[derive(Debug)]
pub(crate) struct Remote {
    endpoint: Uri,
    token: Option<Token>,
    agent: Agent,
}

/// Why one request failed.
pub(crate) type Failed = ts_http::Failed<Error>;

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
        Ok(Self { endpoint, token: Token::from_env()?, agent: agent() })
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
        let read = bounded(answer.body_mut(), MAX_LIST_BYTES);
        let strange = |reason: String| {
            Failed::ForGood(Error::Strange { endpoint: self.endpoint(), name: name.to_string(), reason })
        };
        let bytes = read
            .map_err(|error| Failed::ForNow(error.to_string(), None))?
            .ok_or_else(|| strange(format!("a list of more than {MAX_LIST_BYTES} bytes")))?;
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
            if !is_redirect(status) {
                return self.checked(answer, status, what);
            }
            let location = header(answer.headers(), "location").unwrap_or_default();
            let next =
                resolved(&uri, &location).ok_or_else(|| self.strange(what, "a redirect to nowhere"))?;
            if is_head && !has_same_origin(&next, &self.endpoint) {
                return Ok(answer);
            }
            if is_downgrade(&uri, &next) {
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
        if let Some(token) = self.token.as_ref().filter(|_| is_ours && is_private(uri)) {
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

/// Whether a text can be the name of a file.
fn is_etag(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    (1..=128).contains(&text.len()) && text.bytes().all(is_plain)
}
