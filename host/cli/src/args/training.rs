//! The commands that need a model or a run's folder.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use ts_recipe::Override;
use ts_run::Shard;

use super::export::{AdoptArgs, ExportArgs};
use super::model::ModelCommand;
use super::values::{amount, seed, seeds, threads};

/// What to do with a model or a run.
#[derive(Subcommand, Debug)]
pub(crate) enum TrainingCommand {
    /// Every stage, in order: sample, grade, select, refine, pair, train, eval, report
    Run(MainJobArgs),
    /// Stage 1: sample responses to the training problems
    Sample(RunArgs),
    /// Stage 1: grade them with the verifier
    Grade(RunArgs),
    /// Stage 1: select positives and pairs with the policy
    Select(RunArgs),
    /// Stage 2: rewrite the positives' steps under the KL constraint
    Refine(RunArgs),
    /// Stage 3: make training examples
    Pair(RunArgs),
    /// Stage 3: score the examples under the model before training
    Reference(RunArgs),
    /// Stage 3: train with DPO-L + SFT
    Train(RunArgs),
    /// Measure the model before and after on the held-out problems
    Eval(RunArgs),
    /// Join the shards of a run: what several machines did becomes what one would have done
    Merge {
        /// The run's folder; the shards in it are found
        run: PathBuf,
        /// Folders of other shards
        folders: Vec<PathBuf>,
    },
    /// Print a run's table again, and write report.json, report.md and report.html, a page to look at; of several runs, those of `compare`
    Report(ReportArgs),
    /// Write a run's training data for another trainer, with its configuration and the command that trains
    Export(ExportArgs),
    /// Take a model that was trained elsewhere over as the run's own, for its evaluation and report
    Adopt(AdoptArgs),
    /// Validate a recipe and its plugins; run nothing
    Check(RunArgs),
    /// Run the ablations of the method over shared samples, several seeds each, and write a document
    Ablate(AblateArgs),
    /// Put methods beside each other: accuracy against length, a table and a plot, of finished runs or of recipes that are run
    Compare(CompareArgs),
    /// Measure a finished run's model, before and after, on other problems with other verifiers: one table, with regressions marked
    Transfer(TransferArgs),
    /// Train the embedded model from scratch
    Pretrain(PretrainArgs),
    /// Work on a checkpoint, without a run
    Model {
        /// What to do with it
        #[command(subcommand)]
        command: ModelCommand,
    },
}

impl TrainingCommand {
    /// Whether it compiles plugins, or takes compiled ones.
    pub(super) fn compiles(&self) -> bool {
        !matches!(self, Self::Merge { .. } | Self::Report(_) | Self::Pretrain(_) | Self::Model { .. })
            && !matches!(self, Self::Compare(args) if args.recipes.is_empty())
    }
}

/// The recipe, the flags over it, and the run's folder.
#[derive(Args, Debug, Clone, Default)]
pub(crate) struct RunArgs {
    /// Plugin to use for the role (or roles) that it has: a .wasm file, a folder with one, the name of an embedded plugin, or https://… or
    /// oci://… with a digest; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) plugin: Vec<String>,
    /// Recipe: the name of a shipped one or a TOML file [default: that of the folder, of --from, or `default`]
    #[arg(long, value_name = "RECIPE")]
    pub(crate) recipe: Option<String>,
    /// The run's folder; a run that was interrupted goes on in it [default: runs/NAME-seedSEED]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
    /// Another run's folder: its recipe is the one to start from, and its finished stages are taken over where the work
    /// is the same
    #[arg(long, value_name = "FOLDER")]
    pub(crate) from: Option<PathBuf>,
    /// With --from a finished run of several rounds: its control, one round with as many samples and optimiser steps as all of them together
    #[arg(long, requires = "from")]
    pub(crate) as_one_round: bool,
    /// The whole job on a small part of the problems, with few responses: whether everything works, in under a minute on the embedded
    /// model; the run's name ends in -quick
    #[arg(long)]
    pub(crate) quick: bool,
    /// One of several shares of the problems, such as 2/3: of the stages that map over problems, for as many machines; `merge`
    /// joins them
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<Shard>,
    /// Seed of the run
    #[arg(long, value_parser = seed)]
    pub(crate) seed: Option<i64>,
    /// Model: a Hugging Face folder, or a name of the hub: org/name@revision
    #[arg(long, value_name = "FOLDER")]
    pub(crate) model: Option<String>,
    /// Problems to train on: JSONL or parquet with id, prompt, reference; or of the hub, hub:org/name@revision/path
    #[arg(long, value_name = "FILE")]
    pub(crate) train_problems: Option<String>,
    /// Problems to measure on: the same
    #[arg(long, value_name = "FILE")]
    pub(crate) heldout_problems: Option<String>,
    /// Threads; 0 is one a core
    #[arg(long, value_parser = threads)]
    pub(crate) workers: Option<usize>,
    /// Any value of the recipe, such as train.beta=0.2; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<Override>,
}

/// Flags of `run`.
#[derive(Args, Debug, Clone, Default)]
pub(crate) struct MainJobArgs {
    /// The run
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// Print report.json instead of the table
    #[arg(long)]
    pub(crate) json: bool,
}

/// Flags of `report`.
#[derive(Args, Debug)]
pub(crate) struct ReportArgs {
    /// The run's folder; several make a comparison, and are named as for `compare`
    #[arg(value_name = "RUN", required = true)]
    pub(crate) runs: Vec<String>,
    /// A value of the recipe's [report] instead of the run's, such as report.budget_tokens=320; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<Override>,
    /// Of several runs, the folder for compare.md, compare.svg and compare.html
    #[arg(long, value_name = "FOLDER", default_value = "runs/compare")]
    pub(crate) out: PathBuf,
    /// Print JSON instead of the table
    #[arg(long)]
    pub(crate) json: bool,
}

/// Flags of `ablate`.
#[derive(Args, Debug)]
pub(crate) struct AblateArgs {
    /// Seeds, separated by commas
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 3], value_parser = seeds)]
    pub(crate) seeds: Vec<u64>,
    /// Rows to run: recipes, separated by commas [default: every shipped ablation]
    #[arg(long, value_delimiter = ',')]
    pub(crate) rows: Vec<String>,
    /// The recipe that the rows change, such as that of a model and problems of your own, in place of the default one: a shipped one or
    /// a file
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(crate) recipe: String,
    /// Multiples of each row's learning rate to train with, separated by commas, 1 among them: with several, rows are compared at the same
    /// length too
    #[arg(long, value_delimiter = ',', default_values_t = [1.0])]
    pub(crate) strengths: Vec<f64>,
    /// Problems on which each row's strength is chosen, by the area under accuracy against budget: a file, or `embedded` [default: the
    /// strength is 1]
    #[arg(long, value_name = "FILE")]
    pub(crate) tuning_problems: Option<String>,
    /// Folder for the runs
    #[arg(long, value_name = "FOLDER", default_value = "runs/ablation")]
    pub(crate) out: PathBuf,
    /// The document to write [default: ablations.md in the folder for the runs]
    #[arg(long, value_name = "FILE")]
    pub(crate) document: Option<PathBuf>,
    /// Any value of every recipe, such as eval.n_runs=2; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<Override>,
    /// Print JSON instead of the tables
    #[arg(long)]
    pub(crate) json: bool,
}

/// Flags of `compare`.
#[derive(Args, Debug)]
pub(crate) struct CompareArgs {
    /// Finished runs, or folders of runs such as an ablation's; NAME=FOLDER or NAME@STRENGTH=FOLDER says what they are [default: the recipe's
    /// run.name and value of --strength]. The first method is what the others are compared with
    #[arg(value_name = "RUN")]
    pub(crate) runs: Vec<String>,
    /// The number of the recipe that is a method's strength, and orders its points
    #[arg(long, value_name = "KEY", default_value = "train.learning_rate")]
    pub(crate) strength: String,
    /// Recipes to run first, as `ablate` does, separated by commas
    #[arg(long, value_delimiter = ',')]
    pub(crate) recipes: Vec<String>,
    /// The recipe that these change, such as that of a model and problems of your own, in place of the default one: a shipped one or a
    /// file
    #[arg(long, value_name = "NAME", default_value = "default", requires = "recipes")]
    pub(crate) recipe: String,
    /// Their seeds, separated by commas
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 3], requires = "recipes", value_parser = seeds)]
    pub(crate) seeds: Vec<u64>,
    /// Multiples of each recipe's learning rate to train with, separated by commas, 1 among them
    #[arg(long, value_delimiter = ',', default_values_t = [1.0], requires = "recipes")]
    pub(crate) strengths: Vec<f64>,
    /// Any value of every recipe, such as eval.n_runs=2; may be given several times
    #[arg(long, value_name = "KEY=VALUE", requires = "recipes")]
    pub(crate) set: Vec<Override>,
    /// Folder for the recipes' runs
    #[arg(long, value_name = "FOLDER", default_value = "runs/ablation", requires = "recipes")]
    pub(crate) runs_in: PathBuf,
    /// Folder for compare.md, compare.svg and compare.html, a page to look at
    #[arg(long, value_name = "FOLDER", default_value = "runs/compare")]
    pub(crate) out: PathBuf,
    /// Print JSON instead of the table
    #[arg(long)]
    pub(crate) json: bool,
}

/// Flags of `transfer`.
#[derive(Args, Debug)]
pub(crate) struct TransferArgs {
    /// The run's folder
    pub(crate) folder: PathBuf,
    /// A set of problems and what it is called: JSONL or parquet with id, prompt, reference; may be given several times
    #[arg(long, value_name = "NAME=FILE")]
    pub(crate) on: Vec<String>,
    /// The verifier of a set: a .wasm file, a folder with one, the name of an embedded plugin, or https://… or oci://… with a digest [default:
    /// the run's]; once a set
    #[arg(long, value_name = "NAME=FILE")]
    pub(crate) verifier: Vec<String>,
    /// Any other value of the recipe for one set, such as code.eval.temperature=0.2 for the set `code`; may be given several times
    #[arg(long, value_name = "NAME.KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

/// The tasks that a model can be pretrained for.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PretrainTask {
    /// Chains of operations, worked in more words and steps than they need
    Plain,
    /// Chains whose drafts slip, with checks that find it
    Teeth,
}

/// Flags of `pretrain`.
#[derive(Args, Debug)]
pub(crate) struct PretrainArgs {
    /// Folder for the checkpoint
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    /// What the model is to do
    #[arg(long, value_enum, default_value = "plain")]
    pub(crate) task: PretrainTask,
    /// Training tokens, in millions
    #[arg(long, default_value_t = 13.0, value_parser = amount)]
    pub(crate) million_tokens: f64,
    /// Seed of the initial weights and of the data
    #[arg(long, default_value_t = 7)]
    pub(crate) seed: u64,
    /// Threads; 0 is one a core. Changes no result
    #[arg(long, default_value_t = 0, value_parser = threads)]
    pub(crate) workers: usize,
}
