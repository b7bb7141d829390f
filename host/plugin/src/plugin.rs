//! A loaded plugin: who it is, which roles it has, and a handle for each.
//!
//! In: a component that passed every check in `contract.rs`. Out: its [`Identity`] and [`Description`], and handles
//! that call one role with one set of settings. A plugin is an `Arc`: cloning it is cheap, and a handle
//! keeps it alive.
//!
//! Left out on purpose: unloading. A plugin goes when its last handle does.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::call_error::CallError;
use crate::deep_stack::on_deep_stack;
use crate::description::Description;
use crate::gate::Gate;
use crate::host::HostInner;
use crate::instance::Ready;
use crate::load_error::LoadError;
use crate::log::LogSink;
use crate::pool::Pool;
use crate::processes::Processes;
use crate::role::{Role, RoleExports};
use crate::versions::Version;
use crate::{LengthFunction, Runner, SelectionPolicy, StepSplitter, Verifier};

/// Who a plugin is: what a run writes down to say which code graded it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// The plugin's name, as it says itself.
    pub name: String,
    /// Its version, as it says itself.
    pub version: String,
    /// SHA-256 of the component, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Where it was loaded from: a path, or `embedded:NAME`.
    pub origin: String,
    /// Size of the component, bytes.
    pub bytes: u64,
}

/// A loaded plugin. Cheap to clone.
#[derive(Clone)]
pub struct Plugin {
    inner: Arc<PluginInner>,
}

pub(crate) struct PluginInner {
    pub(crate) host: Arc<HostInner>,
    pub(crate) file: Option<PathBuf>,
    pub(crate) ready: Ready,
    pub(crate) identity: Identity,
    pub(crate) roles: Vec<Role>,
    pub(crate) description: Description,
}

impl Plugin {
    pub(crate) fn new(inner: PluginInner) -> Self {
        Self { inner: Arc::new(inner) }
    }

    /// Who it is.
    pub fn identity(&self) -> &Identity {
        &self.inner.identity
    }

    /// What it can do; never empty.
    pub fn roles(&self) -> &[Role] {
        &self.inner.roles
    }

    /// What it says of itself, settings included.
    pub fn description(&self) -> &Description {
        &self.inner.description
    }

    /// A handle on its verifier, configured with `settings` and the defaults of those not named, under the host's
    /// isolation.
    ///
    /// # Errors
    ///
    /// [`LoadError::WrongRole`], [`LoadError::UnknownSetting`], [`LoadError::WrongSetting`],
    /// [`LoadError::SettingsRefused`], or [`LoadError::Start`] where `configure` fails otherwise.
    pub fn verifier(&self, settings: &Map<String, Value>) -> Result<Verifier, LoadError> {
        Pool::open(self, settings, self.inner.host.isolation).map(Verifier::new)
    }

    /// A handle on its step splitter, under the host's isolation.
    ///
    /// # Errors
    ///
    /// As [`Self::verifier`].
    pub fn step_splitter(&self, settings: &Map<String, Value>) -> Result<StepSplitter, LoadError> {
        Pool::open(self, settings, self.inner.host.isolation).map(StepSplitter::new)
    }

    /// A handle on its selection policy, under the host's isolation.
    ///
    /// # Errors
    ///
    /// As [`Self::verifier`].
    pub fn selection_policy(&self, settings: &Map<String, Value>) -> Result<SelectionPolicy, LoadError> {
        Pool::open(self, settings, self.inner.host.isolation).map(SelectionPolicy::new)
    }

    /// A handle on its length function, under the host's isolation.
    ///
    /// # Errors
    ///
    /// As [`Self::verifier`].
    pub fn length_function(&self, settings: &Map<String, Value>) -> Result<LengthFunction, LoadError> {
        Pool::open(self, settings, self.inner.host.isolation).map(LengthFunction::new)
    }

    /// The version of the contract that it was built against.
    pub fn contract(&self) -> Version {
        self.inner.ready.version
    }

    /// What it imports, interface by interface; none of it gives authority over anything.
    pub fn imports(&self) -> Vec<String> {
        let pre = &self.inner.ready.lanes.first().pre;
        pre.component().component_type().imports(pre.engine()).map(|(name, _)| name.to_owned()).collect()
    }

    /// How long a fresh instance takes to start, and the memory that it holds then, bytes.
    ///
    /// # Errors
    ///
    /// [`LoadError::Start`].
    pub fn start(&self) -> Result<(Duration, u64), LoadError> {
        let _permit = self.gate().enter();
        let plugin = self.clone();
        let start = move || {
            let began = Instant::now();
            let ready = plugin.ready();
            let started = ready.start(ready.lanes.first())?;
            Ok((began.elapsed(), started.store.data().limiter.held_bytes() as u64))
        };
        // The engine of runners lets them go deeper than this thread's stack may be.
        let started = match self.roles().contains(&Role::Runner) {
            true => on_deep_stack(start).and_then(|started| started),
            false => start(),
        };
        started.map_err(|kind| {
            let plugin = self.identity().name.clone();
            let error = CallError { plugin, function: "instantiate", problem: None, kind, fuel: None };
            LoadError::start(&self.identity().origin, error)
        })
    }

    /// Whether it has programs run, and so needs runners.
    pub fn runs_programs(&self) -> bool {
        self.inner.ready.runners.is_some()
    }

    /// A handle on its runner. Every run has an instance of its own.
    ///
    /// # Errors
    ///
    /// [`LoadError::WrongRole`], or [`LoadError::Start`] where it cannot say its language.
    pub fn runner(&self) -> Result<Runner, LoadError> {
        Runner::open(self)
    }

    /// Where the component has the functions of a role, in its first lane.
    pub(crate) fn indices_of<G: RoleExports>(&self) -> Result<G::Indices, LoadError> {
        let PluginInner { identity, roles, ready, .. } = &*self.inner;
        if !roles.contains(&G::ROLE) {
            return Err(LoadError::WrongRole {
                plugin: identity.name.clone(),
                wanted: G::ROLE,
                roles: roles.clone(),
            });
        }
        G::indices(&ready.lanes.first().pre, ready.version)
            .map_err(|error| LoadError::wrong_type(&identity.origin, G::ROLE.interface(), &error))
    }

    pub(crate) fn ready(&self) -> &Ready {
        &self.inner.ready
    }

    /// The file that it came from, if it came from one.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.inner.file.as_deref()
    }

    pub(crate) fn processes(&self) -> Option<&Processes> {
        self.inner.host.processes.as_ref()
    }

    pub(crate) fn gate(&self) -> &Arc<Gate> {
        &self.inner.host.gate
    }

    pub(crate) fn max_parallel(&self) -> usize {
        self.inner.host.max_parallel
    }

    pub(crate) fn log_sink(&self) -> Option<&LogSink> {
        self.inner.host.log.as_ref()
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin")
            .field("identity", self.identity())
            .field("roles", &self.roles())
            .finish_non_exhaustive()
    }
}
