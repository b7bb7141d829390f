//! Rounds: the whole method again, each time from the model that the round before left. Beyond the paper, whose strongest rivals train on
//! their own latest samples.
//!
//! In: a recipe whose `[rounds]` counts several, and the run's folder. Out: the folder itself is the first round, as of any run; `rounds/2`,
//! `rounds/3`, … are run folders of their own, whose model, which is their reference too, is `model/` of the round before; and
//! `rounds/tuning/0`, `1`, … hold what the model after so many rounds answers to the tuning problems. A round is accepted if the lower
//! bound of its change in accuracy there is above −`max_loss`. The first that is not ends the rounds, and the model before it is
//! the result. Nothing is decided on held-out problems.
//!
//! There is no state beside these folders: the steps are gone through in their order each time, and what is done is only checked. So rounds are
//! killed and resumed as stages are.

mod token_limit;
mod verdict;

use std::path::{Path, PathBuf};

use ts_embedded::problem::Task;
use ts_recipe::{Recipe, RoundsSection, SamplerKind};
use ts_run::folder::folder_of_rounds;
use ts_run::records::EvalRecord;
use ts_run::{Artefact, Journal, Record};

use self::token_limit::token_limit;
pub use self::verdict::Verdict;
pub(crate) use self::verdict::{is_measured, verdict};
use crate::past_run::PastRun;
use crate::setup::forbid_shared_problems;
use crate::stage::Stage;
use crate::tuning::tuning_file;
use crate::{Error, Run};

/// One run's folder among those of several rounds, and what is to be done in it.
#[derive(Clone, Debug)]
pub struct Step {
    /// What it is, for people.
    pub name: String,
    /// The run's folder.
    pub folder: PathBuf,
    /// Its recipe.
    pub recipe: Recipe,
    /// The stages to run.
    pub stages: &'static [Stage],
    /// The run that measured this one's model already, as the one that it trained.
    measured_in: Option<PathBuf>,
}

impl Step {
    /// Whether it is the run's own folder, the first round.
    pub fn is_first(&self) -> bool {
        self.stages == Stage::ALL && self.measured_in.is_none()
    }

    /// Takes over what another round has measured of the model that this one begins with: the same responses to the same problems, in
    /// this folder's records. To be called before the stages are run.
    ///
    /// # Errors
    /// Records that cannot be read or written.
    pub fn prepare(&self, run: &mut Run<'_>) -> Result<(), Error> {
        let Some(before) = &self.measured_in else { return Ok(()) };
        if run.folder.is_done(Stage::EvalBaseline.name()) {
            return Ok(());
        }
        let before = PastRun::open(before)?;
        let mut journal: Journal<EvalRecord> =
            run.folder.journal(Stage::EvalBaseline.artefact(), run.seal(Stage::EvalBaseline))?;
        // Those that were there when this began: the file grows below.
        let mut present = journal.records()?.take(journal.n_records() as usize);
        for row in before.records::<EvalRecord>(Stage::EvalResult)? {
            let record = row?.record;
            match present.next().transpose()? {
                Some(there) if there.record.key() == record.key() => {}
                // Not as this function leaves them: the stage makes what is missing.
                Some(_) => break,
                None => journal.append(&record)?,
            }
        }
        Ok(journal.sync()?)
    }
}

/// Goes through the steps of all rounds. `run` opens a step's folder, calls [`Step::prepare`], and runs its stages; what is done it only checks.
///
/// # Errors
/// [`Error::Rounds`] for a recipe of which no rounds can be made; those of `run`; folders that cannot be read.
pub fn run_rounds<E: From<Error>>(
    recipe: &Recipe,
    folder: &Path,
    mut run: impl FnMut(&Step) -> Result<(), E>,
) -> Result<(), E> {
    let rounds = Rounds::new(recipe, folder)?;
    run(&rounds.round(1)?)?;
    run(&rounds.tuning(0)?)?;
    for round in 1..=recipe.rounds.count {
        if round > 1 {
            run(&rounds.round(round)?)?;
        }
        run(&rounds.tuning(round)?)?;
        if !verdict(folder, round, &recipe.rounds)?.accepted {
            break;
        }
    }
    Ok(())
}

/// The folder of a round, from 1, of the run in `folder`.
///
/// # Errors
/// Something else than a folder is in its place.
pub fn round_folder(folder: &Path, round: u32) -> Result<PathBuf, Error> {
    match round {
        0 | 1 => Ok(folder.to_owned()),
        _ => Ok(folder_of_rounds(folder, &[&round.to_string()])?),
    }
}

/// The folder of the run whose model is the result of a finished run's rounds: itself, if it has one; none, if that is the model before all of them.
///
/// # Errors
/// [`Error::NoRun`], [`Error::MissingStage`] where a round is not measured yet.
pub(crate) fn result_folder(run: &PastRun) -> Result<Option<PathBuf>, Error> {
    let rounds = &run.recipe.rounds;
    if rounds.count == 1 {
        return Ok(Some(run.folder.clone()));
    }
    let mut result = None;
    for round in 1..=rounds.count {
        if !verdict(&run.folder, round, rounds)?.accepted {
            break;
        }
        result = Some(round_folder(&run.folder, round)?);
    }
    Ok(result)
}

/// The control to a run of several rounds: what one round has to have for as many samples and optimiser steps as all of its rounds together,
/// those that were refused included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AsOne {
    /// Of all rounds, each problem.
    pub n_samples: u32,
    /// Of all rounds.
    pub n_train_steps: u64,
}

/// What one round in the place of a finished run's rounds has to have.
///
/// # Errors
/// [`Error::Rounds`] for a run of one round; [`Error::MissingStage`] for one that is not trained.
pub fn as_one(folder: &Path) -> Result<AsOne, Error> {
    let first = PastRun::open(folder)?;
    if first.recipe.rounds.count == 1 {
        let reason = format!("{} is a run of one round", folder.display());
        return Err(Error::Rounds { reason });
    }
    let mut all = AsOne { n_samples: 0, n_train_steps: 0 };
    for round in 1..=first.recipe.rounds.count {
        let folder = round_folder(folder, round)?;
        if round > 1 && !Artefact::Manifest.path_in(&folder).exists() {
            break; // the round before was refused
        }
        let run = PastRun::open(&folder)?;
        if !run.is_done(Stage::Train) {
            return Err(Error::MissingStage { stage: Stage::Train, folder });
        }
        all.n_samples += run.recipe.sample.n_samples;
        all.n_train_steps += run.manifest.stages[Stage::Train.name()].records;
    }
    Ok(all)
}

fn tuning_folder(folder: &Path, round: u32) -> Result<PathBuf, Error> {
    Ok(folder_of_rounds(folder, &["tuning", &round.to_string()])?)
}

/// What the steps are made of.
struct Rounds<'a> {
    recipe: &'a Recipe,
    /// Absolute: recipes of later rounds name models in it.
    folder: PathBuf,
    given: &'a Path,
}

impl<'a> Rounds<'a> {
    fn new(recipe: &'a Recipe, given: &'a Path) -> Result<Self, Error> {
        let section = &recipe.rounds;
        let refuse = |reason: String| Err(Error::Rounds { reason });
        if recipe.sampler.kind == SamplerKind::Openai && recipe.sampler.serve_command.is_empty() {
            return refuse(
                "every round has another model, and the servers of sampler.urls have one: give sampler.serve_command instead".into(),
            );
        }
        let tuning = &section.tuning;
        if Task::named(tuning).is_some_and(|task| task.name() != recipe.problems.train) {
            return refuse(format!(
                "rounds.tuning is the set `{tuning}`, and the run trains on other problems: name a set of such problems"
            ));
        }
        forbid_shared_problems(recipe)?;
        let folder =
            std::path::absolute(given).map_err(|source| Error::File { path: given.to_owned(), source })?;
        Ok(Self { recipe, folder, given })
    }

    fn round(&self, round: u32) -> Result<Step, Error> {
        let folder = round_folder(self.given, round)?;
        let name = format!("round {round}");
        if round == 1 {
            let recipe = self.recipe.clone();
            return Ok(Step { name, folder, recipe, stages: &Stage::ALL, measured_in: None });
        }
        let before = round_folder(self.given, round - 1)?;
        let mut recipe = self.after(round - 1)?;
        recipe.run.name = format!("{}-round{round}", recipe.run.name);
        // No round draws with the seeds of another.
        recipe.sample.first_draw += (round - 1) * recipe.sample.n_samples;
        let quantile = self.recipe.rounds.token_limit_quantile;
        if quantile > 0.0 {
            recipe.sample.max_new_tokens = token_limit(&PastRun::open(&before)?, quantile)?;
        }
        Ok(Step { name, folder, recipe, stages: &Stage::ALL, measured_in: Some(before) })
    }

    fn tuning(&self, round: u32) -> Result<Step, Error> {
        let folder = tuning_folder(self.given, round)?;
        let mut recipe = self.after(round)?;
        recipe.run.name = format!("{}-tuning{round}", recipe.run.name);
        let beside = folder_of_rounds(self.given, &[])?;
        recipe.problems.heldout = tuning_file(&self.recipe.rounds.tuning, &beside)?;
        recipe.problems.max_heldout = self.recipe.rounds.max_tuning;
        let name = match round {
            0 => "tuning problems, the model before the rounds".to_owned(),
            _ => format!("tuning problems, the model of round {round}"),
        };
        Ok(Step { name, folder, recipe, stages: &[Stage::EvalBaseline], measured_in: None })
    }

    /// The recipe of a run of one round with the model after so many rounds.
    fn after(&self, round: u32) -> Result<Recipe, Error> {
        let mut recipe = Recipe { rounds: RoundsSection::default(), ..self.recipe.clone() };
        if round > 0 {
            let model = Artefact::Model.path_in(&round_folder(&self.folder, round)?);
            recipe.model.source = model.display().to_string();
        }
        Ok(recipe)
    }
}
