//! A run's training data for another trainer: rows, configuration, and the command that trains on them.
//!
//! In: a run whose `pair` stage is done (for TRL `reference` too), read by the same checked readers as training reads it, and a new
//! folder. Out: an [`Exported`]. What a trainer cannot carry of the recipe is said, in the export's README and to whoever asked.
//!
//! A trainer that takes token ids is given them. The others are given the rendered prompt and the response as texts, special tokens
//! spelt out, and how many of these a tokenizer does not turn back into the same ids is counted. Chat messages are never written of a
//! response: templates drop thoughts.

mod axolotl;
mod base;
mod llama_factory;
mod openrlhf;
mod readme;
mod shared;
mod text_rows;
mod trl;
mod verl;

use std::path::{Path, PathBuf};

use ts_core::objective::PairObjective;
use ts_run::atomic;

use crate::export::readme::Page;
use crate::responses::selected::count_selected;
use crate::stage::Stage;
use crate::{Error, Run};

/// A trainer to export for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trainer {
    /// TRL's `DPOTrainer`, from token ids.
    Trl,
    /// LLaMA-Factory's DPO, from texts.
    LlamaFactory,
    /// Axolotl's DPO, from texts.
    Axolotl,
    /// OpenRLHF's DPO, from texts.
    Openrlhf,
    /// verl: rows for reinforcement learning and for SFT.
    Verl,
}

impl Trainer {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Trl, Self::LlamaFactory, Self::Axolotl, Self::Openrlhf, Self::Verl];

    /// Its name on the command line, and that of its folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trl => "trl",
            Self::LlamaFactory => "llama-factory",
            Self::Axolotl => "axolotl",
            Self::Openrlhf => "openrlhf",
            Self::Verl => "verl",
        }
    }
}

/// What was written.
#[derive(Clone, Debug)]
pub struct Exported {
    /// Where.
    pub folder: PathBuf,
    /// How many of what, a line each.
    pub counts: Vec<String>,
    /// What the trainer does not do as the recipe says, a line each.
    pub differences: Vec<String>,
    /// The commands that train, to be given in the folder.
    pub commands: Vec<String>,
}

/// Writes a run's training data for a trainer into `out`, which must not exist.
///
/// # Errors
/// [`Error::Exists`]; [`Error::MissingStage`]; [`Error::Export`] for a recipe that the trainer cannot train by at all; artefacts that
/// were changed; what cannot be written. Nothing is left in `out` then.
pub fn export(run: &Run<'_>, trainer: Trainer, out: &Path) -> Result<Exported, Error> {
    if out.symlink_metadata().is_ok() {
        return Err(Error::Exists { path: out.to_owned() });
    }
    refuse_other_objectives(run)?;
    let mut page = Page::default();
    atomic::write_folder(out, |folder| {
        page = match trainer {
            Trainer::Trl => trl::write(run, folder),
            Trainer::LlamaFactory => llama_factory::write(run, folder),
            Trainer::Axolotl => axolotl::write(run, folder),
            Trainer::Openrlhf => openrlhf::write(run, folder),
            Trainer::Verl => verl::write(run, folder),
        }?;
        page.write(run, trainer, folder)
    })?;
    let Page { counts, differences, commands, .. } = page;
    Ok(Exported { folder: out.to_owned(), counts, differences, commands })
}

/// What no export carries: another loss of a pair than DPO-L, and responses with weights of either sign.
fn refuse_other_objectives(run: &Run<'_>) -> Result<(), Error> {
    let reason = "an export has preferences for DPO and responses to imitate".to_owned();
    if run.recipe.objective.pair != PairObjective::Dpo {
        return Err(Error::Export { what: "the recipe's objective.pair is not \"dpo\"".to_owned(), reason });
    }
    let selected = run.folder.is_done(Stage::Select.name());
    match if selected { count_selected(run, |selection| selection.sequences.len())? } else { 0 } {
        0 => Ok(()),
        n => Err(Error::Export {
            what: format!("the policy gave {n} responses weights of either sign"),
            reason,
        }),
    }
}
