//! A request on its way: its text, and what came of its items so far.
//!
//! In: a text, then an answer for each item, from the workers. Out: word to whoever waits when all are there,
//! and the answers, as JSON that only has to be put together: so the threads that read and write have next to
//! nothing to do.
//!
//! There is no time limit here. Whoever waits may stop waiting, and gets what is there.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::answer::Answer;
use crate::budget::{Held, PER_ITEM};
use crate::client::Client;
use crate::items::{self, Item, Outline, Place};
use crate::refusal::Refusal;

/// One request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) client: Client,
    /// How long an item may take from when it begins, where nobody else watches the time.
    pub(crate) item_deadline: Option<Duration>,
    text: Vec<u8>,
    place: Place,
    outline: OnceLock<Outline>,
    progress: Mutex<Progress>,
}

#[derive(Debug)]
struct Progress {
    /// By item; empty until the text was read.
    answers: Vec<Option<Answered>>,
    n_missing: usize,
    done: Option<oneshot::Sender<Result<(), Refusal>>>,
    held: Held,
}

/// An answer that is there.
#[derive(Debug, PartialEq)]
pub(crate) struct Answered {
    /// JSON.
    pub(crate) text: String,
    /// The verdict, or the kind of the error.
    pub(crate) outcome: &'static str,
}

impl Request {
    /// A request that is to be read and graded, and where word comes when it is done. `held` covers the text.
    pub(crate) fn new(
        client: Client,
        text: Vec<u8>,
        place: Place,
        item_deadline: Option<Duration>,
        held: Held,
    ) -> (Self, oneshot::Receiver<Result<(), Refusal>>) {
        let (done, word) = oneshot::channel();
        let progress = Mutex::new(Progress { answers: Vec::new(), n_missing: 0, done: Some(done), held });
        (Self { client, item_deadline, text, place, outline: OnceLock::new(), progress }, word)
    }

    /// Reads the text; how many items it has, `most` at most. One that is refused is done.
    pub(crate) fn read(&self, most: usize) -> Option<usize> {
        let read = items::outline(&self.text, self.place, most).and_then(|outline| {
            let n_items = outline.items.len();
            let mut progress = self.progress();
            // For one there is always room.
            progress.held.must_grow(if n_items == 1 { PER_ITEM } else { 0 });
            if n_items > 1 && !progress.held.grow(PER_ITEM * n_items) {
                return Err(Refusal::MemoryFull);
            }
            progress.answers.resize_with(n_items, || None);
            progress.n_missing = n_items;
            // It is read once.
            let _ = self.outline.set(outline);
            Ok(n_items)
        });
        match read {
            Ok(0) => {
                self.end(Ok(()));
                None
            }
            Ok(n_items) => Some(n_items),
            Err(refusal) => {
                self.end(Err(refusal));
                None
            }
        }
    }

    /// What is to be graded at `index`; an error is the host's.
    pub(crate) fn item(&self, index: usize) -> Result<Item, String> {
        let outline = self.outline.get().ok_or("the request was not read")?;
        items::item(&self.text, self.place, outline, index)
    }

    /// Takes the answer to an item.
    pub(crate) fn answer(&self, index: usize, answer: &Answer) {
        let answered = self.answered(index, answer);
        let mut progress = self.progress();
        // More than was reckoned with is counted too.
        progress.held.must_grow(answered.text.len().saturating_sub(PER_ITEM));
        let Some(slot) = progress.answers.get_mut(index) else { return };
        if slot.replace(answered).is_none() {
            progress.n_missing -= 1;
        }
        let is_done = progress.n_missing == 0;
        drop(progress);
        if is_done {
            self.end(Ok(()));
        }
    }

    /// Ends it: with what is there, or refused as a whole.
    pub(crate) fn end(&self, result: Result<(), Refusal>) {
        let done = self.progress().done.take();
        if let Some(done) = done {
            // Whoever waited may have gone.
            let _ = done.send(result);
        }
    }

    /// Whether nobody waits for it any more.
    pub(crate) fn is_over(&self) -> bool {
        self.progress().done.as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    /// Whether all its work is done.
    pub(crate) fn is_complete(&self) -> bool {
        self.outline.get().is_some() && self.progress().n_missing == 0
    }

    /// The answers in order, `deadline` where there is none; nothing if the text was not even read.
    pub(crate) fn take_answers(&self) -> Option<Answers> {
        let outline = self.outline.get()?;
        let answers = std::mem::take(&mut self.progress().answers);
        let or_deadline = |(index, answer): (usize, Option<Answered>)| {
            answer.unwrap_or_else(|| self.answered(index, &Answer::deadline()))
        };
        Some(Answers {
            is_batch: outline.is_batch,
            answers: answers.into_iter().enumerate().map(or_deadline).collect(),
        })
    }

    fn answered(&self, index: usize, answer: &Answer) -> Answered {
        let id = self.outline.get().map_or("null", |outline| items::id(&self.text, outline, index));
        Answered { text: answer.to_json(id), outcome: answer.outcome() }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a request is answered with.
#[derive(Debug)]
pub(crate) struct Answers {
    is_batch: bool,
    pub(crate) answers: Vec<Answered>,
}

impl Answers {
    /// All of it as JSON, in the shape of the request.
    pub(crate) fn into_json(mut self) -> String {
        if !self.is_batch {
            return self.answers.pop().map(|answer| answer.text).unwrap_or_default();
        }
        let length: usize = self.answers.iter().map(|answer| answer.text.len() + 1).sum();
        let mut json = String::with_capacity(length + 12);
        json.push_str("{\"items\":[");
        for (index, answer) in self.answers.into_iter().enumerate() {
            if index > 0 {
                json.push(',');
            }
            json.push_str(&answer.text);
        }
        json.push_str("]}");
        json
    }
}
