//! Whose turn it is: the policy of the queue, without threads and without a clock.
//!
//! What clients take from each other is the time of workers, so that is what is shared. Each client has an
//! account of the time that its work has had ([`Line::spent`]), and of those that wait the one with the least
//! spent is next: start-time fair queueing (Goyal, Vin and Cheng 1996) in units of time, not of items, so
//! that a client whose items take a minute yields to those whose items take a millisecond. A client that
//! comes new, or back, starts where the others stand: nobody saves up turns by asking for nothing.
//!
//! Fair order alone is not enough, since a grader cannot be put aside in the middle: two clients with long
//! work would hold two workers to its end. So there are more *places* than workers, and three rules:
//!
//! 1. As long as fewer pieces of work are in progress than there are workers, anybody's next one starts.
//! 2. Beyond that, one may start in a free place if those that are in progress have been so for long
//!    ([`SLICE`]), and its client has nothing in progress (or only what is just begun, if its work has been
//!    short so far). The operating system divides the processors among them. So a client with short work
//!    waits for a slice at most, and one with long work has a place beside those of the others; but no client
//!    gets a second place of this kind.
//! 3. If no place is free, what has run beyond its allowance ends, for a client that has nothing in progress
//!    and has had less: it is put back and later begun anew, with twice the allowance, so that all work is
//!    done in the end and at most as much again is lost. (A grade is a function of its item: to begin anew
//!    changes no verdict. Harchol-Balter 2002 does the same where lengths are not known.)
//!
//! In: work with its client, and the time. Out: what to begin, and what to end. All clients are equal.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use crate::client::Client;

/// What has been in progress for longer is long work.
pub(crate) const SLICE: Duration = Duration::from_millis(20);
/// What has been in progress for less is not ended for others; doubled each time that it was.
const ALLOWANCE: Duration = Duration::from_millis(100);
/// Accounts kept of clients that ask for nothing.
const MAX_QUIET: usize = 4096;

/// Nanoseconds of workers' time.
type Time = u64;

/// Names one piece of work in progress.
pub(crate) type Ticket = u64;

/// Work that waits and work that is in progress.
#[derive(Debug)]
pub(crate) struct Turns<J> {
    workers: usize,
    places: usize,
    lines: BTreeMap<Client, Line<J>>,
    /// The clients with something that waits, least spent first.
    ready: BTreeSet<(Time, Client)>,
    running: BTreeMap<Ticket, Running>,
    next_ticket: Ticket,
    /// What the client that started last had spent: where others start.
    floor: Time,
    waiting: usize,
}

/// What the host keeps of one client.
#[derive(Debug)]
struct Line<J> {
    /// The time that its work has had, with what is expected of the work in progress.
    spent: Time,
    /// How long its work takes: a running mean; none before the first.
    usual: Option<Time>,
    waiting: VecDeque<Waiting<J>>,
    running: usize,
}

#[derive(Debug)]
struct Waiting<J> {
    job: J,
    /// How often it was ended for others.
    put_back: u32,
}

#[derive(Debug)]
struct Running {
    client: Client,
    started: Instant,
    /// What its client was charged for it so far.
    charged: Time,
    put_back: u32,
    /// It was told to end.
    ending: bool,
}

/// Work that begins.
#[derive(Debug, PartialEq)]
pub(crate) struct Started<J> {
    pub(crate) ticket: Ticket,
    pub(crate) job: J,
}

impl<J> Turns<J> {
    pub(crate) fn new(workers: usize, places: usize) -> Self {
        let workers = workers.max(1);
        Self {
            workers,
            places: places.max(workers),
            lines: BTreeMap::new(),
            ready: BTreeSet::new(),
            running: BTreeMap::new(),
            next_ticket: 0,
            floor: 0,
            waiting: 0,
        }
    }

    /// How many pieces of work wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many of one client's wait.
    pub(crate) fn waiting_of(&self, client: Client) -> usize {
        self.lines.get(&client).map_or(0, |line| line.waiting.len())
    }

    /// Whether nothing is in progress.
    pub(crate) fn is_quiet(&self) -> bool {
        self.running.is_empty()
    }

    /// Adds work at the end of its client's line.
    pub(crate) fn push(&mut self, client: Client, job: J) {
        self.line(client).waiting.push_back(Waiting { job, put_back: 0 });
        self.added(client);
    }

    /// Takes out the client's waiting work for which this holds.
    pub(crate) fn remove(&mut self, client: Client, is_removed: impl Fn(&J) -> bool) {
        let Some(line) = self.lines.get_mut(&client) else { return };
        let before = line.waiting.len();
        line.waiting.retain(|waiting| !is_removed(&waiting.job));
        self.waiting -= before - line.waiting.len();
        if line.waiting.is_empty() {
            self.ready.remove(&(line.spent, client));
        }
    }

    /// Whether something may begin now.
    pub(crate) fn may_start(&self, now: Instant) -> bool {
        self.next(now).is_some()
    }

    /// Begins whatever is next, if anything may begin now.
    pub(crate) fn start(&mut self, now: Instant) -> Option<Started<J>> {
        let client = self.next(now)?;
        let line = self.lines.get_mut(&client)?;
        let Waiting { job, put_back } = line.waiting.pop_front()?;
        self.waiting -= 1;
        self.ready.remove(&(line.spent, client));
        self.floor = self.floor.max(line.spent);
        // The rest, or what was too much, is settled when it has ended.
        let charged = line.usual.unwrap_or(0);
        line.spent += charged;
        line.running += 1;
        if !line.waiting.is_empty() {
            self.ready.insert((line.spent, client));
        }
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.running.insert(ticket, Running { client, started: now, charged, put_back, ending: false });
        Some(Started { ticket, job })
    }

    /// Work has ended.
    pub(crate) fn finish(&mut self, ticket: Ticket, now: Instant) {
        let _ = self.end(ticket, now);
    }

    /// Work was ended for others: it waits again, before all else of its client.
    pub(crate) fn put_back(&mut self, ticket: Ticket, job: J, now: Instant) {
        if let Some(Running { client, put_back, .. }) = self.end(ticket, now) {
            self.line(client).waiting.push_front(Waiting { job, put_back: put_back + 1 });
            self.added(client);
        }
    }

    /// What must end so that another client can begin. It is named once.
    pub(crate) fn must_end(&mut self, now: Instant) -> Option<Ticket> {
        if self.running.len() < self.places || self.running.values().any(|running| running.ending) {
            return None;
        }
        let (spent, _) = self.ready.iter().find(|(_, client)| self.lines[client].running == 0)?;
        let total = |running: &Running| {
            let elapsed = since(running.started, now);
            self.lines[&running.client].spent + elapsed.saturating_sub(running.charged)
        };
        let beyond = |running: &Running| {
            let allowance = ALLOWANCE.saturating_mul(1 << running.put_back.min(20));
            now.saturating_duration_since(running.started) >= allowance && total(running) > *spent
        };
        let most = self.running.iter().filter(|(_, running)| beyond(running));
        let ticket = *most.max_by_key(|(_, running)| total(running))?.0;
        self.running.get_mut(&ticket)?.ending = true;
        Some(ticket)
    }

    /// The client will not come back: its account is closed once nothing of it is left.
    pub(crate) fn forget(&mut self, client: Client) {
        if let Some(line) = self.lines.get(&client)
            && line.running == 0
            && line.waiting.is_empty()
        {
            self.lines.remove(&client);
        }
    }

    /// The client that is next.
    fn next(&self, now: Instant) -> Option<Client> {
        if self.running.len() < self.workers {
            return self.ready.first().map(|(_, client)| *client);
        }
        if self.running.len() >= self.places {
            return None;
        }
        let is_long = |running: &Running| now.saturating_duration_since(running.started) >= SLICE;
        let n_long = self.running.values().filter(|running| is_long(running)).count();
        if self.running.len() - n_long >= self.workers {
            return None;
        }
        let may_step_in = |client: &Client| {
            let line = &self.lines[client];
            let is_short = line.usual.is_some_and(|usual| u128::from(usual) < SLICE.as_nanos());
            let mut own = self.running.values().filter(|running| running.client == *client);
            line.running == 0 || is_short && !own.any(is_long)
        };
        self.ready.iter().map(|(_, client)| *client).find(may_step_in)
    }

    /// The client's line; a new one starts where the others stand.
    fn line(&mut self, client: Client) -> &mut Line<J> {
        let floor = self.floor;
        let new = || Line { spent: floor, usual: None, waiting: VecDeque::new(), running: 0 };
        let line = self.lines.entry(client).or_insert_with(new);
        if line.waiting.is_empty() && line.running == 0 {
            line.spent = line.spent.max(floor);
        }
        line
    }

    /// Something was added to the client's line.
    fn added(&mut self, client: Client) {
        self.waiting += 1;
        self.ready.insert((self.lines[&client].spent, client));
    }

    fn end(&mut self, ticket: Ticket, now: Instant) -> Option<Running> {
        let running = self.running.remove(&ticket)?;
        let line = self.lines.get_mut(&running.client)?;
        let took = since(running.started, now);
        let waits = self.ready.remove(&(line.spent, running.client));
        line.running -= 1;
        line.spent = line.spent - running.charged + took;
        line.usual = Some(line.usual.map_or(took, |usual| usual - usual / 8 + took / 8));
        if waits {
            self.ready.insert((line.spent, running.client));
        }
        self.tidy();
        Some(running)
    }

    /// Closes accounts of clients that ask for nothing, where there are very many.
    fn tidy(&mut self) {
        if self.lines.len() > MAX_QUIET {
            self.lines.retain(|_, line| line.running > 0 || !line.waiting.is_empty());
        }
    }
}

fn since(started: Instant, now: Instant) -> Time {
    u64::try_from(now.saturating_duration_since(started).as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Client = Client::Key(0);
    const B: Client = Client::Key(1);
    const C: Client = Client::Key(2);

    /// Turns, and a time that goes as the test says.
    struct Bench {
        turns: Turns<&'static str>,
        now: Instant,
    }

    impl Bench {
        fn new(workers: usize, places: usize) -> Self {
            Self { turns: Turns::new(workers, places), now: Instant::now() }
        }

        fn push(&mut self, client: Client, n: usize, job: &'static str) {
            (0..n).for_each(|_| self.turns.push(client, job));
        }

        fn start(&mut self) -> Option<Started<&'static str>> {
            self.turns.start(self.now)
        }

        fn later(&mut self, ms: u64) {
            self.now += Duration::from_millis(ms);
        }

        /// One worker's work for this long; a job takes the milliseconds that its name says.
        fn work(&mut self, ms: u64) -> BTreeMap<&'static str, u64> {
            let (mut done, end) = (BTreeMap::new(), self.now + Duration::from_millis(ms));
            while self.now < end {
                let Some(Started { ticket, job }) = self.start() else { break };
                self.later(job.parse().unwrap());
                self.turns.finish(ticket, self.now);
                *done.entry(job).or_default() += 1;
            }
            done
        }
    }

    #[test]
    fn clients_share_time_and_not_items() {
        let mut bench = Bench::new(1, 1);
        bench.push(A, 1000, "50");
        bench.push(B, 100_000, "1");
        let done = bench.work(10_000);
        // 5,000 ms each, to within an item.
        assert!((99..=101).contains(&done["50"]), "{done:?}");
        assert!((4900..=5100).contains(&done["1"]), "{done:?}");
    }

    #[test]
    fn who_comes_late_or_back_starts_where_the_others_stand() {
        let mut bench = Bench::new(1, 1);
        bench.push(A, 1000, "10");
        bench.work(1000);
        bench.push(B, 1000, "20");
        let done = bench.work(1000);
        assert!((48..=52).contains(&done["10"]) && (24..=26).contains(&done["20"]), "{done:?}");
    }

    #[test]
    fn all_workers_work_for_a_client_that_is_alone_and_no_place_more() {
        let mut bench = Bench::new(2, 6);
        bench.push(A, 10, "a");
        assert!(bench.start().is_some() && bench.start().is_some());
        bench.later(60_000);
        assert_eq!((bench.start(), bench.turns.waiting()), (None, 8));
    }

    #[test]
    fn beside_long_work_every_other_client_has_a_place() {
        let mut bench = Bench::new(2, 6);
        bench.push(A, 10, "a");
        bench.start();
        bench.start();
        bench.push(B, 10, "b");
        bench.push(C, 1, "c");
        assert_eq!(bench.start(), None, "what has just begun may be short");
        bench.later(20);
        let [first, second] = [bench.start(), bench.start()].map(|started| started.unwrap().job);
        assert_eq!((first, second), ("b", "c"));
        bench.later(20);
        assert_eq!(bench.start(), None, "one place for each");
    }

    #[test]
    fn a_client_with_short_work_has_as_many_places_as_there_are_workers() {
        let mut bench = Bench::new(2, 6);
        bench.push(B, 1, "1");
        bench.work(1);
        bench.push(A, 10, "a");
        bench.start();
        bench.start();
        bench.later(20);
        bench.push(B, 10, "1");
        assert_eq!([bench.start(), bench.start()].map(|started| started.unwrap().job), ["1", "1"]);
        assert_eq!(bench.start(), None);
        bench.later(20);
        assert_eq!(bench.start(), None, "it is no longer short");
    }

    #[test]
    fn where_no_place_is_free_the_dearest_makes_room_and_comes_back() {
        let mut bench = Bench::new(1, 2);
        bench.push(A, 1, "a");
        let first = bench.start().unwrap();
        bench.later(50);
        bench.push(B, 1, "b");
        let second = bench.start().unwrap();
        bench.later(60);
        bench.push(C, 1, "c");
        assert_eq!(bench.start(), None);
        assert_eq!(bench.turns.must_end(bench.now), Some(first.ticket), "110 ms, and 60");
        assert_eq!(bench.turns.must_end(bench.now), None, "one at a time");
        bench.turns.put_back(first.ticket, first.job, bench.now);
        let third = bench.start().unwrap();
        assert_eq!(third.job, "c");
        bench.turns.finish(second.ticket, bench.now);
        bench.later(20);
        let again = bench.start().unwrap();
        assert_eq!(again.job, "a");
        // Twice as long this time.
        bench.push(B, 1, "b");
        bench.later(150);
        assert_eq!(bench.turns.must_end(bench.now), Some(third.ticket));
        bench.turns.finish(third.ticket, bench.now);
        bench.start().unwrap();
        bench.push(C, 1, "c");
        bench.later(40);
        assert_eq!(bench.turns.must_end(bench.now), None, "190 ms of 200");
        bench.later(20);
        assert_eq!(bench.turns.must_end(bench.now), Some(again.ticket));
    }

    #[test]
    fn nothing_is_left_of_what_is_gone() {
        let mut bench = Bench::new(1, 2);
        bench.push(A, 5, "a");
        bench.push(B, 5, "b");
        bench.turns.remove(A, |_| true);
        assert_eq!((bench.turns.waiting(), bench.turns.waiting_of(A)), (5, 0));
        let started = bench.start().unwrap();
        assert_eq!(started.job, "b");
        bench.turns.remove(B, |_| true);
        bench.turns.finish(started.ticket, bench.now);
        bench.turns.forget(A);
        bench.turns.forget(B);
        assert!(bench.turns.is_quiet() && bench.turns.lines.is_empty() && bench.turns.ready.is_empty());
        for client in 0..10_000 {
            bench.push(Client::Connection(client), 1, "1");
            bench.work(1);
        }
        assert!(bench.turns.lines.len() <= MAX_QUIET + 1);
    }
}
