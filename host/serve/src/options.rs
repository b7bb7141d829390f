//! What bounds the service.
//!
//! In: the command line's flags. Out: [`Options`]. Left out on purpose: what bounds one call of the grader, which is the
//! plugin host's.

use std::time::Duration;

/// The bounds of a service. Each has a default.
#[derive(Debug, Clone)]
pub struct Options {
    /// Threads that grade; at least one.
    pub workers: usize,
    /// Items that may wait for a worker. A request with more than this is too large; one that finds no room is told to come
    /// back.
    pub queue: usize,
    /// Bytes of one request's body, or of one line.
    pub max_body_bytes: usize,
    /// Bytes of all requests together that are held at once.
    pub max_held_bytes: usize,
    /// How long a request waits for its items; what is left then is answered with an error.
    pub deadline: Duration,
    /// How long a client may take to send a request, and to read on in an answer.
    pub patience: Duration,
    /// Connections at once; more wait outside.
    pub max_connections: usize,
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
        }
    }
}
