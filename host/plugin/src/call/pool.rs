//! How long an instance lives: the calls of one role of one configured plugin, from any number of threads.
//!
//! In: a plugin, settings, and the [`Isolation`] of its host. Out: answers. An instance serves one call at a
//! time; one that failed is dropped. A call that fails on a used instance is made again on a fresh one, and
//! that result counts: so whether a call fails depends on the call, never on the calls before it. (Over-time
//! is the exception, since no second try would be more certain, and what was cancelled.)
//!
//! Callers hand in the call and the check of its answer.

use std::fmt;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use wasmtime::Store;

use crate::call::call_error::{CallError, CallErrorKind};
use crate::call::cancel::Cancel;
use crate::call::instance::{Metered, call_failed, metered};
use crate::call::isolation::Isolation;
use crate::call::lanes::Lane;
use crate::call::state::State;
use crate::contract::role_exports::RoleExports;
use crate::load::load_error::LoadError;
use crate::load::settings::{self, Settings};
use crate::plugin::Plugin;
use crate::text;

/// An answer, and what it cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Call<T> {
    /// The answer.
    pub value: T,
    /// Fuel used, units.
    pub fuel: u64,
    /// Time in the plugin, without the time spent waiting for a turn and starting an instance.
    pub elapsed: Duration,
    /// Memory that the instance held in the end, which is the most: bytes.
    pub memory: u64,
}

/// Instances of one configured plugin in one role.
pub(crate) struct Pool<G: RoleExports> {
    plugin: Plugin,
    settings: Settings,
    isolation: Isolation,
    /// One for each of the plugin's lanes.
    lanes: Vec<Instances<G>>,
}

/// What a pool has in one lane: instances that wait for a call.
struct Instances<G: RoleExports> {
    indices: OnceLock<G::Indices>,
    idle: Mutex<Vec<Configured<G>>>,
}

/// An instance that is ready for a call.
struct Configured<G> {
    store: Store<State>,
    guest: G,
    used: bool,
    /// The problem it has served; kept under [`Isolation::PerProblem`] only.
    problem: String,
}

impl<G: RoleExports> Pool<G> {
    /// Checks the role and the settings, and configures a first instance to have its errors early.
    pub(crate) fn open(plugin: &Plugin, given: &Map<String, Value>) -> Result<Self, LoadError> {
        let description = plugin.description();
        let lane = |indices| Instances { indices, idle: Mutex::default() };
        let first = lane(OnceLock::from(plugin.indices_of::<G>()?));
        let others = (1..plugin.ready().lanes.count()).map(|_| lane(OnceLock::new()));
        let pool = Self {
            plugin: plugin.clone(),
            settings: settings::resolve(description, given)?,
            isolation: plugin.shared().isolation,
            lanes: std::iter::once(first).chain(others).collect(),
        };
        let first =
            pool.configure(plugin.ready().lanes.first(), None, None).map_err(|source| match source {
                CallError { kind: CallErrorKind::Refused(reason), .. } => {
                    LoadError::SettingsRefused { plugin: description.name.clone(), reason }
                }
                source => LoadError::start(&plugin.identity().origin, source),
            })?;
        pool.idle(0).push(first);
        Ok(pool)
    }

    /// The plugin behind this handle.
    pub(crate) fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// Every setting, with its value.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Calls `function` about `problem`: `run` calls the guest, `check` makes its answer ours or says what is
    /// wrong with it. `cancel` calls it off.
    pub(crate) fn call<R, T>(
        &self,
        function: &'static str,
        problem: &str,
        cancel: Option<&Cancel>,
        run: impl Fn(&G, &mut Store<State>) -> wasmtime::Result<Result<R, String>>,
        check: impl Fn(R) -> Result<T, String>,
    ) -> Result<Call<T>, CallError> {
        let permit = match cancel {
            None => self.plugin.gate().enter(),
            Some(cancel) => self
                .plugin
                .gate()
                .enter_unless(cancel)
                .ok_or_else(|| self.error(function, Some(problem), CallErrorKind::Cancelled, None))?,
        };
        let lane = self.plugin.ready().lanes.of(permit.lane);
        let mut instance = match self.take(lane, problem) {
            Some(idle) => idle,
            None => self.configure(lane, Some(problem), cancel)?,
        };
        let (mut metered, mut elapsed) = self.attempt(&mut instance, cancel, &run, &check);
        if instance.used && metered.result.as_ref().is_err_and(depends_on_instance) {
            instance = self.configure(lane, Some(problem), cancel)?;
            (metered, elapsed) = self.attempt(&mut instance, cancel, &run, &check);
        }
        instance.store.data_mut().deliver(&self.plugin.identity().name, self.plugin.log_sink());
        let Metered { result, fuel } = metered;
        let memory = instance.store.data().limiter.held_bytes() as u64;
        if matches!(result, Ok(_) | Err(CallErrorKind::Refused(_))) {
            self.put_back(lane, instance, problem);
        }
        match result {
            Ok(value) => Ok(Call { value, fuel, elapsed, memory }),
            Err(kind) => Err(self.error(function, Some(problem), kind, Some(fuel))),
        }
    }

    /// One call, and how long it took. The clock is read here alone: starting and configuring an instance are
    /// metered too, and nobody asks for their time.
    fn attempt<R, T>(
        &self,
        instance: &mut Configured<G>,
        cancel: Option<&Cancel>,
        run: &impl Fn(&G, &mut Store<State>) -> wasmtime::Result<Result<R, String>>,
        check: &impl Fn(R) -> Result<T, String>,
    ) -> (Metered<T>, Duration) {
        let guest = &instance.guest;
        instance.store.data_mut().cancel = cancel.cloned();
        let began = Instant::now();
        let result = metered(&mut instance.store, &self.plugin.ready().limits, |store| {
            match run(guest, store).map_err(|error| call_failed(&error, store))? {
                Ok(answer) => check(answer).map_err(CallErrorKind::BadOutput),
                Err(reason) => Err(CallErrorKind::Refused(text::sentence(&reason))),
            }
        });
        (result, began.elapsed())
    }

    /// A fresh instance with this pool's settings; a plugin that takes none is not asked to take them.
    fn configure(
        &self,
        lane: &Lane,
        problem: Option<&str>,
        cancel: Option<&Cancel>,
    ) -> Result<Configured<G>, CallError> {
        let ready = self.plugin.ready();
        let started = ready.start_in(lane, None, &ready.limits, cancel);
        let started = started.map_err(|kind| self.error("instantiate", problem, kind, None))?;
        let (mut store, instance, plugin) = (started.store, started.instance, started.plugin);
        let settings = settings::lower(&self.settings);
        let configured = metered(&mut store, &ready.limits, |store| {
            if !settings.is_empty() || ready.version.configures_without_settings() {
                let answer =
                    plugin.configure(store, &settings).map_err(|error| call_failed(&error, store))?;
                answer.map_err(|reason| CallErrorKind::Refused(text::sentence(&reason)))?;
            }
            let indices = &self.lanes[lane.index].indices;
            let indices = match indices.get() {
                Some(indices) => indices,
                None => {
                    let found = G::indices(&lane.pre, ready.version);
                    let found = found.map_err(|error| call_failed(&error, store))?;
                    indices.get_or_init(|| found)
                }
            };
            G::load(indices, store, &instance).map_err(|error| call_failed(&error, store))
        });
        // What it says of its settings is heard once, not for every instance; what it says of a failure,
        // always.
        if problem.is_none() || configured.result.is_err() {
            store.data_mut().deliver(&self.plugin.identity().name, self.plugin.log_sink());
        }
        let guest = configured
            .result
            .map_err(|kind| self.error("configure", problem, kind, Some(configured.fuel)))?;
        Ok(Configured { store, guest, used: false, problem: String::new() })
    }

    /// An idle instance that may serve this problem.
    fn take(&self, lane: &Lane, problem: &str) -> Option<Configured<G>> {
        let mut idle = self.idle(lane.index);
        let fits = |instance: &Configured<G>| match self.isolation {
            Isolation::PerCall => !instance.used,
            Isolation::PerProblem => !instance.used || instance.problem == problem,
            Isolation::Reused => true,
        };
        let position = idle.iter().rposition(fits)?;
        Some(idle.remove(position))
    }

    /// Keeps an instance for the next call, if the isolation allows one; the longest idle makes room.
    fn put_back(&self, lane: &Lane, mut instance: Configured<G>, problem: &str) {
        match self.isolation {
            Isolation::PerCall => return,
            Isolation::PerProblem if !instance.used => instance.problem = problem.into(),
            _ => {}
        }
        instance.used = true;
        let most = if self.lanes.len() == 1 { self.plugin.shared().max_parallel } else { 1 };
        let mut idle = self.idle(lane.index);
        let oldest = (idle.len() >= most).then(|| idle.remove(0));
        idle.push(instance);
        drop(idle);
        drop(oldest); // clearing its memory needs no lock
    }

    fn idle(&self, lane: usize) -> MutexGuard<'_, Vec<Configured<G>>> {
        self.lanes[lane].idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error(
        &self,
        function: &'static str,
        problem: Option<&str>,
        kind: CallErrorKind,
        fuel: Option<u64>,
    ) -> CallError {
        let plugin = self.plugin.identity().name.clone();
        CallError { plugin, function, problem: problem.map(String::from), kind, fuel }
    }
}

/// Whether the same call could end otherwise on a fresh instance.
fn depends_on_instance(kind: &CallErrorKind) -> bool {
    !matches!(kind, CallErrorKind::Refused(_) | CallErrorKind::OverTime | CallErrorKind::Cancelled)
}

impl<G: RoleExports> fmt::Debug for Pool<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("plugin", &self.plugin.identity().name)
            .field("role", &G::ROLE)
            .field("settings", &self.settings)
            .field("isolation", &self.isolation)
            .finish_non_exhaustive()
    }
}
