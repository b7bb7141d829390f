//! The artefacts of a run: what each file in a run folder is called, and what it holds.
//!
//! In goes an [`Artefact`]; out comes its name, or its path in a run folder. Names are fixed, so that scripts
//! and people find the same things in every run. Writers open artefacts through
//! [`RunFolder`](crate::RunFolder); readers may take the path.

use std::path::{Path, PathBuf};

/// What lies in a run folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Artefact {
    /// The manifest.
    Manifest,
    /// The recipe with every value.
    Recipe,
    /// The problems to train on: [`crate::records::ProblemRecord`].
    ProblemsTrain,
    /// The problems to evaluate on: [`crate::records::ProblemRecord`].
    ProblemsHeldout,
    /// The responses: [`crate::records::SampleRecord`].
    Samples,
    /// Their grades: [`crate::records::GradeRecord`].
    Grades,
    /// What the policy selected: [`crate::records::SelectionRecord`].
    Selection,
    /// What refining at several thresholds does to the answers: [`crate::records::CalibrationRecord`].
    Calibration,
    /// The refined positives: [`crate::records::RefinedRecord`].
    Refined,
    /// The training examples: [`crate::records::ExampleRecord`].
    Examples,
    /// The reference model's log-probabilities: [`crate::records::ReferenceRecord`].
    Reference,
    /// The optimiser steps: [`crate::records::TrainRecord`].
    Train,
    /// A folder of checkpoints, each a folder.
    Checkpoints,
    /// TensorBoard's events, a folder a stage: made of the artefacts, and read by nothing here.
    Events,
    /// The trained model, a folder.
    Model,
    /// The evaluation before training: [`crate::records::EvalRecord`].
    EvalBaseline,
    /// The evaluation after training: [`crate::records::EvalRecord`].
    EvalResult,
    /// The report for programs.
    ReportJson,
    /// The report for people.
    ReportMd,
    /// The same as a page to look at.
    ReportHtml,
    /// What a server that the run started printed.
    ServerLog,
}

impl Artefact {
    /// Every artefact, in the order in which a run makes them.
    pub const ALL: [Self; 21] = [
        Self::Manifest,
        Self::Recipe,
        Self::ProblemsTrain,
        Self::ProblemsHeldout,
        Self::Samples,
        Self::Grades,
        Self::Selection,
        Self::Calibration,
        Self::Refined,
        Self::Examples,
        Self::Reference,
        Self::Train,
        Self::Checkpoints,
        Self::Events,
        Self::Model,
        Self::EvalBaseline,
        Self::EvalResult,
        Self::ReportJson,
        Self::ReportMd,
        Self::ReportHtml,
        Self::ServerLog,
    ];

    /// Its name in the run folder.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Manifest => "manifest.json",
            Self::Recipe => "recipe.toml",
            Self::ProblemsTrain => "problems-train.jsonl",
            Self::ProblemsHeldout => "problems-heldout.jsonl",
            Self::Samples => "samples.jsonl",
            Self::Grades => "grades.jsonl",
            Self::Selection => "selection.jsonl",
            Self::Calibration => "calibration.jsonl",
            Self::Refined => "refined.jsonl",
            Self::Examples => "examples.jsonl",
            Self::Reference => "reference.jsonl",
            Self::Train => "train.jsonl",
            Self::Checkpoints => "checkpoints",
            Self::Events => "events",
            Self::Model => "model",
            Self::EvalBaseline => "eval-baseline.jsonl",
            Self::EvalResult => "eval-result.jsonl",
            Self::ReportJson => "report.json",
            Self::ReportMd => "report.md",
            Self::ReportHtml => "report.html",
            Self::ServerLog => "server.log",
        }
    }

    /// The model card in [`Self::Model`]. It is made when the report is, of the report, and is no part of what `train` left: nothing
    /// reads it, and no digest counts it.
    pub const MODEL_CARD: &'static str = "README.md";

    /// Its path in this run folder, for readers that hold no lock.
    pub fn path_in(self, run_folder: &Path) -> PathBuf {
        run_folder.join(self.file_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_artefacts_share_a_name() {
        let names: std::collections::HashSet<_> = Artefact::ALL.iter().map(|a| a.file_name()).collect();
        assert_eq!(names.len(), Artefact::ALL.len());
    }
}
