//! Which server is asked next.
//!
//! In: which requests began and how they ended, with the time. Out: the server for the next, or how long to wait for one. Work goes to
//! the server with the fewest requests in flight among those that have room. Room grows by one with each answer and begins at one, so
//! that a server that was just started, or was down, is tried with one request before it gets many; it halves where the server says
//! that it is busy. After a failure a server is left alone for a time that doubles from failure to failure.

use std::time::{Duration, Instant};

/// The longest time that a server is left alone for.
const LONGEST_REST: Duration = Duration::from_secs(60);
/// For as long a server is believed that says how long it will be busy.
const LONGEST_BUSY: Duration = Duration::from_secs(600);

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With an answer.
    Answered,
    /// The server has too much to do, and perhaps says for how long.
    Busy(Option<Duration>),
    /// Without a usable answer.
    Failed,
    /// In a way that says nothing of the server.
    Unsaid,
}

/// A request that a server was chosen for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    /// The server's place.
    pub(crate) server: usize,
    /// How often the server had failed then.
    n_rests: u64,
}

/// What is known of a server.
#[derive(Clone, Copy, Debug)]
struct State {
    in_flight: usize,
    room: usize,
    failures_in_row: u32,
    rests_until: Option<Instant>,
    n_rests: u64,
}

/// What is known of all.
#[derive(Debug)]
pub(crate) struct Share {
    servers: Vec<State>,
    /// The most room of one.
    most: usize,
    /// The first time that a server is left alone for.
    first_rest: Duration,
}

impl Share {
    /// So many servers, with at most so many requests in flight at each, and the first time that one is left alone for.
    pub(crate) fn new(n_servers: usize, most: usize, first_rest: Duration) -> Self {
        let fresh = State { in_flight: 0, room: 1, failures_in_row: 0, rests_until: None, n_rests: 0 };
        Self { servers: vec![fresh; n_servers], most, first_rest }
    }

    /// The server for a request that begins now; or how long it is until one may be free by itself, if that is known. `but` was
    /// asked before, and is asked again only if no other works.
    pub(crate) fn begin(&mut self, now: Instant, but: Option<usize>) -> Result<Turn, Option<Duration>> {
        let rests = |state: &State| state.rests_until.is_some_and(|until| until > now);
        let works = |(_, state): &(usize, &State)| !rests(state);
        let others_work = self.servers.iter().enumerate().filter(works).any(|(place, _)| Some(place) != but);
        let candidates = self.servers.iter().enumerate().filter(works);
        let candidates = candidates.filter(|(place, _)| !(others_work && Some(*place) == but));
        let free = candidates.filter(|(_, state)| state.in_flight < state.room);
        match free.min_by_key(|(_, state)| state.in_flight) {
            Some((server, _)) => {
                let state = &mut self.servers[server];
                state.in_flight += 1;
                Ok(Turn { server, n_rests: state.n_rests })
            }
            None => {
                let ends = self.servers.iter().filter_map(|state| state.rests_until);
                Err(ends.filter(|until| *until > now).min().map(|until| until - now))
            }
        }
    }

    /// Whether each of them failed more than so often since it answered last.
    pub(crate) fn all_failed(&self, often: u32) -> bool {
        self.servers.iter().all(|state| state.failures_in_row > often)
    }

    /// That request has ended.
    pub(crate) fn end(&mut self, turn: Turn, ending: Ending, now: Instant) {
        let (most, first_rest) = (self.most, self.first_rest);
        let state = &mut self.servers[turn.server];
        state.in_flight -= 1;
        // What began before the last failure says nothing new.
        let is_news = turn.n_rests == state.n_rests;
        let rest = match ending {
            Ending::Answered => {
                if is_news {
                    (state.failures_in_row, state.rests_until) = (0, None);
                    state.room = (state.room + 1).min(most);
                }
                return;
            }
            Ending::Unsaid => return,
            Ending::Busy(_) | Ending::Failed if !is_news => return,
            Ending::Busy(Some(busy)) => busy.min(LONGEST_BUSY),
            Ending::Busy(None) | Ending::Failed => {
                let doubled = first_rest * 2_u32.saturating_pow(state.failures_in_row.min(16));
                doubled.min(LONGEST_REST)
            }
        };
        state.room = if ending == Ending::Failed { 1 } else { (state.in_flight / 2).max(1) };
        state.failures_in_row += 1;
        state.n_rests += 1;
        state.rests_until = Some(now + rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A share in which every server has the most room.
    fn warm(n_servers: usize, most: usize, now: Instant) -> Share {
        let mut share = Share::new(n_servers, most, Duration::from_millis(500));
        for _ in 0..n_servers * most * most {
            let turns: Vec<Turn> = std::iter::from_fn(|| share.begin(now, None).ok()).collect();
            turns.into_iter().for_each(|turn| share.end(turn, Ending::Answered, now));
        }
        share
    }

    #[test]
    fn the_one_with_the_least_to_do_is_next() {
        let now = Instant::now();
        let mut share = warm(3, 2, now);
        let servers: Vec<usize> = (0..6).map(|_| share.begin(now, None).unwrap().server).collect();
        assert_eq!(servers, [0, 1, 2, 0, 1, 2]);
        assert_eq!(share.begin(now, None).unwrap_err(), None);
    }

    #[test]
    fn one_that_fails_rests_longer_each_time_and_comes_back_with_one_request() {
        let mut now = Instant::now();
        let mut share = warm(1, 4, now);
        let turns: Vec<Turn> = (0..4).map(|_| share.begin(now, None).unwrap()).collect();
        // Four requests in flight fail for one reason: it is one failure.
        turns.into_iter().for_each(|turn| share.end(turn, Ending::Failed, now));
        for rest in [500, 1000, 2000, 4000] {
            let rest = Duration::from_millis(rest);
            assert_eq!(share.begin(now, None).unwrap_err(), Some(rest));
            now += rest;
            let turn = share.begin(now, None).unwrap();
            assert!(share.begin(now, None).is_err());
            share.end(turn, Ending::Failed, now);
        }
        now += LONGEST_REST;
        let turn = share.begin(now, None).unwrap();
        share.end(turn, Ending::Answered, now);
        assert!(share.begin(now, None).is_ok() && share.begin(now, None).is_ok());
        assert!(share.begin(now, None).is_err());
    }

    #[test]
    fn a_second_try_goes_elsewhere_if_there_is_one_that_works() {
        let now = Instant::now();
        let mut share = warm(2, 2, now);
        assert_eq!(share.begin(now, Some(0)).unwrap().server, 1);
        assert_eq!(share.begin(now, Some(0)).unwrap().server, 1);
        // The other has no room now, and will have.
        assert!(share.begin(now, Some(0)).is_err());
        let mut alone = warm(1, 2, now);
        assert_eq!(alone.begin(now, Some(0)).unwrap().server, 0);
    }

    #[test]
    fn one_that_is_busy_is_asked_half_as_much_and_when_it_said() {
        let now = Instant::now();
        let mut share = warm(1, 8, now);
        let mut turns: Vec<Turn> = (0..8).map(|_| share.begin(now, None).unwrap()).collect();
        share.end(turns.pop().unwrap(), Ending::Busy(Some(Duration::from_secs(7))), now);
        assert_eq!(share.begin(now, None).unwrap_err(), Some(Duration::from_secs(7)));
        turns.into_iter().for_each(|turn| share.end(turn, Ending::Answered, now));
        let later = now + Duration::from_secs(7);
        assert_eq!((0..8).filter(|_| share.begin(later, None).is_ok()).count(), 3);
        let turn = Turn { server: 0, n_rests: 1 };
        share.end(turn, Ending::Busy(Some(Duration::MAX)), later);
        assert_eq!(share.begin(later, None).unwrap_err(), Some(LONGEST_BUSY));
    }
}
