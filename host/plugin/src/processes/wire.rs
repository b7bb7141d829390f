//! What a host and the processes that run programs for it say to each other.
//!
//! In: a [`Setup`], then [`Request`]s. Out: an [`Answer`] to each. A message is its length, four bytes, the low one first, and so many
//! bytes of postcard. Left out on purpose: versions, since both sides are the same program.

use std::borrow::Cow;
use std::io::{Read, Write};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::cache::CachePlace;
use crate::call_error::{CallError, CallErrorKind};
use crate::limits::Limits;
use crate::runner::{Program, Ran};

/// What a process is told first.
#[derive(Serialize, Deserialize)]
pub(super) struct Setup {
    pub(super) cache: CachePlace,
    pub(super) limits: Limits,
}

/// What is to be run.
#[derive(Serialize, Deserialize)]
pub(super) enum Request<'a> {
    #[serde(borrow)]
    Run(Job<'a>),
    Converse(Job<'a>, Job<'a>),
}

/// What is asked for: runs, and the fuel that each may use at most.
#[derive(Serialize, Deserialize)]
pub(super) struct Asked<'a> {
    #[serde(borrow)]
    pub(super) request: Request<'a>,
    pub(super) fuel: u64,
}

/// A program, and the file of its runner.
#[derive(Serialize, Deserialize)]
pub(super) struct Job<'a> {
    #[serde(borrow)]
    pub(super) file: Cow<'a, Path>,
    #[serde(borrow)]
    pub(super) sha256: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) program: Program<'a>,
}

/// What came of it: one or two runs.
pub(super) type Answer = Result<Vec<Ran>, Failed>;

/// A [`CallError`].
#[derive(Serialize, Deserialize)]
pub(super) struct Failed {
    plugin: String,
    function: String,
    kind: CallErrorKind,
    fuel: Option<u64>,
}

impl Failed {
    pub(super) fn new(plugin: &str, function: &str, kind: CallErrorKind, fuel: Option<u64>) -> Self {
        Self { plugin: plugin.into(), function: function.into(), kind, fuel }
    }

    pub(super) fn into_call_error(self) -> CallError {
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

pub(crate) fn write(to: &mut impl Write, message: &impl Serialize) -> std::io::Result<()> {
    let bytes = postcard::to_stdvec(message).map_err(std::io::Error::other)?;
    let length = u32::try_from(bytes.len()).map_err(std::io::Error::other)?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(&bytes)?;
    to.flush()
}

/// The next message; `None` at the end.
pub(crate) fn read<T: DeserializeOwned>(from: &mut impl Read) -> std::io::Result<Option<T>> {
    Ok(match read_bytes(from)? {
        Some(bytes) => Some(postcard::from_bytes(&bytes).map_err(std::io::Error::other)?),
        None => None,
    })
}

/// The bytes of the next message; `None` at the end.
pub(super) fn read_bytes(from: &mut impl Read) -> std::io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    if let Err(error) = from.read_exact(&mut length) {
        return if error.kind() == std::io::ErrorKind::UnexpectedEof { Ok(None) } else { Err(error) };
    }
    let length = u64::from(u32::from_le_bytes(length));
    let mut bytes = Vec::new();
    if from.take(length).read_to_end(&mut bytes)? as u64 != length {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(bytes))
}
