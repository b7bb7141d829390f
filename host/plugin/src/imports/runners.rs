//! The `runners` import: a verifier's way to have programs run.
//!
//! In: calls of a guest that grades programs. Out: each program, or two that converse, run by the runner of
//! its language, in an instance of its own; or an error in words where nothing can be said of the program.
//! The guest pays for asking ([`charge`]); what the programs of one call use is counted apart, and when all
//! that they may use together is used up, the call ends, whatever the guest would make of it. What a run is
//! stands in `programs/runner.rs`.

use wasmtime::StoreContextMut;
use wasmtime::component::Linker;

use crate::call::call_error::{CallError, CallErrorKind};
use crate::call::state::{State, Stop};
use crate::contract::bindings::ts_host::plugin::runners as wit;
use crate::contract::version::Version;
use crate::imports::charge;
use crate::programs::access::{NotRun, Programs, RunPrograms};
use crate::programs::program::{Ending, Program, Ran, RunLimits, Share};
use crate::text;

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

/// Gives a linker the runners, under their name in each version of the contract that has them: the types are the same.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    Version::WITH_PROGRAMS.iter().try_for_each(|version| add_as(linker, *version))
}

fn add_as(linker: &mut Linker<State>, version: Version) -> wasmtime::Result<()> {
    let mut runners = linker.instance(&format!("ts-host:plugin/runners@{version}"))?;
    runners.func_wrap("languages", |mut store: StoreContextMut<'_, State>, (): ()| {
        let languages = store.data().programs.languages();
        charge::host_call(&mut store, languages.iter().map(String::len).sum())?;
        Ok((languages,))
    })?;
    runners.func_wrap("run", |mut store: StoreContextMut<'_, State>, (one,): (wit::Program,)| {
        charge::host_call(&mut store, size(&one))?;
        let run = |programs: &Programs, share: &Share| programs.run((&one.language, &program(&one)), share);
        let done = settle(&mut store, run, |ran| ran.fuel_in_all())?.map(ran);
        charge::host_call(&mut store, done.as_ref().map_or(0, |ran| ran.output.len()))?;
        Ok((done,))
    })?;
    let converse = |mut store: StoreContextMut<'_, State>, (first, second): (wit::Program, wit::Program)| {
        charge::host_call(&mut store, size(&first).saturating_add(size(&second)))?;
        let run = |programs: &Programs, share: &Share| {
            let (one, other) = (program(&first), program(&second));
            programs.converse((&first.language, &one), (&second.language, &other), share)
        };
        let fuel = |both: &(Ran, Ran)| both.0.fuel_in_all().saturating_add(both.1.fuel_in_all());
        let done = settle(&mut store, run, fuel)?.map(|(first, second)| (ran(first), ran(second)));
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

/// Has runners run what a call asks for, out of what its programs may still use. An error of the outer kind
/// ends the call.
fn settle<T>(
    store: &mut StoreContextMut<'_, State>,
    run: impl FnOnce(&Programs, &Share) -> Result<T, NotRun>,
    fuel: impl FnOnce(&T) -> u64,
) -> wasmtime::Result<Result<T, String>> {
    let state = store.data_mut();
    let share = Share { fuel: state.programs.left, cancel: state.cancel.clone() };
    let done = match run(&state.programs, &share) {
        Ok(done) => Ok(done),
        Err(NotRun::Failed(error)) => Err(error),
        Err(NotRun::NoRunner(none)) => return Ok(Err(none)),
    };
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
