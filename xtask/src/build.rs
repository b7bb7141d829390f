//! One reproducible build of all plugins.
//!
//! The bytes of a component depend on its sources and on the toolchain, not on where the workspace lies:
//! paths are remapped, versions come from the committed `Cargo.lock`, the profile is `guest`, and every
//! standard library has a target folder of its own, because cargo does not see when it changes.
//!
//! In: plugin names and a toolchain. Out: a component for each. Left out on purpose: other languages than Rust.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process;
use crate::toolchain::{TARGET, Toolchain};

/// Builds the plugins and returns each one's component, by name.
pub(crate) fn build(
    root: &Path,
    names: &[String],
    toolchain: &Toolchain,
) -> Result<BTreeMap<String, Vec<u8>>> {
    let flags = [
        format!("--remap-path-prefix={}=/ts-host", root.display()),
        format!("--remap-path-prefix={}=/cargo", cargo_home()?.display()),
    ];
    let target = root.join("target/guest").join(&toolchain.identity.std);
    let mut command = toolchain.cargo(&flags)?;
    command
        .current_dir(root)
        .args(["build", "--locked", "--profile", "guest", "--target", TARGET])
        .arg("--target-dir")
        .arg(&target);
    for name in names {
        command.args(["--package", name]);
    }
    process::run(&mut command).context("could not build the plugins")?;
    let folder = target.join(TARGET).join("guest");
    names
        .iter()
        .map(|name| {
            let file = folder.join(name).with_extension("wasm");
            let bytes = std::fs::read(&file).with_context(|| format!("could not read {}", file.display()))?;
            Ok((name.clone(), bytes))
        })
        .collect()
}

/// Where cargo keeps the sources of dependencies.
pub(crate) fn cargo_home() -> Result<PathBuf> {
    match std::env::var_os("CARGO_HOME") {
        Some(folder) if !folder.is_empty() => Ok(PathBuf::from(folder)),
        _ => Ok(PathBuf::from(std::env::var_os("HOME").context("HOME is not set")?).join(".cargo")),
    }
}
