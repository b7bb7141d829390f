//! Training elsewhere: `export`, a run's training data for another trainer, and `adopt`, the model that comes back.

use anyhow::{Context, Result, bail};
use ts_pipeline::export::{Exported, Trainer, export};
use ts_pipeline::progress::Progress;
use ts_pipeline::{Adopted, PastRun, Run, adopt as take_over, kept_recipe};

use super::training::{now, present};
use crate::args::export::{AdoptArgs, ExportArgs, ExportTrainer};
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
    let recipe = present(kept_recipe(&args.run)?, None)?;
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

/// Most bytes of `--trained-with`.
const MAX_WORDS: usize = 4096;

/// Takes a trained model over; says where it is and what follows.
pub(super) fn adopt(args: &AdoptArgs) -> Result<()> {
    if args.trained_with.len() > MAX_WORDS {
        bail!("--trained-with has {} bytes, {MAX_WORDS} at most", args.trained_with.len());
    }
    let recipe = present(kept_recipe(&args.run)?, None)?;
    let progress = Terminal::default();
    let folder = args.out.as_ref().unwrap_or(&args.run);
    let mut run = Run::open(recipe, folder, None, now(), &progress, None)?;
    if args.out.is_some() {
        run.take_untrained(&PastRun::open(&args.run)?)?;
    }
    let adopted = take_over(&mut run, &args.folder, &args.trained_with, &now()).context("adopt")?;
    let Adopted { model, is_adapter, sha256, replaced, is_base } = adopted;
    let what = if is_adapter { "adapter" } else { "checkpoint" };
    let instead = if replaced { ", in the place of the one before" } else { "" };
    note(format_args!("adopted the {what} {}{instead}, sha256 {sha256}", args.folder.display()));
    if is_base {
        let doubt = "its weights are those of the run's own model: nothing was trained, or this is another folder than the trainer wrote";
        progress.warn(doubt);
    }
    note(format_args!("`ts-host run --out {}` measures and reports it", folder.display()));
    say(model.display())
}
