//! `README.md` of an export: what it is, how to train, what differs, and how the model comes back.

use std::fmt::Write;
use std::path::Path;

use ts_run::atomic;
use ts_text::{markdown, markdown_code};

use super::Trainer;
use crate::{Error, Run};

/// What an export says of itself.
#[derive(Default)]
pub(super) struct Page {
    /// How many of what.
    pub(super) counts: Vec<String>,
    /// What the trainer does as the recipe says, where one might doubt it.
    pub(super) same: Vec<String>,
    /// What the trainer does otherwise.
    pub(super) differences: Vec<String>,
    /// What trains, given in the export's folder.
    pub(super) commands: Vec<String>,
    /// The files, each with what it is.
    pub(super) files: Vec<(&'static str, &'static str)>,
    /// The version that this was written for.
    pub(super) written_for: &'static str,
    /// Where the trained model is afterwards.
    pub(super) trained: &'static str,
}

impl Page {
    pub(super) fn write(&self, run: &Run<'_>, trainer: Trainer, folder: &Path) -> Result<(), Error> {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.text(run, trainer, &mut out);
        Ok(atomic::write_file(&folder.join("README.md"), ts_text::page(out).to_string().as_bytes())?)
    }

    fn text(&self, run: &Run<'_>, trainer: Trainer, out: &mut String) -> std::fmt::Result {
        let (name, seed) = (markdown(&run.recipe.run.name), run.recipe.run.seed);
        let trainer = trainer.name();
        writeln!(out, "# Run {name}, seed {seed}, for {trainer}\n")?;
        writeln!(
            out,
            "Written by `ts-host export` {} for {}.\n",
            env!("CARGO_PKG_VERSION"),
            self.written_for
        )?;
        for line in &self.counts {
            writeln!(out, "- {}", markdown(line))?;
        }
        writeln!(out, "\nIn this folder:\n\n```sh\n{}\n```\n", self.commands.join("\n"))?;
        if !self.trained.is_empty() {
            writeln!(out, "Then, to measure and report the model by the run:\n")?;
            let adopt = format!("ts-host adopt {} {}", run.folder.path().display(), self.trained);
            writeln!(out, "{}\n", markdown_code(&adopt))?;
        }
        list(out, "As the recipe says", &self.same)?;
        list(out, "Other than the recipe says", &self.differences)?;
        writeln!(out, "## Files\n")?;
        for (name, what) in &self.files {
            writeln!(out, "- `{name}`: {what}")?;
        }
        Ok(())
    }
}

fn list(out: &mut String, title: &str, lines: &[String]) -> std::fmt::Result {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "## {title}\n")?;
    for line in lines {
        writeln!(out, "- {}", markdown(line))?;
    }
    writeln!(out)
}
