//! One server, and those that it redirects to: requests whose secret the first alone sees.

use std::time::Duration;

use ts_http::{
    Failed, GaveUp, MAX_REDIRECTS, bounded, has_same_origin, header, is_downgrade, is_private, is_redirect,
    resolved, tried, without_user,
};
use ureq::http::{Response, Uri};
use ureq::{Agent, Body, RequestBuilder};

use crate::Error;
use crate::login::Authorization;

/// Most bytes of an answer that says what is wrong.
const MAX_FAULT_BYTES: u64 = 16 << 10;

/// A server.
#[derive(Debug)]
pub(crate) struct Caller {
    /// Its address; the path counts for nothing.
    pub(crate) origin: Uri,
    pub(crate) agent: Agent,
    pub(crate) authorization: Option<Authorization>,
}

impl Caller {
    pub(crate) fn new(origin: Uri) -> Self {
        Self { origin, agent: ts_http::agent(), authorization: None }
    }

    /// As errors name it.
    pub(crate) fn server(&self) -> String {
        let authority = self.origin.authority().map_or("", |authority| without_user(authority.as_str()));
        format!("{}://{authority}", self.origin.scheme_str().unwrap_or("https"))
    }

    /// A request with the secret, if its URL is this server's: no other may see it.
    pub(crate) fn signed<B>(&self, request: RequestBuilder<B>, uri: &Uri) -> RequestBuilder<B> {
        let is_ours = has_same_origin(uri, &self.origin) && is_private(uri);
        match self.authorization.as_ref().filter(|_| is_ours) {
            Some(secret) => request.header("authorization", secret.header()),
            None => request,
        }
    }

    /// Gets something, wherever it leads. A status that is no redirect is the caller's to judge.
    pub(crate) fn get(&self, uri: &Uri, accept: &str, what: &str) -> Result<Response<Body>, Failed<Error>> {
        let mut uri = uri.clone();
        for _ in 0..=MAX_REDIRECTS {
            // Sizes and digests are those of the bytes as they are.
            let request = self.agent.get(&uri).header("accept", accept).header("accept-encoding", "identity");
            let answer = self.signed(request, &uri).call().map_err(for_now)?;
            if !is_redirect(answer.status().as_u16()) {
                return Ok(answer);
            }
            let location = header(answer.headers(), "location").unwrap_or_default();
            let next = resolved(&uri, &location)
                .ok_or_else(|| self.strange(what, "a redirect to nowhere".into()))?;
            if is_downgrade(&uri, &next) || !is_private(&next) {
                return Err(self.strange(what, "a redirect to plain http".into()));
            }
            uri = next;
        }
        Err(self.strange(what, "redirects without an end".into()))
    }

    /// An answer that is neither a refusal nor a fault.
    pub(crate) fn checked(
        &self,
        mut answer: Response<Body>,
        what: &str,
    ) -> Result<Response<Body>, Failed<Error>> {
        let status = answer.status().as_u16();
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        let (server, name) = (self.server(), what.to_owned());
        let said =
            match bounded(answer.body_mut(), MAX_FAULT_BYTES).ok().flatten().and_then(|body| code(&body)) {
                Some(code) => format!("{status} {code}"),
                None => status.to_string(),
            };
        Err(match status {
            401 | 403 | 404 | 410 => Failed::ForGood(Error::NotThere { server, name, status: said }),
            408 | 429 | 500.. => {
                let seconds = header(answer.headers(), "retry-after").and_then(|it| it.parse().ok());
                Failed::ForNow(format!("it answers {said}"), seconds.map(Duration::from_secs))
            }
            _ => self.strange(what, format!("status {said}")),
        })
    }

    /// The bytes of an answer.
    pub(crate) fn bytes(
        &self,
        mut answer: Response<Body>,
        most: u64,
        what: &str,
    ) -> Result<Vec<u8>, Failed<Error>> {
        let said = header(answer.headers(), "content-length").and_then(|it| it.parse::<u64>().ok());
        let too_large = || Failed::ForGood(Error::TooLarge { name: what.to_owned(), most });
        if said.is_some_and(|said| said > most) {
            return Err(too_large());
        }
        bounded(answer.body_mut(), most).map_err(for_now)?.ok_or_else(too_large)
    }

    pub(crate) fn strange(&self, what: &str, reason: String) -> Failed<Error> {
        Failed::ForGood(Error::Strange { server: self.server(), name: what.to_owned(), reason })
    }

    /// Tries until it goes well.
    pub(crate) fn tried<T>(
        &self,
        what: &str,
        once: impl FnMut() -> Result<T, Failed<Error>>,
    ) -> Result<T, Error> {
        tried(once).map_err(|gave_up| match gave_up {
            GaveUp::ForGood(error) => error,
            GaveUp::Unreachable { tries, reason } => {
                Error::Unreachable { server: self.server(), name: what.to_owned(), tries, reason }
            }
        })
    }
}

/// What the connection says may go well the next time.
pub(crate) fn for_now(error: impl std::fmt::Display) -> Failed<Error> {
    Failed::ForNow(error.to_string(), None)
}

/// The code of a registry's error, `MANIFEST_UNKNOWN`.
fn code(body: &[u8]) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    let code = body["errors"][0]["code"].as_str()?;
    let is_code = code.len() <= 60 && code.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    is_code.then(|| code.to_owned())
}
