//! `ts-host plugin`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use serde_json::Value;
use ts_plugin::Role;
use ts_recipe::Override;

use super::values::{at_least_one, called_role, count, key_value, role, threads};

/// What to do with a plugin.
#[derive(Subcommand, Debug)]
pub(crate) enum PluginCommand {
    /// List the plugins in this program, and those of a folder
    List {
        /// A folder with .wasm files
        folder: Option<PathBuf>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Say what a plugin is: roles, contract, settings, imports, size, hash, what a start costs
    Inspect {
        /// A .wasm file, a folder with one, the name of an embedded plugin, or https://… or oci://… with a digest
        file: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a project folder for a new plugin
    New(PluginNewArgs),
    /// Make a component of the core module that a compiler of any language made
    Componentize(PluginComponentizeArgs),
    /// Say whether this host would run plugins, and if not, why and what to do
    Check {
        /// .wasm files, folders with one, names of embedded plugins, https://… or oci://… with a digest
        #[arg(required = true, value_name = "FILE")]
        files: Vec<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a plugin's settings as a page in Markdown
    Docs {
        /// A .wasm file, a folder with one, the name of an embedded plugin, or https://… or oci://… with a digest
        file: String,
    },
    /// Download plugins of registries and URLs, and say by which digest they are; of a recipe, write its lock file
    Fetch(PluginFetchArgs),
    /// Upload a plugin into a registry, and say by which digest it is
    Push {
        /// A .wasm file, a folder with one, or the name of an embedded plugin
        file: String,
        /// Where to: oci://registry/repository:tag
        #[arg(value_name = "REFERENCE")]
        to: String,
    },
    /// Make one call: a JSON object in, a JSON object out
    Run(PluginRunArgs),
    /// Run cases and compare: verdicts that are known, or outputs of before
    Test(PluginTestArgs),
    /// Try made and hostile inputs: what fails, what answers twice in two ways, whose steps move
    Fuzz(PluginFuzzArgs),
    /// Measure calls: how many a second, percentiles, fuel, memory
    Bench(PluginBenchArgs),
    /// Call a plugin again on what a run saw of a problem, and compare
    #[cfg(feature = "training")]
    Replay(PluginReplayArgs),
}

impl PluginCommand {
    /// Whether it compiles plugins, or takes compiled ones.
    pub(super) fn compiles(&self) -> bool {
        !matches!(self, Self::New(_) | Self::Componentize(_))
    }
}

/// Flags of `plugin fetch`.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("what").required(true).multiple(true).args(["sources", "recipe"]))]
pub(crate) struct PluginFetchArgs {
    /// Plugins: oci://registry/repository:tag or @sha256:…, https://…
    #[arg(value_name = "SOURCE")]
    pub(crate) sources: Vec<String>,
    /// A recipe's TOML file, whose plugins are downloaded; what they are is written into the lock file beside it, once
    #[arg(long, value_name = "FILE")]
    pub(crate) recipe: Option<String>,
    /// With --recipe: lock what tags and URLs mean now, whatever the lock file says
    #[arg(long, requires = "recipe")]
    pub(crate) update: bool,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A plugin to be called: how it is opened.
#[derive(Args, Debug, Clone)]
pub(crate) struct CalledArgs {
    /// A .wasm file, a folder with one, the name of an embedded plugin, or https://… or oci://… with a digest
    pub(crate) file: String,
    /// The role to call, of a plugin that has several: verifier, step-splitter, selection-policy or length-function
    #[arg(long, value_parser = called_role)]
    pub(crate) role: Option<Role>,
    /// Runner for a verifier of programs, a .wasm file or a source as the plugin's; may be given several times [default: those beside the verifier]
    #[arg(long, value_name = "FILE", alias = "plugin")]
    pub(crate) runner: Vec<String>,
    /// A setting of the plugin, KEY=VALUE; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) setting: Vec<(String, Value)>,
    /// A value of the recipe, such as plugins.limits.fuel=1000000 or plugins.isolation=reused; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<Override>,
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
    /// Most threads; 0 is one a core
    #[arg(long, default_value_t = 0, value_parser = threads)]
    pub(crate) workers: usize,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Flags of `plugin fuzz`.
#[derive(Args, Debug)]
pub(crate) struct PluginFuzzArgs {
    /// The plugin
    #[command(flatten)]
    pub(crate) called: CalledArgs,
    /// Inputs to try
    #[arg(short, long, default_value_t = 1000, value_name = "N", value_parser = at_least_one)]
    pub(crate) n: usize,
    /// It decides the inputs
    #[arg(long, default_value_t = 0, value_parser = count)]
    pub(crate) seed: usize,
    /// Write the inputs that show a fault, JSON lines, each as `plugin run` takes it
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Threads; 0 is one a core. Changes no result
    #[arg(long, default_value_t = 0, value_parser = threads)]
    pub(crate) workers: usize,
    /// As JSON, with whole inputs
    #[arg(long)]
    pub(crate) json: bool,
}

/// Flags of `plugin replay`.
#[cfg(feature = "training")]
#[derive(Args, Debug)]
pub(crate) struct PluginReplayArgs {
    /// The run's folder
    pub(crate) run: PathBuf,
    /// The problem's identifier
    #[arg(long, value_name = "ID")]
    pub(crate) problem: String,
    /// The role to call: verifier, step-splitter, selection-policy or length-function
    #[arg(long, default_value = "verifier", value_parser = called_role)]
    pub(crate) role: Role,
    /// Another plugin to try, with its default settings [default: the run's]
    #[arg(long, value_name = "FILE")]
    pub(crate) plugin: Option<String>,
    /// Print golden cases, for `plugin test`, instead of answers
    #[arg(long)]
    pub(crate) golden: bool,
    /// As JSON
    #[arg(long, conflicts_with = "golden")]
    pub(crate) json: bool,
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
    /// Verdicts and scores that may be other than their labels say, before the command fails
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = count)]
    pub(crate) allow: usize,
    /// Accept the outputs of now: write them into the golden cases
    #[arg(long)]
    pub(crate) update: bool,
    /// Test again whenever the plugin, one of its runners or a file of cases changes, until Ctrl-C
    #[arg(long, conflicts_with = "update")]
    pub(crate) watch: bool,
    /// Write a line a case: id, verdict (true, false or null), score, ms, fuel; of programs, what came of the tests too
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Threads; 0 is one a core
    #[arg(long, default_value_t = 0, value_parser = threads)]
    pub(crate) workers: usize,
    /// Disagreements to print
    #[arg(long, default_value_t = 10, value_parser = count)]
    pub(crate) show: usize,
    /// As JSON, with every disagreement
    #[arg(long)]
    pub(crate) json: bool,
}

/// Flags of `plugin new`.
#[derive(Args, Debug)]
pub(crate) struct PluginNewArgs {
    /// Its name, such as my_grader; the project's folder has it too
    pub(crate) name: String,
    /// What the plugin is for: verifier, step-splitter, selection-policy or length-function
    #[arg(long, default_value = "verifier", value_parser = called_role)]
    pub(crate) role: Role,
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
    /// With wit-bindgen's bindings, and Go
    Go,
}

/// Flags of `plugin componentize`.
#[derive(Args, Debug)]
pub(crate) struct PluginComponentizeArgs {
    /// The module: what a compiler or linker for WebAssembly wrote
    #[arg(value_name = "MODULE")]
    pub(crate) module: PathBuf,
    /// What the plugin is for: verifier, step-splitter, selection-policy, length-function or runner; may be given several
    /// times
    #[arg(long, default_value = "verifier", value_parser = role)]
    pub(crate) role: Vec<Role>,
    /// The component to write [default: the module's name, ending in .component.wasm]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// How the module writes texts; of no account where it carries a contract itself
    #[arg(long, default_value = "utf8")]
    pub(crate) encoding: TextEncoding,
}

/// How a module writes texts into its memory.
#[derive(ValueEnum, Debug, Clone, Copy)]
pub(crate) enum TextEncoding {
    /// As most languages do
    Utf8,
    /// As MoonBit does
    Utf16,
}
