//! Why a plugin that is elsewhere is not to be had. [`Error::hint`] says what to do.

use std::io;
use std::path::PathBuf;

use crate::Digest;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text that can be no source.
    #[error("`{name}` names no plugin: {fault}")]
    BadSource {
        /// As it was written, without a password.
        name: String,
        /// What is wrong.
        fault: String,
    },
    /// A tag or a URL whose digest nobody says.
    #[error("plugin {name} is elsewhere, and nothing says its digest")]
    NoDigest {
        /// The source.
        name: String,
    },
    /// The same, in a recipe that has a file.
    #[error("plugin {name} is not locked: {} has no line for it", lock.display())]
    NotLocked {
        /// The source.
        name: String,
        /// Where its line should be.
        lock: PathBuf,
        /// The recipe.
        recipe: String,
    },
    /// Two digests are said of one thing.
    #[error("plugin {name} is said to be {one}, and to be {other}")]
    Contradiction {
        /// The source.
        name: String,
        /// A digest.
        one: Digest,
        /// Another.
        other: Digest,
    },
    /// Not here.
    #[error("plugin {name} is not in {}", store.display())]
    NotHere {
        /// The source.
        name: String,
        /// Where it was looked for.
        store: PathBuf,
    },
    /// Nowhere to keep what is downloaded.
    #[error("plugins have no place to be kept: neither XDG_CACHE_HOME nor HOME is an absolute path")]
    NoPlace,
    /// Other bytes than those that are allowed.
    #[error("{name} has {found}, and allowed is only {wanted}")]
    WrongDigest {
        /// What, of which source.
        name: String,
        /// The digest of what is there.
        found: Digest,
        /// The one allowed.
        wanted: Digest,
    },
    /// More than a plugin may have.
    #[error("{name} has more than {most} bytes")]
    TooLarge {
        /// What, of which source.
        name: String,
        /// The limit, bytes.
        most: u64,
    },
    /// It is not there, or not for whoever asked.
    #[error("{server} does not have {name}, or not for you ({status})")]
    NotThere {
        /// Which server.
        server: String,
        /// What was asked for.
        name: String,
        /// What it answered.
        status: String,
    },
    /// The server cannot be reached, or answers with a fault, again and again.
    #[error("cannot get {name} from {server}, tried {tries} times: {reason}")]
    Unreachable {
        /// Which server.
        server: String,
        /// What was asked for.
        name: String,
        /// How often.
        tries: u32,
        /// The last reason.
        reason: String,
    },
    /// An answer that makes no sense.
    #[error("{server} answers for {name} what no such server does: {reason}")]
    Strange {
        /// Which server.
        server: String,
        /// What was asked for.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// An artefact that is no plugin.
    #[error("{name} is no plugin: {reason}")]
    NoPlugin {
        /// The source.
        name: String,
        /// What it is.
        reason: String,
    },
    /// The file in which `docker login` keeps names and passwords.
    #[error("cannot read {}: {fault}", path.display())]
    Docker {
        /// Which file.
        path: PathBuf,
        /// What is wrong; nothing of what stands in it.
        fault: String,
    },
    /// A lock file that is none.
    #[error("lock file {}: {fault}", path.display())]
    BadLock {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        fault: String,
    },
    /// The disk.
    #[error("cannot use {}", path.display())]
    Disk {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoDigest { name } => format!(
                "`ts-host plugin fetch {name}` downloads it and prints its name with the digest; for a recipe, --recipe FILE writes a lock file"
            ),
            Self::NotLocked { recipe, .. } => {
                format!("`ts-host plugin fetch --recipe {recipe}` downloads it and writes the line")
            }
            Self::Contradiction { .. } => {
                "remove the one that is not meant: in the source, in `sha256`, or in the lock file".to_owned()
            }
            Self::NotHere { name, .. } => format!("`ts-host plugin fetch {name}` downloads it"),
            Self::WrongDigest { .. } => {
                "what is there now is not what was locked: keep to the old one where somebody has it, or look at the new one, and then \
                 `ts-host plugin fetch --update --recipe FILE`, or write its digest"
                    .to_owned()
            }
            Self::TooLarge { .. } => {
                "a recipe's `plugins.limits.component_mib` is the limit; raise it if you trust it".to_owned()
            }
            Self::NotThere { .. } => {
                "check the name and the tag; for what is private, `docker login` must have kept a password in its config.json \
                 (credential helpers are not asked)"
                    .to_owned()
            }
            Self::Unreachable { .. } => {
                "start the same command again; what is in the store needs no network (`ts-host cache` shows it)".to_owned()
            }
            Self::Docker { .. } => "`docker login` writes it; DOCKER_CONFIG names its folder".to_owned(),
            Self::BadLock { .. } => {
                "remove it and let `ts-host plugin fetch --recipe FILE` write it again, which locks what is there now".to_owned()
            }
            Self::Disk { .. } => "XDG_CACHE_HOME names another place for what is kept".to_owned(),
            _ => return None,
        })
    }

    pub(crate) fn disk(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Disk { path, source }
    }
}
