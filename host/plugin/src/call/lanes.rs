//! An engine for each call that can be in progress, so that threads which grade at once do not wait for one
//! another.
//!
//! The pool of memories, the counters and the clock of a wasmtime engine are shared by all who use it. A
//! grader that answers in microseconds needs them all for every call: two threads on one engine took 1.3
//! times as long for a call as one, and take 1.1 times with an engine each (`bench_call`). So a call has a
//! lane, its permit's, and each lane has an engine and each plugin's component in it.
//!
//! In: a component that was checked, in the first engine. Out: the same one in the engine of any lane, made
//! when it is first asked for. Where that cannot be had, or is not worth its memory, a lane is the first one:
//! lanes change speed, and no answer.
//!
//! Runners, whose calls take milliseconds, have one engine, and one lane.

use std::sync::{Arc, OnceLock};

use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};

use crate::call::state::State;
use crate::contract::version::Version;
use crate::contract::versions::{Exported, PluginExports, PluginIndices};
use crate::engine;
use crate::limits::Limits;
use crate::load::load_error::LoadError;

/// Most code, bytes, that a component may have to be in every engine. What is bigger works for longer too.
const MAX_CODE_BYTES: usize = 16 << 20;

/// An engine, and what it gives to components.
pub(crate) struct Linked {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<State>,
}

/// The engines of one host, a lane each.
pub(crate) struct Engines {
    limits: Limits,
    link: fn(Engine) -> Result<Linked, LoadError>,
    first: Linked,
    others: Vec<OnceLock<Option<Linked>>>,
}

/// A component in one engine, checked and ready to start.
pub(crate) struct Lane {
    /// Its place among the lanes of its component.
    pub(crate) index: usize,
    pub(crate) pre: InstancePre<State>,
    pub(crate) plugin: PluginIndices,
}

/// A component in every engine.
pub(crate) struct Lanes {
    version: Version,
    first: Lane,
    others: Vec<OnceLock<Option<Lane>>>,
    /// None for a component that has one lane.
    engines: Option<Arc<Engines>>,
}

impl Engines {
    /// Starts the first engine. `link` says what an engine gives to its components.
    pub(crate) fn new(
        limits: &Limits,
        max_parallel: usize,
        link: fn(Engine) -> Result<Linked, LoadError>,
    ) -> Result<Self, LoadError> {
        Ok(Self {
            limits: limits.clone(),
            link,
            // It serves every lane of a component that has but one.
            first: link(engine::start(limits, max_parallel)?)?,
            others: (1..max_parallel).map(|_| OnceLock::new()).collect(),
        })
    }

    /// The engine in which components are compiled and checked.
    pub(crate) fn first(&self) -> &Linked {
        &self.first
    }

    fn other(&self, index: usize) -> Option<&Linked> {
        let start = || engine::start(&self.limits, 1).and_then(self.link).ok();
        self.others.get(index)?.get_or_init(start).as_ref()
    }
}

impl Lane {
    /// Links a component; fails where it imports anything of another type.
    pub(crate) fn new(
        index: usize,
        linker: &Linker<State>,
        component: &Component,
        version: Version,
        origin: &str,
    ) -> Result<Self, LoadError> {
        let wrong = |interface| move |error| LoadError::wrong_type(origin, interface, &error);
        let pre = linker.instantiate_pre(component).map_err(wrong("set of imports"))?;
        let plugin = PluginExports::indices(&pre, version).map_err(wrong("plugin"))?;
        Ok(Self { index, pre, plugin })
    }
}

impl Lanes {
    /// One lane for all calls.
    pub(crate) fn one(first: Lane, version: Version) -> Self {
        Self { version, first, others: Vec::new(), engines: None }
    }

    /// A lane for each engine.
    pub(crate) fn in_every(engines: &Arc<Engines>, first: Lane, version: Version) -> Self {
        let code = first.pre.component().image_range();
        if code.end as usize - code.start as usize > MAX_CODE_BYTES {
            return Self::one(first, version);
        }
        let others = engines.others.iter().map(|_| OnceLock::new()).collect();
        Self { version, first, others, engines: Some(Arc::clone(engines)) }
    }

    /// How many there are; at least one.
    pub(crate) fn count(&self) -> usize {
        1 + self.others.len()
    }

    /// The first lane.
    pub(crate) fn first(&self) -> &Lane {
        &self.first
    }

    /// The component in the engine of this lane; the first lane, where there is no other.
    pub(crate) fn of(&self, lane: usize) -> &Lane {
        let other =
            lane.checked_sub(1).and_then(|at| self.others.get(at)?.get_or_init(|| self.copy(at)).as_ref());
        other.unwrap_or(&self.first)
    }

    /// The component again, in another engine.
    fn copy(&self, at: usize) -> Option<Lane> {
        let Linked { engine, linker } = self.engines.as_ref()?.other(at)?;
        let code = self.first.pre.component().serialize().ok()?;
        // SAFETY: `deserialize` runs what it is given as machine code. This is what an engine of the same
        // settings compiled, as it was a moment ago in this process.
        let component = unsafe { Component::deserialize(engine, code) }.ok()?;
        Lane::new(at + 1, linker, &component, self.version, "").ok()
    }
}
