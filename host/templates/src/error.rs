//! Why no project was written, or no component made.
//!
//! In: nothing. Out: sentences that say what was wrong, where, and what to do.

use std::path::PathBuf;

use ts_plugin::Role;

/// What another crate says is wrong.
type Source = Box<dyn std::error::Error + Send + Sync>;

/// Most exports that an error names.
pub(crate) const MAX_NAMED: usize = 12;

/// Why no project was written, or no component made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name is none.
    #[error("`{name}` is not a name of a plugin: {why}; write it as `my_grader` or `my-grader`")]
    Name {
        /// What was given.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The role has no template.
    #[error(
        "there is no project for a {role} to start from: it is an interpreter built into a component; \
         plugins/runners/python_runner in the source of this program is one"
    )]
    NoTemplate {
        /// The role.
        role: Role,
    },
    /// The folder holds something.
    #[error("{} is not empty, and nothing is overwritten; choose another name or another folder", folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// The system refused.
    #[error("could not write {}; choose a folder that you may write to", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The contract in this program is broken, which its tests rule out.
    #[error("this program cannot read its own contract")]
    Contract {
        /// What is wrong with it.
        source: Source,
    },
    /// The file is not WebAssembly, or is damaged.
    #[error("it is not a WebAssembly module: {why}; give what a compiler or linker for WebAssembly wrote")]
    NoModule {
        /// What is wrong with it.
        why: String,
    },
    /// It is a component.
    #[error("it is a component already; `ts-host plugin check` says whether it runs here")]
    Component,
    /// It has a function of another version of the contract.
    #[error(
        "it exports `{found}`, and this host's contract has `{wanted}`; make its bindings again, from the wit/ that \
         `ts-host plugin new` writes"
    )]
    OtherVersion {
        /// What it exports.
        found: String,
        /// What it should.
        wanted: String,
    },
    /// It lacks exports.
    #[error(
        "it does not export {}; a plugin of this role must, under exactly that name: is the function there, and does \
         the linker export it? It exports {}",
        quoted(names),
        if exports.is_empty() { "nothing".to_owned() } else { quoted(exports) }
    )]
    NoExport {
        /// Their names in the canonical ABI.
        names: Vec<String>,
        /// What it does export, at most [`MAX_NAMED`] of it.
        exports: Vec<String>,
    },
    /// It imports what it is not granted.
    #[error("it imports {}, which no plugin of this role is granted; {}", quoted(names), remedy(names))]
    NotGranted {
        /// Module and name of each.
        names: Vec<String>,
    },
    /// A function is not what its name promises.
    #[error("its functions are not those of the contract")]
    Encode {
        /// Which, and how it differs.
        source: Source,
    },
}

impl Error {
    pub(crate) fn contract(source: impl Into<Source>) -> Self {
        Self::Contract { source: source.into() }
    }

    pub(crate) fn encode(source: impl Into<Source>) -> Self {
        Self::Encode { source: source.into() }
    }
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// What to do about imports.
fn remedy(names: &[String]) -> &'static str {
    if names.iter().any(|name| name.starts_with("wasi")) {
        "of WASI, modules may import `wasi_snapshot_preview1`: compile for the target wasip1"
    } else if names.iter().any(|name| name.starts_with("env ")) {
        "a function that is imported from `env` is one that nothing linked defines"
    } else {
        "it may import the functions of `log` alone, and a verifier those of `runners`"
    }
}
