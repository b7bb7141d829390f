//! The commands for people who write plugins, a file each.
//!
//! In: a plugin as a user names it. Out: answers on standard output.

mod bench;
mod componentize;
mod fetch;
mod fuzz;
mod heard;
mod inspect;
mod list;
mod new;
mod push;
#[cfg(feature = "training")]
mod replay;
mod run;
mod test;
mod watch;

use anyhow::{Result, bail};
use serde_json::json;
use ts_harness::Handle;
use ts_plugin::{LogSink, Plugin};
use ts_recipe::{OpenError, Override, Recipe, open_plugin, open_plugin_with_runners};

use self::inspect::Tried;
use super::elsewhere::have;
use super::{loader, tell};
use crate::args::plugin::{CalledArgs, PluginCommand};
use crate::exit_code::CallFailed;
use crate::terminal::{is_closed, say_value};

/// Does what was asked for.
pub(super) fn dispatch(command: &PluginCommand) -> Result<()> {
    match command {
        PluginCommand::List { folder, json } => list::list(folder.as_deref(), *json),
        PluginCommand::Inspect { file, json } => inspect::inspect(&plugin(file)?, *json),
        PluginCommand::Check { files, json: false } => check(files),
        PluginCommand::Check { files, json: true } => check_as_json(files),
        PluginCommand::Docs { file } => inspect::docs(&plugin(file)?),
        PluginCommand::New(args) => new::new(args),
        PluginCommand::Componentize(args) => componentize::componentize(args),
        PluginCommand::Fetch(args) => fetch::fetch(args),
        PluginCommand::Push { file, to } => push::push(file, to),
        PluginCommand::Run(args) => run::run(args),
        PluginCommand::Test(args) => test::test(args),
        PluginCommand::Fuzz(args) => fuzz::fuzz(args),
        PluginCommand::Bench(args) => bench::bench(args),
        #[cfg(feature = "training")]
        PluginCommand::Replay(args) => replay::replay(args),
    }
}

/// Checks plugins one after the other; one that does not run keeps no other from being checked.
fn check(files: &[String]) -> Result<()> {
    let check_one = |file: &String| inspect::check(&plugin(file)?);
    let [files @ .., last] = files else { return Ok(()) };
    let mut failed = Vec::new();
    for file in files {
        if let Err(error) = check_one(file) {
            if is_closed(&error) {
                return Err(error);
            }
            tell(&error);
            failed.push(file.as_str());
        }
    }
    check_one(last)?;
    if failed.is_empty() {
        return Ok(());
    }
    bail!("of {} plugins {} do not run here: {}", files.len() + 1, failed.len(), failed.join(", "))
}

/// The same, with a JSON object for each plugin.
fn check_as_json(files: &[String]) -> Result<()> {
    let mut found = Vec::new();
    let mut failed: Vec<anyhow::Error> = Vec::new();
    for file in files {
        found.push(match plugin(file).and_then(|plugin| inspect::tried(&plugin)) {
            Ok(Tried { found, failed: None }) => json!({"file": file, "runs": true, "found": found}),
            Ok(Tried { found, failed: Some(how) }) => {
                failed.push(CallFailed { how }.into());
                json!({"file": file, "runs": false, "found": found})
            }
            Err(error) => {
                let message = format!("{error:#}");
                failed.push(error);
                json!({"file": file, "runs": false, "error": message})
            }
        });
    }
    say_value(&found)?;
    match failed.pop() {
        None => Ok(()),
        Some(error) => Err(error.context(format!("{} plugins do not run here", failed.len() + 1))),
    }
}

fn recipe(set: &[Override]) -> Result<Recipe> {
    Ok(loader().load("default", set.to_vec())?)
}

fn plugin(file: &str) -> Result<Plugin> {
    let recipe = recipe(&[])?;
    have(&recipe, [file])?;
    Ok(open_plugin(&recipe, file)?)
}

/// Opens a plugin and what it needs, ready to be called in a role.
fn handle(args: &CalledArgs) -> Result<Handle> {
    handle_of(args, None)
}

/// The same for one to which somebody listens.
fn handle_of(args: &CalledArgs, log: Option<LogSink>) -> Result<Handle> {
    let recipe = recipe(&args.set)?;
    have(&recipe, std::iter::once(&args.file).chain(&args.runner))?;
    let plugin = open_plugin_with_runners(&recipe, &args.file, &args.runner, log)?;
    Ok(Handle::open(&plugin, args.role, &args.setting.iter().cloned().collect()).map_err(OpenError::Named)?)
}
