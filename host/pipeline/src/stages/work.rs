//! How every stage that maps over problems works through its items.
//!
//! A stage is a list of [`Task`]s, each with the keys of the records that come of it, and a function from a
//! task to those records. [`Work::run`] holds what the journal has against the list: a record that is there
//! is not made again, one that is missing is made wherever it stands, and one that does not belong or is a
//! duplicate is an error before anything is computed. Tasks are taken when there is room for them, and their
//! records appended in the order of the list.

use std::cell::RefCell;

use ts_model::shards::{Inbox, Workers};
use ts_run::{Journal, Key, Record};

use super::present::{Keys, Order, Present};
use crate::stage::Stage;
use crate::watch::{Watch, Watched};
use crate::{Error, Run};

/// What is worked on at once.
pub(crate) struct Task<I> {
    /// The records that come of it, in order.
    pub(crate) keys: Vec<Key>,
    /// What they are made of.
    pub(crate) input: I,
}

/// A record, and what there is to say of it.
pub(crate) struct Made<R> {
    pub(crate) record: R,
    /// How many tokens went through the model for it; none if its maker has reported that already.
    pub(crate) n_tokens: Option<u64>,
    pub(crate) note: String,
}

impl<R> From<R> for Made<R> {
    fn from(record: R) -> Self {
        Self { record, n_tokens: Some(0), note: String::new() }
    }
}

/// The tasks of a list of which records are missing, with the places of those in the task. `found` hears of every record that is there,
/// `placed` of every task: where the journal's records stop to be in order, if they do, and where the task's are, none for those that
/// are missing.
pub(super) fn missing<'m, 't: 'm, I: 't, R: Record>(
    tasks: &'m dyn Fn() -> Result<Tasks<'t, I>, Error>,
    present: &'m mut Present<R>,
    found: impl Fn(&R) -> Result<(), Error> + 'm,
    placed: impl Fn(Option<u64>, Vec<Option<u64>>) + 'm,
) -> Result<impl Iterator<Item = Result<(I, Vec<usize>), Error>> + 'm, Error> {
    let list_of_keys = || -> Result<Keys<'t>, Error> {
        Ok(Box::new(tasks()?.flat_map(|task| match task {
            Ok(task) => task.keys.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        })))
    };
    let mut list = tasks()?;
    let mut next = move || loop {
        let Some(task) = list.next() else { return Ok(None) };
        let Task { keys, input } = task?;
        let mut absent = Vec::new();
        let mut places = Vec::with_capacity(keys.len());
        for (place, key) in keys.iter().enumerate() {
            let offset = match present.take(key, &list_of_keys)? {
                Some((record, offset)) => {
                    found(&record)?;
                    Some(offset)
                }
                None => {
                    absent.push(place);
                    None
                }
            };
            places.push(offset);
        }
        placed(present.scattered_from(), places);
        if !absent.is_empty() {
            return Ok(Some((input, absent)));
        }
    };
    Ok(std::iter::from_fn(move || next().transpose()))
}

/// The list of a stage's tasks, in order; made anew whenever it is asked for.
pub(crate) type Tasks<'a, I> = Box<dyn Iterator<Item = Result<Task<I>, Error>> + 'a>;

/// Where a worker takes tasks from, with the places of their missing keys, and gives their records to.
pub(crate) type TaskInbox<'a, I, R> = Inbox<'a, (I, Vec<usize>), Vec<Made<R>>, Error>;

/// A stage at work.
pub(crate) struct Work<'a> {
    pub(crate) run: &'a Run<'a>,
    pub(crate) stage: Stage,
    /// What a record is about, in the plural.
    pub(crate) unit: &'static str,
    /// How many records there will be, at most.
    pub(crate) total: u64,
    pub(crate) workers: &'a Workers,
}

/// What a stage works with.
pub(super) struct Opened<'a, R> {
    pub(super) journal: Journal<R>,
    /// What the journal has already.
    pub(super) present: Present<R>,
    /// Hears of every record.
    pub(super) watch: RefCell<Watch<'a>>,
}

impl Work<'_> {
    /// Opens what a stage works with, and says that it begins.
    pub(super) fn open<R: Record + Watched>(&self) -> Result<Opened<'_, R>, Error> {
        let Self { run, stage, .. } = *self;
        let journal: Journal<R> = run.folder.journal(stage.artefact(), run.seal(stage))?;
        run.progress.start(stage.name(), self.unit, journal.n_records(), self.total);
        let present = Present::of(&journal)?;
        let watch = Watch::begin(run.folder.path(), stage, self.total, run.progress);
        Ok(Opened { journal, present, watch: RefCell::new(watch) })
    }

    /// Makes every record that is not there yet; gives the number of all. `prepare` makes what the tasks
    /// share, such as the model, if there is anything to do. `make` gives the records of a task's missing
    /// keys, by their places in the task. `each` hears of every record, of those that were there too.
    ///
    /// # Errors
    /// A record of the journal that does not belong; those of the three functions.
    pub(crate) fn run<'t, I: Send + 't, R: Record + Watched + Send, C: Sync>(
        &self,
        tasks: impl Fn() -> Result<Tasks<'t, I>, Error>,
        prepare: impl FnOnce() -> Result<C, Error>,
        make: impl Fn(&C, I, &[usize]) -> Result<Vec<Made<R>>, Error> + Sync,
        each: impl FnMut(&R, &str) -> Result<(), Error>,
    ) -> Result<u64, Error> {
        let serve = |shared: &C, inbox: &mut TaskInbox<'_, I, R>| {
            while let Some((index, (input, absent))) = inbox.take(true) {
                let made = make(shared, input, &absent);
                inbox.give(index, made);
            }
            Ok(())
        };
        self.serve(tasks, prepare, self.workers.n_held(), serve, each)
    }

    /// The same for work on several tasks at a time: `serve`, which every worker runs, takes tasks with the places of their missing
    /// keys, of which `n_held` are held at once, and gives their records.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub(crate) fn serve<'t, I: Send + 't, R: Record + Watched + Send, C: Sync>(
        &self,
        tasks: impl Fn() -> Result<Tasks<'t, I>, Error>,
        prepare: impl FnOnce() -> Result<C, Error>,
        n_held: usize,
        serve: impl Fn(&C, &mut TaskInbox<'_, I, R>) -> Result<(), Error> + Sync,
        each: impl FnMut(&R, &str) -> Result<(), Error>,
    ) -> Result<u64, Error> {
        let run = self.run;
        let Opened { mut journal, mut present, watch } = self.open::<R>()?;
        let each = RefCell::new(each);
        // What is to be appended, and the places of what is there, in the order of the list.
        let order: RefCell<Order> = RefCell::default();
        let found = |record: &R| {
            watch.borrow_mut().record(record, false);
            each.borrow_mut()(record, "")
        };
        let placed = |begin: Option<u64>, places: Vec<Option<u64>>| {
            if let Some(begin) = begin {
                order.borrow_mut().expect(begin, places);
            }
        };
        let mut missing = missing(&tasks, &mut present, found, placed)?.peekable();

        if missing.peek().is_some() {
            let shared = prepare()?;
            let work = |inbox: &mut TaskInbox<'_, I, R>| serve(&shared, inbox);
            self.workers.serve_ordered(n_held, missing, work, |made| {
                for Made { record, n_tokens, note } in made {
                    let offset = journal.end();
                    journal.append(&record)?;
                    order.borrow_mut().appended(offset);
                    if let Some(n_tokens) = n_tokens {
                        run.progress.advance(1, n_tokens);
                    }
                    watch.borrow_mut().record(&record, true);
                    each.borrow_mut()(&record, &note)?;
                }
                Ok::<(), Error>(())
            })?;
        } else {
            drop(missing);
        }
        present.finish()?;
        journal.sync()?;
        watch.into_inner().finish();
        if let Some(begin) = present.scattered_from() {
            journal.reorder(begin, &order.into_inner().offsets)?;
        }
        Ok(journal.n_records())
    }
}
