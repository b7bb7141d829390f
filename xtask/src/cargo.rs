//! How `cargo` is called to build guests: by which name, for which target, with which paths hidden.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The target of every guest.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// The `cargo` that started this program, or the one on the path.
pub(crate) fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"))
}

/// The value of a list-of-folders variable with one more folder in front.
pub(crate) fn prepended(variable: &str, folder: &Path) -> Result<OsString> {
    let present = std::env::var_os(variable).unwrap_or_default();
    let folders = std::iter::once(folder.to_path_buf())
        .chain(std::env::split_paths(&present).filter(|path| !path.as_os_str().is_empty()));
    std::env::join_paths(folders).with_context(|| format!("could not extend {variable}"))
}

/// The compiler flag that writes `name` where a path begins with `folder`.
pub(crate) fn remap(folder: &Path, name: &str) -> String {
    format!("--remap-path-prefix={}={name}", folder.display())
}

/// Flags that take the user's cargo folder, and the registry's name in it, out of the paths of dependencies: a panic
/// names its source file, and a component must not depend on where that was fetched from.
pub(crate) fn remap_dependencies() -> Result<Vec<String>> {
    let home = cargo_home()?;
    let mut flags = vec![remap(&home, "/cargo")];
    let sources = home.join("registry/src");
    // This program has dependencies of its own, so the folder is there unless they are vendored.
    for registry in std::fs::read_dir(&sources).into_iter().flatten() {
        flags.push(remap(&registry?.path(), "/registry")); // of several that fit, the last counts
    }
    Ok(flags)
}

/// Where cargo keeps the sources of dependencies.
fn cargo_home() -> Result<PathBuf> {
    match std::env::var_os("CARGO_HOME") {
        Some(folder) if !folder.is_empty() => Ok(PathBuf::from(folder)),
        _ => Ok(PathBuf::from(std::env::var_os("HOME").context("HOME is not set")?).join(".cargo")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_put_in_front() {
        let path = prepended("NO_SUCH_VARIABLE_OF_XTASK", Path::new("/a")).unwrap();
        assert_eq!(path, OsString::from("/a"));
    }
}
