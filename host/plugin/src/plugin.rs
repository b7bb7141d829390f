//! A loaded plugin: who it is, and which roles it has.
//!
//! In: a component that passed every check in `contract/interfaces.rs`. Out: its [`Identity`] and
//! [`Description`]; the handles that call one role with one set of settings are made in `roles/` and
//! `programs/runner.rs`. A plugin is an `Arc`: cloning it is cheap, and a handle keeps it alive. It goes when
//! its last handle does.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::call::call_error::CallError;
use crate::call::gate::Gate;
use crate::call::instance::Ready;
use crate::call::isolation::Isolation;
use crate::contract::role::Role;
use crate::contract::role_exports::RoleExports;
use crate::contract::version::Version;
use crate::load::description::Description;
use crate::load::load_error::LoadError;
use crate::log::LogSink;
use crate::processes::workers::Workers;
use crate::programs::deep_stack::on_deep_stack;
use crate::shared::Shared;

/// Who a plugin is: what a run writes down to say which code graded it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// The plugin's name, as it says itself.
    pub name: String,
    /// Its version, as it says itself.
    pub version: String,
    /// SHA-256 of the component, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Where it was loaded from: a path, the place it came from, or `embedded:NAME`.
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
    pub(crate) shared: Arc<Shared>,
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

    /// What an instance of it may see of earlier calls.
    pub fn isolation(&self) -> Isolation {
        self.inner.shared.isolation
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
    pub fn file(&self) -> Option<&Path> {
        self.inner.file.as_deref()
    }

    /// What it shares with the other plugins of its host.
    pub(crate) fn shared(&self) -> &Shared {
        &self.inner.shared
    }

    pub(crate) fn gate(&self) -> &Arc<Gate> {
        &self.inner.shared.gate
    }

    pub(crate) fn workers(&self) -> Option<&Workers> {
        self.inner.shared.workers.as_ref()
    }

    pub(crate) fn log_sink(&self) -> Option<&LogSink> {
        self.inner.shared.log.as_ref()
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
