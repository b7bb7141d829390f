//! The stages of a run: their order, their names, and what each leaves.

use ts_run::Artefact;

/// A stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Sample responses to the training problems.
    Sample,
    /// Grade them.
    Grade,
    /// Select positives and pairs.
    Select,
    /// See what refining at several thresholds does to the answers, where the recipe asks.
    Calibrate,
    /// Rewrite the positives' steps.
    Refine,
    /// Make training examples.
    Pair,
    /// Score the examples under the model before training.
    Reference,
    /// Train.
    Train,
    /// Measure the model before, on the held-out problems.
    EvalBaseline,
    /// Measure the model after, on the same.
    EvalResult,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Self; 10] = [
        Self::EvalBaseline,
        Self::Sample,
        Self::Grade,
        Self::Select,
        Self::Calibrate,
        Self::Refine,
        Self::Pair,
        Self::Reference,
        Self::Train,
        Self::EvalResult,
    ];

    /// Its name in the manifest and on the terminal.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sample => "sample",
            Self::Grade => "grade",
            Self::Select => "select",
            Self::Calibrate => "calibrate",
            Self::Refine => "refine",
            Self::Pair => "pair",
            Self::Reference => "reference",
            Self::Train => "train",
            Self::EvalBaseline => "eval-baseline",
            Self::EvalResult => "eval-result",
        }
    }

    /// The command that runs it.
    pub fn command(self) -> &'static str {
        match self {
            Self::EvalBaseline | Self::EvalResult => "eval",
            Self::Calibrate => Self::Refine.name(),
            other => other.name(),
        }
    }

    /// The records that it leaves in the run's folder.
    pub fn artefact(self) -> Artefact {
        match self {
            Self::Sample => Artefact::Samples,
            Self::Grade => Artefact::Grades,
            Self::Select => Artefact::Selection,
            Self::Calibrate => Artefact::Calibration,
            Self::Refine => Artefact::Refined,
            Self::Pair => Artefact::Examples,
            Self::Reference => Artefact::Reference,
            Self::Train => Artefact::Train,
            Self::EvalBaseline => Artefact::EvalBaseline,
            Self::EvalResult => Artefact::EvalResult,
        }
    }

    /// The folder that it leaves beside them.
    pub fn folder(self) -> Option<Artefact> {
        (self == Self::Train).then_some(Artefact::Model)
    }

    /// Whether it is a map over problems, so that several machines can each do a share of it.
    pub fn maps_over_problems(self) -> bool {
        self != Self::Train
    }

    /// Whether it is about the held-out problems; the others are about those to train on.
    pub fn is_heldout(self) -> bool {
        matches!(self, Self::EvalBaseline | Self::EvalResult)
    }
}
