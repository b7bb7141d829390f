//! The plugin host: one engine, and the way from bytes to a [`Plugin`].
//!
//! In: [`HostOptions`], then a [`PluginSource`]. Out: a plugin that was counted, compiled (or found
//! compiled), recognised, checked for its imports, versions, roles and types, started once and asked to
//! describe itself. Each step fails with a variant of its own, and nothing of the plugin runs before the step
//! before last.

use std::path::Path;
use std::sync::mpsc::channel;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use crate::call::call_error::{CallError, CallErrorKind};
use crate::call::gate::Gate;
use crate::call::instance::{Ready, call_failed, metered};
use crate::call::isolation::Isolation;
use crate::call::lanes::{Engines, Lane, Lanes, Linked};
use crate::call::state::State;
use crate::contract::interfaces::{self, Recognised};
use crate::contract::role::Role;
use crate::contract::version::Version;
use crate::imports;
use crate::limits::Limits;
use crate::load::cache::{self, CodeCache};
use crate::load::compilation::{self, Compilation};
use crate::load::compiler;
use crate::load::description::{self, Description};
use crate::load::hash::sha256_hex;
use crate::load::load_error::LoadError;
use crate::load::preflight::{self, Shape};
use crate::load::source::PluginSource;
use crate::log::LogSink;
use crate::plugin::{Identity, Plugin, PluginInner};
use crate::processes::this_program;
use crate::processes::workers::Workers;
use crate::programs::access::RunPrograms;
use crate::programs::deep_stack::on_deep_stack;
use crate::programs::runner::Runner;
use crate::programs::runners::Runners;
use crate::programs::sandbox;
use crate::shared::Shared;
use crate::{engine, text};

/// How a host treats its plugins.
#[derive(Clone)]
pub struct HostOptions {
    /// Where compiled plugins are kept; `None` compiles at every start.
    pub cache: Option<Arc<CodeCache>>,
    /// What a plugin may use.
    pub limits: Limits,
    /// What an instance may see.
    pub isolation: Isolation,
    /// Who hears what plugins log.
    pub log: Option<LogSink>,
    /// Most calls at once, over all plugins of this host; more wait. 0 counts as 1.
    pub max_parallel: usize,
}

impl Default for HostOptions {
    /// No cache, default limits, a fresh instance per call, no log, one call per processor.
    fn default() -> Self {
        Self {
            cache: None,
            limits: Limits::default(),
            isolation: Isolation::default(),
            log: None,
            max_parallel: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// Loads plugins. Cheap to clone; clones share the engine, the cache and the gate.
#[derive(Clone)]
pub struct PluginHost {
    inner: Arc<HostInner>,
}

struct HostInner {
    engines: Arc<Engines>,
    /// What compiles and links runners, from the first one on.
    for_runners: OnceLock<Linked>,
    runners: Arc<Runners>,
    cache: Option<Arc<CodeCache>>,
    limits: Limits,
    shared: Arc<Shared>,
}

/// A component that was counted.
struct File<'a> {
    bytes: &'a Arc<[u8]>,
    sha256: &'a str,
    shape: Shape,
    origin: &'a str,
}

impl PluginHost {
    /// Starts a host.
    ///
    /// # Errors
    ///
    /// [`LoadError::Limit`] or [`LoadError::Engine`].
    pub fn new(options: HostOptions) -> Result<Self, LoadError> {
        let HostOptions { cache, limits, isolation, log, max_parallel } = options;
        if let Some(limit) = limits.out_of_range().first() {
            return Err(LoadError::Limit(*limit));
        }
        let max_parallel = max_parallel.max(1);
        let engines = Arc::new(Engines::new(&limits, max_parallel, for_plugins)?);
        let workers = Workers::new(cache.as_ref().map(|cache| cache.place().clone()), &limits);
        let gate = Gate::new(max_parallel);
        Ok(Self {
            inner: Arc::new(HostInner {
                engines,
                for_runners: OnceLock::new(),
                runners: Arc::default(),
                cache,
                limits,
                shared: Arc::new(Shared { gate, max_parallel, isolation, log, workers }),
            }),
        })
    }

    /// Loads a plugin and starts it once to learn what it is.
    ///
    /// # Errors
    ///
    /// Every variant of [`LoadError`] but those about limits, roles and settings.
    pub fn load(&self, source: PluginSource) -> Result<Plugin, LoadError> {
        let host = &self.inner;
        let origin = source.origin();
        let file = source.file().map(Path::to_owned);
        let bytes: Arc<[u8]> = source.read(host.limits.component_bytes())?.into();
        let sha256 = sha256_hex(&bytes);
        let shape = preflight::check(&bytes, &host.limits, &origin)?;
        let is_runner = shape.is_runner;
        let Linked { engine, linker } = if is_runner { host.for_runners()? } else { host.engines.first() };
        let component =
            host.compile(engine, &File { bytes: &bytes, sha256: &sha256, shape, origin: &origin })?;
        let recognised = interfaces::recognise(engine, &component, &origin);
        let roles = recognised.as_ref().map(|plugin| plugin.roles.as_slice()).unwrap_or_default();
        interfaces::check_imports(engine, &component, roles, &origin)?;
        let Recognised { version, roles } = recognised?;
        let ready = host.link(linker, &component, version, &roles, &origin)?;
        let (ready, description) = if is_runner {
            // Its engine lets it go deeper than this thread's stack may be.
            let (host, roles, from) = (Arc::clone(host), roles.clone(), origin.clone());
            let described = on_deep_stack(move || {
                let description = host.describe(&ready, &roles, &from);
                (ready, description)
            });
            described.map_err(|kind| start_error(&origin, "instantiate", kind, None))?
        } else {
            let description = host.describe(&ready, &roles, &origin);
            (ready, description)
        };
        let description = description?;
        let identity = Identity {
            name: description.name.clone(),
            version: description.version.clone(),
            sha256,
            origin,
            bytes: bytes.len() as u64,
        };
        Ok(Plugin::new(PluginInner {
            shared: Arc::clone(&host.shared),
            file,
            ready,
            identity,
            roles,
            description,
        }))
    }

    /// Lets the plugins of this host have programs run in a runner's language. It takes the place of an
    /// earlier runner of the same language.
    pub fn add_runner(&self, runner: Runner) {
        self.inner.runners.add(runner);
    }
}

impl HostInner {
    fn for_runners(&self) -> Result<&Linked, LoadError> {
        if self.for_runners.get().is_none() {
            let engine =
                engine::start_for_runners(&engine::runner_limits(&self.limits), self.shared.max_parallel)?;
            let mut linker = Linker::new(&engine);
            imports::log::add_to_linker(&mut linker)
                .and_then(|()| sandbox::add_wasi(&mut linker))
                .and_then(|()| sandbox::add_stdio(&mut linker))
                .map_err(|error| engine_error(&error))?;
            // Another thread may have been first; then this engine goes.
            let _ = self.for_runners.set(Linked { engine, linker });
        }
        let gone = || LoadError::Engine { reason: "the engine of runners is gone".into() };
        self.for_runners.get().ok_or_else(gone)
    }

    /// Takes a component from the cache, or compiles it: in a process of its own, if there can be one.
    fn compile(&self, engine: &Engine, file: &File<'_>) -> Result<Component, LoadError> {
        let File { bytes, sha256, shape, origin } = *file;
        let invalid = |error: wasmtime::Error| LoadError::Invalid {
            origin: origin.into(),
            reason: text::sentence(&format!("{error:#}")),
        };
        let name = cache::name_of(engine, sha256);
        if let Some(code) = self.cache.as_ref().and_then(|cache| cache.get(&name)) {
            // SAFETY: `deserialize` runs what it is given as machine code, so it must come from this engine's
            // own compiler. Only `CodeCache::put` below makes entries that `get` believes, under a key of
            // this user's; the name ties this one to this engine and this content, and wasmtime checks the
            // engine again.
            if let Ok(component) = unsafe { Component::deserialize(engine, code) } {
                return Ok(component);
            }
        }
        let compile = || match this_program::file() {
            Some(program) => {
                let code = compiler::compile(program, bytes, shape, &self.limits, origin)?;
                // SAFETY: as above; this is what the same program's compiler just wrote into a pipe of ours,
                // for an engine of the same settings.
                let component = unsafe { Component::deserialize(engine, &code) }.map_err(invalid)?;
                Ok((component, Some(code)))
            }
            None => {
                let component =
                    compile_here(engine, bytes, self.limits.compile_ms, origin)?.map_err(invalid)?;
                let code = self.cache.as_ref().and_then(|_| component.serialize().ok());
                Ok((component, code))
            }
        };
        let (component, code) =
            compilation::told(Compilation { origin, bytes: bytes.len() as u64 }, compile)?;
        if let (Some(cache), Some(code)) = (&self.cache, code) {
            cache.put(&name, &code);
        }
        Ok(component)
    }

    fn link(
        &self,
        linker: &Linker<State>,
        component: &Component,
        version: Version,
        roles: &[Role],
        origin: &str,
    ) -> Result<Ready, LoadError> {
        let first = Lane::new(0, linker, component, version, origin)?;
        let is_runner = matches!(roles, [Role::Runner]);
        let limits = if is_runner { engine::runner_limits(&self.limits) } else { self.limits.clone() };
        let has_programs =
            roles.contains(&Role::Verifier) && interfaces::imports_runners(first.pre.engine(), component);
        let runners = has_programs.then(|| Arc::clone(&self.runners) as Arc<dyn RunPrograms>);
        let lanes = match roles.contains(&Role::Runner) {
            true => Lanes::one(first, version),
            false => Lanes::in_every(&self.engines, first, version),
        };
        Ok(Ready { lanes, version, limits, runners })
    }

    /// Starts a first instance, compares the types of its roles, and asks it to describe itself.
    fn describe(&self, ready: &Ready, roles: &[Role], origin: &str) -> Result<Description, LoadError> {
        let failed = |function, kind, fuel| start_error(origin, function, kind, fuel);
        let _permit = self.shared.gate.enter();
        let lane = ready.lanes.first();
        let mut started = ready.start(lane).map_err(|kind| failed("instantiate", kind, None))?;
        for role in roles {
            role.check(&lane.pre, ready.version, &mut started.store, &started.instance)
                .map_err(|error| LoadError::wrong_type(origin, role.interface(), &error))?;
        }
        let described = metered(&mut started.store, &ready.limits, |store| {
            started.plugin.describe(store).map_err(|error| call_failed(&error, store))
        });
        started.store.data_mut().deliver(origin, self.shared.log.as_ref());
        let description =
            described.result.map_err(|kind: CallErrorKind| failed("describe", kind, Some(described.fuel)))?;
        description::check(description)
            .map_err(|reason| LoadError::BadDescription { origin: origin.into(), reason })
    }
}

/// Compiles in this process, on a thread that is left behind if it takes more than ten times `limit_ms` on
/// the clock: the compiler cannot be interrupted.
fn compile_here(
    engine: &Engine,
    bytes: &Arc<[u8]>,
    limit_ms: u64,
    origin: &str,
) -> Result<wasmtime::Result<Component>, LoadError> {
    let (engine, bytes) = (engine.clone(), Arc::clone(bytes));
    let (compiled, result) = channel();
    // Nobody waits any more if it took too long.
    let compile = move || drop(compiled.send(Component::from_binary(&engine, &bytes)));
    let thread = std::thread::Builder::new().name("compile".into()).spawn(compile);
    thread.map_err(|error| LoadError::Engine { reason: format!("no thread to compile on: {error}") })?;
    let wait = Duration::from_millis(limit_ms.saturating_mul(10));
    result.recv_timeout(wait).map_err(|_| LoadError::TooLongToCompile { origin: origin.into(), limit_ms })
}

/// What plugins are given, runners aside.
fn for_plugins(engine: Engine) -> Result<Linked, LoadError> {
    let mut linker = Linker::new(&engine);
    imports::log::add_to_linker(&mut linker)
        .and_then(|()| imports::runners::add_to_linker(&mut linker))
        .and_then(|()| sandbox::add_wasi(&mut linker))
        .map_err(|error| engine_error(&error))?;
    Ok(Linked { engine, linker })
}

fn engine_error(error: &wasmtime::Error) -> LoadError {
    LoadError::Engine { reason: format!("{error:#}") }
}

fn start_error(origin: &str, function: &'static str, kind: CallErrorKind, fuel: Option<u64>) -> LoadError {
    LoadError::start(origin, CallError { plugin: origin.into(), function, problem: None, kind, fuel })
}
