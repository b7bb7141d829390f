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

/// Flags of `adopt`.
#[derive(Args, Debug)]
pub(crate) struct AdoptArgs {
    /// The run's folder
    pub(crate) run: PathBuf,
    /// The trained model: a Hugging Face folder, or an adapter in PEFT's layout
    pub(crate) folder: PathBuf,
    /// Adopt it in a new run, which takes over what RUN did before training: where RUN has trained a model itself
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
    /// What trained it, for the report and the model card, such as "TRL 1.16 on 8 H100"
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) trained_with: String,
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
