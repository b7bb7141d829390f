//! Why something of the hub is not to be had.

use std::io;
use std::path::PathBuf;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name of another form.
    #[error("`{name}` names no file of the hub: write hub:org/name@revision/path")]
    BadName {
        /// As it was written.
        name: String,
    },
    /// Nowhere to keep what is downloaded.
    #[error("the hub's cache has no place: none of HF_HUB_CACHE, HF_HOME and HOME is an absolute path")]
    NoPlace,
    /// Not in the cache.
    #[error("{name} is not in the hub's cache {}", cache.display())]
    NotCached {
        /// What was asked for.
        name: String,
        /// Where it was looked for.
        cache: PathBuf,
    },
    /// Not in the cache, and nothing may be downloaded.
    #[error("{name} is not in the hub's cache {}, and HF_HUB_OFFLINE forbids to download it", cache.display())]
    Offline {
        /// What was asked for.
        name: String,
        /// Where it was looked for.
        cache: PathBuf,
    },
    /// A variable that says nothing that can be used.
    #[error("{variable} {fault}")]
    Setting {
        /// Its name.
        variable: &'static str,
        /// What is wrong with it; never its value, where that is secret.
        fault: String,
    },
    /// The hub does not have it, or does not say so to everybody.
    #[error("{endpoint} does not have {name}, or not for you ({status})")]
    NotThere {
        /// Which hub.
        endpoint: String,
        /// What was asked for.
        name: String,
        /// What it answered.
        status: String,
    },
    /// Who asked may not have it.
    #[error("{endpoint} does not give {name} to you ({status})")]
    Forbidden {
        /// Which hub.
        endpoint: String,
        /// What was asked for.
        name: String,
        /// What it answered.
        status: String,
    },
    /// The hub cannot be reached, or answers with a fault, again and again.
    #[error("cannot get {name} from {endpoint}, tried {tries} times: {reason}")]
    Unreachable {
        /// Which hub.
        endpoint: String,
        /// What was asked for.
        name: String,
        /// How often.
        tries: u32,
        /// The last reason.
        reason: String,
    },
    /// What the hub answered is not what a hub answers.
    #[error("{endpoint} answers for {name} what no hub does: {reason}")]
    Strange {
        /// Which hub.
        endpoint: String,
        /// What was asked for.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A repository that holds no checkpoint that can be read.
    #[error("{name} holds no checkpoint: {reason}")]
    NoCheckpoint {
        /// Which.
        name: String,
        /// What it lacks.
        reason: String,
    },
    /// The disk.
    #[error("cannot write {}", path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotCached { .. } => Some("`ts-host check` of the recipe downloads it"),
            Self::Offline { .. } => {
                Some("download it where there is a network, or name a local file or folder")
            }
            Self::NotThere { .. } => Some(
                "check the name and the revision; for what is private or gated, HF_TOKEN must be a token that may read it. A local folder is written as a path that exists",
            ),
            Self::Forbidden { .. } => {
                Some("accept its conditions on the hub, and set HF_TOKEN to a token that may read it")
            }
            Self::Unreachable { .. } => Some(
                "start the same command again: a download goes on where it stopped; HF_ENDPOINT names a mirror",
            ),
            Self::Write { .. } => Some("HF_HOME or HF_HUB_CACHE names another place"),
            _ => None,
        }
    }

    pub(crate) fn write(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Write { path, source }
    }
}
