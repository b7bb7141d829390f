//! What was typed. Nothing here is checked against the world: `commands` turns it into work.

#[cfg(feature = "training")]
pub(crate) mod export;
pub(crate) mod import;
#[cfg(feature = "training")]
pub(crate) mod model;
pub(crate) mod plugin;
pub(crate) mod serve;
#[cfg(feature = "training")]
pub(crate) mod training;
mod values;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use self::import::ImportArgs;
use self::plugin::PluginCommand;
use self::serve::ServeArgs;
#[cfg(feature = "training")]
use self::training::{MainJobArgs, TrainingCommand};
use crate::exit_code::EXIT_CODES;

/// Makes a reasoning language model think shorter without thinking worse (TokenSqueeze), with graders that
/// are sandboxed plugins.
///
/// Without a command it does the main job: `run`.
#[cfg(feature = "training")]
#[derive(Parser, Debug)]
#[command(name = "ts-host", version, args_conflicts_with_subcommands = true, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// The main job's flags.
    #[command(flatten)]
    pub(crate) run: MainJobArgs,
}

/// Grades with sandboxed plugins, and helps to write them. This build has no model: it cannot sample or train.
#[cfg(not(feature = "training"))]
#[derive(Parser, Debug)]
#[command(name = "ts-host", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// What needs a model, or a run's folder.
    #[cfg(feature = "training")]
    #[command(flatten)]
    Training(TrainingCommand),
    /// List the shipped recipes, or print one with its comments
    Recipe {
        /// Its name
        name: Option<String>,
        /// As JSON: the names, or the values of one
        #[arg(long)]
        json: bool,
    },
    /// Make a problem set of a public set's files, or a run's samples of another program's
    Import(ImportArgs),
    /// Grade for other trainers, over HTTP or as JSON lines
    Serve(ServeArgs),
    /// Show what is kept of plugins, compiled and downloaded, and what of it is not trusted
    Cache {
        /// Remove it
        #[arg(long)]
        clear: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Write a script that completes commands and flags in a shell, to standard output
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write manual pages, one a command
    Man {
        /// The folder for them
        folder: PathBuf,
    },
    /// Work on a plugin
    Plugin {
        /// What to do with it
        #[command(subcommand)]
        command: PluginCommand,
    },
}

impl Command {
    /// Whether it compiles plugins, or takes compiled ones.
    pub(crate) fn compiles(&self) -> bool {
        match self {
            #[cfg(feature = "training")]
            Self::Training(command) => command.compiles(),
            Self::Recipe { .. } | Self::Cache { .. } | Self::Completions { .. } | Self::Man { .. } => false,
            #[cfg(feature = "training")]
            Self::Import(args) => args.command.is_some(),
            #[cfg(not(feature = "training"))]
            Self::Import(_) => false,
            Self::Serve(_) => true,
            Self::Plugin { command } => command.compiles(),
        }
    }
}
