//! The command `plugin fetch`: plugins of elsewhere, and by which digest they are.
//!
//! In: sources, or a recipe's file. Out: each in the store, opened once, with the name by which it is found again; a recipe's lock file.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use ts_plugin::Plugin;
use ts_recipe::{Elsewhere, Locked, Recipe, open_plugin};
use ts_registry::Fetched;

use super::recipe;
use crate::args::plugin::PluginFetchArgs;
use crate::commands::hub::tell;
use crate::commands::{file_of, loader};
use crate::terminal::{say, say_value};

/// Fetches, says what there is, and writes the lock file last.
pub(super) fn fetch(args: &PluginFetchArgs) -> Result<()> {
    let mut tell = tell;
    let mut elsewhere = Elsewhere::new(&mut tell);
    let mut found = Vec::new();
    let with_defaults = recipe(&[])?;
    for source in &args.sources {
        let fetched = elsewhere.first(source, with_defaults.plugins.limits.component_bytes())?;
        found.push(match fetched {
            Some(fetched) => opened(&with_defaults, &fetched)?,
            None => (open_plugin(&with_defaults, source)?, source.clone()),
        });
    }
    let mut locked = None;
    if let Some(name) = &args.recipe {
        let Some(file) = file_of(name) else {
            bail!(
                "--recipe {name}: a lock is beside a recipe's file, and {name} is one that ships, with plugins of this program"
            );
        };
        let recipe = loader().load(name, vec![])?;
        let of_recipe = elsewhere.lock(&recipe, file, args.update)?;
        for fetched in &of_recipe.fetched {
            found.push(opened(&recipe, fetched)?);
        }
        found.dedup_by(|one, other| one.1 == other.1); // of several roles
        locked = Some(of_recipe);
    }
    let is_changed = locked.as_ref().map(Locked::write).transpose()?;
    let lock = locked.as_ref().map(|locked| &locked.path).zip(is_changed);
    if args.json {
        let lock =
            lock.map(|(path, is_changed)| json!({"file": path.display().to_string(), "changed": is_changed}));
        let plugins: Vec<Value> = found.iter().map(|(plugin, name)| to_json(plugin, name)).collect();
        return say_value(&json!({"plugins": plugins, "lock": lock}));
    }
    for (plugin, name) in &found {
        let identity = plugin.identity();
        let roles: Vec<_> = plugin.roles().iter().map(ToString::to_string).collect();
        say(format_args!("{} {}: {}", identity.name, identity.version, roles.join(", ")))?;
        say(format_args!("  {name}"))?;
        say(format_args!("  {} bytes, sha256 {}", identity.bytes, identity.sha256))?;
    }
    match lock {
        Some((path, true)) => say(format_args!("wrote {}", path.display())),
        Some((path, false)) if path.exists() => say(format_args!("{} is as it was", path.display())),
        Some(_) => say("the recipe names no plugin that needs a lock"),
        None => Ok(()),
    }
}

/// A plugin that was fetched, and its name. It is opened by its file: of one that a pin names, the digest is not in the name.
fn opened(recipe: &Recipe, fetched: &Fetched) -> Result<(Plugin, String)> {
    let path = fetched.path.to_str().context("the store's path is no text")?;
    let plugin = open_plugin(recipe, path).with_context(|| fetched.source.to_string())?;
    Ok((plugin, fetched.source.to_string()))
}

fn to_json(plugin: &Plugin, name: &str) -> Value {
    let identity = plugin.identity();
    json!({
        "source": name,
        "name": identity.name,
        "version": identity.version,
        "roles": plugin.roles().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "bytes": identity.bytes,
        "sha256": identity.sha256,
    })
}
