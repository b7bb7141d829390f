//! How many bytes of requests are held at once.
//!
//! In: what is about to be held. Out: a [`Held`], which gives it back when it is dropped; or nothing, if that would be too
//! much. Left out on purpose: what the bytes become while JSON is made of them. That is some ten times as many at
//! worst, for one request on each of the few threads that read.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The bytes that may be held.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    held: Mutex<usize>,
    freed: Condvar,
}

/// Bytes that are held.
#[derive(Debug)]
pub(crate) struct Held {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, held: Mutex::new(0), freed: Condvar::new() })
    }

    /// Nothing yet.
    pub(crate) fn hold(self: &Arc<Self>) -> Held {
        Held { budget: Arc::clone(self), bytes: 0 }
    }

    /// This much, when there is room for it; more than the limit counts as the limit.
    pub(crate) fn wait_for(self: &Arc<Self>, bytes: usize) -> Held {
        let bytes = bytes.min(self.limit);
        let mut held = self.held();
        while *held + bytes > self.limit {
            held = self.freed.wait(held).unwrap_or_else(PoisonError::into_inner);
        }
        *held += bytes;
        Held { budget: Arc::clone(self), bytes }
    }

    fn held(&self) -> MutexGuard<'_, usize> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Holds more; whether there was room for it.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let mut held = self.budget.held();
        if bytes > self.budget.limit - *held {
            return false;
        }
        *held += bytes;
        self.bytes += bytes;
        true
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        *self.budget.held() -= self.bytes;
        self.budget.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_can_be_held_again() {
        let budget = Budget::new(10);
        let mut first = budget.hold();
        assert!(first.grow(6) && !first.grow(5) && first.grow(4));
        let mut second = budget.hold();
        assert!(!second.grow(1));
        drop(first);
        assert!(second.grow(10));
        drop(second);
        assert_eq!(budget.wait_for(99).bytes, 10);
    }
}
