//! One reproducible build of all plugins.
//!
//! The bytes of a component depend on its sources and on the toolchain, not on where the workspace lies:
//! paths are remapped, versions come from the committed `Cargo.lock`, the profile is `guest`, and every
//! standard library has a target folder of its own, because cargo does not see when it changes.
//!
//! In: plugin names and a toolchain. Out: a component for each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process;
use crate::toolchain::{TARGET, Toolchain};

/// Builds the plugins and returns each one's component, by name.
pub(crate) fn build<'a>(
    root: &Path,
    names: impl Iterator<Item = &'a String> + Clone,
    toolchain: &Toolchain,
) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut flags = vec![remap(root, "/ts-host")];
    flags.extend(remap_dependencies()?);
    let target = root.join("target/guest").join(&toolchain.identity.std);
    let mut command = toolchain.cargo(&flags)?;
    command
        .current_dir(root)
        .args(["build", "--locked", "--profile", "guest", "--target", TARGET])
        .arg("--target-dir")
        .arg(&target);
    for name in names.clone() {
        command.args(["--package", name]);
    }
    process::run(&mut command).context("could not build the plugins")?;
    let folder = target.join(TARGET).join("guest");
    names
        .map(|name| {
            let file = folder.join(name).with_extension("wasm");
            let bytes = std::fs::read(&file).with_context(|| format!("could not read {}", file.display()))?;
            Ok((name.clone(), bytes))
        })
        .collect()
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
