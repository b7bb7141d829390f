//! What bounds the service, and who may ask.
//!
//! In: the command line's flags. Out: [`Options`].

use std::time::Duration;

use crate::door::Door;

/// The bounds of a service. Each has a default.
#[derive(Debug, Clone)]
pub struct Options {
    /// Pieces of work at once, where none takes long; at least one.
    pub workers: usize,
    /// Items of one client that may wait for a worker. A request with more than this is too large; one that
    /// finds no room is told to come back.
    pub queue: usize,
    /// Bytes of one request's body, or of one line.
    pub max_body_bytes: usize,
    /// Bytes of all requests together that are held at once; at least five bodies. Memory is at most four
    /// times this.
    pub max_held_bytes: usize,
    /// How long a request waits for its items; what is left then is answered with an error, and its work
    /// ends. Of lines, each has this long from when its work begins.
    pub deadline: Duration,
    /// How long a client may take to send a request, and to read on in an answer.
    pub patience: Duration,
    /// Connections at once; more wait outside.
    pub max_connections: usize,
    /// Who may ask over HTTP.
    pub door: Door,
}

impl Options {
    /// Pieces of work at once, with those beside long ones: every key has a place of its own, and there are
    /// some for clients without.
    pub fn places(&self) -> usize {
        let workers = self.workers.max(1);
        workers + self.door.n_keys().clamp(workers + 4, workers + 64)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            workers: 1,
            queue: 4096,
            max_body_bytes: 16 << 20,
            max_held_bytes: 256 << 20,
            deadline: Duration::from_secs(60),
            patience: Duration::from_secs(10),
            max_connections: 512,
            door: Door::default(),
        }
    }
}
