//! A verifier and the threads that grade with it.
//!
//! In: requests, through the queue. Out: an answer for each item, to whoever waits for it. A panic while
//! grading is an answer of kind `internal`, and the worker goes on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use serde::Serialize;
use serde_json::{Map, Value};
use ts_plugin::{Call, CallError, CallErrorKind, Cancel, Grade, Problem, SettingValue, Verifier};

use crate::answer::Answer;
use crate::budget::{Budget, LEAST_REQUESTS};
use crate::items::Item;
use crate::metrics::Metrics;
use crate::options::Options;
use crate::queue::{Part, Queue, Request, Why};
use crate::refusal::Refusal;

/// Something that grades, until the token fires.
type Grader = dyn Fn(&Problem, &str, &Cancel) -> Result<Call<Grade>, CallError> + Send + Sync;

/// A verifier that is ready to serve.
pub struct Service {
    pub(crate) shared: Arc<Shared>,
}

/// What every part of the service has.
pub(crate) struct Shared {
    pub(crate) about: About,
    pub(crate) options: Options,
    pub(crate) queue: Queue,
    pub(crate) budget: Arc<Budget>,
    pub(crate) metrics: Metrics,
    grader: Box<Grader>,
}

/// Which verifier it is.
#[derive(Debug, Serialize)]
pub(crate) struct About {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) sha256: String,
    pub(crate) settings: Map<String, Value>,
}

impl Service {
    /// Starts the workers. The verifier's host should allow [`Options::places`] calls at once.
    ///
    /// # Errors
    ///
    /// The system gives no thread.
    pub fn start(verifier: Verifier, options: Options) -> std::io::Result<Self> {
        let identity = verifier.plugin().identity();
        let settings = verifier.settings().iter().map(|(name, value)| (name.clone(), json(value))).collect();
        let about = About {
            name: identity.name.clone(),
            version: identity.version.clone(),
            sha256: identity.sha256.clone(),
            settings,
        };
        let grader = move |problem: &Problem, response: &str, cancel: &Cancel| {
            verifier.grade_unless(problem, response, cancel)
        };
        Self::with_grader(about, Box::new(grader), options)
    }

    pub(crate) fn with_grader(about: About, grader: Box<Grader>, options: Options) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            about,
            queue: Queue::new(options.queue, options.workers, options.places()),
            budget: Budget::new(options.max_held_bytes.max(LEAST_REQUESTS * options.max_body_bytes)),
            metrics: Metrics::default(),
            grader,
            options,
        });
        for index in 0..shared.options.places() {
            let shared = Arc::clone(&shared);
            // They end with the process: a call that loops must not keep it from ending.
            thread::Builder::new()
                .name(format!("grade-{index}"))
                .spawn(move || shared.work(index >= shared.options.workers.max(1)))?;
        }
        let watched = Arc::clone(&shared);
        thread::Builder::new().name("watch".into()).spawn(move || watched.queue.watch())?;
        Ok(Self { shared })
    }
}

impl Shared {
    fn work(&self, is_further: bool) {
        loop {
            let mut turn = self.queue.take(is_further);
            let request = Arc::clone(&turn.job.request);
            self.metrics.begin();
            let index = match turn.job.part {
                Part::Item(index) => Some(index),
                Part::Text => self.read(&request),
            };
            let Some(index) = index else {
                self.metrics.end();
                self.queue.finish(turn);
                continue;
            };
            turn.job.part = Part::Item(index);
            let answer = self.grade(&request, index, &turn.cancel);
            self.metrics.end();
            match answer {
                Some(answer) => {
                    request.answer(index, &answer);
                    self.queue.finish(turn);
                }
                None => match self.queue.stopped(turn) {
                    Why::Late => request.answer(index, &Answer::deadline()),
                    Why::PutBack => self.metrics.put_back(),
                    Why::Over => {}
                },
            }
        }
    }

    /// Reads a request. One item alone is graded at once, and is what comes back; more go to the queue.
    fn read(&self, request: &Arc<Request>) -> Option<usize> {
        let read = catch_unwind(AssertUnwindSafe(|| request.read(self.queue.capacity())));
        match read {
            Ok(Some(1)) => return Some(0),
            Ok(Some(n_items)) => {
                if let Err(refusal) = self.queue.offer_items(request, n_items) {
                    request.end(Err(refusal));
                }
            }
            // It has ended.
            Ok(None) => {}
            Err(_) => request.end(Err(Refusal::Internal)),
        }
        None
    }

    /// Grades an item; nothing if that was cancelled.
    fn grade(&self, request: &Request, index: usize, cancel: &Cancel) -> Option<Answer> {
        let graded = catch_unwind(AssertUnwindSafe(|| {
            let Item { problem, response } = request.item(index)?;
            Ok::<_, String>((self.grader)(&problem, &response, cancel))
        }));
        match graded {
            Ok(Ok(Err(CallError { kind: CallErrorKind::Cancelled, .. }))) => None,
            Ok(Ok(graded)) => Some(Answer::new(graded)),
            Ok(Err(_)) | Err(_) => Some(Answer::lost()),
        }
    }
}

fn json(value: &SettingValue) -> Value {
    match value {
        SettingValue::Boolean(value) => (*value).into(),
        SettingValue::Integer(value) => (*value).into(),
        SettingValue::Number(value) => (*value).into(),
        SettingValue::Text(value) => value.clone().into(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    use tokio::sync::oneshot;
    use ts_plugin::Verdict;

    use crate::client::Client;
    use crate::items::Place;

    /// A service that does what the reference says: `correct`, `incorrect`, `fail`, `panic`, `nap` for a
    /// tenth of a second, or `loop` until it is cancelled. The note is the response.
    pub(crate) fn obedient(options: Options) -> Service {
        let about = About {
            name: "obedient".into(),
            version: "0.1.0".into(),
            sha256: "00".into(),
            settings: Map::new(),
        };
        Service::with_grader(about, Box::new(obey), options).unwrap()
    }

    fn obey(problem: &Problem, response: &str, cancel: &Cancel) -> Result<Call<Grade>, CallError> {
        let failed = |kind| {
            Err(CallError { plugin: "obedient".into(), function: "grade", problem: None, kind, fuel: None })
        };
        let verdict = match problem.reference.as_str() {
            "correct" => Verdict::Correct,
            "incorrect" => Verdict::Incorrect,
            "nap" => {
                thread::sleep(Duration::from_millis(100));
                Verdict::Correct
            }
            "loop" => {
                while !cancel.is_cancelled() {
                    thread::sleep(Duration::from_millis(1));
                }
                return failed(CallErrorKind::Cancelled);
            }
            "panic" => panic!("as the reference says"),
            _ => return failed(CallErrorKind::OutOfFuel),
        };
        let value = Grade { verdict, score: 1.0, answer: None, note: response.into(), tests: vec![] };
        Ok(Call { value, fuel: 5, elapsed: Duration::from_millis(2), memory: 0 })
    }

    type Word = oneshot::Receiver<Result<(), Refusal>>;

    /// Asks for a batch with these references.
    fn ask(service: &Service, client: u64, references: &[&str]) -> (Arc<Request>, Word) {
        let items: Vec<Value> = references
            .iter()
            .map(|reference| serde_json::json!({ "reference": reference, "response": "" }))
            .collect();
        let text = serde_json::json!({ "items": items }).to_string().into_bytes();
        let client = Client::Connection(client);
        let held = service.shared.budget.hold(client);
        let (request, word) = Request::new(client, text, Place::Body, None, held);
        let request = Arc::new(request);
        service.shared.queue.offer(&request).unwrap();
        (request, word)
    }

    fn outcomes((request, word): (Arc<Request>, Word)) -> Vec<&'static str> {
        word.blocking_recv().unwrap().unwrap();
        request.take_answers().unwrap().answers.iter().map(|answer| answer.outcome).collect()
    }

    /// Waits until this holds; a test that hangs fails.
    fn until(what: &str, holds: impl Fn() -> bool) {
        let started = Instant::now();
        while !holds() {
            assert!(started.elapsed() < Duration::from_secs(300), "{what}");
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn in_flight(service: &Service) -> bool {
        !service.shared.metrics.text(0).contains("in_flight_items 0\n")
    }

    #[test]
    fn a_worker_outlives_a_panic() {
        let service = obedient(Options::default());
        let asked = ask(&service, 1, &["panic", "fail", "correct"]);
        assert_eq!(outcomes(asked), ["internal", "out_of_fuel", "correct"]);
    }

    #[test]
    fn what_nobody_waits_for_ends_and_is_not_begun() {
        let service = obedient(Options { workers: 2, ..Options::default() });
        let (request, word) = ask(&service, 1, &["loop", "loop", "loop", "loop"]);
        until("two have begun", || service.shared.queue.len() == 2);
        drop(word);
        service.shared.queue.abandon(&request);
        assert_eq!(service.shared.queue.len(), 0);
        until("the workers are free", || !in_flight(&service));
        assert_eq!(outcomes(ask(&service, 1, &["correct"; 20])), ["correct"; 20]);
    }

    #[test]
    fn two_clients_that_loop_keep_no_third_one_waiting() {
        let service = obedient(Options { workers: 2, ..Options::default() });
        let _looping = [ask(&service, 1, &["loop"; 50]), ask(&service, 2, &["loop"; 50])];
        until("they have begun", || in_flight(&service));
        for _ in 0..20 {
            assert_eq!(
                outcomes(ask(&service, 3, &["correct", "incorrect", "fail"])),
                ["correct", "incorrect", "out_of_fuel"]
            );
        }
    }

    #[test]
    fn more_clients_that_loop_than_places_are_put_back_for_others() {
        let service = obedient(Options { workers: 1, ..Options::default() });
        let _looping: Vec<_> = (0..10).map(|client| ask(&service, client, &["loop"; 5])).collect();
        until("they have all places", || service.shared.queue.len() == 50 - service.shared.options.places());
        for client in 10..13 {
            assert_eq!(outcomes(ask(&service, client, &["correct"; 3])), ["correct"; 3]);
        }
        assert!(!service.shared.metrics.text(0).contains("put_back_items_total 0\n"));
    }

    #[test]
    fn a_request_is_queued_whole_or_not_at_all() {
        let service = obedient(Options { workers: 1, queue: 3, ..Options::default() });
        let (first, _word) = ask(&service, 1, &["loop", "loop", "loop"]);
        until("one has begun", || service.shared.queue.len() == 2);
        let (_, word) = ask(&service, 1, &["correct", "correct"]);
        service.shared.queue.abandon(&first);
        // It is read before or after the first has gone.
        assert!(matches!(word.blocking_recv().unwrap(), Ok(()) | Err(Refusal::QueueFull)));
        let (_, word) = ask(&service, 1, &["correct"; 4]);
        assert_eq!(word.blocking_recv().unwrap(), Err(Refusal::TooManyItems { items: 4, most: 3 }));
        assert_eq!(outcomes(ask(&service, 2, &["correct"; 3])), ["correct"; 3]);
        assert_eq!(outcomes(ask(&service, 2, &[])), [""; 0]);
    }
}
