//! The `runners` import: a verifier's way to have programs run.
//!
//! In: calls of a guest that grades programs. Out: each program run by the runner of its language, in an instance of
//! its own; or an error in words where nothing can be said of the program. The guest's fuel is not spent meanwhile, and
//! its time stands still.
//!
//! Left out on purpose: what a run is. That is `runner.rs`.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use crate::bindings::ts_host::plugin::runners as wit;
use crate::runner::{Ending, RunLimits, Runner};
use crate::text;

/// The runners of one host, by language.
#[derive(Debug, Default)]
pub(crate) struct Runners(RwLock<BTreeMap<String, Runner>>);

impl Runners {
    /// Adds a runner; the one before it for the same language goes.
    pub(crate) fn add(&self, runner: Runner) {
        let mut runners = self.0.write().unwrap_or_else(PoisonError::into_inner);
        runners.insert(runner.language().to_owned(), runner);
    }

    fn languages(&self) -> Vec<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    fn get(&self, language: &str) -> Option<Runner> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(language).cloned()
    }
}

/// What one instance may do with runners.
pub(crate) struct Programs {
    runners: Option<Arc<Runners>>,
    waited: Duration,
}

impl Programs {
    pub(crate) fn new(runners: Option<Arc<Runners>>) -> Self {
        Self { runners, waited: Duration::ZERO }
    }

    /// How long this instance waited for programs since it was asked last.
    pub(crate) fn take_waited(&mut self) -> Duration {
        std::mem::take(&mut self.waited)
    }

    fn run_program(
        &self,
        language: &str,
        source: &str,
        input: &str,
        limits: &wit::Limits,
    ) -> Result<wit::Ran, String> {
        let runners = self.runners.as_deref();
        let Some(runner) = runners.and_then(|runners| runners.get(language)) else {
            let have = runners.map(Runners::languages).unwrap_or_default();
            let have = if have.is_empty() {
                "none is loaded".into()
            } else {
                format!("there is {}", have.join(", "))
            };
            return Err(format!(
                "no runner for `{language}`: {have}; `cargo xtask runners` builds those that ship, and --plugin names one"
            ));
        };
        let limits = RunLimits {
            time_ms: limits.time_ms,
            memory_mib: limits.memory_mib,
            output_bytes: limits.output_bytes,
        };
        let ran = runner.run(source, input, &limits).map_err(|error| text::sentence(&error.to_string()))?;
        Ok(wit::Ran {
            ending: match ran.ending {
                Ending::Exited(status) => wit::Ending::Exited(status),
                Ending::Failed(why) => wit::Ending::Failed(why),
                Ending::NotCompiled(why) => wit::Ending::NotCompiled(why),
                Ending::TimeLimit => wit::Ending::TimeLimit,
                Ending::MemoryLimit => wit::Ending::MemoryLimit,
            },
            output: ran.output,
            output_cut: ran.output_cut,
            fuel: ran.fuel,
            memory: ran.memory,
        })
    }
}

impl wit::Host for Programs {
    fn languages(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(self.runners.as_deref().map(Runners::languages).unwrap_or_default())
    }

    fn run(
        &mut self,
        language: String,
        source: String,
        input: String,
        limits: wit::Limits,
    ) -> wasmtime::Result<Result<wit::Ran, String>> {
        let began = Instant::now();
        let ran = self.run_program(&language, &source, &input, &limits);
        self.waited += began.elapsed();
        Ok(ran)
    }
}
