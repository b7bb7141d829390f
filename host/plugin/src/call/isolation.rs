//! What one instance may see of the calls before.

use serde::{Deserialize, Serialize};

/// What one instance may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// A fresh instance for every call: nothing is carried over, and fuel is equal on every run.
    #[default]
    PerCall,
    /// An instance sees the calls about one problem only.
    PerProblem,
    /// An instance is used until it fails: the fastest.
    Reused,
}
