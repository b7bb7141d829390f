//! Why a plugin that a recipe or a command names cannot be used. [`OpenError::hint`] says what to do.

use ts_plugin::{CallErrorKind, LoadError};

/// Why a plugin cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be loaded or configured.
    #[error("plugin for `{key}`")]
    Plugin {
        /// The recipe's key, or the plugin as it was named.
        key: String,
        /// Why.
        source: LoadError,
    },
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
            Self::Plugin { source, .. } | Self::Host(source) => with_key(source.hint(), source.limit()),
            Self::NoRunner { .. } => Some(
                "`cargo xtask runners` builds those that ship, beside the verifier; --plugin FILE names another"
                    .into(),
            ),
            Self::Hash { .. } => {
                Some("use the pinned component, or change the pin if you trust this one".into())
            }
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
