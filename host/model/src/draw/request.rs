//! What a caller asks for and gets: requests, draws, and watchers that see tokens as they are drawn.

use std::ops::ControlFlow;

use crate::prefix::Prefix;

/// What a response follows.
#[derive(Clone, Debug)]
pub enum Prompt {
    /// Tokens that are read when the first of the request's draws begins.
    Tokens(Vec<u32>),
    /// A context that was read already.
    Prefix(Prefix),
}

impl Prompt {
    /// How many tokens it has.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Tokens(tokens) => tokens.len(),
            Self::Prefix(prefix) => prefix.tokens().len(),
        }
    }
}

/// A prompt and how often to continue it.
#[derive(Clone, Debug)]
pub struct Request {
    /// What the responses follow.
    pub prompt: Prompt,
    /// One draw for each seed; the same seed gives the same draw.
    pub seeds: Vec<u64>,
}

/// Where requests come from, and where their draws go.
pub trait Requests {
    /// The next request. None if there are no more; with `may_wait` false, also if there is none right now. It is true when nothing
    /// is being drawn.
    fn next(&mut self, may_wait: bool) -> Option<Request>;

    /// The draws of a request, one for each seed, in the order of the seeds. Requests are numbered from 0 in the order in which they
    /// came; they end in any order.
    fn done(&mut self, request: usize, draws: Vec<Draw>);
}

/// Why a draw has no more tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// Its last token ends the text.
    EndOfText,
    /// It has `max_new_tokens`.
    TokenLimit,
    /// The watcher ended it, or its request; it may have no token at all.
    Stopped,
}

/// One response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Its tokens, the end-of-text token included if it came.
    pub tokens: Vec<u32>,
    /// Why it ended.
    pub finish: Finish,
}

/// A watcher's verdict on a draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// Go on.
    Continue,
    /// This draw is done.
    StopDraw,
    /// All draws of this request are done, those that wait included.
    StopRequest,
}

/// Sees tokens as they are drawn.
pub trait Watcher {
    /// Whether all draws of a request must begin in the same round, so that in every round its running draws
    /// have equally many tokens. Without it, draws begin whenever a row is free, which is faster.
    fn lockstep(&self) -> bool {
        false
    }

    /// Called for each new token with all tokens of its draw so far; within a request and a round, in the
    /// order of draws. [`Watch::StopRequest`] takes effect at once: draws later in the round do not get this
    /// round's token.
    fn after_token(&mut self, request: usize, draw: usize, tokens: &[u32]) -> Watch {
        let _ = (request, draw, tokens);
        Watch::Continue
    }

    /// Called once for each draw that comes to its end by itself, with its tokens; not for one that is stopped.
    fn after_draw(&mut self, request: usize, draw: usize, tokens: &[u32]) {
        let _ = (request, draw, tokens);
    }

    /// Called after a round for each request that had a token in it; `Break` ends the request.
    fn after_round(&mut self, request: usize) -> ControlFlow<()> {
        let _ = request;
        ControlFlow::Continue(())
    }
}

/// Lets every draw run to its end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Watcher for Unwatched {}
