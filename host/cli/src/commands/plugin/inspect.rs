//! What a plugin is: for a reader, as a verdict on whether it runs here, and as a page of its settings.
//!
//! In: a plugin that was loaded. Out: lines.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Map, Value, json};
use ts_harness::Handle;
use ts_harness::bench::bench;
use ts_harness::fuzz::check_laws;
use ts_harness::handle::Input;
use ts_plugin::{Description, MAX_PROGRAM_MIB, Plugin, Program, Role, RunLimits, SettingSpec, SettingValue};
use ts_recipe::{OpenError, key_of};
use ts_text::{markdown, markdown_code};

use crate::exit_code::CallFailed;
use crate::terminal::{say, say_page, say_value};

/// Starts of which the median counts.
const STARTS: usize = 21;

/// How long calls are made, of which the median counts.
const CALLS_FOR: Duration = Duration::from_millis(50);

/// Says what a plugin is.
pub(super) fn inspect(plugin: &Plugin, json: bool) -> Result<()> {
    let (identity, Description { summary, settings, .. }) = (plugin.identity(), plugin.description());
    if json {
        let setting = |it: &SettingSpec| json!({"name": it.name, "type": it.default.kind(), "default": value(&it.default), "doc": it.doc});
        let (microseconds, bytes) = start(plugin)?;
        let calls = plugin
            .roles()
            .iter()
            .map(|role| Ok(call(plugin, *role)?.to_json()))
            .collect::<Result<Vec<_>>>()?;
        return say_value(&json!({
            "name": identity.name,
            "version": identity.version,
            "summary": summary,
            "roles": plugin.roles().iter().map(ToString::to_string).collect::<Vec<_>>(),
            "contract": format!("ts-host:plugin@{}", plugin.contract()),
            "bytes": identity.bytes,
            "sha256": identity.sha256,
            "imports": plugin.imports(),
            "settings": settings.iter().map(setting).collect::<Vec<_>>(),
            "start": {"microseconds": microseconds, "memory_bytes": bytes},
            "calls": calls,
        }));
    }
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
    plugin.roles().iter().try_for_each(|role| say(call(plugin, *role)?.told))
}

/// What a call of a role costs, on a small example.
struct Called {
    role: Role,
    /// The median, and the fuel of one; none where no call was made, or one failed.
    cost: Option<(f64, u64)>,
    /// The same in words.
    told: String,
}

impl Called {
    fn to_json(&self) -> Value {
        let (microseconds, fuel) = self.cost.unzip();
        json!({"role": self.role.to_string(), "microseconds": microseconds, "fuel": fuel, "told": self.told})
    }
}

/// Calls a role on a small example.
fn call(plugin: &Plugin, role: Role) -> Result<Called> {
    if role == Role::Runner {
        let runner = plugin.runner().map_err(OpenError::Named)?;
        let limits = RunLimits { time_ms: 1000, memory_mib: MAX_PROGRAM_MIB, output_bytes: 0 };
        let program = Program { source: "", input: "", limits };
        runner.run(&program)?; // the first run compiles the text
        let began = Instant::now();
        let ran = runner.run(&program)?;
        let micros = began.elapsed().as_secs_f64() * 1e6;
        let told = format!(
            "runner: an empty program in {}: {micros:.0} microseconds, {} units of fuel, {} KiB of memory",
            runner.language(),
            ran.fuel,
            ran.memory / 1024
        );
        return Ok(Called { role, cost: Some((micros, ran.fuel)), told });
    }
    if role == Role::Verifier && plugin.runs_programs() {
        let told = "verifier: has programs run; `plugin bench` measures it on cases".to_owned();
        return Ok(Called { role, cost: None, told });
    }
    let handle = open(plugin, role)?;
    let example = Input::example(role);
    let answered = handle.call(&example);
    if answered.failed.is_some() {
        let told = format!("{role}: a call on a small example fails: {}", answered.output);
        return Ok(Called { role, cost: None, told });
    }
    let cost = bench(&handle, &[example], 1, CALLS_FOR);
    let (micros, fuel) = (cost.percentiles[0].as_secs_f64() * 1e6, answered.fuel.unwrap_or_default());
    let told = format!(
        "{role}: a call on a small example: {micros:.0} microseconds with its instance (median of {}), {fuel} units of fuel",
        cost.calls
    );
    Ok(Called { role, cost: Some((micros, fuel)), told })
}

/// Says that this host runs a plugin, and on what that was tried.
pub(super) fn check(plugin: &Plugin) -> Result<()> {
    let identity = plugin.identity();
    let Tried { found, failed } = tried(plugin)?;
    say(format_args!("{} {} runs on this host", identity.name, identity.version))?;
    found.iter().try_for_each(|line| say(format_args!("  {line}")))?;
    failed.map_or(Ok(()), |how| Err(CallFailed { how }.into()))
}

/// What was found of a plugin that was loaded.
pub(super) struct Tried {
    /// A sentence each.
    pub(super) found: Vec<String>,
    /// How a call of it failed.
    pub(super) failed: Option<&'static str>,
}

/// Tries whether this host runs a plugin.
pub(super) fn tried(plugin: &Plugin) -> Result<Tried> {
    let identity = plugin.identity();
    let callable = plugin.roles().iter().filter(|role| **role != Role::Runner);
    let handles = callable.map(|role| Ok((*role, open(plugin, *role)?))).collect::<Result<Vec<_>>>()?;
    let with_defaults = match handles.is_empty() {
        true => format!("it runs {}", plugin.runner().map_err(OpenError::Named)?.language()),
        false => "it takes its own defaults".to_owned(),
    };
    let (micros, bytes) = start(plugin)?;
    let mut found = vec![
        format!("it is a component, and its {} bytes are within the limit", identity.bytes),
        format!("what it imports is granted: {}", plugin.imports().join(", ")),
        format!("its roles are those of ts-host:plugin@{}: {}", plugin.contract(), roles(plugin)),
        format!("it starts, in {micros:.0} microseconds and {} KiB, and describes itself", bytes / 1024),
        with_defaults,
    ];
    // A plugin that has programs run has nothing to run them with here.
    let mut failed = None;
    if !plugin.runs_programs() {
        for (role, handle) in &handles {
            let (told, how) = try_example(*role, handle);
            found.push(told);
            failed = failed.or(how);
            if *role == Role::StepSplitter && how.is_none() {
                match check_laws(handle) {
                    Ok(()) => found.push("its steps stay where they are as a text grows".to_owned()),
                    Err(fault) => {
                        found
                            .push(format!("its steps move as a text grows: {}, {}", fault.input, fault.told));
                        failed = Some("bad_output");
                    }
                }
            }
        }
    }
    Ok(Tried { found, failed })
}

/// A handle on a plugin in a role, with its own defaults.
fn open(plugin: &Plugin, role: Role) -> Result<Handle> {
    Ok(Handle::open(plugin, Some(role), &Map::new()).map_err(OpenError::Named)?)
}

/// Makes a call: what came of it, and how it failed if it did; a refusal is an answer.
fn try_example(role: Role, handle: &Handle) -> (String, Option<&'static str>) {
    let answered = handle.call(&Input::example(role));
    match answered.failed {
        None | Some("refused") => (format!("its {role} answers a small example"), None),
        Some(how) => {
            let message = &answered.output["error"]["message"];
            (format!("its {role} fails on a small example: {message}"), Some(how))
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

fn value(value: &SettingValue) -> Value {
    match value {
        SettingValue::Boolean(value) => (*value).into(),
        SettingValue::Integer(value) => (*value).into(),
        SettingValue::Number(value) => (*value).into(),
        SettingValue::Text(value) => value.as_str().into(),
    }
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
