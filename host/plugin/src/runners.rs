//! The `runners` import: a verifier's way to have programs run.
//!
//! In: calls of a guest that grades programs. Out: each program, or two that converse, run by the runner of its language, in an instance of
//! its own; or an error in words where nothing can be said of the program. The guest's fuel is not spent meanwhile, and
//! its time stands still.
//!
//! Left out on purpose: what a run is. That is `runner.rs`.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use crate::bindings::ts_host::plugin::runners as wit;
use crate::call_error::CallError;
use crate::runner::{Ending, Program, Ran, RunLimits, Runner, converse};
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

    fn runner(&self, language: &str) -> Result<Runner, String> {
        let runners = self.runners.as_deref();
        runners.and_then(|runners| runners.get(language)).ok_or_else(|| {
            let have = runners.map(Runners::languages).unwrap_or_default();
            let have = if have.is_empty() {
                "none is loaded".into()
            } else {
                format!("there is {}", have.join(", "))
            };
            format!(
                "no runner for `{language}`: {have}; `cargo xtask runners` builds those that ship, and --plugin names one"
            )
        })
    }

    /// Has something done by runners, while the time of this instance stands still.
    fn wait_for<T>(
        &mut self,
        work: impl FnOnce(&Self) -> Result<T, String>,
    ) -> wasmtime::Result<Result<T, String>> {
        let began = Instant::now();
        let done = work(self);
        self.waited += began.elapsed();
        Ok(done)
    }
}

fn program(program: &wit::Program) -> Program<'_> {
    let wit::Limits { time_ms, memory_mib, output_bytes } = program.limits;
    Program {
        source: &program.source,
        input: &program.input,
        limits: RunLimits { time_ms, memory_mib, output_bytes },
    }
}

fn told(error: &CallError) -> String {
    text::sentence(&error.to_string())
}

fn ran(ran: Ran) -> wit::Ran {
    wit::Ran {
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
    }
}

impl wit::Host for Programs {
    fn languages(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(self.runners.as_deref().map(Runners::languages).unwrap_or_default())
    }

    fn run(&mut self, one: wit::Program) -> wasmtime::Result<Result<wit::Ran, String>> {
        self.wait_for(|programs| {
            let done = programs.runner(&one.language)?.run(&program(&one));
            done.map(ran).map_err(|error| told(&error))
        })
    }

    fn converse(
        &mut self,
        first: wit::Program,
        second: wit::Program,
    ) -> wasmtime::Result<Result<(wit::Ran, wit::Ran), String>> {
        self.wait_for(|programs| {
            let runners = [programs.runner(&first.language)?, programs.runner(&second.language)?];
            let done = converse((&runners[0], &program(&first)), (&runners[1], &program(&second)));
            done.map(|(first, second)| (ran(first), ran(second))).map_err(|error| told(&error))
        })
    }
}
