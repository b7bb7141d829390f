//! One reproducible build of all plugins.
//!
//! The bytes of a component depend on its sources and on the toolchain, not on where the workspace lies:
//! paths are remapped, versions come from the committed `Cargo.lock`, the profile is `guest`, and every
//! standard library has a target folder of its own, because cargo does not see when it changes.
//!
//! In: plugin names and a toolchain. Out: a component for each.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};

use crate::cargo::{TARGET, remap, remap_dependencies};
use crate::process;
use crate::toolchain::Toolchain;

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
