//! A server that samples, for tests: it answers OpenAI's completions as vLLM does, and fails on demand.
//!
//! In: how a draw is made, and which fault each request meets. Out: a [`Stub`] at a port of this machine, which counts what it was
//! asked and what it answered. Nothing of it is for use outside of tests.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// What a request asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// The prompt's tokens; none if it came as text.
    pub tokens: Vec<u32>,
    /// The prompt's text; none if it came as tokens.
    pub text: Option<String>,
    /// The draw's seed.
    pub seed: u64,
    /// 0 is greedy.
    pub temperature: f64,
    /// Of the distribution's mass.
    pub top_p: f64,
    /// Tokens.
    pub max_tokens: usize,
}

/// A draw.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawn {
    /// With the token that ends the text, where there is one.
    pub tokens: Vec<u32>,
    /// What they make.
    pub text: String,
    /// Whether they end the text.
    pub finished: bool,
}

/// What goes wrong with a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The connection is closed before an answer.
    Refuse,
    /// The answer takes so long.
    Stall(Duration),
    /// Half an answer, and the connection is closed.
    Half,
    /// A status, and perhaps `Retry-After`.
    Status(u16, Option<&'static str>),
    /// Ids that no vocabulary has.
    WrongIds,
    /// The same choice twice.
    Duplicate,
    /// No JSON.
    Nonsense,
}

/// What kind of server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Takes and gives ids.
    Ids,
    /// Takes text alone, and knows OpenAI's fields alone.
    Text,
}

type Draw = dyn Fn(&Ask) -> Drawn + Send + Sync;
type Scores = dyn Fn(&[u32], usize) -> Vec<Vec<(u32, f64)>> + Send + Sync;
type Faults = dyn Fn(usize) -> Fault + Send + Sync;

/// A server. It stops when it is dropped.
pub struct Stub {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    kind: Kind,
    draw: Box<Draw>,
    scores: Option<Box<Scores>>,
    faults: Box<Faults>,
    n_requests: AtomicUsize,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
    answered: Mutex<HashMap<u64, usize>>,
    headers: Mutex<Vec<String>>,
    is_stopped: AtomicBool,
}

impl Stub {
    /// Starts one. `faults` gets the number of a request, from 0.
    ///
    /// # Errors
    /// If the system gives no port.
    pub fn start(
        kind: Kind,
        draw: impl Fn(&Ask) -> Drawn + Send + Sync + 'static,
        faults: impl Fn(usize) -> Fault + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::start_at(0, kind, draw, faults)
    }

    /// One that scores texts too: `scores` gives, of each token but the first, so many likely ones in its place and itself, with their
    /// log-probabilities.
    ///
    /// # Errors
    /// If the system gives no port.
    pub fn start_scoring(
        draw: impl Fn(&Ask) -> Drawn + Send + Sync + 'static,
        scores: impl Fn(&[u32], usize) -> Vec<Vec<(u32, f64)>> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::begin(0, Kind::Ids, Box::new(draw), Some(Box::new(scores)), Box::new(|_| Fault::None))
    }

    /// The same at a certain port; 0 is any.
    ///
    /// # Errors
    /// If somebody has it.
    pub fn start_at(
        port: u16,
        kind: Kind,
        draw: impl Fn(&Ask) -> Drawn + Send + Sync + 'static,
        faults: impl Fn(usize) -> Fault + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::begin(port, kind, Box::new(draw), None, Box::new(faults))
    }

    fn begin(
        port: u16,
        kind: Kind,
        draw: Box<Draw>,
        scores: Option<Box<Scores>>,
        faults: Box<Faults>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            kind,
            draw,
            scores,
            faults,
            n_requests: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
            answered: Mutex::default(),
            headers: Mutex::default(),
            is_stopped: AtomicBool::new(false),
        });
        let of_all = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if of_all.is_stopped.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&of_all);
                thread::spawn(move || shared.converse(&stream));
            }
        });
        Ok(Self { port, shared })
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    /// Completions that were asked for.
    pub fn n_requests(&self) -> usize {
        self.shared.n_requests.load(Ordering::Relaxed)
    }

    /// The most that were in flight at once.
    pub fn most_in_flight(&self) -> usize {
        self.shared.most_in_flight.load(Ordering::Relaxed)
    }

    /// How often each seed was answered in full.
    pub fn answered(&self) -> HashMap<u64, usize> {
        self.shared.answered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Every `Authorization` that was sent.
    pub fn authorizations(&self) -> Vec<String> {
        self.shared.headers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.shared.is_stopped.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

impl Shared {
    /// Answers the requests of a connection.
    fn converse(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Ok(Some((line, body))) = self.request(&mut reader) {
            if self.is_stopped.load(Ordering::Relaxed) {
                break;
            }
            let (status, headers, answer) = match line.starts_with("GET ") {
                true => (200, String::new(), json!({"object": "list", "data": [{"id": "stub"}]}).to_string()),
                false => {
                    let number = self.n_requests.fetch_add(1, Ordering::Relaxed);
                    let now = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
                    self.most_in_flight.fetch_max(now, Ordering::Relaxed);
                    let answer = self.complete(&body, &(self.faults)(number));
                    self.in_flight.fetch_sub(1, Ordering::Relaxed);
                    match answer {
                        Some(answer) => answer,
                        None => break,
                    }
                }
            };
            let declared = answer.len() * if status == 206 { 2 } else { 1 };
            let shown = if status == 206 { 200 } else { status };
            let answer = format!(
                "HTTP/1.1 {shown} x\r\nContent-Type: application/json\r\n{headers}Content-Length: {declared}\r\n\r\n{answer}"
            );
            let mut stream = stream;
            if stream.write_all(answer.as_bytes()).is_err() || status == 206 {
                break;
            }
        }
        let _ = stream.shutdown(Shutdown::Both);
    }

    /// The next request's first line and its body; none at the end of the connection.
    fn request(&self, reader: &mut impl BufRead) -> io::Result<Option<(String, Vec<u8>)>> {
        let mut first = String::new();
        if reader.read_line(&mut first)? == 0 {
            return Ok(None);
        }
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            if line.trim().is_empty() {
                break;
            }
            let (name, value) = line.trim().split_once(':').unwrap_or((line.trim(), ""));
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap_or(0);
            }
            if name.eq_ignore_ascii_case("authorization") {
                let mut headers = self.headers.lock().unwrap_or_else(PoisonError::into_inner);
                headers.push(value.trim().to_owned());
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        Ok(Some((first, body)))
    }

    /// Status, further headers and body; 206 stands for half an answer, none for no answer.
    fn complete(&self, body: &[u8], fault: &Fault) -> Option<(u16, String, String)> {
        let refused = |why: &str| Some((400, String::new(), json!({"error": {"message": why}}).to_string()));
        let Ok(body) = serde_json::from_slice::<Value>(body) else { return refused("no JSON") };
        match fault {
            Fault::Refuse => return None,
            Fault::Stall(time) => thread::sleep(*time),
            Fault::Status(status, after) => {
                let header = after.map(|after| format!("Retry-After: {after}\r\n")).unwrap_or_default();
                return Some((*status, header, json!({"error": {"message": "on demand"}}).to_string()));
            }
            Fault::Nonsense => return Some((200, String::new(), "<html>".to_owned())),
            Fault::None | Fault::Half | Fault::WrongIds | Fault::Duplicate => {}
        }
        let known = ["model", "prompt", "max_tokens", "temperature", "top_p", "seed"];
        let is_plain =
            |fields: &serde_json::Map<String, Value>| fields.keys().all(|key| known.contains(&key.as_str()));
        if self.kind == Kind::Text && !(body["prompt"].is_string() && body.as_object().is_some_and(is_plain))
        {
            return refused("unexpected fields, or a prompt that is no text");
        }
        let ids = body["prompt"]
            .as_array()
            .map(|ids| ids.iter().filter_map(Value::as_u64).map(|id| id as u32).collect());
        let ask = Ask {
            tokens: ids.unwrap_or_default(),
            text: body["prompt"].as_str().map(str::to_owned),
            seed: body["seed"].as_u64().unwrap_or(0),
            temperature: body["temperature"].as_f64()?,
            top_p: body["top_p"].as_f64().unwrap_or(1.0),
            max_tokens: body["max_tokens"].as_u64()? as usize,
        };
        if let (Some(scores), Some(top)) = (&self.scores, body["prompt_logprobs"].as_u64()) {
            let of_token = |likely: Vec<(u32, f64)>| -> Value {
                let told =
                    likely.into_iter().map(|(id, logprob)| (id.to_string(), json!({"logprob": logprob})));
                Value::Object(told.collect())
            };
            let told = scores(&ask.tokens, top as usize).into_iter().map(of_token);
            let told: Vec<Value> = std::iter::once(Value::Null).chain(told).collect();
            let choice = json!({"index": 0, "text": "", "finish_reason": "length", "prompt_logprobs": told});
            return Some((200, String::new(), json!({"choices": [choice]}).to_string()));
        }
        let Drawn { mut tokens, text, finished } = (self.draw)(&ask);
        if *fault == Fault::WrongIds {
            tokens.iter_mut().for_each(|id| *id += 1 << 30);
        }
        let mut choice = json!({
            "index": 0,
            "text": text,
            "finish_reason": if finished { "stop" } else { "length" },
            "stop_reason": null,
        });
        let mut usage = json!({"completion_tokens": tokens.len()});
        if self.kind == Kind::Ids {
            choice["token_ids"] = json!(tokens);
            choice["prompt_token_ids"] = json!(ask.tokens);
            usage["prompt_tokens"] = json!(ask.tokens.len());
        }
        let n_choices = if *fault == Fault::Duplicate { 2 } else { 1 };
        let answer = json!({"choices": vec![choice; n_choices], "usage": usage}).to_string();
        if *fault == Fault::Half {
            return Some((206, String::new(), answer[..answer.len() / 2].to_owned()));
        }
        if matches!(fault, Fault::None | Fault::Stall(_)) {
            let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
            *answered.entry(ask.seed).or_default() += 1;
        }
        Some((200, String::new(), answer))
    }
}

/// A draw that has nothing to do with language: ids below `n_tokens` that follow from the prompt and the seed, ended by `end` after a
/// third of the tokens that may come, or by none.
pub fn arbitrary(ask: &Ask, n_tokens: u32, end: u32) -> Drawn {
    let mut state = ask.tokens.iter().fold(ask.seed ^ 0x9e37_79b9_7f4a_7c15, |state, id| {
        (state ^ u64::from(*id)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32
    };
    let length = next() as usize % (ask.max_tokens + ask.max_tokens / 3) + 1;
    let finished = length < ask.max_tokens;
    let mut tokens: Vec<u32> = (0..length.min(ask.max_tokens)).map(|_| next() % n_tokens).collect();
    tokens.iter_mut().filter(|id| **id == end).for_each(|id| *id = (end + 1) % n_tokens);
    if let (true, Some(last)) = (finished, tokens.last_mut()) {
        *last = end;
    }
    Drawn { text: format!("{} tokens", tokens.len()), tokens, finished }
}
