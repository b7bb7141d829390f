//! What was typed. Nothing here is checked against the world: `commands` turns it into work.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use ts_run::Shard;

/// Trains a reasoning language model to give shorter answers at the same accuracy (TokenSqueeze), with graders
/// that are sandboxed plugins.
///
/// Without a command it does the main job: `run`.
#[derive(Parser, Debug)]
#[command(name = "ts-host", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// The main job's flags.
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Every stage, in order: sample, grade, select, refine, pair, train, eval, report
    Run(RunArgs),
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
    /// Print a run's table again, and write report.json and report.md
    Report {
        /// The run's folder
        folder: PathBuf,
    },
    /// Validate a recipe and its plugins; run nothing
    Check(RunArgs),
    /// List the shipped recipes, or print one with its comments
    Recipe {
        /// Its name
        name: Option<String>,
    },
    /// Run the ablations of the method over shared samples, several seeds each, and write a document
    Ablate(AblateArgs),
    /// Train the embedded model from scratch
    Pretrain(PretrainArgs),
    /// Convert a public set's file into a problem set for `code_grader`
    Import(ImportArgs),
    /// Grade for other trainers, over HTTP or as JSON lines
    Serve(ServeArgs),
    /// Show the cache of compiled plugins, and which entries are not trusted
    Cache {
        /// Remove it
        #[arg(long)]
        clear: bool,
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
        use PluginCommand::{Componentize, New};
        let not = matches!(
            self,
            Self::Merge { .. }
                | Self::Report { .. }
                | Self::Recipe { .. }
                | Self::Pretrain(_)
                | Self::Import(_)
                | Self::Cache { .. }
                | Self::Plugin { command: New(_) | Componentize(_) }
        );
        !not
    }
}

/// The recipe, the flags over it, and the run's folder.
#[derive(Args, Debug, Clone, Default)]
pub(crate) struct RunArgs {
    /// Plugin to use for the role (or roles) that it has: a .wasm file or the name of an embedded plugin; may
    /// be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) plugin: Vec<String>,
    /// Recipe: the name of a shipped one or a TOML file [default: that of --from, or `default`]
    #[arg(long, value_name = "RECIPE")]
    pub(crate) recipe: Option<String>,
    /// The run's folder; a run that was interrupted goes on in it [default: runs/NAME-seedSEED]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
    /// Another run's folder: its recipe is the one to start from, and its finished stages are taken over
    /// where the work is the same
    #[arg(long, value_name = "FOLDER")]
    pub(crate) from: Option<PathBuf>,
    /// One of several shares of the problems, such as 2/3: of the stages that map over problems, for as many
    /// machines; `merge` joins them
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<Shard>,
    /// Seed of the run
    #[arg(long, allow_negative_numbers = true, value_parser = clap::value_parser!(i64).range(0..))]
    pub(crate) seed: Option<i64>,
    /// Model: a Hugging Face folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) model: Option<String>,
    /// Problems to train on: JSONL with id, prompt, reference
    #[arg(long, value_name = "FILE")]
    pub(crate) train_problems: Option<String>,
    /// Problems to measure on: JSONL with id, prompt, reference
    #[arg(long, value_name = "FILE")]
    pub(crate) heldout_problems: Option<String>,
    /// Threads; 0 is one a core
    #[arg(long, value_parser = threads)]
    pub(crate) workers: Option<usize>,
    /// Any value of the recipe, such as train.beta=0.2; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

/// Flags of `ablate`.
#[derive(Args, Debug)]
pub(crate) struct AblateArgs {
    /// Seeds, separated by commas
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 3])]
    pub(crate) seeds: Vec<u64>,
    /// Rows to run: recipes, separated by commas [default: every shipped ablation]
    #[arg(long, value_delimiter = ',')]
    pub(crate) rows: Vec<String>,
    /// Folder for the runs
    #[arg(long, value_name = "FOLDER", default_value = "runs/ablation")]
    pub(crate) out: PathBuf,
    /// The document to write
    #[arg(long, value_name = "FILE", default_value = "docs/ablations.md")]
    pub(crate) document: PathBuf,
    /// Any value of every recipe, such as eval.n_runs=2; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

/// Flags of `pretrain`.
#[derive(Args, Debug)]
pub(crate) struct PretrainArgs {
    /// Folder for the checkpoint
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    /// Training tokens, in millions
    #[arg(long, default_value_t = 13.0, allow_negative_numbers = true)]
    pub(crate) million_tokens: f64,
    /// Seed of the initial weights and of the data
    #[arg(long, default_value_t = 7)]
    pub(crate) seed: u64,
    /// Threads; 0 is one a core. Changes no result
    #[arg(long, default_value_t = 0, value_parser = threads)]
    pub(crate) workers: usize,
}

/// Flags of `import`.
#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    /// Which set
    pub(crate) format: ImportFormat,
    /// The set's file, JSON lines or a JSON list
    pub(crate) file: PathBuf,
    /// The problem set to write, JSONL
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

/// A public set of programming problems.
#[derive(ValueEnum, Debug, Clone, Copy)]
pub(crate) enum ImportFormat {
    /// HumanEval.jsonl
    Humaneval,
    /// mbpp.jsonl or sanitized-mbpp.json
    Mbpp,
    /// test*.jsonl of LiveCodeBench's code generation
    Livecodebench,
}

/// Flags of `serve`.
#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// The verifier: a .wasm file or the name of an embedded plugin; after it, runners for a verifier of
    /// programs [default: those beside the verifier]
    #[arg(long, required = true, value_name = "FILE")]
    pub(crate) plugin: Vec<String>,
    /// A setting of the verifier, KEY=VALUE; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) setting: Vec<String>,
    /// A limit of the grader, such as plugins.limits.fuel=4000000000; any value of a recipe's
    /// `plugins.limits`
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Address to listen on; port 0 is any free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8377")]
    pub(crate) listen: SocketAddr,
    /// Read items from standard input and write answers to standard output, a line each, instead
    #[arg(long, conflicts_with = "listen")]
    pub(crate) stdio: bool,
    /// Items graded at once, where none takes long; 0 is one a core
    #[arg(long, default_value_t = 0, value_parser = threads)]
    pub(crate) workers: usize,
    /// Items of one client that may wait; a request that finds no room is answered with 503
    #[arg(long, default_value_t = 4096, value_parser = at_least_one)]
    pub(crate) queue: usize,
    /// Largest body of a request, or line, MiB
    #[arg(long, default_value_t = 16, value_parser = at_least_one)]
    pub(crate) max_body_mib: usize,
    /// Seconds after which what is left of a request is answered with an error, and its work ends
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) deadline: u64,
    /// Keys, one of which a request must have: lines NAME KEY in a file that only its owner may open; more of
    /// them in the environment as TS_HOST_SERVE_KEYS
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Listen on an address that other machines can reach, without asking for a key
    #[arg(long, conflicts_with = "key_file")]
    pub(crate) no_key: bool,
    /// A name by which clients reach the service, beside the loopback ones and its address; may be given
    /// several times
    #[arg(long, value_name = "NAME")]
    pub(crate) allow_host: Vec<String>,
    /// An origin whose pages may ask from a browser, such as https://example.org; may be given several times
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) allow_origin: Vec<String>,
}

/// A number of threads.
fn threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 0..=1024) => Ok(number),
        _ => Err("must be a whole number from 0 to 1024".to_owned()),
    }
}

/// A number that bounds something; to a million, so that nothing overflows.
fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=1_000_000) => Ok(number),
        _ => Err("must be a whole number from 1 to 1000000".to_owned()),
    }
}

/// What to do with a plugin.
#[derive(Subcommand, Debug)]
pub(crate) enum PluginCommand {
    /// Say what a plugin is: roles, contract, settings, imports, size, hash, what a start costs
    Inspect {
        /// A .wasm file or the name of an embedded plugin
        file: String,
    },
    /// Make a project folder for a new plugin
    New(PluginNewArgs),
    /// Make a component of the core module that a compiler of any language made
    Componentize(PluginComponentizeArgs),
    /// Say whether this host would run plugins, and if not, why and what to do
    Check {
        /// .wasm files or names of embedded plugins
        #[arg(required = true, value_name = "FILE")]
        files: Vec<String>,
    },
    /// Print a plugin's settings as a page in Markdown
    Docs {
        /// A .wasm file or the name of an embedded plugin
        file: String,
    },
    /// Make one call: a JSON object in, a JSON object out
    Run(PluginRunArgs),
    /// Run cases and compare them with known verdicts or with earlier outputs
    Test(PluginTestArgs),
    /// Measure calls: how many a second, percentiles, fuel, memory
    Bench(PluginBenchArgs),
    /// Call a plugin again on what a run saw of a problem, and compare
    Replay(PluginReplayArgs),
}

/// A plugin to be called: how it is opened.
#[derive(Args, Debug, Clone)]
pub(crate) struct CalledArgs {
    /// A .wasm file or the name of an embedded plugin
    pub(crate) file: String,
    /// The role to call, of a plugin that has several: verifier, step-splitter, selection-policy or
    /// length-function
    #[arg(long)]
    pub(crate) role: Option<String>,
    /// Runner for a verifier of programs, a .wasm file; may be given several times [default: those beside the
    /// verifier]
    #[arg(long, value_name = "FILE")]
    pub(crate) plugin: Vec<String>,
    /// A setting of the plugin, KEY=VALUE; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) setting: Vec<String>,
    /// A value of the recipe, such as plugins.limits.fuel=1000000 or plugins.isolation=reused; may be given
    /// several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

/// Flags of `plugin run`.
#[derive(Args, Debug)]
pub(crate) struct PluginRunArgs {
    /// The plugin
    #[command(flatten)]
    pub(crate) called: CalledArgs,
    /// The input, JSON; `-` is standard input
    #[arg(long, default_value = "-", value_name = "FILE")]
    pub(crate) input: PathBuf,
}

/// Flags of `plugin bench`.
#[derive(Args, Debug)]
pub(crate) struct PluginBenchArgs {
    /// The plugin
    #[command(flatten)]
    pub(crate) called: CalledArgs,
    /// Files of cases, JSONL
    #[arg(long, required = true, num_args = 1.., value_name = "CASES")]
    pub(crate) cases: Vec<PathBuf>,
    /// Seconds for each row of the table
    #[arg(long, default_value_t = 2.0)]
    pub(crate) seconds: f64,
    /// Largest number of threads; 0 is one a core
    #[arg(long, default_value_t = 0, value_parser = threads)]
    pub(crate) workers: usize,
}

/// Flags of `plugin replay`.
#[derive(Args, Debug)]
pub(crate) struct PluginReplayArgs {
    /// The run's folder
    pub(crate) run: PathBuf,
    /// The problem's identifier
    #[arg(long, value_name = "ID")]
    pub(crate) problem: String,
    /// The role to call: verifier, step-splitter, selection-policy or length-function
    #[arg(long, default_value = "verifier")]
    pub(crate) role: String,
    /// Another plugin to try, with its default settings [default: the run's]
    #[arg(long, value_name = "FILE")]
    pub(crate) plugin: Option<String>,
    /// Print golden cases, for `plugin test`, instead of answers
    #[arg(long)]
    pub(crate) golden: bool,
}

/// Flags of `plugin test`.
#[derive(Args, Debug)]
pub(crate) struct PluginTestArgs {
    /// The plugin
    #[command(flatten)]
    pub(crate) called: CalledArgs,
    /// Files of cases, JSONL: labelled, or golden (`input` and `output`)
    #[arg(long, required = true, num_args = 1.., value_name = "CASES")]
    pub(crate) cases: Vec<PathBuf>,
    /// Verdicts that may differ from their labels before the command fails
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) allow: usize,
    /// Write the present outputs into the golden cases
    #[arg(long)]
    pub(crate) update: bool,
    /// Write a line for each case: id, verdict (true, false or null), ms, fuel; of programs, what came of the tests
    /// too
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Threads; 0 is one a core
    #[arg(long, default_value_t = 0, value_parser = threads)]
    pub(crate) workers: usize,
    /// Disagreements to print
    #[arg(long, default_value_t = 10)]
    pub(crate) show: usize,
}

/// Flags of `plugin new`.
#[derive(Args, Debug)]
pub(crate) struct PluginNewArgs {
    /// Its name, such as my_grader; the project's folder has it too
    pub(crate) name: String,
    /// What the plugin is for: verifier, step-splitter, selection-policy or length-function
    #[arg(long, default_value = "verifier")]
    pub(crate) role: String,
    /// What it is written in
    #[arg(long)]
    pub(crate) lang: PluginLanguage,
}

/// A language that has templates.
#[derive(ValueEnum, Debug, Clone, Copy)]
pub(crate) enum PluginLanguage {
    /// With wit-bindgen
    Rust,
    /// With componentize-py
    Python,
    /// With componentize-qjs
    Javascript,
    /// With wit-bindgen's bindings, and zig, wasi-sdk or clang
    C,
}

/// Flags of `plugin componentize`.
#[derive(Args, Debug)]
pub(crate) struct PluginComponentizeArgs {
    /// The module: what a compiler or linker for WebAssembly wrote
    #[arg(value_name = "MODULE")]
    pub(crate) module: PathBuf,
    /// What the plugin is for: verifier, step-splitter, selection-policy, length-function or runner; may be
    /// given several times
    #[arg(long, default_value = "verifier")]
    pub(crate) role: Vec<String>,
    /// The component to write [default: the module's name, ending in .component.wasm]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// How the module writes texts; ignored where it carries a contract itself
    #[arg(long, default_value = "utf8")]
    pub(crate) encoding: TextEncoding,
    /// Put functions that trap in the place of WASI's: a call that comes to one fails
    #[arg(long)]
    pub(crate) stub_wasi: bool,
}

/// How a module writes texts into its memory.
#[derive(ValueEnum, Debug, Clone, Copy)]
pub(crate) enum TextEncoding {
    /// As most languages do
    Utf8,
    /// As MoonBit does
    Utf16,
}
