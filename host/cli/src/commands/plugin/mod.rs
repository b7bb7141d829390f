//! The commands for people who write plugins, a file each.
//!
//! In: a plugin as a user names it. Out: answers on standard output.

mod bench;
mod componentize;
mod fuzz;
mod inspect;
mod list;
mod new;
#[cfg(feature = "training")]
mod replay;
mod run;
mod test;

use anyhow::{Result, bail};
use ts_harness::Handle;
use ts_plugin::Plugin;
use ts_recipe::{OpenError, Override, Recipe, open_plugin, open_plugin_with_runners};

use super::{loader, tell};
use crate::args::plugin::{CalledArgs, PluginCommand};
use crate::terminal::is_closed;

/// Does what was asked for.
pub(super) fn dispatch(command: &PluginCommand) -> Result<()> {
    match command {
        PluginCommand::List { folder } => list::list(folder.as_deref()),
        PluginCommand::Inspect { file } => inspect::inspect(&plugin(file)?),
        PluginCommand::Check { files } => check(files),
        PluginCommand::Docs { file } => inspect::docs(&plugin(file)?),
        PluginCommand::New(args) => new::new(args),
        PluginCommand::Componentize(args) => componentize::componentize(args),
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

fn recipe(set: &[Override]) -> Result<Recipe> {
    Ok(loader().load("default", set.to_vec())?)
}

fn plugin(file: &str) -> Result<Plugin> {
    Ok(open_plugin(&recipe(&[])?, file)?)
}

/// Opens a plugin and what it needs, ready to be called in a role.
fn handle(args: &CalledArgs) -> Result<Handle> {
    let plugin = open_plugin_with_runners(&recipe(&args.set)?, &args.file, &args.runner)?;
    Ok(Handle::open(&plugin, args.role, &args.setting.iter().cloned().collect()).map_err(OpenError::Named)?)
}
