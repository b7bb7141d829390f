//! A verifier and the threads that grade with it.
//!
//! In: items, through the queue. Out: answers, each to whoever waits for it. An item that nobody waits for any more is not
//! graded. A panic while grading is an answer of kind `internal`, and the worker goes on.
//!
//! Left out on purpose: stopping a call that nobody waits for any more. The plugin host's limits end it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use serde::Serialize;
use serde_json::{Map, Value};
use ts_plugin::{Call, CallError, Grade, Problem, SettingValue, Verifier};

use crate::answer::Answer;
use crate::budget::Budget;
use crate::metrics::Metrics;
use crate::options::Options;
use crate::queue::{Job, Queue};

/// Something that grades.
type Grader = dyn Fn(&Problem, &str) -> Result<Call<Grade>, CallError> + Send + Sync;

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
    /// Starts the workers.
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
        let grader = move |problem: &Problem, response: &str| verifier.grade(problem, response);
        Self::with_grader(about, Box::new(grader), options)
    }

    pub(crate) fn with_grader(about: About, grader: Box<Grader>, options: Options) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            about,
            queue: Queue::new(options.queue),
            budget: Budget::new(options.max_held_bytes.max(options.max_body_bytes)),
            metrics: Metrics::default(),
            grader,
            options,
        });
        for index in 0..shared.options.workers.max(1) {
            let shared = Arc::clone(&shared);
            // They end with the process: a call that loops must not keep it from ending.
            thread::Builder::new().name(format!("grade-{index}")).spawn(move || shared.work())?;
        }
        Ok(Self { shared })
    }
}

impl Shared {
    fn work(&self) {
        loop {
            let Job { item, reply } = self.queue.take();
            if reply.is_closed() {
                continue;
            }
            self.metrics.begin();
            let graded = catch_unwind(AssertUnwindSafe(|| (self.grader)(&item.problem, &item.response)));
            self.metrics.end();
            // Whoever waited may have gone by now.
            let _ = reply.send(match graded {
                Ok(graded) => Answer::new(item.id, graded),
                Err(_) => Answer::lost(item.id),
            });
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
    use std::time::Duration;
    use ts_plugin::{CallErrorKind, Verdict};

    /// A service that does what the reference says: `correct`, `incorrect`, `fail`, `panic`, or `sleep` for a tenth of a
    /// second. The note is the response.
    pub(crate) fn obedient(options: Options) -> Service {
        let about = About {
            name: "obedient".into(),
            version: "0.1.0".into(),
            sha256: "00".into(),
            settings: Map::new(),
        };
        Service::with_grader(about, Box::new(obey), options).unwrap()
    }

    fn obey(problem: &Problem, response: &str) -> Result<Call<Grade>, CallError> {
        let verdict = match problem.reference.as_str() {
            "correct" => Verdict::Correct,
            "incorrect" => Verdict::Incorrect,
            "sleep" => {
                thread::sleep(Duration::from_millis(100));
                Verdict::Correct
            }
            "panic" => panic!("as the reference says"),
            _ => {
                return Err(CallError {
                    plugin: "obedient".into(),
                    function: "grade",
                    problem: None,
                    kind: CallErrorKind::OutOfFuel,
                    fuel: None,
                });
            }
        };
        let value = Grade { verdict, score: 1.0, answer: None, note: response.into(), tests: vec![] };
        Ok(Call { value, fuel: 5, elapsed: Duration::from_millis(2), memory: 0 })
    }

    #[test]
    fn a_worker_outlives_a_panic() {
        let service = obedient(Options::default());
        let outcomes = ["panic", "fail", "correct"].map(|reference| {
            let line = format!(r#"{{"reference":"{reference}","response":""}}"#);
            let (job, answer) = Job::new(crate::item::parse_item(line.as_bytes(), "item").unwrap());
            service.shared.queue.push(job);
            answer.blocking_recv().unwrap().outcome()
        });
        assert_eq!(outcomes, ["internal", "out_of_fuel", "correct"]);
    }
}
