//! The `runners` import: a verifier's way to have programs run.
//!
//! In: calls of a guest that grades programs. Out: each program, or two that converse, run by the runner of its language, in an instance of
//! its own; or an error in words where nothing can be said of the program. The guest pays for asking ([`charge`]); what the
//! programs of one call use is counted apart, and when all that they may use together is used up, the call ends, whatever the guest
//! would make of it.
//!
//! Left out on purpose: what a run is. That is `runner.rs`.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use wasmtime::StoreContextMut;
use wasmtime::component::Linker;

use crate::bindings::ts_host::plugin::runners as wit;
use crate::call_error::{CallError, CallErrorKind};
use crate::instance::{State, Stop};
use crate::runner::{Ending, Program, Ran, RunLimits, Runner, Share, converse_in};
use crate::versions::Version;
use crate::{charge, text};

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
    /// Fuel that the programs of the call in progress may still use.
    left: u64,
}

impl Programs {
    pub(crate) fn new(runners: Option<Arc<Runners>>) -> Self {
        Self { runners, left: 0 }
    }

    /// Lets the programs of the next call use so much fuel together.
    pub(crate) fn start_call(&mut self, fuel: u64) {
        self.left = fuel;
    }

    fn languages(&self) -> Vec<String> {
        self.runners.as_deref().map(Runners::languages).unwrap_or_default()
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

/// Gives a linker the runners.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut runners = linker.instance(&format!("ts-host:plugin/runners@{}", Version::V0_2))?;
    runners.func_wrap("languages", |mut store: StoreContextMut<'_, State>, (): ()| {
        let languages = store.data().programs.languages();
        charge::host_call(&mut store, languages.iter().map(String::len).sum())?;
        Ok((languages,))
    })?;
    runners.func_wrap("run", |mut store: StoreContextMut<'_, State>, (one,): (wit::Program,)| {
        charge::host_call(&mut store, size(&one))?;
        let run = |runner: Runner, share: &Share| runner.run_in(&program(&one), share);
        let runner = store.data().programs.runner(&one.language);
        let done = settle(&mut store, runner, run, |ran| ran.fuel_in_all())?.map(ran);
        charge::host_call(&mut store, done.as_ref().map_or(0, |ran| ran.output.len()))?;
        Ok((done,))
    })?;
    let converse = |mut store: StoreContextMut<'_, State>, (first, second): (wit::Program, wit::Program)| {
        charge::host_call(&mut store, size(&first).saturating_add(size(&second)))?;
        let runner = |one: &wit::Program| store.data().programs.runner(&one.language);
        let runners = runner(&first).and_then(|one| Ok((one, runner(&second)?)));
        let run = |runners: (Runner, Runner), share: &Share| {
            converse_in((&runners.0, &program(&first)), (&runners.1, &program(&second)), share)
        };
        let fuel = |both: &(Ran, Ran)| both.0.fuel_in_all().saturating_add(both.1.fuel_in_all());
        let done = settle(&mut store, runners, run, fuel)?.map(|(first, second)| (ran(first), ran(second)));
        let output = |both: &(wit::Ran, wit::Ran)| both.0.output.len().saturating_add(both.1.output.len());
        charge::host_call(&mut store, done.as_ref().map_or(0, output))?;
        Ok((done,))
    };
    runners.func_wrap("converse", converse)
}

/// Bytes that a guest hands over for a run.
fn size(program: &wit::Program) -> usize {
    program.source.len().saturating_add(program.input.len())
}

/// Has runners run what a call asks for, out of what its programs may still use. An error of the outer kind ends the call.
fn settle<R, T>(
    store: &mut StoreContextMut<'_, State>,
    runners: Result<R, String>,
    run: impl FnOnce(R, &Share) -> Result<T, CallError>,
    fuel: impl FnOnce(&T) -> u64,
) -> wasmtime::Result<Result<T, String>> {
    let runners = match runners {
        Ok(runners) => runners,
        Err(none) => return Ok(Err(none)),
    };
    let state = store.data_mut();
    let done = run(runners, &Share { fuel: state.programs.left, cancel: state.cancel.clone() });
    // What ran beside a call that is called off may have been cut short, and is nobody's to see.
    if state.is_cancelled() {
        return Err(Stop::Cancelled.into());
    }
    match done {
        Ok(done) => {
            let left = state.programs.left.checked_sub(fuel(&done)).ok_or(Stop::OutOfProgramTime)?;
            state.programs.left = left;
            Ok(Ok(done))
        }
        Err(CallError { kind: CallErrorKind::OutOfProgramTime, .. }) => Err(Stop::OutOfProgramTime.into()),
        Err(error) => Ok(Err(told(&error))),
    }
}
