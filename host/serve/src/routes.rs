//! Requests: what is asked, and what is answered.
//!
//! In: a request. Out: a response, always JSON but for the metrics. `POST /v1/grade` reads a body within its bounds, queues its
//! items all or none, and answers in their order; what has no answer at the deadline is answered with an error.
//!
//! Left out on purpose: who asks.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use serde::Serialize;
use serde_json::json;
use tokio::time::{timeout, timeout_at};

use crate::answer::{Answer, Failure};
use crate::budget::Held;
use crate::item::{Items, parse_items};
use crate::queue::Job;
use crate::refusal::Refusal;
use crate::service::Shared;

/// How much of a body that is too large is read to its end, so that the client hears why: this many times what is allowed.
const READ_ON: usize = 4;

/// The answers to a batch.
#[derive(Serialize)]
struct Batch {
    items: Vec<Answer>,
}

/// The body of a refusal.
#[derive(Serialize)]
struct Refused {
    error: Failure,
}

/// An answer's body and what it is.
type Content = (&'static str, String);

/// Answers one request.
pub(crate) async fn respond(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let result = match (path.as_str(), request.method()) {
        ("/v1/grade", &Method::POST) => grade(request.into_body(), &shared).await,
        ("/health", &Method::GET) => Ok(health(&shared)),
        ("/metrics", &Method::GET) => {
            Ok(("text/plain; version=0.0.4; charset=utf-8", shared.metrics.text(shared.queue.len())))
        }
        ("/v1/grade", _) => Err(Refusal::WrongMethod("POST")),
        ("/health" | "/metrics", _) => Err(Refusal::WrongMethod("GET")),
        _ => Err(Refusal::NoSuchPath(path)),
    };
    let response = response(result);
    shared.metrics.request(response.status().as_u16());
    Ok(response)
}

fn response(result: Result<Content, Refusal>) -> Response<Full<Bytes>> {
    let (status, header, (kind, body)) = match result {
        Ok(content) => (200, None, content),
        Err(refusal) => (refusal.status(), refusal.header(), to_json(&Refused { error: refusal.failure() })),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert("content-type", hyper::header::HeaderValue::from_static(kind));
    if let Some((name, value)) = header {
        headers.insert(name, hyper::header::HeaderValue::from_static(value));
    }
    response
}

fn health(shared: &Shared) -> Content {
    let (options, about) = (&shared.options, &shared.about);
    to_json(&json!({
        "ready": true,
        "plugin": about,
        "workers": options.workers,
        "queue": { "items": shared.queue.len(), "most": shared.queue.capacity() },
        "max_body_bytes": options.max_body_bytes,
        "deadline_ms": u64::try_from(options.deadline.as_millis()).unwrap_or(u64::MAX),
    }))
}

async fn grade(body: Incoming, shared: &Shared) -> Result<Content, Refusal> {
    let started = Instant::now();
    let mut held = shared.budget.hold();
    let body = timeout(shared.options.patience, read(body, shared, &mut held))
        .await
        .map_err(|_| Refusal::Slow)??;
    let items = parse_items(&body).map_err(Refusal::Malformed)?;
    drop(body);
    let content = match items {
        Items::One(item) => {
            let mut answers = answers(vec![*item], shared).await?;
            answers.pop().map(|answer| to_json(&answer)).unwrap_or_default()
        }
        Items::Batch(items) => to_json(&Batch { items: answers(items, shared).await? }),
    };
    shared.metrics.graded(started.elapsed());
    Ok(content)
}

/// Reads a body of bounded size.
async fn read(mut body: Incoming, shared: &Shared, held: &mut Held) -> Result<Vec<u8>, Refusal> {
    let most = shared.options.max_body_bytes;
    let announced = body.size_hint().lower();
    if announced > most.saturating_mul(READ_ON) as u64 {
        return Err(Refusal::BodyTooLarge(most));
    }
    let (mut bytes, mut n_read, mut refusal) = (Vec::new(), 0_usize, None);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::Broken)?;
        let Some(data) = frame.data_ref() else { continue };
        n_read += data.len();
        if refusal.is_none() {
            if n_read > most {
                refusal = Some(Refusal::BodyTooLarge(most));
            } else if !held.grow(data.len()) {
                refusal = Some(Refusal::MemoryFull);
            } else {
                bytes.extend_from_slice(data);
                continue;
            }
            bytes = Vec::new();
        }
        // The rest is read and thrown away: a client that still sends does not hear.
        if n_read > most.saturating_mul(READ_ON) {
            break;
        }
    }
    refusal.map_or(Ok(bytes), Err)
}

/// Grades items; the answers are in their order.
async fn answers(items: Vec<crate::item::Item>, shared: &Shared) -> Result<Vec<Answer>, Refusal> {
    let (n_items, most) = (items.len(), shared.queue.capacity());
    if n_items > most {
        return Err(Refusal::TooManyItems { items: n_items, most });
    }
    let deadline = tokio::time::Instant::now() + shared.options.deadline;
    let (mut jobs, mut waiting) = (Vec::with_capacity(n_items), Vec::with_capacity(n_items));
    for item in items {
        let id = item.id.clone();
        let (job, answer) = Job::new(item);
        jobs.push(job);
        waiting.push((id, answer));
    }
    shared.queue.offer(jobs).map_err(|_| Refusal::QueueFull)?;
    let mut answers = Vec::with_capacity(n_items);
    for (id, answer) in waiting {
        // An answer that is there is taken, even after the deadline.
        let answer = match timeout_at(deadline, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Answer::lost(id),
            Err(_) => Answer::deadline(id),
        };
        shared.metrics.item(answer.outcome());
        answers.push(answer);
    }
    Ok(answers)
}

fn to_json(value: &impl Serialize) -> Content {
    // Texts, numbers and lists of them can be written.
    ("application/json", serde_json::to_string(value).unwrap_or_default())
}
