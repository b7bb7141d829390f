//! One running instance, and one call into it under limits.
//!
//! In: a component that is ready to start, and a closure that calls one of its functions. Out: the closure's
//! result or the [`CallErrorKind`], and the fuel used. Fuel and the deadline are set anew for every call;
//! starting an instance counts as one. Once an epoch the host looks at a guest that computes: whether its
//! call was cancelled, or has had its time.
//!
//! `pool.rs` decides how long an instance lives and how long a call may take.

use std::sync::Arc;

use wasmtime::component::Instance;
use wasmtime::{Store, StoreContextMut, Trap, UpdateDeadline, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::call::call_error::CallErrorKind;
use crate::call::cancel::Cancel;
use crate::call::deadline::Deadline;
use crate::call::lanes::{Lane, Lanes};
use crate::call::state::{State, Stop};
use crate::contract::version::Version;
use crate::contract::versions::{Exported, PluginExports};
use crate::limits::{Limiter, Limits};
use crate::log::LogBuffer;
use crate::programs::access::{Programs, RunPrograms};
use crate::programs::sandbox::Sandbox;
use crate::text;

/// A component that is compiled, linked and checked.
pub(crate) struct Ready {
    pub(crate) lanes: Lanes,
    pub(crate) version: Version,
    pub(crate) limits: Limits,
    /// For a plugin that has programs run: who runs them.
    pub(crate) runners: Option<Arc<dyn RunPrograms>>,
}

/// A running instance, not yet configured.
pub(crate) struct Started {
    pub(crate) store: Store<State>,
    pub(crate) instance: Instance,
    pub(crate) plugin: PluginExports,
}

/// What a call came to.
pub(crate) struct Metered<T> {
    /// The answer, or why there is none.
    pub(crate) result: Result<T, CallErrorKind>,
    /// Fuel used, units.
    pub(crate) fuel: u64,
}

impl Ready {
    /// Starts a fresh instance.
    pub(crate) fn start(&self, lane: &Lane) -> Result<Started, CallErrorKind> {
        self.start_in(lane, None, &self.limits, None)
    }

    /// Starts a fresh instance in a world, under limits of its own, unless that is called off.
    pub(crate) fn start_in(
        &self,
        lane: &Lane,
        sandbox: Option<Box<Sandbox>>,
        limits: &Limits,
        cancel: Option<&Cancel>,
    ) -> Result<Started, CallErrorKind> {
        let state = State {
            limiter: Limiter::new(limits),
            log: LogBuffer::new(limits.log_bytes()),
            programs: Programs::new(self.runners.clone()),
            deadline: Deadline::default(),
            cancel: cancel.cloned(),
            sandbox,
            n_looks: 0,
        };
        let mut store = Store::new(lane.pre.engine(), state);
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(limits.output_bytes());
        store.epoch_deadline_callback(look);
        let started = metered(&mut store, limits, |store| {
            // An error that is not a trap is the host's here: no slot, no memory from the system.
            let instance = lane.pre.instantiate(&mut *store).map_err(|e| explain(&e, store, unavailable))?;
            let plugin = PluginExports::load(&lane.plugin, store, &instance)
                .map_err(|e| explain(&e, store, unavailable))?;
            Ok((instance, plugin))
        });
        let (instance, plugin) = started.result?;
        Ok(Started { store, instance, plugin })
    }
}

/// The host's look at a guest that computes, once an epoch: lets it go on or ends its call.
fn look(mut store: StoreContextMut<'_, State>) -> wasmtime::Result<UpdateDeadline> {
    let state = store.data_mut();
    if state.is_cancelled() {
        return Err(Stop::Cancelled.into());
    }
    if state.has_looked_too_often() {
        return Err(Trap::OutOfFuel.into());
    }
    if state.deadline.is_over() {
        return Err(Stop::OverTime.into());
    }
    Ok(UpdateDeadline::Continue(1))
}

/// Runs one call with its fuel and its deadline.
pub(crate) fn metered<T>(
    store: &mut Store<State>,
    limits: &Limits,
    run: impl FnOnce(&mut Store<State>) -> Result<T, CallErrorKind>,
) -> Metered<T> {
    store.data_mut().start_call(limits);
    store.set_epoch_deadline(1);
    let result = match store.set_fuel(limits.fuel) {
        Ok(()) => run(store),
        Err(error) => Err(unavailable(error.to_string())),
    };
    // It may have ended before the host looked: the outcome is the same.
    let result = if store.data().has_looked_too_often() { Err(CallErrorKind::OutOfFuel) } else { result };
    let left = store.get_fuel().unwrap_or(0);
    Metered { result, fuel: limits.fuel.saturating_sub(left) }
}

/// The cause of a failed call of a guest's function: anything but a trap is an answer that could not be read.
pub(crate) fn call_failed(error: &wasmtime::Error, store: &Store<State>) -> CallErrorKind {
    explain(error, store, CallErrorKind::BadOutput)
}

/// The cause of an error from wasmtime; `otherwise` names what is neither a trap nor an exceeded limit.
fn explain(
    error: &wasmtime::Error,
    store: &Store<State>,
    otherwise: fn(String) -> CallErrorKind,
) -> CallErrorKind {
    match error.downcast_ref::<Stop>() {
        Some(Stop::Cancelled) => return CallErrorKind::Cancelled,
        Some(Stop::OverTime) => return CallErrorKind::OverTime,
        Some(Stop::OutOfProgramTime) => return CallErrorKind::OutOfProgramTime,
        None => {}
    }
    if let Some(I32Exit(status)) = error.downcast_ref::<I32Exit>() {
        return CallErrorKind::Trapped(with_last_words(&format!("it exited with status {status}"), store));
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => CallErrorKind::OutOfFuel,
        // A guest that is refused memory usually crashes of it: that cause is the one to report.
        _ if store.data().limiter.refused() => CallErrorKind::OutOfMemory,
        Some(Trap::StackOverflow) => CallErrorKind::StackOverflow,
        Some(trap) => CallErrorKind::Trapped(with_last_words(&describe_trap(*trap, error), store)),
        None if is_too_large(error) => CallErrorKind::OutputTooLarge,
        None => otherwise(text::sentence(&error.root_cause().to_string())),
    }
}

fn unavailable(reason: String) -> CallErrorKind {
    CallErrorKind::Unavailable(reason)
}

/// Whether a guest handed over more than the store's hostcall fuel allows.
///
/// wasmtime keeps that error's type to itself, so this is the one place where a text decides; the test
/// `too_much_output` in `tests/hostile.rs` fails if the text changes.
fn is_too_large(error: &wasmtime::Error) -> bool {
    error.root_cause().to_string().contains("fuel allocated for hostcalls has been exhausted")
}

/// The trap, and the innermost named functions.
fn describe_trap(trap: Trap, error: &wasmtime::Error) -> String {
    let trap = trap.to_string();
    let mut ended = trap.strip_prefix("wasm trap: ").unwrap_or(&trap).to_string();
    let frames = error.downcast_ref::<WasmBacktrace>().map(WasmBacktrace::frames).unwrap_or_default();
    let names: Vec<_> = frames.iter().filter_map(|frame| frame.func_name()).take(3).collect();
    if !names.is_empty() {
        ended.push_str(&format!(" in {}", names.join(" < ")));
    }
    ended
}

/// What the guest said last, its panic message or its exception, and behind it how the call ended.
fn with_last_words(ended: &str, store: &Store<State>) -> String {
    text::sentence(&match store.data().last_words() {
        Some(said) => format!("{said} ({ended})"),
        None => ended.to_owned(),
    })
}
