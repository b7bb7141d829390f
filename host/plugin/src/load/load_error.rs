//! Why a plugin, or the host itself, could not be made ready: one variant per cause.
//!
//! A message says what and where; [`LoadError::hint`] says what to do about it.
//!
//! Errors of calls during a run are outcomes to be recorded. See `call_error.rs`.

use std::path::{Path, PathBuf};

use crate::call::call_error::CallError;
use crate::contract::role::Role;
use crate::limits::OutOfRange;
use crate::text;

/// Why a plugin, or the host itself, could not be made ready.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The WebAssembly engine could not be set up.
    #[error("cannot start the plugin engine: {reason}")]
    Engine {
        /// What the engine said.
        reason: String,
    },
    /// A limit has a value that cannot be enforced.
    #[error("limit `{}` must be {} to {}, not {}", .0.name, .0.least, .0.most, .0.value)]
    Limit(OutOfRange),
    /// There is no such file.
    #[error("there is no plugin `{}`", path.display())]
    NotFound {
        /// The path asked for.
        path: PathBuf,
        /// The components that the same folder has, by file name, sorted.
        siblings: Vec<String>,
    },
    /// The file is there and cannot be read.
    #[error("cannot read plugin `{}`", path.display())]
    Unreadable {
        /// The path asked for.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A folder in which there is no component.
    #[error("there is no component in the folder `{}`", folder.display())]
    NoneInFolder {
        /// The folder.
        folder: PathBuf,
        /// Where it was looked for beside the folder itself.
        places: &'static [&'static str],
        /// Files there whose names end in `.wasm` and that are no components.
        others: Vec<PathBuf>,
    },
    /// A folder in which there are several, of which any may be meant.
    #[error("there are {} components in the folder `{}`", found.len(), folder.display())]
    SeveralInFolder {
        /// The folder.
        folder: PathBuf,
        /// Their files, sorted.
        found: Vec<PathBuf>,
    },
    /// The component is not the one that is meant.
    #[error("plugin `{origin}` has sha256 {found}, and allowed is only {wanted}")]
    WrongDigest {
        /// Where it came from.
        origin: String,
        /// The digest that it has.
        found: String,
        /// The one allowed.
        wanted: String,
    },
    /// The component is larger than `component_mib`.
    #[error("plugin `{origin}` has {bytes} bytes, more than the limit of {limit}")]
    TooLarge {
        /// Where it came from.
        origin: String,
        /// Its size in bytes.
        bytes: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The bytes are something else than a WebAssembly component.
    #[error("plugin `{origin}` is not a WebAssembly component: it is {found}")]
    NotAComponent {
        /// Where it came from.
        origin: String,
        /// What it looks like.
        found: &'static str,
    },
    /// It begins like a component and is broken, or uses WebAssembly that this host does not allow.
    #[error("plugin `{origin}` is not a valid component: {reason}")]
    Invalid {
        /// Where it came from.
        origin: String,
        /// What the compiler said.
        reason: String,
    },
    /// It has more of something than any plugin needs; found before anything of it was compiled.
    #[error("plugin `{origin}` has {count} {what}, more than the limit of {limit}")]
    TooComplex {
        /// Where it came from.
        origin: String,
        /// What was counted.
        what: &'static str,
        /// How many there are; where counting stopped, how many there are at least.
        count: u64,
        /// The most there may be.
        limit: u64,
        /// The value of a recipe's `plugins.limits` that has the limit, if one has.
        setting: Option<&'static str>,
    },
    /// Compiling it takes more processor time than so much code may.
    #[error("plugin `{origin}` is not compiled after {limit_ms} ms of processor time")]
    TooLongToCompile {
        /// Where it came from.
        origin: String,
        /// The limit in milliseconds.
        limit_ms: u64,
    },
    /// Compiling it takes more memory than so much code may.
    #[error("plugin `{origin}` takes more than {limit_mib} MiB of memory to compile")]
    TooMuchMemoryToCompile {
        /// Where it came from.
        origin: String,
        /// The limit in MiB.
        limit_mib: u64,
    },
    /// The process that compiled it ended without an answer.
    #[error("plugin `{origin}` cannot be compiled: the compiler ended ({how}){}", last_words(said))]
    CompilerCrashed {
        /// Where it came from.
        origin: String,
        /// How the process ended.
        how: String,
        /// What it said on standard error.
        said: String,
    },
    /// It asks for something that no plugin is given.
    #[error("plugin `{origin}` imports `{import}`, which no plugin is given")]
    ForbiddenImport {
        /// Where it came from.
        origin: String,
        /// The import's name.
        import: String,
    },
    /// It is a component, and not one of ours.
    #[error("component `{origin}` is not a plugin of this host: it exports no {missing}")]
    NotAPlugin {
        /// Where it came from.
        origin: String,
        /// What is missing.
        missing: &'static str,
        /// What it exports.
        exports: Vec<String>,
    },
    /// It was built against another version of the contract.
    #[error("plugin `{origin}` has `{interface}` in version {have}; this host takes {want}")]
    WrongVersion {
        /// Where it came from.
        origin: String,
        /// The interface, without its version.
        interface: String,
        /// The version that the plugin has.
        have: String,
        /// The versions that it might have.
        want: String,
    },
    /// An interface has the right name and version, and other functions or types.
    #[error("plugin `{origin}` has another `{interface}` than this host: {reason}")]
    WrongType {
        /// Where it came from.
        origin: String,
        /// The interface.
        interface: &'static str,
        /// Where they differ.
        reason: String,
    },
    /// The plugin does not have the role that it is wanted for.
    #[error("plugin `{plugin}` is not a {wanted}; it is a {}", list(roles))]
    WrongRole {
        /// The plugin's name.
        plugin: String,
        /// The role asked for.
        wanted: Role,
        /// The roles it has.
        roles: Vec<Role>,
    },
    /// What the plugin says of itself breaks the contract.
    #[error("plugin `{origin}` describes itself wrongly: {reason}")]
    BadDescription {
        /// Where it came from.
        origin: String,
        /// What is wrong.
        reason: String,
    },
    /// A setting that the plugin does not take.
    #[error("plugin `{plugin}` takes no setting `{setting}`")]
    UnknownSetting {
        /// The plugin's name.
        plugin: String,
        /// The setting given.
        setting: String,
        /// The settings it takes, in its own order.
        known: Vec<String>,
    },
    /// A setting with a value of the wrong kind.
    #[error("setting `{setting}` of plugin `{plugin}` takes {expected}, not {found}")]
    WrongSetting {
        /// The plugin's name.
        plugin: String,
        /// The setting.
        setting: String,
        /// What it takes.
        expected: &'static str,
        /// What it was given.
        found: String,
    },
    /// The settings are of the right kinds, and the plugin itself does not take them.
    #[error("plugin `{plugin}` refuses its settings: {reason}")]
    SettingsRefused {
        /// The plugin's name.
        plugin: String,
        /// What the plugin says; begins with the setting's name.
        reason: String,
    },
    /// The plugin failed when it was first started, described or configured.
    #[error("plugin from `{origin}` does not start")]
    Start {
        /// Where it came from.
        origin: String,
        /// What happened.
        source: Box<CallError>,
    },
}

impl LoadError {
    /// The limit that the plugin met: a field of [`crate::Limits`].
    pub fn limit(&self) -> Option<&'static str> {
        match self {
            Self::Limit(limit) => Some(limit.name),
            Self::TooLarge { .. } => Some("component_mib"),
            Self::TooComplex { setting, .. } => *setting,
            Self::TooLongToCompile { .. } => Some("compile_ms"),
            Self::TooMuchMemoryToCompile { .. } => Some("compile_memory_mib"),
            Self::Start { source, .. } => source.kind.limit(),
            _ => None,
        }
    }

    /// A plugin that fails before it is asked to do anything.
    pub(crate) fn start(origin: &str, source: CallError) -> Self {
        Self::Start { origin: origin.into(), source: Box::new(source) }
    }

    /// An interface of the right name with other types.
    pub(crate) fn wrong_type(origin: &str, interface: &'static str, error: &wasmtime::Error) -> Self {
        Self::WrongType { origin: origin.into(), interface, reason: text::sentence(&format!("{error:#}")) }
    }

    /// What the reader can do about it; `None` where the message says all.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotFound { path, siblings } => {
                let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
                let meant = ts_text::nearest(&name, siblings.iter().map(String::as_str))?;
                format!("did you mean `{}`?", path.with_file_name(meant).display())
            }
            Self::Unreadable { source, .. } if source.kind() == std::io::ErrorKind::IsADirectory => {
                "a plugin is one file, a .wasm".into()
            }
            Self::NoneInFolder { others, .. } if !others.is_empty() => format!(
                "`ts-host plugin componentize {}` makes a component of what a compiler wrote",
                others[0].display()
            ),
            Self::NoneInFolder { places, .. } => format!(
                "build it first: its README says how; looked at were its files that end in .wasm, and those in {}",
                places.join(", ")
            ),
            Self::SeveralInFolder { found, .. } => {
                let names: Vec<_> = found.iter().map(|path| path.display().to_string()).collect();
                format!("name the one that is meant: {}", names.join(", "))
            }
            Self::WrongDigest { .. } => {
                "`ts-host cache --clear` removes what is kept here, and it is downloaded anew".into()
            }
            Self::TooLarge { .. } => "raise the limit `component_mib` if you trust it".into(),
            Self::TooComplex { setting: Some(setting), .. } => {
                format!("raise the limit `{setting}` if you trust it")
            }
            Self::TooComplex { setting: None, .. } => {
                "no setting changes this limit, which is far above what tools make; build the plugin smaller".into()
            }
            Self::TooLongToCompile { .. } | Self::TooMuchMemoryToCompile { .. } => {
                "what may be taken grows with the code up to the limits `compile_ms` and `compile_memory_mib`; if you trust it, \
                 split its large functions"
                    .into()
            }
            Self::CompilerCrashed { .. } => "report it, with the plugin: no plugin should end the compiler".into(),
            Self::NotAComponent { found, .. } if *found == CORE_MODULE => {
                "`ts-host plugin componentize` makes a component of it; for Rust, wasm-component-ld as the linker does so too"
                    .into()
            }
            Self::NotAComponent { .. } => {
                "a plugin is a component of WebAssembly; `ts-host plugin new` makes a project that builds one".into()
            }
            Self::Invalid { .. } => {
                "build it again if the file was cut short; limits `instances` and `table_elements` bound what it has".into()
            }
            Self::ForbiddenImport { .. } => {
                "a plugin is given `log`, and a WASI in which there is nothing: no files, no network, a clock that stands".into()
            }
            Self::NotAPlugin { exports, .. } if exports.is_empty() => "it exports nothing".into(),
            Self::NotAPlugin { exports, .. } => text::sentence(&format!("it exports {}", exports.join(", "))),
            Self::WrongVersion { .. } | Self::WrongType { .. } => "build it again against this host's `wit/`".into(),
            Self::UnknownSetting { known, .. } if known.is_empty() => "it takes no settings".into(),
            Self::UnknownSetting { known, .. } => format!("it takes {}", known.join(", ")),
            Self::Start { source, .. } => return source.kind.hint(),
            _ => return None,
        };
        Some(hint)
    }
}

/// The folder that a path names a file in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// What a module is called that is no component.
pub(super) const CORE_MODULE: &str = "a core WebAssembly module";

/// What a process said before it ended, after a colon.
fn last_words(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

fn list(roles: &[Role]) -> String {
    roles.iter().map(|role| role.to_string()).collect::<Vec<_>>().join(" and a ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_role_names_the_roles_there_are() {
        let error = LoadError::WrongRole {
            plugin: "q_dyn".into(),
            wanted: Role::Verifier,
            roles: vec![Role::SelectionPolicy, Role::LengthFunction],
        };
        assert_eq!(
            error.to_string(),
            "plugin `q_dyn` is not a verifier; it is a selection-policy and a length-function"
        );
    }
}
