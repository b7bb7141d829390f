//! `ts-host import`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Flags of `import`.
#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    /// Which set
    pub(crate) set: ImportSet,
    /// The set's files, JSON lines, a JSON list, CSV or parquet; or of the hub, hub:org/name@revision/path
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// The problem set to write, JSONL; without it, standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Pass over rows that lack something, and say which and how many
    #[arg(long)]
    pub(crate) skip_faulty: bool,
    /// Pass over rows that are the same problem as one before, and say how many
    #[arg(long)]
    pub(crate) skip_duplicates: bool,
    /// The columns of the set `columns`
    #[command(flatten)]
    pub(crate) columns: ColumnArgs,
}

/// Which columns of any table matter. A name with a dot is a field within a column.
#[derive(Args, Debug, Clone)]
pub(crate) struct ColumnArgs {
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
