//! What a sealed file holds: records that know what they are about.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::key::Key;

/// What a journal, and so an artefact, holds.
pub trait Record: Serialize + DeserializeOwned {
    /// What it is known by.
    fn key(&self) -> Key;

    /// The problem that it belongs to; empty where it belongs to none.
    fn problem(&self) -> &str {
        ""
    }
}
