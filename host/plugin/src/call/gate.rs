//! How many calls run at once, over all plugins of one host.
//!
//! In: threads that want to call. Out: at most `max_parallel` of them get a [`Permit`] at a time, the others
//! wait; so instances never outgrow the pool of memories that they start in. No two permits have the same
//! lane at once, and a lone caller always has the first. Who is cancelled leaves the line.
//!
//! The gate is not fair: calls are short, and no result depends on their order.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::call::cancel::Cancel;

/// Counts the calls that may still start.
#[derive(Debug)]
pub(crate) struct Gate {
    turns: Mutex<Turns>,
    freed: Condvar,
}

#[derive(Debug)]
struct Turns {
    /// Lanes that nobody has; the next one to give away is the last.
    free: Vec<usize>,
    waiting: usize,
}

/// Leave to run one call; gives itself back when dropped.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    gate: &'a Gate,
    /// From 0, below `max_parallel`.
    pub(crate) lane: usize,
}

impl Gate {
    /// A gate for `max_parallel` calls; at least one.
    pub(crate) fn new(max_parallel: usize) -> Arc<Self> {
        let free = (0..max_parallel.max(1)).rev().collect();
        Arc::new(Self { turns: Mutex::new(Turns { free, waiting: 0 }), freed: Condvar::new() })
    }

    /// Waits until a call may start.
    pub(crate) fn enter(&self) -> Permit<'_> {
        let mut turns = self.turns();
        loop {
            match turns.free.pop() {
                Some(lane) => return Permit { gate: self, lane },
                None => turns = self.wait(turns),
            }
        }
    }

    /// Waits until a call may start; `None` once it is cancelled.
    pub(crate) fn enter_unless(self: &Arc<Self>, cancel: &Cancel) -> Option<Permit<'_>> {
        let gate = Arc::clone(self);
        let _wakes = cancel.watch(move || {
            let _turns = gate.turns();
            gate.freed.notify_all();
        });
        let mut turns = self.turns();
        while !cancel.is_cancelled() {
            match turns.free.pop() {
                Some(lane) => return Some(Permit { gate: self, lane }),
                None => turns = self.wait(turns),
            }
        }
        // What woke this thread may have been a free lane, which is then another one's.
        if !turns.free.is_empty() && turns.waiting > 0 {
            self.freed.notify_one();
        }
        None
    }

    fn wait<'a>(&self, mut turns: MutexGuard<'a, Turns>) -> MutexGuard<'a, Turns> {
        turns.waiting += 1;
        turns = self.freed.wait(turns).unwrap_or_else(PoisonError::into_inner);
        turns.waiting -= 1;
        turns
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut turns = self.gate.turns();
        turns.free.push(self.lane);
        let is_awaited = turns.waiting > 0;
        drop(turns);
        // To wake is a system call even where nobody waits.
        if is_awaited {
            self.gate.freed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn no_more_than_max_parallel_are_inside() {
        let (gate, inside, most) = (Gate::new(2), AtomicUsize::new(0), AtomicUsize::new(0));
        let taken = [AtomicUsize::new(0), AtomicUsize::new(0)];
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let permit = gate.enter();
                        assert_eq!(
                            taken[permit.lane].fetch_add(1, Ordering::SeqCst),
                            0,
                            "a lane is one caller's"
                        );
                        most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        taken[permit.lane].fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 2);
    }

    #[test]
    fn who_is_cancelled_leaves_the_line_and_the_others_stay() {
        let gate = Gate::new(1);
        let permit = gate.enter();
        let (called_off, wanted) = (Cancel::default(), Cancel::default());
        std::thread::scope(|scope| {
            let leaves = scope.spawn(|| gate.enter_unless(&called_off).is_none());
            let stays = scope.spawn(|| gate.enter_unless(&wanted).is_some());
            while gate.turns().waiting < 2 {
                std::thread::yield_now();
            }
            called_off.cancel();
            assert!(leaves.join().unwrap());
            assert!(!stays.is_finished());
            drop(permit);
            assert!(stays.join().unwrap());
        });
        assert!(gate.enter_unless(&called_off).is_none(), "before it comes");
        assert!(gate.enter_unless(&wanted).is_some());
    }
}
