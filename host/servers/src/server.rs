//! One server over HTTP.
//!
//! In: a request. Out: what it wrote, or a [`Fault`] that says whether another server, or the same one later, may do better. Which
//! dialect a server speaks is found with the first request: it is asked in the richest, and in a poorer one if it refuses that.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde::Deserialize;
use serde_json::Value;
use ureq::http::{Response, StatusCode};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, RequestBuilder};

use crate::address::{Address, Key};
use crate::completion::{Completion, Dialect, Request, Wrong, body, read};
use crate::scores::{self, Likely, Text};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a question that needs no model may take.
const QUICK: Duration = Duration::from_secs(10);
/// The longest answer: so many bytes, and so many for each token of prompt and response, as an id and as escaped text.
const ANSWER_BYTES: u64 = 1 << 20;
const BYTES_PER_TOKEN: u64 = 512;
/// And for each token that it tells of in a token's place.
const BYTES_PER_SCORE: u64 = 256;
/// Characters of a server's message that are shown.
const SHOWN: usize = 500;

/// Why there is no completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No usable answer: another server may give one.
    Failed(String),
    /// The server has too much to do, and perhaps says for how long.
    Busy(String, Option<Duration>),
    /// The server will not take the request, or is set up in a way that does not fit: the same would come of it again.
    Refused(String),
}

impl From<Wrong> for Fault {
    fn from(wrong: Wrong) -> Self {
        match wrong {
            Wrong::Nonsense(what) => Self::Failed(format!("answered nonsense: {what}")),
            Wrong::Setup(what) => Self::Refused(what),
        }
    }
}

/// A server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: Address,
    agent: Agent,
    key: Option<Key>,
    /// How it calls the model.
    model: OnceLock<String>,
    /// None until it has answered.
    dialect: Mutex<Option<Dialect>>,
}

impl Server {
    /// A server that is asked for the model of that name, or for the only one that it has. Nothing is sent yet.
    pub(crate) fn new(
        address: Address,
        key: Option<Key>,
        model: &str,
        timeout: Duration,
        connections: usize,
    ) -> Self {
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let mut config = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            // A key goes to no other address.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(timeout))
            .timeout_connect(Some(CONNECT.min(timeout)))
            .max_idle_connections(connections)
            .max_idle_connections_per_host(connections);
        if address.is_loopback() {
            config = config.proxy(None);
        }
        let model = match model {
            "" => OnceLock::new(),
            model => OnceLock::from(model.to_owned()),
        };
        Self { address, agent: config.build().into(), key, model, dialect: Mutex::default() }
    }

    /// The names of its models.
    pub(crate) fn models(&self) -> Result<Vec<String>, Fault> {
        #[derive(Deserialize)]
        struct Models {
            data: Vec<Model>,
        }
        #[derive(Deserialize)]
        struct Model {
            id: String,
        }
        let request = self.with_key(self.agent.get(self.address.of("models")));
        let sent = request.config().timeout_global(Some(QUICK)).build().call();
        let answer = answer(sent, ANSWER_BYTES)?;
        let models: Models = serde_json::from_slice(&answer)
            .map_err(|error| Fault::Failed(format!("its list of models is not understood: {error}")))?;
        Ok(models.data.into_iter().map(|model| model.id).collect())
    }

    /// Asks for one draw.
    pub(crate) fn complete(&self, request: &Request<'_>) -> Result<Completion, Fault> {
        let model = self.model()?;
        let known = *self.dialect.lock().unwrap_or_else(PoisonError::into_inner);
        let dialects = match &known {
            Some(dialect) => std::slice::from_ref(dialect),
            None => &Dialect::ALL,
        };
        let mut refusal = None;
        for &dialect in dialects {
            let Some(body) = body(model, request, dialect) else { continue };
            match self.ask(&body, request) {
                Ok(answer) => {
                    *self.dialect.lock().unwrap_or_else(PoisonError::into_inner) = Some(dialect);
                    return read(request, &answer).map_err(Fault::from);
                }
                // What it says of the richest dialect is the most telling, if it refuses all.
                Err(Fault::Refused(message)) => drop(refusal.get_or_insert(message)),
                Err(fault) => return Err(fault),
            }
        }
        let untold =
            || "takes prompts as text alone, and this one's text would be tokenised otherwise".to_owned();
        Err(Fault::Refused(refusal.unwrap_or_else(untold)))
    }

    /// Asks what it thinks of a text.
    pub(crate) fn score(&self, text: &Text<'_>) -> Result<Vec<Likely>, Fault> {
        let body = scores::body(self.model()?, text);
        let limit = ANSWER_BYTES + BYTES_PER_SCORE * text.tokens.len() as u64 * u64::from(text.top + 1);
        scores::read(text, &self.post(&body, limit)?).map_err(Fault::from)
    }

    fn ask(&self, body: &Value, request: &Request<'_>) -> Result<Vec<u8>, Fault> {
        let n_tokens = (request.prompt.tokens.len() + request.max_tokens) as u64;
        self.post(body, ANSWER_BYTES + BYTES_PER_TOKEN * n_tokens)
    }

    fn post(&self, body: &Value, limit: u64) -> Result<Vec<u8>, Fault> {
        let post = self.with_key(self.agent.post(self.address.of("completions")));
        answer(post.send_json(body), limit)
    }

    /// A request with the server's key, if it has one.
    fn with_key<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.key {
            Some(key) => request.header("Authorization", key.bearer()),
            None => request,
        }
    }

    fn model(&self) -> Result<&str, Fault> {
        if let Some(model) = self.model.get() {
            return Ok(model);
        }
        let models = self.models()?;
        match <[String; 1]>::try_from(models) {
            Ok([model]) => Ok(self.model.get_or_init(|| model)),
            Err(models) => Err(Fault::Refused(format!(
                "has {} models, so one has to be named: {}",
                models.len(),
                shown(&models.join(", "))
            ))),
        }
    }
}

/// The body of an answer with status 200; of any other, what it means.
fn answer(sent: Result<Response<Body>, ureq::Error>, limit: u64) -> Result<Vec<u8>, Fault> {
    let mut response = sent.map_err(|error| Fault::Failed(error.to_string()))?;
    let status = response.status();
    let retry_after =
        response.headers().get("Retry-After").and_then(|value| retry_after(value.to_str().ok()?));
    let body = response.body_mut().with_config().limit(limit).read_to_vec();
    if status == StatusCode::OK {
        return body.map_err(|error| Fault::Failed(format!("its answer broke off: {error}")));
    }
    let said = body.map(|body| message(&body)).unwrap_or_default();
    let message = if said.is_empty() { status.to_string() } else { format!("{status}: {said}") };
    Err(match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Fault::Busy(message, retry_after),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => Fault::Failed(message),
        status if status.is_server_error() => Fault::Failed(message),
        _ => Fault::Refused(message),
    })
}

/// How long `Retry-After` says: seconds, or until a time.
fn retry_after(value: &str) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = rfc2822::DateTimeParser::new().parse_timestamp(value.trim()).ok()?;
    Duration::try_from(until.duration_since(Timestamp::now())).ok()
}

/// What a server says of an error.
fn message(body: &[u8]) -> String {
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    let places = ["/error/message", "/message", "/detail", "/error"];
    let said = parsed.as_ref().and_then(|json| places.iter().find_map(|place| json.pointer(place)));
    match said {
        Some(Value::String(said)) => shown(said),
        Some(said) => shown(&said.to_string()),
        None => shown(&String::from_utf8_lossy(body)),
    }
}

fn shown(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_time() {
        assert_eq!(retry_after(" 7 "), Some(Duration::from_secs(7)));
        let soon = Timestamp::now() + Duration::from_secs(100);
        let zoned = soon.to_zoned(jiff::tz::TimeZone::UTC);
        let seconds = retry_after(&rfc2822::to_string(&zoned).unwrap()).unwrap().as_secs();
        assert!((90..=100).contains(&seconds), "{seconds}");
        for nonsense in ["", "-7", "soon", "Wed, 21 Oct 2015 07:28:00 GMT"] {
            assert_eq!(retry_after(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn what_a_server_says_is_found_and_is_not_too_long() {
        assert_eq!(message(br#"{"error": {"message": "too long"}}"#), "too long");
        assert_eq!(message(br#"{"detail": [{"loc": 1}]}"#), r#"[{"loc":1}]"#);
        assert_eq!(message(b"<html>\xff"), "<html>\u{fffd}");
        assert_eq!(message("é".repeat(900).as_bytes()).chars().count(), SHOWN + 1);
    }
}
