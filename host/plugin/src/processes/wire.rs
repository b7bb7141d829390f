//! What a host and the processes that run programs for it say to each other.
//!
//! In: a [`Setup`], then [`Request`]s. Out: an [`Answer`] to each. There are no versions of it: both sides
//! are the same program.

use std::borrow::Cow;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::call::call_error::{CallError, CallErrorKind};
use crate::limits::Limits;
use crate::load::cache::CachePlace;
use crate::programs::program::{Program, Ran};

/// What a process is told first.
#[derive(Serialize, Deserialize)]
pub(crate) struct Setup {
    pub(crate) cache: CachePlace,
    pub(crate) limits: Limits,
}

/// What is to be run.
#[derive(Serialize, Deserialize)]
pub(crate) enum Request<'a> {
    #[serde(borrow)]
    Run(Job<'a>),
    Converse(Job<'a>, Job<'a>),
}

/// What is asked for: runs, and the fuel that each may use at most.
#[derive(Serialize, Deserialize)]
pub(crate) struct Asked<'a> {
    #[serde(borrow)]
    pub(crate) request: Request<'a>,
    pub(crate) fuel: u64,
}

/// A program, and the file of its runner.
#[derive(Serialize, Deserialize)]
pub(crate) struct Job<'a> {
    #[serde(borrow)]
    pub(crate) file: Cow<'a, Path>,
    #[serde(borrow)]
    pub(crate) sha256: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) program: Program<'a>,
}

/// What came of it: one or two runs.
pub(crate) type Answer = Result<Vec<Ran>, Failed>;

/// A [`CallError`].
#[derive(Serialize, Deserialize)]
pub(crate) struct Failed {
    plugin: String,
    function: String,
    kind: CallErrorKind,
    fuel: Option<u64>,
}

impl Failed {
    pub(crate) fn new(plugin: &str, function: &str, kind: CallErrorKind, fuel: Option<u64>) -> Self {
        Self { plugin: plugin.into(), function: function.into(), kind, fuel }
    }

    pub(crate) fn into_call_error(self) -> CallError {
        let known = ["instantiate", "compile", "run"];
        let function = known.into_iter().find(|name| *name == self.function).unwrap_or("run");
        CallError { plugin: self.plugin, function, problem: None, kind: self.kind, fuel: self.fuel }
    }
}

impl From<CallError> for Failed {
    fn from(error: CallError) -> Self {
        Self::new(&error.plugin, error.function, error.kind, error.fuel)
    }
}
