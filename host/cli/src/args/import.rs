//! `ts-host import`.

use std::path::PathBuf;

#[cfg(feature = "training")]
use clap::Subcommand;
use clap::{Args, ValueEnum};

#[cfg(feature = "training")]
use super::training::RunArgs;

/// What to import.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct ImportArgs {
    /// Something else than a problem set
    #[cfg(feature = "training")]
    #[command(subcommand)]
    pub(crate) command: Option<ImportCommand>,
    /// A problem set
    #[command(flatten)]
    pub(crate) set: Option<SetArgs>,
}

/// What there is to import beside problem sets.
#[cfg(feature = "training")]
#[derive(Subcommand, Debug)]
pub(crate) enum ImportCommand {
    /// Make responses that another program sampled the finished `sample` stage of a run
    Samples(Box<SamplesArgs>),
}

/// Flags of `import samples`.
#[cfg(feature = "training")]
#[derive(Args, Debug)]
pub(crate) struct SamplesArgs {
    /// Their files, JSON lines, a JSON list or parquet; or of the hub, hub:org/name@revision/path
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Who wrote them
    #[arg(long)]
    pub(crate) format: SamplesFormat,
    /// Pass over rows and responses that cannot be taken, and say which and how many
    #[arg(long)]
    pub(crate) skip_faulty: bool,
    /// The run
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// Who wrote responses.
#[cfg(feature = "training")]
#[derive(ValueEnum, Debug, Clone, Copy)]
pub(crate) enum SamplesFormat {
    /// verl's generation: `prompt`, `responses`
    Verl,
    /// open-r1's data sets: `problem`, `generations`, `finish_reasons`
    #[value(name = "open-r1")]
    OpenR1,
    /// lighteval's details: `doc`, `model_response`
    Lighteval,
    /// A response a line: `problem` (an id), `text` or `tokens`, `finished`
    Jsonl,
}

/// Flags of `import SET`. Of the names of columns, one with a dot is a field within a column.
#[derive(Args, Debug)]
pub(crate) struct SetArgs {
    /// Which set
    pub(crate) set: ImportSet,
    /// The set's files, JSON lines, a JSON list, CSV or parquet; or of the hub, hub:org/name@revision/path
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// The problem set to write, JSONL; without it, standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Say what was imported as JSON; without --out, standard output has the problems
    #[arg(long, requires = "out")]
    pub(crate) json: bool,
    /// Pass over rows that lack something, and say which and how many
    #[arg(long)]
    pub(crate) skip_faulty: bool,
    /// Pass over rows that are the same problem as one before, and say how many
    #[arg(long)]
    pub(crate) skip_duplicates: bool,
    /// For `columns`: what is asked, a text or messages
    #[arg(long, value_name = "COLUMN", required_if_eq("set", "columns"))]
    pub(crate) prompt_column: Option<String>,
    /// For `columns`: the reference answer
    #[arg(long, value_name = "COLUMN", required_if_eq("set", "columns"))]
    pub(crate) reference_column: Option<String>,
    /// For `columns`: the identifier; without it, rows are numbered
    #[arg(long, value_name = "COLUMN")]
    pub(crate) id_column: Option<String>,
    /// For `columns`: the difficulty, a whole number or a text that ends in one
    #[arg(long, value_name = "COLUMN")]
    pub(crate) difficulty_column: Option<String>,
    /// For `columns`: another column to keep for the verifier; may be given several times
    #[arg(long, value_name = "COLUMN")]
    pub(crate) keep_column: Vec<String>,
}

/// A public set of problems.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ImportSet {
    /// HumanEval.jsonl
    Humaneval,
    /// mbpp.jsonl or sanitized-mbpp.json
    Mbpp,
    /// test*.jsonl of LiveCodeBench's code generation
    Livecodebench,
    /// openai/gsm8k: `question`, and `answer` with ####
    Gsm8k,
    /// HuggingFaceH4/MATH-500, and MATH with boxed solutions
    #[value(name = "math-500", alias = "math")]
    Math500,
    /// AIME 2024 and 2025, as HuggingFaceH4, Maxwell-Jia, opencompass, yentinglin and math-ai publish them
    Aime,
    /// Idavidrein/gpqa; choices are shown in an order that each row decides
    Gpqa,
    /// open-r1/OpenR1-Math-220k
    #[value(name = "openr1-math")]
    OpenR1Math,
    /// agentica-org/DeepScaleR-Preview-Dataset
    #[value(name = "deepscaler")]
    DeepScaleR,
    /// verl's rows for RL: `prompt` as messages, `reward_model.ground_truth`
    Verl,
    /// Any table, with --prompt-column and --reference-column
    Columns,
}
