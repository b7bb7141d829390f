//! Requests: what is asked, and what is answered.
//!
//! In: a request. Out: a response, always JSON but for the metrics. `POST /v1/grade` reads a body within its
//! bounds, queues it, and answers its items in their order; what has no answer at the deadline is answered
//! with an error. With the deadline, and with a client that goes, the work for the request ends.
//!
//! The door decides who may ask. No work on what was asked is done here: it would keep other connections
//! waiting.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde::Serialize;
use serde_json::json;
use tokio::time::timeout;

use super::body::read;
use crate::answer::Failure;
use crate::budget::Held;
use crate::client::Client;
use crate::door;
use crate::items::Place;
use crate::queue;
use crate::refusal::Refusal;
use crate::service::Shared;

/// Which headers the browser may send and show for pages of allowed origins.
const PREFLIGHT: [(&str, &str); 4] = [
    ("access-control-allow-methods", "GET, POST"),
    ("access-control-allow-headers", "authorization, content-type"),
    ("access-control-allow-private-network", "true"),
    ("access-control-max-age", "600"),
];

/// The two ends of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    /// The address at which it arrived.
    pub(super) local: IpAddr,
    /// Whose requests come over it, where there are no keys.
    pub(super) client: Client,
}

/// The body of a refusal.
#[derive(Serialize)]
struct Refused {
    error: Failure,
}

/// An answer's body and what it is.
struct Content {
    kind: &'static str,
    bytes: Bytes,
}

/// Answers one request.
pub(super) async fn respond(
    request: Request<Incoming>,
    ends: Ends,
    shared: Arc<Shared>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let door = &shared.options.door;
    let origin = door.allowed_origin(request.headers()).cloned();
    let is_preflight = door.is_preflight(request.method(), request.uri(), request.headers(), ends.local);
    let mut response = match is_preflight {
        Ok(true) => preflight(),
        Ok(false) => response(answer(request, ends, &shared).await),
        Err(refusal) => response(Err(refusal)),
    };
    let headers = response.headers_mut();
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after"));
    }
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    shared.metrics.request(response.status().as_u16());
    Ok(response)
}

async fn answer(request: Request<Incoming>, ends: Ends, shared: &Arc<Shared>) -> Result<Content, Refusal> {
    let pass = shared.options.door.check(request.uri(), request.headers(), ends.local)?;
    let client = pass.key.map_or(ends.client, Client::Key);
    match (request.uri().path(), request.method()) {
        ("/v1/grade", &Method::POST) if !door::is_json(request.headers()) => Err(Refusal::NotJson),
        ("/v1/grade", &Method::POST) => grade(request.into_body(), client, shared).await,
        ("/health", &Method::GET) => Ok(health(shared)),
        ("/metrics", &Method::GET) => Ok(Content {
            kind: "text/plain; version=0.0.4; charset=utf-8",
            bytes: shared.metrics.text(shared.queue.len()).into(),
        }),
        ("/v1/grade", _) => Err(Refusal::WrongMethod("POST")),
        ("/health" | "/metrics", _) => Err(Refusal::WrongMethod("GET")),
        (path, _) => Err(Refusal::NoSuchPath(path.to_owned())),
    }
}

fn response(result: Result<Content, Refusal>) -> Response<Full<Bytes>> {
    let (status, extra, Content { kind, bytes }) = match result {
        Ok(content) => (200, None, content),
        Err(refusal) => (refusal.status(), refusal.header(), to_json(&Refused { error: refusal.failure() })),
    };
    let mut response = Response::new(Full::new(bytes));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Some((name, value)) = extra {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// What the browser of an allowed page may send.
fn preflight() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers: &mut HeaderMap = response.headers_mut();
    for (name, value) in PREFLIGHT {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn health(shared: &Shared) -> Content {
    let (options, about) = (&shared.options, &shared.about);
    to_json(&json!({
        "ready": true,
        "plugin": about,
        "workers": options.workers,
        "places": options.places(),
        "queue": { "items": shared.queue.len(), "most": shared.queue.capacity() },
        "max_body_bytes": options.max_body_bytes,
        "deadline_ms": u64::try_from(options.deadline.as_millis()).unwrap_or(u64::MAX),
    }))
}

async fn grade(body: Incoming, client: Client, shared: &Arc<Shared>) -> Result<Content, Refusal> {
    let started = Instant::now();
    let mut held = shared.budget.hold(client);
    let most = shared.options.max_body_bytes;
    let text =
        timeout(shared.options.patience, read(body, most, &mut held)).await.map_err(|_| Refusal::Slow)??;
    let (request, word) = queue::Request::new(client, text, Place::Body, None, held);
    let asked = Asked { request: Arc::new(request), shared };
    shared.queue.offer(&asked.request)?;
    // Where its time is up, what is there is given.
    if let Ok(Ok(result)) = timeout(shared.options.deadline, word).await {
        result?;
    }
    let answers = asked.request.take_answers().ok_or(Refusal::Late)?;
    for answer in &answers.answers {
        shared.metrics.item(answer.outcome);
    }
    shared.metrics.graded(started.elapsed());
    let text = answers.into_json();
    let mut held = shared.budget.hold(client);
    held.must_grow(text.len());
    // Its bytes count until they are written.
    Ok(Content { kind: JSON, bytes: Bytes::from_owner(Counted { text, _held: held }) })
}

/// A request that somebody waits for. When this goes, for whatever reason, its work ends.
struct Asked<'a> {
    request: Arc<queue::Request>,
    shared: &'a Shared,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if !self.request.is_complete() {
            self.shared.queue.abandon(&self.request);
        }
    }
}

/// An answer's bytes, and that they are held.
struct Counted {
    text: String,
    _held: Held,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

const JSON: &str = "application/json";

fn to_json(value: &impl Serialize) -> Content {
    // Texts, numbers and lists of them can be written.
    let text = serde_json::to_string(value).unwrap_or_default();
    Content { kind: JSON, bytes: ts_text::json(&text).into_owned().into() }
}
