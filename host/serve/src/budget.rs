//! How many bytes of requests are held at once, and that no client holds all of them.
//!
//! In: what is about to be held, and for whom. Out: a [`Held`], which gives it back when it is dropped; or
//! nothing, if that would be too much. A client may hold a quarter of what all leave free (the dynamic
//! threshold of Choudhury and Hahne 1998): alone a fifth of everything, and the more is held the less any one
//! can add. So clients with large requests leave room for those with small ones.
//!
//! What is counted is the bodies, [`PER_ITEM`] bytes for each item, and the answers. What a body becomes
//! while it is read is not counted. It is at most three times as much again: decoded texts, and a buffer that
//! grows.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::client::Client;

/// What is counted for an item beside its text: where it stands, its place in the queue, its answer.
pub(crate) const PER_ITEM: usize = 512;

/// A client may hold what is left free divided by this.
const FREE_FOR_ONE: usize = 4;
/// How many times as much as one request must fit, so that a client alone may always have one.
pub(crate) const LEAST_REQUESTS: usize = FREE_FOR_ONE + 1;

/// The bytes that may be held.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    accounts: Mutex<Accounts>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct Accounts {
    total: usize,
    of: HashMap<Client, usize>,
}

/// Bytes that are held.
#[derive(Debug)]
pub(crate) struct Held {
    budget: Arc<Budget>,
    client: Client,
    bytes: usize,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, accounts: Mutex::default(), freed: Condvar::new() })
    }

    /// Nothing yet.
    pub(crate) fn hold(self: &Arc<Self>, client: Client) -> Held {
        Held { budget: Arc::clone(self), client, bytes: 0 }
    }

    /// This much, when there is room for it; or when the client holds nothing else.
    pub(crate) fn wait_for(self: &Arc<Self>, client: Client, bytes: usize) -> Held {
        let mut accounts = self.accounts();
        while !accounts.has_room(self.limit, client, bytes) && accounts.of.contains_key(&client) {
            accounts = self.freed.wait(accounts).unwrap_or_else(PoisonError::into_inner);
        }
        accounts.add(client, bytes);
        Held { budget: Arc::clone(self), client, bytes }
    }

    fn accounts(&self) -> MutexGuard<'_, Accounts> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Accounts {
    fn has_room(&self, limit: usize, client: Client, bytes: usize) -> bool {
        let own = self.of.get(&client).copied().unwrap_or(0);
        let free = limit.saturating_sub(self.total).saturating_sub(bytes);
        own.saturating_add(bytes) <= free / FREE_FOR_ONE
    }

    fn add(&mut self, client: Client, bytes: usize) {
        if bytes > 0 {
            self.total += bytes;
            *self.of.entry(client).or_default() += bytes;
        }
    }
}

impl Held {
    /// Holds more; whether there was room for it.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let mut accounts = self.budget.accounts();
        let has_room = accounts.has_room(self.budget.limit, self.client, bytes);
        if has_room {
            accounts.add(self.client, bytes);
            self.bytes += bytes;
        }
        has_room
    }

    /// Holds what is there anyway, such as an answer: what comes after it has less room.
    pub(crate) fn must_grow(&mut self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        self.budget.accounts().add(self.client, bytes);
        self.bytes += bytes;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let mut accounts = self.budget.accounts();
        accounts.total -= self.bytes;
        if let Some(own) = accounts.of.get_mut(&self.client) {
            *own -= self.bytes;
            if *own == 0 {
                accounts.of.remove(&self.client);
            }
        }
        drop(accounts);
        self.budget.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Client = Client::Key(0);
    const B: Client = Client::Key(1);

    #[test]
    fn what_is_dropped_can_be_held_again() {
        let budget = Budget::new(50);
        let mut first = budget.hold(A);
        assert!(first.grow(6) && !first.grow(5) && first.grow(4));
        drop(first);
        assert!(budget.hold(A).grow(10));
        assert!(!budget.hold(A).grow(11));
        assert_eq!(budget.wait_for(A, 99).bytes, 99);
        assert!(budget.hold(A).grow(10), "nothing is left behind");
    }

    #[test]
    fn clients_that_take_all_they_get_leave_room_for_the_next() {
        let budget = Budget::new(1300);
        let mut all: Vec<Held> = (0..9).map(|client| budget.hold(Client::Connection(client))).collect();
        while all.iter_mut().filter_map(|held| held.grow(1).then_some(())).count() > 0 {}
        assert!(all.iter().all(|held| (97..=100).contains(&held.bytes)), "{all:?}");
        let mut next = budget.hold(B);
        assert!(next.grow(70));
        next.must_grow(2000);
        assert!(!budget.hold(A).grow(1));
    }
}
