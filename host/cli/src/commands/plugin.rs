//! The commands for people who write plugins.

use anyhow::{Context, Result};
use serde_json::{Map, Value};
use ts_pipeline::Error;
use ts_pipeline::recipe::n_threads;
use ts_pipeline::setup::{open_plugin, open_plugin_with_runners};
use ts_plugin::{Description, Plugin, SettingValue};

use super::loader;
use crate::args::PluginTestArgs;
use crate::terminal::say;

/// Says what a plugin is.
pub(super) fn inspect(file: &str) -> Result<()> {
    let plugin = plugin(file)?;
    let (identity, Description { summary, settings, .. }) = (plugin.identity(), plugin.description());
    let roles: Vec<String> = plugin.roles().iter().map(ToString::to_string).collect();
    say(format_args!("{} {}: {summary}", identity.name, identity.version))?;
    say(format_args!("roles: {}", roles.join(", ")))?;
    say(format_args!("contract: ts-host:plugin@{}", ts_plugin::WIT_VERSION))?;
    say(format_args!("{} bytes, sha256 {}", identity.bytes, identity.sha256))?;
    for setting in settings {
        let default = match &setting.default {
            SettingValue::Boolean(value) => value.to_string(),
            SettingValue::Integer(value) => value.to_string(),
            SettingValue::Number(value) => value.to_string(),
            SettingValue::Text(value) => format!("\"{value}\""),
        };
        say(format_args!("setting {} = {default}: {}", setting.name, setting.doc))?;
    }
    Ok(())
}

fn plugin(file: &str) -> Result<Plugin> {
    let recipe = loader().load("default", vec![]).map_err(Error::from)?;
    Ok(open_plugin(&recipe, file)?)
}

/// The values of `--setting`: JSON, or else a text as it stands.
pub(super) fn settings(given: &[String]) -> Result<Map<String, Value>> {
    let mut settings = Map::new();
    for text in given {
        let (key, value) =
            text.split_once('=').with_context(|| format!("--setting {text}: must be KEY=VALUE"))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        settings.insert(key.trim().to_owned(), value);
    }
    Ok(settings)
}

/// Grades labelled cases and compares.
pub(super) fn test(args: &PluginTestArgs) -> Result<()> {
    let settings = settings(&args.setting)?;
    let recipe = loader().load("default", vec![]).map_err(Error::from)?;
    let verifier = open_plugin_with_runners(&recipe, &args.file, &args.plugin)?
        .verifier(&settings)
        .map_err(|source| Error::Plugin { key: args.file.clone(), source })?;
    let cases = ts_harness::read_cases(&args.cases)?;
    let threads = n_threads(args.workers);
    let run = ts_harness::run(&verifier, &cases, threads);
    if let Some(path) = &args.out {
        ts_harness::write_results(path, &cases, &run)?;
    }
    let report = ts_harness::Report::of(&cases, &run);
    say(format_args!(
        "{} cases, {} with an expected verdict: {:.2} % agree",
        report.cases,
        report.counted,
        100.0 * report.agreement()
    ))?;
    for (what, ids) in [
        ("false negatives", &report.false_negatives),
        ("false positives", &report.false_positives),
        ("over their limits", &report.broken_limits),
    ] {
        say(format_args!("{what}: {}", ids.len()))?;
        ids.iter().take(args.show).try_for_each(|id| say(format_args!("  {id}")))?;
        if ids.len() > args.show {
            say(format_args!("  and {} more (--show, --out)", ids.len() - args.show))?;
        }
    }
    for (reason, n) in &report.nulls {
        say(format_args!("no verdict, {reason}: {n}"))?;
    }
    say(format_args!(
        "{:.2} s on {threads} threads, {:.0} cases a second a core",
        report.seconds, report.cases_per_second_per_core
    ))?;
    Ok(())
}
