//! The command `plugin list`: the plugins that there are.
//!
//! In: perhaps a folder. Out: a line a plugin: how it is named, its roles, what it is for; of one that cannot be used, why.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use ts_embedded::PLUGINS;

use super::plugin;
use crate::terminal::{say, say_value};

/// Lists the plugins in this program, and the .wasm files of a folder.
pub(super) fn list(folder: Option<&Path>, json: bool) -> Result<()> {
    let names = PLUGINS.iter().map(|(name, _)| (*name).to_owned());
    let files = folder.map(components).transpose()?.unwrap_or_default();
    let mut names = names.chain(files.iter().map(|file| file.display().to_string()));
    match json {
        true => say_value(&names.map(|name| described(&name)).collect::<Vec<_>>()),
        false => names.try_for_each(|name| show(&name)),
    }
}

/// The .wasm files of a folder, by name.
fn components(folder: &Path) -> Result<Vec<PathBuf>> {
    let cannot = || format!("cannot list {}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        files.extend(Some(path).filter(|path| path.extension().is_some_and(|end| end == "wasm")));
    }
    files.sort();
    Ok(files)
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

fn described(name: &str) -> Value {
    match plugin(name) {
        Ok(plugin) => {
            let roles: Vec<&str> = plugin.roles().iter().map(|role| role.interface()).collect();
            json!({"name": name, "roles": roles, "summary": plugin.description().summary})
        }
        Err(error) => json!({"name": name, "error": format!("{error:#}")}),
    }
}
