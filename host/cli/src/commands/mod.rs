//! From what was typed to work: one function a command.

mod cache;
#[cfg(feature = "training")]
mod compare;
mod elsewhere;
#[cfg(feature = "training")]
mod export;
mod hub;
mod import;
#[cfg(feature = "training")]
mod model;
mod plugin;
#[cfg(feature = "training")]
mod samples;
mod serve;
mod shell;
#[cfg(feature = "training")]
mod training;
#[cfg(feature = "training")]
mod transfer;

use std::path::Path;

use anyhow::Result;
use ts_embedded::RECIPES;
use ts_plugin::CacheError;
use ts_recipe::{Loader, OpenError, RecipeError};

#[cfg(feature = "training")]
use crate::args::training::TrainingCommand;
use crate::args::{Cli, Command};
use crate::terminal::{note, say, say_page, say_value};

/// Does what was asked for.
pub(crate) fn dispatch(cli: Cli) -> Result<()> {
    #[cfg(feature = "training")]
    let command = cli.command.unwrap_or(Command::Training(TrainingCommand::Run(cli.run)));
    #[cfg(not(feature = "training"))]
    let command = cli.command;
    if command.compiles() {
        cache::warn();
    }
    #[cfg(feature = "training")]
    if std::env::args_os().len() == 1 {
        note(
            "this is the main job, on the embedded model; `ts-host --help` lists the commands, `ts-host run --quick` does a small part of it",
        );
    }
    match command {
        #[cfg(feature = "training")]
        Command::Training(command) => training::dispatch(command),
        Command::Recipe { name, json } => print_recipes(name.as_deref(), json),
        Command::Import(args) => import::run(&args),
        Command::Cache { clear, json } => cache::run(clear, json),
        Command::Completions { shell } => shell::completions(shell),
        Command::Man { folder } => shell::man(&folder),
        Command::Plugin { command } => plugin::dispatch(&command),
        Command::Serve(args) => serve::run(&args),
    }
}

/// Says what went wrong, and what to do about it.
pub(crate) fn tell(error: &anyhow::Error) {
    note(format_args!("error: {error:#}"));
    if let Some(hint) = hint(error) {
        note(format_args!("hint: {hint}"));
    }
}

/// What to do about an error, if one of its causes says so.
fn hint(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause| {
        #[cfg(feature = "training")]
        if let Some(error) = cause.downcast_ref::<ts_pipeline::Error>() {
            return error.hint();
        }
        let recipe = cause.downcast_ref::<RecipeError>().map(RecipeError::hint);
        let plugin = || cause.downcast_ref::<OpenError>().and_then(OpenError::hint);
        let harness = || cause.downcast_ref::<ts_harness::Error>().and_then(ts_harness::Error::hint);
        let import =
            || cause.downcast_ref::<ts_import::Error>().and_then(ts_import::Error::hint).map(str::to_owned);
        let hub = || cause.downcast_ref::<ts_hub::Error>().and_then(ts_hub::Error::hint).map(str::to_owned);
        let cache = || cause.downcast_ref::<CacheError>().and_then(CacheError::hint);
        let registry = || cause.downcast_ref::<ts_registry::Error>().and_then(ts_registry::Error::hint);
        recipe.or_else(plugin).or_else(harness).or_else(cache).or_else(import).or_else(hub).or_else(registry)
    })
}

fn loader() -> Loader<'static> {
    Loader { shipped: RECIPES }
}

/// The file of a recipe, if it is not one that ships.
fn file_of(recipe: &str) -> Option<&Path> {
    let is_shipped = RECIPES.iter().any(|(shipped, _)| *shipped == recipe);
    (!is_shipped).then_some(Path::new(recipe))
}

fn print_recipes(name: Option<&str>, json: bool) -> Result<()> {
    let Some(name) = name else {
        let mut names = RECIPES.iter().map(|(name, _)| name);
        return if json { say_value(&names.collect::<Vec<_>>()) } else { names.try_for_each(say) };
    };
    match RECIPES.iter().find(|(shipped, _)| *shipped == name) {
        Some((_, text)) if json => say_value(&toml::from_str::<serde_json::Value>(text)?),
        Some((_, text)) => say_page(text.trim_end()),
        None => Err(loader().unknown(name).into()),
    }
}
