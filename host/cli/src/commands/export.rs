//! `export`: a run's training data for another trainer.

use anyhow::{Context, Result};
use ts_pipeline::export::{Exported, Trainer, export};
use ts_pipeline::{Run, kept_recipe};

use super::training::now;
use crate::args::export::{ExportArgs, ExportTrainer};
use crate::progress::Terminal;
use crate::terminal::{note, say};

/// Writes the export; says what is in it, what the trainer does otherwise, and where it is.
pub(super) fn run(args: &ExportArgs) -> Result<()> {
    let trainer = match args.to {
        ExportTrainer::Trl => Trainer::Trl,
        ExportTrainer::LlamaFactory => Trainer::LlamaFactory,
        ExportTrainer::Axolotl => Trainer::Axolotl,
        ExportTrainer::Openrlhf => Trainer::Openrlhf,
        ExportTrainer::Verl => Trainer::Verl,
    };
    let recipe = kept_recipe(&args.run)?;
    let progress = Terminal::default();
    let run = Run::open(recipe, &args.run, None, now(), &progress, None)?;
    let out = args.out.clone().unwrap_or_else(|| args.run.join("export").join(trainer.name()));
    let Exported { folder, counts, differences, commands } =
        export(&run, trainer, &out).with_context(|| format!("export to {}", trainer.name()))?;
    for line in &counts {
        say(line)?;
    }
    for line in &differences {
        note(format_args!("note: {line}"));
    }
    say(format_args!("cd {}", folder.display()))?;
    commands.iter().try_for_each(say)
}
