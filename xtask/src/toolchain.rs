//! Which compiler builds the guests, and what identifies it.
//!
//! A guest needs two things: the standard library for `wasm32-unknown-unknown`, and `wasm-component-ld`, the
//! linker that turns a module into a component. Every rustup toolchain brings the linker. The library comes
//! from the active toolchain where it has the target; otherwise, on Debian, from a private copy of the
//! distribution's compiler (see [`crate::debian`]); otherwise the error says which command adds it.
//!
//! In: the machine. Out: a [`Toolchain`]. Nothing is installed into the user's toolchain.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::cargo::{TARGET, cargo, prepended};
use crate::debian;
use crate::process;

/// What decides the bytes that a build gives, apart from the sources. Two builds with the same identity must
/// give the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// The first line of `rustc -vV`.
    pub(crate) rustc: String,
    /// The standard library that guests link: the first 16 hexadecimal digits of the SHA-256 of its files'
    /// bytes.
    pub(crate) std: String,
    /// What `wasm-component-ld --version` says.
    pub(crate) linker: String,
}

/// A compiler that can build guests.
#[derive(Debug)]
pub(crate) struct Toolchain {
    /// The compiler.
    rustc: PathBuf,
    /// Where the compiler's shared libraries are, if the system does not know.
    libraries: Option<PathBuf>,
    /// `wasm-component-ld`.
    linker: PathBuf,
    /// The folder of `wasm-ld`, which the linker looks for on the path.
    linker_helpers: PathBuf,
    /// What decides the bytes.
    pub(crate) identity: Identity,
}

impl Toolchain {
    /// Finds a toolchain, preparing the private one if that is the way that this machine allows.
    pub(crate) fn find() -> Result<Self> {
        let active = std::env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
        let version = process::output(Command::new(&active).arg("-vV"))?;
        let host = field(&version, "host: ").context("`rustc -vV` does not name its host")?.to_owned();
        let sysroot = sysroot(&mut Command::new(&active))?;
        let tools = sysroot.join("lib/rustlib").join(&host).join("bin");
        let linker = tools.join("wasm-component-ld");
        if !linker.is_file() {
            bail!(
                "{} is missing: plugins are linked with the wasm-component-ld of a rustup toolchain; \
                 install Rust with rustup",
                linker.display()
            );
        }
        let (rustc, libraries) = if std_folder(&sysroot).is_some() {
            (PathBuf::from(active), None)
        } else if let Some(debian) = debian::prepare()? {
            (debian.rustc, Some(debian.libraries))
        } else {
            bail!("the active toolchain cannot build for {TARGET}; run `rustup target add {TARGET}`");
        };
        let mut toolchain = Toolchain {
            rustc,
            libraries,
            identity: Identity {
                rustc: String::new(),
                std: String::new(),
                linker: process::output(Command::new(&linker).arg("--version"))?.trim().to_owned(),
            },
            linker,
            linker_helpers: tools.join("gcc-ld"),
        };
        let version = process::output(toolchain.rustc_command().arg("-vV"))?;
        toolchain.identity.rustc = version.lines().next().unwrap_or_default().to_owned();
        let sysroot = self::sysroot(&mut toolchain.rustc_command())?;
        let folder = std_folder(&sysroot)
            .with_context(|| format!("{} has no standard library for {TARGET}", sysroot.display()))?;
        toolchain.identity.std = hash_files(&folder)?;
        Ok(toolchain)
    }

    /// A `cargo` command that uses this toolchain for guests. Its flags replace the user's own.
    pub(crate) fn cargo(&self, flags: &[String]) -> Result<Command> {
        self.command(cargo(), flags)
    }

    /// A command in which `cargo` uses this toolchain for guests.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>, flags: &[String]) -> Result<Command> {
        let mut command = Command::new(program);
        command
            .env("RUSTC", &self.rustc)
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", &self.linker)
            .env("PATH", prepended("PATH", &self.linker_helpers)?)
            .env_remove("RUSTC_BOOTSTRAP")
            .env_remove("RUSTC_WRAPPER");
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", prepended("LD_LIBRARY_PATH", libraries)?);
        }
        Ok(command)
    }

    fn rustc_command(&self) -> Command {
        let mut command = Command::new(&self.rustc);
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command
    }
}

fn sysroot(rustc: &mut Command) -> Result<PathBuf> {
    let path = process::output(rustc.args(["--print", "sysroot"]))?;
    Ok(PathBuf::from(path.trim()))
}

/// The folder of the target's standard library, if there is one in it.
fn std_folder(sysroot: &Path) -> Option<PathBuf> {
    let folder = sysroot.join("lib/rustlib").join(TARGET).join("lib");
    let found = std::fs::read_dir(&folder)
        .ok()?
        .filter_map(Result::ok)
        .any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"));
    found.then_some(folder)
}

/// The hash of a folder's files, names and bytes, in the order of their names.
fn hash_files(folder: &Path) -> Result<String> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.retain(|path| path.is_file());
    files.sort();
    let mut hash = Sha256::new();
    for file in &files {
        hash.update(file.file_name().unwrap_or_default().as_encoded_bytes());
        hash.update([0]);
        hash.update(std::fs::read(file).with_context(|| format!("could not read {}", file.display()))?);
    }
    let mut digits = ts_text::hexadecimal(&hash.finalize());
    digits.truncate(16);
    Ok(digits)
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_the_version_is_found_by_its_name() {
        let version = "rustc 1.95.0 (abc)\nbinary: rustc\nhost: x86_64-unknown-linux-gnu\n";
        assert_eq!(field(version, "host: "), Some("x86_64-unknown-linux-gnu"));
        assert_eq!(field(version, "LLVM version: "), None);
    }
}
