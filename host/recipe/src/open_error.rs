//! Why a plugin that a recipe or a command names cannot be used. [`OpenError::hint`] says what to do.

use std::path::Path;

use ts_plugin::{CallErrorKind, LoadError};
use ts_registry::Source;

/// Why a plugin cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// One that a recipe names cannot be loaded or configured.
    #[error("plugin for `{key}`")]
    Plugin {
        /// The recipe's key.
        key: String,
        /// Why.
        source: LoadError,
    },
    /// One that a command names cannot be loaded or configured.
    #[error(transparent)]
    Named(LoadError),
    /// One of elsewhere that a recipe names is not to be had.
    #[error("plugin for `{key}`")]
    Elsewhere {
        /// The recipe's key.
        key: String,
        /// Why.
        source: ts_registry::Error,
    },
    /// One of elsewhere that a command names is not to be had.
    #[error(transparent)]
    NamedElsewhere(ts_registry::Error),
    /// A verifier of programs has nothing to run them with.
    #[error("verifier `{verifier}` has programs run, and no runner is loaded")]
    NoRunner {
        /// The verifier, as it was named.
        verifier: String,
    },
    /// The WebAssembly engine cannot be used.
    #[error(transparent)]
    Host(LoadError),
    /// It is not the one that the recipe pins.
    #[error("plugin {source_name} has sha256 {found}, and {key} allows only {pinned}")]
    Hash {
        /// The recipe's key.
        key: String,
        /// Which plugin.
        source_name: String,
        /// The one it has.
        found: String,
        /// The one allowed.
        pinned: String,
    },
}

impl OpenError {
    /// What to do about it, where there is something to say.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Plugin { source, .. } | Self::Named(source) | Self::Host(source) => match source {
                LoadError::NotFound { path, .. } => Some(where_instead(path, source)),
                _ => with_key(source.hint(), source.limit()),
            },
            Self::Elsewhere { source, .. } | Self::NamedElsewhere(source) => source.hint(),
            Self::NoRunner { .. } => Some(
                "`cargo xtask runners` builds those that ship, beside the verifier; --runner FILE names another"
                    .into(),
            ),
            Self::Hash { .. } => {
                Some("use the pinned component, or change the pin if you trust this one".into())
            }
        }
    }
}

/// Where a plugin may be that is not at a path.
fn where_instead(path: &Path, error: &LoadError) -> String {
    // What registries are asked for is often written without a scheme.
    let elsewhere = format!("oci://{}", path.display());
    let has_host = path
        .iter()
        .next()
        .is_some_and(|host| host.to_string_lossy().trim_start_matches('.').contains(['.', ':']));
    if has_host && matches!(Source::parse(&elsewhere), Ok(Some(_))) {
        return format!("did you mean `{elsewhere}`? What is in a registry begins so");
    }
    let shipped = || ts_embedded::PLUGINS.iter().map(|(name, _)| *name);
    let stem = path.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
    if let Some(name) = shipped().find(|name| *name == stem) {
        return format!(
            "this program has `{name}` in it: name it so, without a path; `ts-host plugin list` lists what it has"
        );
    }
    match (ts_text::nearest(&stem, shipped()), error.hint()) {
        (_, Some(beside)) => beside,
        (Some(name), None) => {
            format!("did you mean `{name}`? `ts-host plugin list` lists the plugins in this program")
        }
        (None, None) => {
            "`ts-host plugin list` lists the plugins in this program; any other is a .wasm file, a folder with one, https://… or oci://…".to_owned()
        }
    }
}

/// What to do about a call that failed, where there is something to say.
pub fn hint_of_call(kind: &CallErrorKind) -> Option<String> {
    with_key(kind.hint(), kind.limit())
}

/// A hint of the plugin's host, and the recipe's key of the limit that it is about.
fn with_key(hint: Option<String>, limit: Option<&str>) -> Option<String> {
    match (hint, limit) {
        (Some(hint), Some(limit)) => Some(format!("{hint} (in a recipe: `plugins.limits.{limit}`)")),
        (hint, _) => hint,
    }
}
