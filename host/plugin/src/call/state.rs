//! What the host keeps for one instance while it lives.
//!
//! In: what the instance is given as it starts, then the calls that it makes of the host. Out: the [`State`]
//! in its store, which the host's functions find there.

use wasmtime_wasi::{WasiCtxView, WasiView};

use crate::call::cancel::Cancel;
use crate::call::deadline::Deadline;
use crate::limits::Limiter;
use crate::log::LogBuffer;
use crate::programs::access::Programs;
use crate::programs::sandbox::{HasSandbox, Sandbox};

/// What the host keeps for one instance.
pub(crate) struct State {
    pub(crate) limiter: Limiter,
    pub(crate) log: LogBuffer,
    /// The runners that it may have run programs, and how much they may still use.
    pub(crate) programs: Programs,
    /// When the call in progress has had its time.
    pub(crate) deadline: Deadline,
    /// What calls the call in progress off, if anything can.
    pub(crate) cancel: Option<Cancel>,
    /// What a runner sees of the world.
    pub(crate) sandbox: Option<Box<Sandbox>>,
}

/// Why the host ends a call in which no limit of the engine was met.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub(crate) enum Stop {
    #[error("cancelled")]
    Cancelled,
    #[error("out of processor time")]
    OverTime,
    #[error("out of program time")]
    OutOfProgramTime,
}

impl State {
    /// Whether the call in progress was called off.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.as_ref().is_some_and(Cancel::is_cancelled)
    }
}

impl HasSandbox for State {
    /// What this instance sees of the world: nothing, unless it was given something.
    fn sandbox(&mut self) -> &mut Sandbox {
        self.sandbox.get_or_insert_default()
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.sandbox().wasi()
    }
}
