//! Calling off a call.
//!
//! In: [`Cancel::cancel`], from any thread, as often as one likes. Out: the calls that were given this token,
//! or a clone of it, end with [`crate::CallErrorKind::Cancelled`]: one that waits for its turn leaves the
//! line, a guest that computes is stopped at the host's next look at it (every ten milliseconds), and so is a
//! program that it has run, or the process with the program in it is killed and replaced.
//!
//! Whoever waits leaves an action here that wakes it ([`Cancel::watch`]); whoever computes is looked at
//! (`instance.rs`).
//!
//! A cancellation cannot be taken back. A token is for one thing that somebody wants, and is thrown away with
//! it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Calls off calls: clones are the same token. See [`crate::Verifier::grade_unless`].
#[derive(Clone, Default)]
pub struct Cancel {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    is_cancelled: AtomicBool,
    actions: Mutex<Actions>,
}

#[derive(Default)]
struct Actions {
    next: u64,
    by_key: BTreeMap<u64, Box<dyn FnOnce() + Send>>,
}

/// An action that is done when the token fires. Dropping this takes it back, and waits for it if it is being
/// done.
pub(crate) struct Watch {
    cancel: Cancel,
    key: Option<u64>,
}

impl Cancel {
    /// Ends the calls that were given this token, and those that will be. Does not wait for their end.
    pub fn cancel(&self) {
        self.inner.is_cancelled.store(true, Ordering::SeqCst);
        let mut actions = self.actions();
        for action in std::mem::take(&mut actions.by_key).into_values() {
            action();
        }
    }

    /// Whether [`Self::cancel`] was called.
    pub fn is_cancelled(&self) -> bool {
        self.inner.is_cancelled.load(Ordering::SeqCst)
    }

    /// Has something done when this token fires: at once, if it has. The action must be quick, and must not
    /// touch a token itself.
    pub(crate) fn watch(&self, action: impl FnOnce() + Send + 'static) -> Watch {
        let mut actions = self.actions();
        let key = if self.is_cancelled() {
            action();
            None
        } else {
            let key = actions.next;
            actions.next += 1;
            actions.by_key.insert(key, Box::new(action));
            Some(key)
        };
        drop(actions);
        Watch { cancel: self.clone(), key }
    }

    fn actions(&self) -> MutexGuard<'_, Actions> {
        self.inner.actions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.cancel.actions().by_key.remove(&key);
        }
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancel").field("is_cancelled", &self.is_cancelled()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn an_action_is_done_once_and_only_while_it_is_watched() {
        let (cancel, done) = (Cancel::default(), Arc::new(AtomicUsize::new(0)));
        let count = |by: usize| {
            let done = Arc::clone(&done);
            move || {
                done.fetch_add(by, Ordering::SeqCst);
            }
        };
        drop(cancel.watch(count(1)));
        let _kept = cancel.watch(count(10));
        let clone = cancel.clone();
        clone.cancel();
        clone.cancel();
        let _late = cancel.watch(count(100));
        assert!(cancel.is_cancelled());
        assert_eq!(done.load(Ordering::SeqCst), 110);
    }
}
