//! What a plugin is: for a reader, as a verdict on whether it runs here, and as a page of its settings.
//!
//! In: a plugin that was loaded. Out: lines.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Map;
use ts_harness::Handle;
use ts_harness::bench::bench;
use ts_harness::handle::Input;
use ts_plugin::{Description, MAX_PROGRAM_MIB, Plugin, Program, Role, RunLimits, SettingValue};
use ts_recipe::{OpenError, key_of};
use ts_text::{markdown, markdown_code};

use crate::exit_code::CallFailed;
use crate::terminal::{say, say_page};

/// Starts of which the median counts.
const STARTS: usize = 21;

/// How long calls are made, of which the median counts.
const CALLS_FOR: Duration = Duration::from_millis(50);

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
    ))?;
    plugin.roles().iter().try_for_each(|role| call(plugin, *role))
}

/// Says what a call of a role costs, on a small example.
fn call(plugin: &Plugin, role: Role) -> Result<()> {
    if role == Role::Runner {
        let runner = plugin.runner().map_err(OpenError::Named)?;
        let limits = RunLimits { time_ms: 1000, memory_mib: MAX_PROGRAM_MIB, output_bytes: 0 };
        let program = Program { source: "", input: "", limits };
        runner.run(&program)?; // the first run compiles the text
        let began = Instant::now();
        let ran = runner.run(&program)?;
        let micros = began.elapsed().as_secs_f64() * 1e6;
        return say(format_args!(
            "runner: an empty program in {}: {micros:.0} microseconds, {} units of fuel, {} KiB of memory",
            runner.language(),
            ran.fuel,
            ran.memory / 1024
        ));
    }
    if role == Role::Verifier && plugin.runs_programs() {
        return say("verifier: has programs run; `plugin bench` measures it on cases");
    }
    let handle = open(plugin, role)?;
    let example = Input::example(role);
    let answered = handle.call(&example);
    if answered.failed.is_some() {
        return say(format_args!("{role}: a call on a small example fails: {}", answered.output));
    }
    let cost = bench(&handle, &[example], 1, CALLS_FOR);
    say(format_args!(
        "{role}: a call on a small example: {:.0} microseconds with its instance (median of {}), {} units of fuel",
        cost.percentiles[0].as_secs_f64() * 1e6,
        cost.calls,
        answered.fuel.unwrap_or_default()
    ))
}

/// Says that this host runs a plugin, and on what that was tried.
pub(super) fn check(plugin: &Plugin) -> Result<()> {
    let identity = plugin.identity();
    let callable = plugin.roles().iter().filter(|role| **role != Role::Runner);
    let handles = callable.map(|role| Ok((*role, open(plugin, *role)?))).collect::<Result<Vec<_>>>()?;
    let with_defaults = match handles.is_empty() {
        true => format!("it runs {}", plugin.runner().map_err(OpenError::Named)?.language()),
        false => "it takes its own defaults".to_owned(),
    };
    let (micros, bytes) = start(plugin)?;
    say(format_args!("{} {} runs on this host", identity.name, identity.version))?;
    say(format_args!("  it is a component, and its {} bytes are within the limit", identity.bytes))?;
    say(format_args!("  what it imports is granted: {}", plugin.imports().join(", ")))?;
    say(format_args!("  its roles are those of ts-host:plugin@{}: {}", plugin.contract(), roles(plugin)))?;
    say(format_args!(
        "  it starts, in {micros:.0} microseconds and {} KiB, and describes itself",
        bytes / 1024
    ))?;
    say(format_args!("  {with_defaults}"))?;
    // A plugin that has programs run has nothing to run them with here.
    match plugin.runs_programs() {
        true => Ok(()),
        false => handles.iter().try_for_each(|(role, handle)| try_example(*role, handle)),
    }
}

/// A handle on a plugin in a role, with its own defaults.
fn open(plugin: &Plugin, role: Role) -> Result<Handle> {
    Ok(Handle::open(plugin, Some(role), &Map::new()).map_err(OpenError::Named)?)
}

/// Makes a call, and fails as it does; a refusal is an answer.
fn try_example(role: Role, handle: &Handle) -> Result<()> {
    let answered = handle.call(&Input::example(role));
    match answered.failed {
        None | Some("refused") => say(format_args!("  its {role} answers a small example")),
        Some(how) => {
            say(format_args!(
                "  its {role} fails on a small example: {}",
                answered.output["error"]["message"]
            ))?;
            Err(CallFailed { how }.into())
        }
    }
}

/// Prints a plugin's settings as a page.
pub(super) fn docs(plugin: &Plugin) -> Result<()> {
    let (identity, Description { summary, settings, .. }) = (plugin.identity(), plugin.description());
    let summary = markdown(summary);
    say_page(format_args!(
        "# {} {}\n\n{summary}\n\nRoles: {}.\n",
        markdown(&identity.name),
        markdown(&identity.version),
        roles(plugin)
    ))?;
    if settings.is_empty() {
        return say("It takes no settings.");
    }
    say_page("| setting | type | default | meaning |\n|---|---|---|---|")?;
    for setting in settings {
        let (name, default) = (markdown_code(&setting.name), markdown_code(&literal(&setting.default)));
        say(format_args!(
            "| {name} | {} | {default} | {} |",
            setting.default.kind(),
            markdown(&setting.doc)
        ))?;
    }
    let role = key_of(plugin.roles().first().copied().unwrap_or(Role::Verifier));
    let source = ts_text::toml(identity.origin.trim_start_matches("embedded:"));
    say_page(format_args!(
        "\nIn a recipe:\n\n```toml\n[plugins.{role}]\nsource = {source}\n\n[plugins.{role}.settings]"
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
        SettingValue::Text(value) => ts_text::toml(value),
    }
}

/// What a start costs: microseconds, and bytes of memory.
fn start(plugin: &Plugin) -> Result<(f64, u64)> {
    let starts = (0..STARTS).map(|_| plugin.start()).collect::<Result<Vec<_>, _>>();
    let mut starts = starts.map_err(OpenError::Named)?;
    starts.sort_unstable();
    let (took, bytes) = starts[STARTS / 2];
    Ok((took.as_secs_f64() * 1e6, bytes))
}
