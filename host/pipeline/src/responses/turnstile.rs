//! More threads than cores, of which only so many compute at once: the others wait for servers.

use std::sync::{Condvar, Mutex, PoisonError};

/// Lets so many threads through at once.
#[derive(Debug)]
pub(crate) struct Turnstile {
    free: Mutex<usize>,
    freed: Condvar,
}

impl Turnstile {
    /// A turnstile for so many, at least one.
    pub(crate) fn new(n: usize) -> Self {
        Self { free: Mutex::new(n.max(1)), freed: Condvar::new() }
    }

    /// Waits for a place, and keeps it while `compute` runs.
    pub(crate) fn inside<T>(&self, compute: impl FnOnce() -> T) -> T {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self.freed.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        drop(free);
        let _place = Place(self);
        compute()
    }

    /// Gives the caller's place, which it has, to others while `wait` runs.
    pub(crate) fn outside<T>(&self, wait: impl FnOnce() -> T) -> T {
        drop(Place(self));
        let result = wait();
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self.freed.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        result
    }
}

/// A place inside, free again when this is dropped.
struct Place<'a>(&'a Turnstile);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn no_more_compute_than_there_are_places() {
        let (turnstile, inside, most) = (Turnstile::new(2), AtomicUsize::new(0), AtomicUsize::new(0));
        let compute = || {
            let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(now, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(2));
            inside.fetch_sub(1, Ordering::SeqCst);
        };
        thread::scope(|scope| {
            for _ in 0..12 {
                scope.spawn(|| {
                    turnstile.inside(|| {
                        compute();
                        turnstile.outside(|| thread::sleep(Duration::from_millis(1)));
                        compute();
                    });
                });
            }
        });
        assert_eq!(most.into_inner(), 2);
        assert_eq!(*turnstile.free.lock().unwrap(), 2);
    }
}
