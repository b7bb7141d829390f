//! Several servers as one.
//!
//! In: a request, on a thread that waits for it. Out: the first usable answer of any of the servers. How requests are shared out is in
//! [`crate::share`]; here are the second tries, and the end: where one request failed too often, or every server did since it
//! answered last, the fleet gives up and says what each server did. A request that no server would take ends it at once.

use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::address::{Address, Key};
use crate::completion::{Completion, Request};
use crate::scores::{Likely, Text};
use crate::server::{Fault, Server};
use crate::share::{Ending, Share, Turn};

/// Which servers, and how patiently.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where they are; at least one.
    pub addresses: Vec<Address>,
    /// What they call the model; empty is the only one that each has.
    pub model: String,
    /// A key for all of them.
    pub key: Option<Key>,
    /// Requests in flight at each.
    pub concurrency: usize,
    /// For one request, from its first byte to the last of the answer.
    pub timeout: Duration,
    /// Tries after the first: of a request that fails everywhere, and of servers of which none answers.
    pub retries: u32,
    /// How long a server is left alone after a failure; after the next twice as long, up to a minute.
    pub back_off: Duration,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The same would come of it again.
    #[error("the server at {server} does not do what is asked: {message}")]
    Refused {
        /// Its address.
        server: String,
        /// What it said, or what does not fit.
        message: String,
    },
    /// Every try failed.
    #[error("no server answers; {}", faults.join("; "))]
    GaveUp {
        /// What each server did last, after its address.
        faults: Vec<String>,
    },
    /// The server that was started has ended.
    #[error("{0}")]
    Ended(String),
    /// Another request found that the servers cannot be used.
    #[error("the servers were given up")]
    Closed,
}

/// Says that a fleet's server has ended for good, and how.
pub type Watch = Box<dyn Fn() -> Option<String> + Send + Sync>;

/// Servers with the same model.
pub struct Fleet {
    servers: Vec<Server>,
    state: Mutex<State>,
    /// A request has ended.
    ended: Condvar,
    concurrency: usize,
    retries: u32,
    watch: Option<Watch>,
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet").field("servers", &self.servers).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct State {
    share: Share,
    /// What each server did last that was no answer.
    faults: Vec<Option<String>>,
    n_answers: u64,
    is_closed: bool,
}

impl Fleet {
    /// A fleet of these servers. Nothing is sent yet.
    pub fn new(options: Options) -> Self {
        let Options { addresses, model, key, concurrency, timeout, retries, back_off } = options;
        let server = |address| Server::new(address, key.clone(), &model, timeout, concurrency);
        let servers: Vec<Server> = addresses.into_iter().map(server).collect();
        let share = Share::new(servers.len(), concurrency, back_off);
        let faults = vec![None; servers.len()];
        let state = Mutex::new(State { share, faults, n_answers: 0, is_closed: false });
        Self { servers, state, ended: Condvar::new(), concurrency, retries, watch: None }
    }

    /// The same, of one server of which somebody knows whether it still runs; asked whenever it has failed.
    pub fn watched(self, watch: Watch) -> Self {
        Self { watch: Some(watch), ..self }
    }

    /// How many requests are worth having in flight.
    pub fn capacity(&self) -> usize {
        self.servers.len() * self.concurrency
    }

    /// Whether one of the servers answers at all, or why not. One that has no list of models answers too.
    pub(crate) fn is_ready(&self) -> Result<(), String> {
        let mut faults = self.servers.iter().map(|server| match server.models() {
            Ok(_) | Err(Fault::Refused(_)) => Ok(()),
            Err(Fault::Failed(what) | Fault::Busy(what, _)) => Err(what),
        });
        faults.find(Result::is_ok).unwrap_or_else(|| Err("no answer".to_owned()))
    }

    /// One draw. Waits until a server has answered.
    ///
    /// # Errors
    /// [`Error`]; once, and then [`Error::Closed`] for every request that has no server yet.
    pub fn complete(&self, request: &Request<'_>) -> Result<Completion, Error> {
        self.ask(|server| server.complete(request))
    }

    /// What a server thinks of a text: the likely tokens in the place of each that is asked about. Waits as [`Self::complete`] does.
    ///
    /// # Errors
    /// As [`Self::complete`].
    pub fn score(&self, text: &Text<'_>) -> Result<Vec<Likely>, Error> {
        self.ask(|server| server.score(text))
    }

    fn ask<T>(&self, question: impl Fn(&Server) -> Result<T, Fault>) -> Result<T, Error> {
        let (mut tries, mut last, mut n_answers) = (0, None, 0);
        loop {
            let turn = self.begin(last)?;
            let server = &self.servers[turn.server];
            let outcome = question(server);
            tries += 1;
            let mut state = self.state();
            let (ending, fault) = match outcome {
                Ok(answer) => {
                    state.n_answers += 1;
                    state.share.end(turn, Ending::Answered, Instant::now());
                    self.ended.notify_all();
                    return Ok(answer);
                }
                Err(Fault::Refused(message)) => {
                    state.share.end(turn, Ending::Unsaid, Instant::now());
                    return Err(
                        self.close(state, Error::Refused { server: server.address.to_string(), message })
                    );
                }
                Err(Fault::Failed(fault)) => (Ending::Failed, fault),
                Err(Fault::Busy(fault, after)) => {
                    // A server that is busy answers others: that is no failure of this request.
                    if state.n_answers > n_answers {
                        tries -= 1;
                    }
                    (Ending::Busy(after), fault)
                }
            };
            n_answers = state.n_answers;
            state.share.end(turn, ending, Instant::now());
            state.faults[turn.server] = Some(format!("{}: {fault}", server.address));
            if let Some(how) = self.watch.as_ref().and_then(|watch| watch()) {
                return Err(self.close(state, Error::Ended(how)));
            }
            if tries > self.retries || state.share.all_failed(self.retries) {
                let faults = state.faults.iter().flatten().cloned().collect();
                return Err(self.close(state, Error::GaveUp { faults }));
            }
            last = Some(turn.server);
            drop(state);
            self.ended.notify_all();
        }
    }

    /// Waits for a server.
    fn begin(&self, but: Option<usize>) -> Result<Turn, Error> {
        let mut state = self.state();
        loop {
            if state.is_closed {
                return Err(Error::Closed);
            }
            let wait = match state.share.begin(Instant::now(), but) {
                Ok(turn) => return Ok(turn),
                Err(wait) => wait,
            };
            state = match wait {
                Some(wait) => self.ended.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0,
                None => self.ended.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn close(&self, mut state: MutexGuard<'_, State>, error: Error) -> Error {
        let is_first = !std::mem::replace(&mut state.is_closed, true);
        self.ended.notify_all();
        if is_first { error } else { Error::Closed }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
