//! Work that waits for others: many tasks at once, and each record kept as soon as it is there.
//!
//! As [`Work::run`], for tasks whose time is not spent here. Records are appended in the order in which they come, so that a slow task
//! holds nothing back that a kill would lose, and brought into the order of the list at the end.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use ts_model::ModelError;
use ts_run::Record;

use super::work::{Made, Opened, Tasks, Work, missing};
use crate::Error;
use crate::watch::Watched;

/// Where a record is that is not there yet.
const NOWHERE: u64 = u64::MAX;

impl Work<'_> {
    /// Makes every record that is not there yet, on threads of its own; gives the number of all. `prepare` makes what the tasks share,
    /// and says how many of them are worth having at once. After an error no task is begun, and the records of those that were begun
    /// are kept.
    ///
    /// # Errors
    /// A record of the journal that does not belong; those of the functions.
    pub(crate) fn gather<'t, I: Send + 't, R: Record + Watched + Send, C: Sync>(
        &self,
        tasks: impl Fn() -> Result<Tasks<'t, I>, Error>,
        prepare: impl FnOnce() -> Result<(C, usize), Error>,
        make: impl Fn(&C, I, &[usize]) -> Result<Vec<Made<R>>, Error> + Sync,
        each: impl FnMut(&R, &str) -> Result<(), Error>,
    ) -> Result<u64, Error> {
        let run = self.run;
        let Opened { mut journal, mut present, watch } = self.open::<R>()?;
        let each = RefCell::new(each);
        // Where each record of the list is, and where the last task's begin in it.
        let offsets: RefCell<Vec<u64>> = RefCell::default();
        let begins = RefCell::new(0);
        let found = |record: &R| {
            watch.borrow_mut().record(record, false);
            each.borrow_mut()(record, "")
        };
        let placed = |_: Option<u64>, places: Vec<Option<u64>>| {
            let mut offsets = offsets.borrow_mut();
            *begins.borrow_mut() = offsets.len();
            offsets.extend(places.into_iter().map(|place| place.unwrap_or(NOWHERE)));
        };
        let mut missing = missing(&tasks, &mut present, found, placed)?.peekable();
        if missing.peek().is_some() {
            let (shared, n_at_once) = prepare()?;
            let keep = |positions: &[usize], made: Vec<Made<R>>| {
                for (&position, Made { record, n_tokens, note }) in positions.iter().zip(made) {
                    offsets.borrow_mut()[position] = journal.end();
                    journal.append(&record)?;
                    run.progress.advance(1, n_tokens.unwrap_or(0));
                    watch.borrow_mut().record(&record, true);
                    each.borrow_mut()(&record, &note)?;
                }
                Ok(())
            };
            let (begins, mut missing) = (&begins, missing);
            let next = move || {
                // Before the next is asked for, the last one's records begin there.
                let task = missing.next()?;
                let first = *begins.borrow();
                Some(task.map(|(input, absent)| {
                    let positions = absent.iter().map(|place| first + place).collect();
                    Begun { input, absent, positions }
                }))
            };
            at_once(n_at_once, next, |input, absent| make(&shared, input, absent), keep)?;
        } else {
            drop(missing);
        }
        present.finish()?;
        journal.sync()?;
        watch.into_inner().finish();
        let offsets = offsets.into_inner();
        if !offsets.is_sorted() {
            journal.reorder(0, &offsets)?;
        }
        Ok(journal.n_records())
    }
}

/// A task, the places of its missing records in it, and their positions in the list.
struct Begun<I> {
    input: I,
    absent: Vec<usize>,
    positions: Vec<usize>,
}

/// Makes what `next` gives, up to `n` at once, and hands it to `keep`, in the order in which it is done.
fn at_once<I: Send, O: Send>(
    n: usize,
    mut next: impl FnMut() -> Option<Result<Begun<I>, Error>>,
    make: impl Fn(I, &[usize]) -> Result<O, Error> + Sync,
    mut keep: impl FnMut(&[usize], O) -> Result<(), Error>,
) -> Result<(), Error> {
    let (begun_in, begun_out) = mpsc::channel::<Begun<I>>();
    let begun_out = Mutex::new(begun_out);
    let (made_in, made_out) = mpsc::channel::<(Vec<usize>, Result<O, Error>)>();
    let work = |made: mpsc::Sender<(Vec<usize>, Result<O, Error>)>| {
        loop {
            let begun = begun_out.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(Begun { input, absent, positions }) = begun else { return };
            let result = catch_unwind(AssertUnwindSafe(|| make(input, &absent))).unwrap_or_else(|panic| {
                let item = positions.first().copied().unwrap_or(0);
                Err(ModelError::panicked(item, &*panic).into())
            });
            if made.send((positions, result)).is_err() {
                return;
            }
        }
    };
    thread::scope(|scope| {
        let begun_in = begun_in;
        let mut n_threads = 0;
        let mut n_begun = 0;
        let mut error: Option<Error> = None;
        loop {
            while error.is_none() && n_begun < n.max(1) {
                match next() {
                    Some(Ok(begun)) => {
                        if n_threads <= n_begun {
                            let (made, work) = (made_in.clone(), &work);
                            let spawned = thread::Builder::new().spawn_scoped(scope, move || work(made));
                            if let Err(cannot) = spawned {
                                error = Some(ModelError::Thread(cannot).into());
                                break;
                            }
                            n_threads += 1;
                        }
                        // The threads live as long as the sender does.
                        n_begun += usize::from(begun_in.send(begun).is_ok());
                    }
                    Some(Err(cannot)) => error = Some(cannot),
                    None => break,
                }
            }
            if n_begun == 0 {
                return error.map_or(Ok(()), Err);
            }
            // A sender of it is here: it does not end.
            let Ok((positions, made)) = made_out.recv() else { return error.map_or(Ok(()), Err) };
            n_begun -= 1;
            let kept = made.and_then(|made| keep(&positions, made));
            if let Err(other) = kept
                && error.as_ref().is_none_or(Error::is_consequence)
            {
                error = Some(other);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    fn tasks(n: usize) -> impl FnMut() -> Option<Result<Begun<usize>, Error>> {
        let mut tasks = 0..n;
        move || tasks.next().map(|input| Ok(Begun { input, absent: vec![0], positions: vec![input] }))
    }

    fn failure() -> Error {
        Error::NoExamples { reason: "on demand".to_owned() }
    }

    #[test]
    fn everything_is_made_once_and_no_more_at_once_than_was_said() {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let make = |input: usize, _: &[usize]| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(if input == 0 { 60 } else { 1 }));
            now.fetch_sub(1, Ordering::SeqCst);
            Ok(input)
        };
        let mut order = Vec::new();
        let keep = |positions: &[usize], made: usize| {
            assert_eq!(positions, [made]);
            order.push(made);
            Ok(())
        };
        at_once(8, tasks(100), make, keep).unwrap();
        assert_eq!(order.iter().copied().collect::<BTreeSet<_>>(), (0..100).collect());
        assert_eq!(order.len(), 100);
        assert_ne!(order[0], 0, "the slow one held the others back");
        assert!(most.into_inner() <= 8);
    }

    #[test]
    fn after_an_error_what_was_begun_is_kept_and_nothing_is_begun() {
        let begun = AtomicUsize::new(0);
        let make = |input: usize, _: &[usize]| {
            begun.fetch_add(1, Ordering::SeqCst);
            if input == 3 {
                return Err(failure());
            }
            thread::sleep(Duration::from_millis(50));
            Ok(input)
        };
        let mut kept = 0;
        let error = at_once(8, tasks(100), make, |_, _| {
            kept += 1;
            Ok(())
        });
        assert!(matches!(error, Err(Error::NoExamples { .. })));
        assert_eq!((kept, begun.into_inner()), (7, 8));
    }

    #[test]
    fn the_first_cause_is_told_and_not_what_followed_from_it() {
        let make = |input: usize, _: &[usize]| -> Result<(), Error> {
            match input {
                0 => Err(ts_servers::Error::Closed.into()),
                _ => {
                    thread::sleep(Duration::from_millis(30));
                    Err(failure())
                }
            }
        };
        let error = at_once(2, tasks(2), make, |_, ()| Ok(()));
        assert!(matches!(error, Err(Error::NoExamples { .. })), "{error:?}");
    }

    #[test]
    fn a_panic_is_an_error() {
        let make = |_: usize, _: &[usize]| -> Result<(), Error> { panic!("on demand") };
        let error = at_once(2, tasks(2), make, |_, ()| Ok(())).unwrap_err().to_string();
        assert!(error.contains("on demand"), "{error}");
    }
}
