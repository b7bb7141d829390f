//! The stages, in their order, all of the same shape: read the artefacts of the stages before, work through items in a
//! fixed order, append to one artefact, say in one line what came of it.
//!
//! [`run_stage`] is the only way in: it skips what is done, checks what is needed, and keeps the manifest. What
//! each stage computes stands in its own file.

mod eval;
pub(crate) mod grade;
mod pair;
mod reference;
mod refine;
mod sample;
pub(crate) mod select;
mod train;

use std::collections::BTreeMap;
use std::time::Instant;

use ts_run::Artefact;

use crate::{Error, Run};

/// A stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Sample responses to the training problems.
    Sample,
    /// Grade them.
    Grade,
    /// Select positives and pairs.
    Select,
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
    pub const ALL: [Self; 9] = [
        Self::EvalBaseline,
        Self::Sample,
        Self::Grade,
        Self::Select,
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
            Self::Reference | Self::Train => "train",
            other => other.name(),
        }
    }

    /// What it leaves in the run's folder.
    pub fn artefact(self) -> Artefact {
        match self {
            Self::Sample => Artefact::Samples,
            Self::Grade => Artefact::Grades,
            Self::Select => Artefact::Selection,
            Self::Refine => Artefact::Refined,
            Self::Pair => Artefact::Examples,
            Self::Reference => Artefact::Reference,
            Self::Train => Artefact::Train,
            Self::EvalBaseline => Artefact::EvalBaseline,
            Self::EvalResult => Artefact::EvalResult,
        }
    }
}

/// Runs a stage to its end, from where an earlier start left it. A stage that is done is left alone.
///
/// # Errors
/// Those of the stage; what it has written until then stays and is gone on from.
pub fn run_stage(run: &mut Run<'_>, stage: Stage) -> Result<(), Error> {
    if run.folder.is_done(stage.name()) {
        run.folder.verify(stage.name())?;
        return Ok(());
    }
    let started = Instant::now();
    let work = match stage {
        Stage::Sample => sample::run,
        Stage::Grade => grade::run,
        Stage::Select => select::run,
        Stage::Refine => refine::run,
        Stage::Pair => pair::run,
        Stage::Reference => reference::run,
        Stage::Train => train::run,
        Stage::EvalBaseline => eval::run_baseline,
        Stage::EvalResult => eval::run_result,
    };
    let outcome = work(run);
    let seconds = started.elapsed().as_secs_f64();
    match outcome {
        Ok(Done { records, summary }) => {
            run.folder.mark_done(stage.name(), stage.artefact(), records, seconds)?;
            run.progress.finish(&summary);
            Ok(())
        }
        Err(error) => {
            run.folder.mark_interrupted(stage.name(), seconds)?;
            Err(error)
        }
    }
}

/// What a stage came to.
struct Done {
    /// Records in its artefact.
    records: u64,
    /// One line for people.
    summary: String,
}

/// Groups records by their problem, each group in the order of the records.
fn by_problem<T>(records: &[T], problem: fn(&T) -> &str) -> BTreeMap<&str, Vec<&T>> {
    let mut groups: BTreeMap<&str, Vec<&T>> = BTreeMap::new();
    for record in records {
        groups.entry(problem(record)).or_default().push(record);
    }
    groups
}
