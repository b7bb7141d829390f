//! Work that waits for workers, and work that they are at.
//!
//! In: requests. Out: [`Turn`]s to workers, in the order of `turns.rs`, each with a token that ends it early;
//! requests that nobody waits for leave the queue at once, and what is in progress for them is cancelled.
//!
//! A request waits as one piece of work, its reading; what was read waits as one piece for each item. So a
//! client pays for its requests' JSON as for everything else.
//!
//! What all clients together may hold is bounded in bytes, by `budget.rs`.

mod request;
mod turns;

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use ts_plugin::Cancel;

pub(crate) use self::request::Request;
pub(crate) use self::turns::SLICE;
use self::turns::{Started, Ticket, Turns};
use crate::client::Client;
use crate::refusal::Refusal;

/// A piece of a request's work.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) request: Arc<Request>,
    pub(crate) part: Part,
}

/// Which piece it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Part {
    /// The text is to be read.
    Text,
    /// The item at this place is to be graded.
    Item(usize),
}

/// A piece of work that a worker is at.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) job: Job,
    /// Fires when the work must end.
    pub(crate) cancel: Cancel,
    ticket: Ticket,
}

/// Why work was cancelled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Why {
    /// Nobody waits for it any more.
    Over,
    /// It had its time.
    Late,
    /// Another client needs the place; it waits again.
    PutBack,
}

/// All work.
#[derive(Debug)]
pub(crate) struct Queue {
    capacity: usize,
    state: Mutex<State>,
    /// There may be something to begin, for the first workers and for those of the further places.
    work: [Condvar; 2],
    /// Work is in progress, whose time must be watched.
    busy: Condvar,
    /// Something has left the queue.
    room: Condvar,
}

#[derive(Debug)]
struct State {
    turns: Turns<Job>,
    /// Workers without work, of both kinds.
    n_idle: [usize; 2],
    running: BTreeMap<Ticket, InProgress>,
}

#[derive(Debug)]
struct InProgress {
    request: Arc<Request>,
    cancel: Cancel,
    ends: Option<Instant>,
    why: Option<Why>,
}

impl Queue {
    /// For this many workers and places (see `turns.rs`); at most `capacity` pieces of work of one client
    /// wait.
    pub(crate) fn new(capacity: usize, workers: usize, places: usize) -> Self {
        let state = State { turns: Turns::new(workers, places), n_idle: [0; 2], running: BTreeMap::new() };
        let (work, busy, room) = Default::default();
        Self { capacity: capacity.max(1), state: Mutex::new(state), work, busy, room }
    }

    /// How many items of one client may wait.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many pieces of work wait.
    pub(crate) fn len(&self) -> usize {
        self.state().turns.waiting()
    }

    /// Puts a request in, if there is room.
    pub(crate) fn offer(&self, request: &Arc<Request>) -> Result<(), Refusal> {
        let mut state = self.state();
        if state.turns.waiting_of(request.client) >= self.capacity {
            return Err(Refusal::QueueFull);
        }
        state.turns.push(request.client, Job { request: Arc::clone(request), part: Part::Text });
        self.wake(&state);
        Ok(())
    }

    /// Puts a request in when there is room.
    pub(crate) fn push(&self, request: &Arc<Request>) {
        let mut state = self.state();
        while state.turns.waiting_of(request.client) >= self.capacity {
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.turns.push(request.client, Job { request: Arc::clone(request), part: Part::Text });
        self.wake(&state);
    }

    /// Puts the items of a request in that was read: all of them, or none.
    pub(crate) fn offer_items(&self, request: &Arc<Request>, n_items: usize) -> Result<(), Refusal> {
        let mut state = self.state();
        if state.turns.waiting_of(request.client) + n_items > self.capacity {
            return Err(Refusal::QueueFull);
        }
        if request.is_over() {
            return Ok(());
        }
        for index in 0..n_items {
            state.turns.push(request.client, Job { request: Arc::clone(request), part: Part::Item(index) });
        }
        self.wake(&state);
        Ok(())
    }

    /// Takes the next piece of work, when there is one. Workers of further places are woken only where no
    /// other one is free: work that stays with few threads finds what they have at hand.
    pub(crate) fn take(&self, is_further: bool) -> Turn {
        let kind = usize::from(is_further);
        let mut state = self.state();
        loop {
            let now = Instant::now();
            if let Some(Started { ticket, job }) = state.turns.start(now) {
                let cancel = Cancel::default();
                let ends = job.request.item_deadline.and_then(|deadline| now.checked_add(deadline));
                let request = Arc::clone(&job.request);
                state.running.insert(ticket, InProgress { request, cancel: cancel.clone(), ends, why: None });
                self.wake(&state);
                self.busy.notify_one();
                self.room.notify_all();
                return Turn { job, cancel, ticket };
            }
            state.n_idle[kind] += 1;
            state = self.work[kind].wait(state).unwrap_or_else(PoisonError::into_inner);
            state.n_idle[kind] -= 1;
        }
    }

    /// Work is done. No other worker is woken for what may begin now: whoever calls this takes it at once.
    pub(crate) fn finish(&self, turn: Turn) {
        let mut state = self.state();
        state.running.remove(&turn.ticket);
        state.turns.finish(turn.ticket, Instant::now());
    }

    /// Work was cancelled, and this is why. What was put back waits again; whoever calls this takes what is
    /// next at once.
    pub(crate) fn stopped(&self, turn: Turn) -> Why {
        let (mut state, now) = (self.state(), Instant::now());
        let why = state.running.remove(&turn.ticket).and_then(|running| running.why).unwrap_or(Why::Over);
        match why {
            Why::PutBack => state.turns.put_back(turn.ticket, turn.job, now),
            Why::Over | Why::Late => state.turns.finish(turn.ticket, now),
        }
        why
    }

    /// Nobody waits for a request any more: what waits of it is gone, and what is in progress ends.
    pub(crate) fn abandon(&self, request: &Arc<Request>) {
        let mut state = self.state();
        state.turns.remove(request.client, |job| Arc::ptr_eq(&job.request, request));
        for running in state.running.values_mut().filter(|running| Arc::ptr_eq(&running.request, request)) {
            running.stop(Why::Over);
        }
        self.room.notify_all();
        self.wake(&state);
    }

    /// A connection has ended, and what was kept of it goes too.
    pub(crate) fn forget(&self, client: Client) {
        self.state().turns.forget(client);
    }

    /// Watches the time of what is in progress, for ever.
    pub(crate) fn watch(&self) {
        let mut state = self.state();
        loop {
            while state.turns.is_quiet() {
                state = self.busy.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            state = self.busy.wait_timeout(state, SLICE).unwrap_or_else(PoisonError::into_inner).0;
            state.look(Instant::now());
            self.wake(&state);
        }
    }

    /// Wakes a worker if it could begin something; that one wakes the next.
    fn wake(&self, state: &State) {
        if state.turns.may_start(Instant::now()) {
            self.work[usize::from(state.n_idle[0] == 0)].notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Ends what must end by now.
    fn look(&mut self, now: Instant) {
        for running in
            self.running.values_mut().filter(|running| running.ends.is_some_and(|ends| ends <= now))
        {
            running.stop(Why::Late);
        }
        if let Some(running) = self.turns.must_end(now).and_then(|ticket| self.running.get_mut(&ticket)) {
            running.stop(Why::PutBack);
        }
    }
}

impl InProgress {
    /// Ends it; that nobody waits for it outweighs any other cause.
    fn stop(&mut self, why: Why) {
        if self.why.is_none() || why == Why::Over {
            self.why = Some(why);
        }
        self.cancel.cancel();
    }
}
