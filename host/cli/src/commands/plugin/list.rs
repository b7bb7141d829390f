//! The command `plugin list`: the plugins that there are.
//!
//! In: perhaps a folder. Out: a line a plugin: how it is named, its roles, what it is for; of one that cannot be used, why.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use ts_embedded::PLUGINS;

use super::plugin;
use crate::terminal::say;

/// Lists the plugins in this program, and the .wasm files of a folder.
pub(super) fn list(folder: Option<&Path>) -> Result<()> {
    PLUGINS.iter().try_for_each(|(name, _)| show(name))?;
    let Some(folder) = folder else { return Ok(()) };
    let cannot = || format!("cannot list {}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        files.extend(Some(path).filter(|path| path.extension().is_some_and(|end| end == "wasm")));
    }
    files.sort();
    files.iter().try_for_each(|file| show(&file.display().to_string()))
}

fn show(name: &str) -> Result<()> {
    match plugin(name) {
        Ok(plugin) => {
            let roles: Vec<&str> = plugin.roles().iter().map(|role| role.interface()).collect();
            say(format_args!("{name:<20} {:<18} {}", roles.join(", "), plugin.description().summary))
        }
        Err(error) => say(format_args!("{name:<20} cannot be used: {error:#}")),
    }
}
