//! The items that wait for a worker: at most so many, first come first served.
//!
//! In: jobs, all of a request or none. Out: the same to workers. Jobs that nobody waits for any more make room when room is
//! needed.
//!
//! Left out on purpose: priorities.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::answer::Answer;
use crate::item::Item;

/// An item, and who waits for its answer.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) item: Item,
    pub(crate) reply: oneshot::Sender<Answer>,
}

impl Job {
    /// A job, and where its answer will come.
    pub(crate) fn new(item: Item) -> (Self, oneshot::Receiver<Answer>) {
        let (reply, answer) = oneshot::channel();
        (Self { item, reply }, answer)
    }
}

/// There is no room.
#[derive(Debug, PartialEq)]
pub(crate) struct Full;

/// Jobs that wait.
#[derive(Debug)]
pub(crate) struct Queue {
    capacity: usize,
    jobs: Mutex<VecDeque<Job>>,
    filled: Condvar,
    emptied: Condvar,
}

impl Queue {
    pub(crate) fn new(capacity: usize) -> Self {
        let (jobs, filled, emptied) = Default::default();
        Self { capacity: capacity.max(1), jobs, filled, emptied }
    }

    /// How many may wait.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.jobs().len()
    }

    /// Puts all of them in, or none.
    pub(crate) fn offer(&self, new: Vec<Job>) -> Result<(), Full> {
        let mut jobs = self.jobs();
        if jobs.len() + new.len() > self.capacity {
            jobs.retain(|job| !job.reply.is_closed());
        }
        if jobs.len() + new.len() > self.capacity {
            return Err(Full);
        }
        jobs.extend(new);
        drop(jobs);
        self.filled.notify_all();
        Ok(())
    }

    /// Puts one in, when there is room.
    pub(crate) fn push(&self, job: Job) {
        let mut jobs = self.jobs();
        while jobs.len() >= self.capacity {
            jobs = self.emptied.wait(jobs).unwrap_or_else(PoisonError::into_inner);
        }
        jobs.push_back(job);
        drop(jobs);
        self.filled.notify_one();
    }

    /// Takes the next one, when there is one.
    pub(crate) fn take(&self) -> Job {
        let mut jobs = self.jobs();
        loop {
            if let Some(job) = jobs.pop_front() {
                drop(jobs);
                self.emptied.notify_one();
                return job;
            }
            jobs = self.filled.wait(jobs).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn jobs(&self) -> MutexGuard<'_, VecDeque<Job>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::parse_item;

    fn job() -> (Job, oneshot::Receiver<Answer>) {
        Job::new(parse_item(br#"{"reference":"","response":""}"#, "item").unwrap())
    }

    #[test]
    fn a_request_goes_in_whole_or_not_at_all() {
        let queue = Queue::new(3);
        let (jobs, waiting): (Vec<_>, Vec<_>) = [job(), job()].into_iter().unzip();
        assert_eq!(queue.offer(jobs), Ok(()));
        let (jobs, also): (Vec<_>, Vec<_>) = [job(), job()].into_iter().unzip();
        assert_eq!(queue.offer(jobs), Err(Full));
        assert_eq!(queue.len(), 2);
        // Once nobody waits for the first two there is room.
        drop((waiting, also));
        let (jobs, _waiting): (Vec<_>, Vec<_>) = [job(), job(), job()].into_iter().unzip();
        assert_eq!(queue.offer(jobs), Ok(()));
        assert_eq!(queue.len(), 3);
    }
}
