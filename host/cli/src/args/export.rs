//! Flags of `export` and `adopt`: training elsewhere.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Flags of `export`.
#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    /// The run's folder; its stage `pair` must be done, for trl `reference` too
    pub(crate) run: PathBuf,
    /// The trainer
    #[arg(long, value_name = "TRAINER")]
    pub(crate) to: ExportTrainer,
    /// The folder to write, which must not exist [default: RUN/export/TRAINER]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
}

/// A trainer to export for.
#[derive(ValueEnum, Debug, Clone, Copy)]
pub(crate) enum ExportTrainer {
    /// TRL's DPOTrainer, from token ids: the whole loss, DPO-L included
    Trl,
    /// LLaMA-Factory's DPO and SFT, from texts
    LlamaFactory,
    /// Axolotl's DPO and SFT, from texts
    Axolotl,
    /// OpenRLHF's DPO and SFT, from texts
    Openrlhf,
    /// verl's reinforcement learning and SFT: it has no DPO
    Verl,
}
