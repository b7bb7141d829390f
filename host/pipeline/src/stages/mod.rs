//! The stages, each in its file and all of the same shape: a list of tasks, a function from a task to its
//! records, and one line on what came of it. [`work`] is what they share; training, whose steps follow one
//! another, stands apart.
//!
//! [`run_stage`] is the only way in: it skips what is done, checks what is needed, and keeps the manifest.

mod calibrate;
mod eval;
mod gather;
mod grade;
mod pair;
mod present;
pub(crate) mod reference;
mod refine;
mod sample;
mod select;
mod train;
pub(crate) mod work;

use std::time::Instant;

use ts_run::{Artefact, atomic};

use crate::imported::ImportFault;
use crate::stage::Stage;
use crate::{Error, Run};

/// Runs a stage to its end, from where an earlier start left it. A stage that is done is left alone.
///
/// # Errors
/// Those of the stage; what it has written until then stays and is gone on from.
pub fn run_stage(run: &mut Run<'_>, stage: Stage) -> Result<(), Error> {
    if run.folder.is_done(stage.name()) {
        run.folder.verify(stage.name(), run.seal(stage), run.digests())?;
        return clean_up(run, stage);
    }
    if run.folder.state(stage.name()).is_some_and(|state| !state.imported.is_empty()) {
        return Err(ImportFault::Unfinished { folder: run.folder.path().to_owned() }.into());
    }
    if matches!(stage, Stage::Reference | Stage::Train) {
        // What they need a model's memory for, a server would have.
        run.servers().stop();
    }
    if stage == Stage::Reference && run.folder.manifest().adopted.is_some() {
        return Ok(()); // only training reads it
    }
    if stage == Stage::Calibrate && run.recipe.refine.adaptive.is_none() {
        return Ok(()); // one threshold, which is given
    }
    let started = Instant::now();
    let outcome = match stage {
        Stage::Sample => sample::run(run),
        Stage::Grade => grade::run(run),
        Stage::Select => select::run(run),
        Stage::Calibrate => calibrate::run(run, &run.recipe.refine.adaptive.clone().unwrap_or_default()),
        Stage::Refine => refine::run(run),
        Stage::Pair => pair::run(run),
        Stage::Reference => reference::run(run),
        Stage::Train => train::run(run),
        Stage::EvalBaseline => eval::run_baseline(run),
        Stage::EvalResult => eval::run_result(run),
    };
    let seconds = started.elapsed().as_secs_f64();
    match outcome {
        Ok(Done { records, summary }) => {
            run.folder.mark_done(stage.name(), stage.artefact(), stage.folder(), records, seconds)?;
            run.progress.finish(&summary);
            clean_up(run, stage)
        }
        Err(error) => {
            run.folder.mark_interrupted(stage.name(), seconds)?;
            Err(error)
        }
    }
}

/// Removes what only an unfinished stage needs, once the manifest says that it is done.
fn clean_up(run: &Run<'_>, stage: Stage) -> Result<(), Error> {
    match stage {
        Stage::Train => Ok(atomic::remove_folder(&run.folder.path_of(Artefact::Checkpoints))?),
        _ => Ok(()),
    }
}

/// What a stage came to.
struct Done {
    /// Records in its artefact.
    records: u64,
    /// One line for people.
    summary: String,
}
