//! The runner role: runs one program in an instance of its own, or two that converse.
//!
//! In: a [`Program`]: its text, its standard input and [`RunLimits`]. Out: what it wrote and how it ended
//! ([`Ran`]); or a [`CallError`] where that says nothing of the program: the runner is broken, or the machine
//! too slow.
//!
//! A text is compiled in an instance that then goes, under limits of its own, and what that gives is kept: it
//! depends on nothing but the text.
//!
//! Fuel decides "out of time", so that a program is stopped at the same instruction on every machine. The
//! limit of processor time behind it is so generous that only work which fuel does not count meets it. A run
//! that is part of a call has its share of what all the runs of the call may use ([`Share`]); a run that this
//! cuts short is nobody's answer.

use std::sync::{Arc, Mutex, PoisonError};

use wasmtime::Store;
use wasmtime_wasi::I32Exit;

use crate::call::call_error::{CallError, CallErrorKind};
use crate::call::cancel::Cancel;
use crate::call::instance::{Started, call_failed, metered};
use crate::call::state::State;
use crate::contract::bindings::exports::ts_host::plugin::runner as guest;
use crate::contract::versions::{Exported, RunnerExports, RunnerIndices};
use crate::limits::Limits;
use crate::load::load_error::LoadError;
use crate::plugin::Plugin;
use crate::processes::workers::RunnerFile;
use crate::programs::compilations::{Compilation, Compilations, Compiled};
use crate::programs::conversation::{self, End};
use crate::programs::deep_stack::{Begun, begin_on_deep_stack, on_deep_stack};
use crate::programs::program::{Ending, MAX_PROGRAM_MIB, Program, Ran, RunLimits, Share};
use crate::programs::sandbox::Sandbox;
use crate::text;

/// The limit of processor time, in multiples of the time limit, and milliseconds on top. Interpreters take
/// two to four times the time limit for the fuel that it stands for, and ten times that where memory is slow.
const BACKSTOP: (u64, u64) = (100, 60_000);

/// What the compilation of a text may use. The same for every text and every run, so that what comes of it
/// can be kept.
const COMPILATION: RunLimits = RunLimits { time_ms: 10_000, memory_mib: 1024, output_bytes: 0 };

/// A runner, usable from many threads. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Runner {
    inner: Arc<Inner>,
}

struct Inner {
    plugin: Plugin,
    indices: RunnerIndices,
    language: String,
    compiled: Mutex<Compilations>,
}

/// What one call into an instance came to, and what is left of the instance.
struct Called<T> {
    value: T,
    fuel: u64,
    state: State,
}

impl Plugin {
    /// A handle on its runner. Every run has an instance of its own.
    ///
    /// # Errors
    ///
    /// [`LoadError::WrongRole`], or [`LoadError::Start`] where it cannot say its language.
    pub fn runner(&self) -> Result<Runner, LoadError> {
        Runner::open(self)
    }
}

impl Runner {
    /// Checks the role and asks for the language.
    fn open(plugin: &Plugin) -> Result<Self, LoadError> {
        let indices = plugin.indices_of::<RunnerExports>()?;
        let mut inner =
            Inner { plugin: plugin.clone(), indices, language: String::new(), compiled: Mutex::default() };
        let asked = on_deep_stack(move || {
            let limits = inner.plugin.ready().limits.clone();
            let asked = inner.call("language", Sandbox::default(), &limits, None, |guest, store| {
                guest.language(store).map_err(|error| call_failed(&error, store))
            });
            asked.map(|asked| {
                inner.language = asked.value;
                inner
            })
        });
        let inner = asked.unwrap_or_else(|kind| Err(failed(plugin, "language", kind, None)));
        let inner = inner.map_err(|error| LoadError::start(&plugin.identity().origin, error))?;
        Ok(Self { inner: Arc::new(inner) })
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
    pub fn run(&self, program: &Program<'_>) -> Result<Ran, CallError> {
        self.run_in(program, &Share::WHOLE)
    }

    /// Runs one program as part of a call. [`CallErrorKind::OutOfProgramTime`] where its share cut it short.
    pub(crate) fn run_in(&self, program: &Program<'_>, share: &Share) -> Result<Ran, CallError> {
        let elsewhere =
            self.plugin().workers().and_then(|workers| workers.run(&self.file()?, program, share));
        elsewhere.unwrap_or_else(|| self.run_here(program, share))
    }

    /// What another process needs to load it; `None` if it came from no file.
    fn file(&self) -> Option<RunnerFile<'_>> {
        let identity = self.plugin().identity();
        Some(RunnerFile { name: &identity.name, file: self.plugin().file()?, sha256: &identity.sha256 })
    }

    /// The same in this process.
    pub(crate) fn run_here(&self, program: &Program<'_>, share: &Share) -> Result<Ran, CallError> {
        self.begin(program, share, None)?.wait(self)
    }

    /// What comes of a program's text.
    fn compile(&self, source: &str, share: &Share) -> Result<Compilation, CallError> {
        let kept = || self.inner.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept().get(source);
        let compilation = match found {
            Some(found) => found,
            None => {
                let new = self.compile_now(source, share)?;
                kept().add(source, &new);
                new
            }
        };
        if compilation.fuel > share.fuel {
            return Err(failed(self.plugin(), "compile", CallErrorKind::OutOfProgramTime, None));
        }
        Ok(compilation)
    }

    fn compile_now(&self, source: &str, share: &Share) -> Result<Compilation, CallError> {
        let (inner, source, cancel) = (Arc::clone(&self.inner), source.to_owned(), share.cancel.clone());
        let limits = COMPILATION.of(&inner.plugin, share.fuel);
        let is_out = COMPILATION.are_cut_short_by(share.fuel);
        let compiled = on_deep_stack(move || {
            inner.call("compile", Sandbox::default(), &limits, cancel.as_ref(), |guest, store| {
                let answer = guest.compile(store, &source);
                compiled(answer, store)
            })
        });
        let compiled = compiled.map_err(|kind| failed(self.plugin(), "compile", kind, None))??;
        let Called { value: compiled, fuel, .. } = compiled;
        match compiled {
            Compiled::Ended(Ending::TimeLimit) if is_out(fuel) => {
                Err(failed(self.plugin(), "compile", CallErrorKind::OutOfProgramTime, Some(fuel)))
            }
            compiled => Ok(Compilation { compiled, fuel }),
        }
    }

    /// Begins a run.
    fn begin(
        &self,
        program: &Program<'_>,
        share: &Share,
        conversation: Option<End>,
    ) -> Result<Running, CallError> {
        let RunLimits { time_ms, memory_mib, output_bytes } = program.limits;
        if memory_mib > MAX_PROGRAM_MIB {
            let reason = format!("a program can be given {MAX_PROGRAM_MIB} MiB at most, not {memory_mib}");
            return Err(failed(self.plugin(), "run", CallErrorKind::Unavailable(reason), None));
        }
        let Compilation { compiled, fuel: compile_fuel } = self.compile(program.source, share)?;
        let code = match compiled {
            Compiled::Code(code) => code,
            Compiled::Ended(ending) => return Ok(Running::Over(Ran::before_it_began(ending, compile_fuel))),
        };
        let left = share.fuel.saturating_sub(compile_fuel);
        let limits = program.limits.of(self.plugin(), left);
        let is_out = program.limits.are_cut_short_by(left);
        let sandbox = Sandbox::new(program.input, output_bytes as usize, time_ms, conversation);
        let (inner, cancel) = (Arc::clone(&self.inner), share.cancel.clone());
        let run = move || {
            let called = inner.call("run", sandbox, &limits, cancel.as_ref(), |guest, store| {
                let answer = guest.run(store, guest::Program { code: &code, time_ms });
                ended(answer, store)
            })?;
            let Called { value: ending, fuel, state } = called;
            if ending == Ending::TimeLimit && is_out(fuel) {
                return Err(failed(&inner.plugin, "run", CallErrorKind::OutOfProgramTime, Some(fuel)));
            }
            let memory = state.limiter.held_bytes() as u64;
            let (output, output_cut) = state.sandbox.unwrap_or_default().into_output();
            Ok(Ran { ending, output, output_cut, fuel, compile_fuel, memory })
        };
        let begun = begin_on_deep_stack(run).map_err(|kind| failed(self.plugin(), "run", kind, None))?;
        Ok(Running::Begun(begun))
    }
}

/// Runs two programs at once: what one writes, the other reads after its own input. `wit/runner.wit` has the
/// rules.
///
/// # Errors
///
/// A [`CallError`]: nothing can be said of either program.
pub fn converse(
    first: (&Runner, &Program<'_>),
    second: (&Runner, &Program<'_>),
) -> Result<(Ran, Ran), CallError> {
    converse_in(first, second, &Share::WHOLE)
}

/// The same as part of a call, of whose share each may use all. [`CallErrorKind::OutOfProgramTime`] where
/// that cut one short.
pub(crate) fn converse_in(
    first: (&Runner, &Program<'_>),
    second: (&Runner, &Program<'_>),
    share: &Share,
) -> Result<(Ran, Ran), CallError> {
    let elsewhere = first.0.plugin().workers().and_then(|workers| {
        workers.converse((&first.0.file()?, first.1), (&second.0.file()?, second.1), share)
    });
    elsewhere.unwrap_or_else(|| converse_here(first, second, share))
}

/// The same in this process.
pub(crate) fn converse_here(
    first: (&Runner, &Program<'_>),
    second: (&Runner, &Program<'_>),
    share: &Share,
) -> Result<(Ran, Ran), CallError> {
    let [one, other] = conversation::ends();
    let _wakes = share.cancel.as_ref().map(|cancel| cancel.watch(one.break_off()));
    // Where one does not begin, its end is dropped, and the other finds the end of its input.
    let begun = [(first, one), (second, other)]
        .map(|((runner, program), end)| (runner, runner.begin(program, share, Some(end))));
    let [first, second] = begun.map(|(runner, begun)| begun.and_then(|running| running.wait(runner)));
    Ok((first?, second?))
}

/// A run that may still go on.
enum Running {
    Begun(Begun<Result<Ran, CallError>>),
    Over(Ran),
}

impl Running {
    fn wait(self, runner: &Runner) -> Result<Ran, CallError> {
        match self {
            Self::Over(ran) => Ok(ran),
            Self::Begun(begun) => {
                begun.wait().unwrap_or_else(|kind| Err(failed(runner.plugin(), "run", kind, None)))
            }
        }
    }
}

impl Inner {
    /// Calls one function of a fresh instance, on a thread whose stack is deep.
    fn call<T>(
        &self,
        function: &'static str,
        sandbox: Sandbox,
        limits: &Limits,
        cancel: Option<&Cancel>,
        call: impl FnOnce(&RunnerExports, &mut Store<State>) -> Result<T, CallErrorKind>,
    ) -> Result<Called<T>, CallError> {
        let ready = self.plugin.ready();
        // A program does not pay for the start of its interpreter.
        let starting = Limits { fuel: ready.limits.fuel, ..limits.clone() };
        let started = ready.start_in(ready.lanes.first(), Some(Box::new(sandbox)), &starting, cancel);
        let Started { mut store, instance, .. } =
            started.map_err(|kind| failed(&self.plugin, "instantiate", kind, None))?;
        let called = metered(&mut store, limits, |store| {
            let guest = RunnerExports::load(&self.indices, store, &instance);
            let guest = guest.map_err(|error| call_failed(&error, store))?;
            call(&guest, store)
        });
        let fuel = called.fuel;
        let value = called.result.map_err(|kind| failed(&self.plugin, function, kind, Some(fuel)))?;
        Ok(Called { value, fuel, state: store.into_data() })
    }
}

impl RunLimits {
    /// As the limits of a call that may use so much fuel at most.
    fn of(&self, plugin: &Plugin, share: u64) -> Limits {
        Limits {
            fuel: self.fuel().min(share),
            processor_ms: u64::from(self.time_ms) * BACKSTOP.0 + BACKSTOP.1,
            memory_mib: self.memory_mib.into(),
            ..plugin.ready().limits.clone()
        }
    }
}

fn failed(plugin: &Plugin, function: &'static str, kind: CallErrorKind, fuel: Option<u64>) -> CallError {
    CallError { plugin: plugin.identity().name.clone(), function, problem: None, kind, fuel }
}

/// What came of a text, by what its runner says or the host saw.
fn compiled(
    answer: wasmtime::Result<Result<guest::Compiled, String>>,
    store: &Store<State>,
) -> Result<Compiled, CallErrorKind> {
    Ok(match answer {
        Ok(Ok(guest::Compiled::Code(code))) => Compiled::Code(code.into()),
        Ok(Ok(_)) if store.data().limiter.refused() => Compiled::Ended(Ending::MemoryLimit),
        Ok(Ok(guest::Compiled::Rejected(why))) => Compiled::Ended(Ending::NotCompiled(text::sentence(&why))),
        Ok(Err(reason)) => return Err(CallErrorKind::Refused(text::sentence(&reason))),
        Err(error) => Compiled::Ended(stopped(&error, store)?),
    })
}

/// How a program ended, by what its runner says or the host saw.
fn ended(
    answer: wasmtime::Result<Result<guest::Ending, String>>,
    store: &Store<State>,
) -> Result<Ending, CallErrorKind> {
    match answer {
        Ok(Ok(guest::Ending::Exited(status))) => Ok(Ending::Exited(status)),
        // A program that is refused memory usually ends by an error of its own.
        Ok(Ok(_)) if store.data().limiter.refused() => Ok(Ending::MemoryLimit),
        Ok(Ok(guest::Ending::Failed(why))) => Ok(Ending::Failed(text::sentence(&why))),
        Ok(Err(reason)) => Err(CallErrorKind::Refused(text::sentence(&reason))),
        Err(error) => stopped(&error, store),
    }
}

/// How a program ended that did not come back from its call.
fn stopped(error: &wasmtime::Error, store: &Store<State>) -> Result<Ending, CallErrorKind> {
    if let Some(I32Exit(status)) = error.downcast_ref::<I32Exit>() {
        return Ok(Ending::Exited(*status as u8));
    }
    match call_failed(error, store) {
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
