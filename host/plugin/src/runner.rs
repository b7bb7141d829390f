//! The runner role: runs one program in an instance of its own.
//!
//! In: a program, its standard input and [`RunLimits`]. Out: what it wrote and how it ended ([`Ran`]); or a
//! [`CallError`] where that says nothing of the program: the runner is broken, or the machine too slow.
//!
//! Fuel decides "out of time", so that a program is stopped at the same instruction on every machine. The wall-clock limit
//! behind it is so generous that only a machine that stalls meets it.
//!
//! Left out on purpose: tests, and what a right output is.

use std::sync::Arc;

use wasmtime_wasi::I32Exit;

use crate::bindings::exports::ts_host::plugin::runner as guest;
use crate::call_error::{CallError, CallErrorKind};
use crate::deep_stack::on_deep_stack;
use crate::engine;
use crate::instance::{Started, State, call_failed, metered};
use crate::limits::Limits;
use crate::load_error::LoadError;
use crate::plugin::Plugin;
use crate::role::{Role, RoleGuest};
use crate::sandbox::Sandbox;
use crate::text;

/// Fuel that stands for a millisecond of CPython itself on the machine that docs/code-grader.md names: what
/// `python_runner` uses for the work that CPython does there in one.
pub const FUEL_PER_MS: u64 = 20_000_000;
/// The wall-clock limit, in multiples of the time limit, and milliseconds on top.
const BACKSTOP: (u64, u64) = (10, 20_000);

/// What one program may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunLimits {
    /// Milliseconds, counted as fuel: [`FUEL_PER_MS`].
    pub time_ms: u32,
    /// MiB of memory, the interpreter's included; at most [`MAX_PROGRAM_MIB`].
    pub memory_mib: u32,
    /// Bytes of standard output that are kept.
    pub output_bytes: u32,
}

/// MiB of memory that a program can be given at most.
pub const MAX_PROGRAM_MIB: u32 = engine::PROGRAM_MIB;

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this status.
    Exited(u8),
    /// By an error that nothing caught.
    Failed(String),
    /// Never begun: it does not compile.
    NotCompiled(String),
    /// Out of time.
    TimeLimit,
    /// Out of memory.
    MemoryLimit,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// How it ended.
    pub ending: Ending,
    /// Standard output, up to the limit.
    pub output: Vec<u8>,
    /// Whether there was more.
    pub output_cut: bool,
    /// Fuel used, units.
    pub fuel: u64,
    /// Memory held at the end, which is the most: bytes.
    pub memory: u64,
}

/// A runner, usable from many threads. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Runner {
    inner: Arc<Inner>,
}

struct Inner {
    plugin: Plugin,
    indices: <guest::Guest as RoleGuest>::Indices,
    language: String,
}

impl Runner {
    /// Checks the role and asks for the language.
    pub(crate) fn open(plugin: &Plugin) -> Result<Self, LoadError> {
        if !plugin.roles().contains(&Role::Runner) {
            return Err(LoadError::WrongRole {
                plugin: plugin.identity().name.clone(),
                wanted: Role::Runner,
                roles: plugin.roles().to_vec(),
            });
        }
        let origin = || plugin.identity().origin.clone();
        let indices = guest::Guest::indices(&plugin.ready().pre).map_err(|error| LoadError::WrongType {
            origin: origin(),
            interface: Role::Runner.interface(),
            reason: text::sentence(&format!("{error:#}")),
        })?;
        let asking = plugin.clone();
        let asked = on_deep_stack(move || {
            let ready = asking.ready();
            let language = ready.start().and_then(|started| {
                let Started { mut store, instance, .. } = started;
                let asked = metered(&mut store, &ready.limits, |store| {
                    let guest = guest::Guest::load(&indices, store, &instance)
                        .map_err(|error| call_failed(&error, store))?;
                    guest.call_language(&mut *store).map_err(|error| call_failed(&error, store))
                });
                asked.outcome
            });
            language.map(|language| (indices, language))
        });
        let (indices, language) = asked.and_then(|asked| asked).map_err(|kind| LoadError::Start {
            origin: origin(),
            source: Box::new(CallError {
                plugin: plugin.identity().name.clone(),
                function: "language",
                problem: None,
                kind,
                fuel: None,
            }),
        })?;
        Ok(Self { inner: Arc::new(Inner { plugin: plugin.clone(), indices, language }) })
    }

    /// The language that it runs.
    pub fn language(&self) -> &str {
        &self.inner.language
    }

    /// The plugin behind it.
    pub fn plugin(&self) -> &Plugin {
        &self.inner.plugin
    }

    /// Runs one program.
    ///
    /// # Errors
    ///
    /// A [`CallError`]: nothing can be said of the program.
    pub fn run(&self, source: &str, input: &str, limits: &RunLimits) -> Result<Ran, CallError> {
        let failed = |function, kind, fuel| CallError {
            plugin: self.inner.plugin.identity().name.clone(),
            function,
            problem: None,
            kind,
            fuel,
        };
        let RunLimits { time_ms, memory_mib, output_bytes } = *limits;
        if memory_mib > MAX_PROGRAM_MIB {
            let reason = format!("a program can be given {MAX_PROGRAM_MIB} MiB at most, not {memory_mib}");
            return Err(failed("run", CallErrorKind::Unavailable(reason), None));
        }
        let limits = Limits {
            fuel_per_call: u64::from(time_ms) * FUEL_PER_MS,
            wall_ms_per_call: u64::from(time_ms) * BACKSTOP.0 + BACKSTOP.1,
            memory_bytes: (memory_mib as usize) << 20,
            ..self.inner.plugin.ready().limits.clone()
        };
        let sandbox = Box::new(Sandbox::new(input, output_bytes as usize, time_ms));
        let (inner, source) = (Arc::clone(&self.inner), source.to_owned());
        let run = move || {
            let started = inner.plugin.ready().start_in(Some(sandbox), &limits);
            let Started { mut store, instance, .. } = started.map_err(|kind| ("instantiate", kind, None))?;
            let program = guest::Program { source: &source, time_ms };
            let ran = metered(&mut store, &limits, |store| {
                let guest = guest::Guest::load(&inner.indices, store, &instance)
                    .map_err(|error| call_failed(&error, store))?;
                Ok(ended(guest.call_run(&mut *store, program), store))
            });
            let ending = ran.outcome.and_then(|ended| ended).map_err(|kind| ("run", kind, Some(ran.fuel)))?;
            let state = store.into_data();
            let memory = state.limiter.held_bytes() as u64;
            let (output, output_cut) = state.sandbox.unwrap_or_default().into_output();
            Ok(Ran { ending, output, output_cut, fuel: ran.fuel, memory })
        };
        let ran = on_deep_stack(run).map_err(|kind| failed("run", kind, None))?;
        ran.map_err(|(function, kind, fuel)| failed(function, kind, fuel))
    }
}

/// How a program ended, by what its runner says or the host saw.
fn ended(
    outcome: wasmtime::Result<Result<guest::Ending, String>>,
    store: &wasmtime::Store<State>,
) -> Result<Ending, CallErrorKind> {
    let error = match outcome {
        Ok(Ok(guest::Ending::Exited(status))) => return Ok(Ending::Exited(status)),
        // A program that is refused memory usually ends by an error of its own.
        Ok(Ok(_)) if store.data().limiter.refused() => return Ok(Ending::MemoryLimit),
        Ok(Ok(guest::Ending::Failed(why))) => return Ok(Ending::Failed(text::sentence(&why))),
        Ok(Ok(guest::Ending::NotCompiled(why))) => return Ok(Ending::NotCompiled(text::sentence(&why))),
        Ok(Err(reason)) => return Err(CallErrorKind::Refused(text::sentence(&reason))),
        Err(error) => error,
    };
    if let Some(I32Exit(status)) = error.downcast_ref::<I32Exit>() {
        return Ok(Ending::Exited(*status as u8));
    }
    match call_failed(&error, store) {
        CallErrorKind::OutOfFuel => Ok(Ending::TimeLimit),
        CallErrorKind::OutOfMemory => Ok(Ending::MemoryLimit),
        CallErrorKind::StackOverflow => Ok(Ending::Failed("stack overflow".to_owned())),
        CallErrorKind::Trapped(trap) => Ok(Ending::Failed(trap)),
        kind => Err(kind),
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner").field("plugin", &self.plugin).field("language", &self.language).finish()
    }
}
