//! What a plugin is: for a reader, as a verdict on whether it runs here, and as a page of its settings.
//!
//! In: a plugin that was loaded. Out: lines. Left out on purpose: why one cannot be loaded; that is the error of loading it.

use anyhow::Result;
use serde_json::Map;
use ts_harness::Handle;
use ts_plugin::{Description, Plugin, Role, SettingValue};

use crate::terminal::say;

/// Starts of which the median counts.
const STARTS: usize = 21;

/// Says what a plugin is.
pub(super) fn inspect(plugin: &Plugin) -> Result<()> {
    let (identity, Description { summary, settings, .. }) = (plugin.identity(), plugin.description());
    say(format_args!("{} {}: {summary}", identity.name, identity.version))?;
    say(format_args!("roles: {}", roles(plugin)))?;
    say(format_args!("contract: ts-host:plugin@{}", plugin.contract()))?;
    say(format_args!("{} bytes, sha256 {}", identity.bytes, identity.sha256))?;
    let imports = plugin.imports();
    say(format_args!("imports: {}", if imports.is_empty() { "nothing".into() } else { imports.join(", ") }))?;
    for setting in settings {
        say(format_args!("setting {} = {}: {}", setting.name, literal(&setting.default), setting.doc))?;
    }
    let (micros, bytes) = start(plugin)?;
    say(format_args!(
        "a fresh instance: {micros:.0} microseconds (median of {STARTS}), {} KiB of memory",
        bytes / 1024
    ))
}

/// Says that this host runs a plugin, and on what that was tried.
pub(super) fn check(plugin: &Plugin) -> Result<()> {
    let identity = plugin.identity();
    let with_defaults = match plugin.roles() {
        [Role::Runner] => plugin.runner().map(|runner| format!("it runs {}", runner.language())),
        roles => roles
            .iter()
            .filter(|role| **role != Role::Runner)
            .try_for_each(|role| Handle::open(plugin, Some(*role), &Map::new()).map(drop))
            .map(|()| "it takes its own defaults".to_owned()),
    };
    let with_defaults = with_defaults
        .map_err(|source| ts_pipeline::Error::Plugin { key: identity.origin.clone(), source })?;
    let (micros, bytes) = start(plugin)?;
    say(format_args!("{} {} runs on this host", identity.name, identity.version))?;
    say(format_args!("  it is a component, and its {} bytes are within the limit", identity.bytes))?;
    say(format_args!("  what it imports is granted: {}", plugin.imports().join(", ")))?;
    say(format_args!("  its roles are those of ts-host:plugin@{}: {}", plugin.contract(), roles(plugin)))?;
    say(format_args!(
        "  it starts, in {micros:.0} microseconds and {} KiB, and describes itself",
        bytes / 1024
    ))?;
    say(format_args!("  {with_defaults}"))
}

/// Prints a plugin's settings as a page.
pub(super) fn docs(plugin: &Plugin) -> Result<()> {
    let (identity, Description { summary, settings, .. }) = (plugin.identity(), plugin.description());
    say(format_args!(
        "# {} {}\n\n{summary}\n\nRoles: {}.\n",
        identity.name,
        identity.version,
        roles(plugin)
    ))?;
    if settings.is_empty() {
        return say("It takes no settings.");
    }
    say("| setting | type | default | meaning |\n|---|---|---|---|")?;
    for setting in settings {
        let doc = setting.doc.replace('|', "\\|");
        let default = literal(&setting.default).replace('|', "\\|");
        say(format_args!("| `{}` | {} | `{default}` | {doc} |", setting.name, setting.default.kind()))?;
    }
    let role = plugin.roles().first().map_or("verifier", |role| role.interface()).replace('-', "_");
    say(format_args!(
        "\nIn a recipe:\n\n```toml\n[plugins.{role}]\nsource = \"{}\"\n\n[plugins.{role}.settings]",
        identity.origin.trim_start_matches("embedded:")
    ))?;
    for setting in settings {
        say(format_args!("{} = {}", setting.name, literal(&setting.default)))?;
    }
    say("```")
}

fn roles(plugin: &Plugin) -> String {
    plugin.roles().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn literal(value: &SettingValue) -> String {
    match value {
        SettingValue::Boolean(value) => value.to_string(),
        SettingValue::Integer(value) => value.to_string(),
        SettingValue::Number(value) => value.to_string(),
        SettingValue::Text(value) => toml::Value::from(value.clone()).to_string(),
    }
}

/// What a start costs: microseconds, and bytes of memory.
fn start(plugin: &Plugin) -> Result<(f64, u64)> {
    let failed = |source| ts_pipeline::Error::Plugin { key: plugin.identity().origin.clone(), source };
    let mut starts = (0..STARTS).map(|_| plugin.start()).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    starts.sort_unstable();
    let (took, bytes) = starts[STARTS / 2];
    Ok((took.as_secs_f64() * 1e6, bytes))
}
