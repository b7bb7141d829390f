//! Threads whose stack is as deep as a program's engine lets a guest go.
//!
//! In: work that calls into a runner. Out: its result. Threads are kept for the next program, since making
//! one and giving its stack back makes the other threads of the process wait.
//!
//! There are as many as programs that run at once.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::call::call_error::CallErrorKind;

/// Stack of a program, bytes, of address space: an interpreter frees a chain of a million objects by
/// recursion.
pub(crate) const PROGRAM_STACK: usize = 512 << 20;
/// What a thread's stack has beyond that.
pub(crate) const HOST_STACK: usize = 2 << 20;

type Work = Box<dyn FnOnce() + Send>;

/// The threads that wait for work.
static IDLE: Mutex<Vec<Sender<Work>>> = Mutex::new(Vec::new());

/// Runs something on a deep stack, and waits for it.
pub(crate) fn on_deep_stack<T: Send + 'static>(
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<T, CallErrorKind> {
    begin_on_deep_stack(run)?.wait()
}

/// Begins to run something on a deep stack.
pub(crate) fn begin_on_deep_stack<T: Send + 'static>(
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<Begun<T>, CallErrorKind> {
    let worker = match idle().pop() {
        Some(worker) => worker,
        None => start()?,
    };
    let (answer, answered) = channel();
    let again = worker.clone();
    let work = move || {
        let result = run();
        // Before the answer, so that whoever waits for it finds this thread idle.
        idle().push(again);
        // Nobody waits any more only if the waiting thread is gone.
        let _ = answer.send(result);
    };
    worker.send(Box::new(work)).map_err(|_| CallErrorKind::Unavailable("a thread ended".into()))?;
    Ok(Begun(answered))
}

/// What runs on a deep stack.
pub(crate) struct Begun<T>(Receiver<T>);

impl<T> Begun<T> {
    /// Its result, when it is there.
    pub(crate) fn wait(self) -> Result<T, CallErrorKind> {
        self.0.recv().map_err(|_| CallErrorKind::Unavailable("the thread of a program is gone".into()))
    }
}

fn start() -> Result<Sender<Work>, CallErrorKind> {
    let (sender, receiver): (Sender<Work>, Receiver<Work>) = channel();
    thread::Builder::new()
        .name("program".into())
        .stack_size(PROGRAM_STACK + HOST_STACK)
        .spawn(move || receiver.into_iter().for_each(|work| work()))
        .map_err(|error| CallErrorKind::Unavailable(format!("no thread for a program: {error}")))?;
    Ok(sender)
}

fn idle() -> std::sync::MutexGuard<'static, Vec<Sender<Work>>> {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_used_again_and_results_come_back() {
        let id = || on_deep_stack(|| thread::current().id()).unwrap();
        assert_eq!(id(), id());
        assert_eq!(on_deep_stack(|| 6 * 7).unwrap(), 42);
    }
}
