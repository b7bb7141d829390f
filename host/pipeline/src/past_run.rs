//! A run's folder as others read it: what it was made from, and the records of its stages, without taking its
//! lock.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ts_run::folder::{problems_of, read_finished, verify_stage};
use ts_run::manifest::{Manifest, read_manifest};
use ts_run::{Artefact, DigestCache, ProblemFile, Record, Records, seal};

use crate::stage::Stage;
use crate::{Error, identity};
use ts_recipe::{Loader, Recipe};

/// A run that may be going on or done.
#[derive(Clone, Debug)]
pub struct PastRun {
    pub(crate) folder: PathBuf,
    pub(crate) recipe: Recipe,
    pub(crate) manifest: Manifest,
}

impl PastRun {
    /// Reads what a run's folder was made from.
    ///
    /// # Errors
    /// The folder is not a run's, is another version's, or was changed.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let recipe = kept_recipe(folder)?;
        let manifest = read_manifest(&Artefact::Manifest.path_in(folder))?;
        if manifest.recipe_sha256 != identity::recipe_sha256(&recipe)? {
            let path = Artefact::Recipe.path_in(folder);
            return Err(ts_run::Error::Altered { path }.into());
        }
        Ok(Self { folder: folder.to_owned(), recipe, manifest })
    }

    /// The recipe that it was made with.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// Whether a stage is done.
    pub(crate) fn is_done(&self, stage: Stage) -> bool {
        self.manifest.stages.get(stage.name()).is_some_and(|state| state.done)
    }

    /// Checks that a finished stage left what is there.
    ///
    /// # Errors
    /// [`Error::MissingStage`]; what was changed.
    pub(crate) fn verify(&self, stage: Stage, digests: Option<&DigestCache>) -> Result<(), Error> {
        if !self.is_done(stage) {
            return Err(Error::MissingStage { stage, folder: self.folder.clone() });
        }
        let seal = identity::seal(stage, &self.recipe, &self.manifest);
        Ok(verify_stage(&self.folder, &self.manifest, stage.name(), seal, digests)?)
    }

    /// The records of a finished stage.
    ///
    /// # Errors
    /// [`Error::MissingStage`]; the artefact cannot be read.
    pub fn records<R: Record>(&self, stage: Stage) -> Result<Records<R>, Error> {
        if !self.is_done(stage) {
            return Err(Error::MissingStage { stage, folder: self.folder.clone() });
        }
        let seal = identity::seal(stage, &self.recipe, &self.manifest);
        Ok(read_finished(&self.folder, &self.manifest, stage.name(), seal)?)
    }

    /// The records of a stage that may not be done, as far as they are there.
    ///
    /// # Errors
    /// The artefact is not there or cannot be read.
    pub(crate) fn records_so_far<R: Record>(&self, stage: Stage) -> Result<Records<R>, Error> {
        if self.is_done(stage) {
            return self.records(stage);
        }
        let seal = identity::seal(stage, &self.recipe, &self.manifest);
        Ok(Records::open(&stage.artefact().path_in(&self.folder), seal)?)
    }

    /// One of its two problem sets.
    ///
    /// # Errors
    /// It cannot be read, or was changed.
    pub(crate) fn problems(&self, set: Artefact) -> Result<ProblemFile, Error> {
        Ok(problems_of(&self.folder, &self.manifest, set)?)
    }
}

/// The recipe that a run's folder keeps.
///
/// # Errors
/// The folder is not a run's, or its recipe was changed.
pub fn kept_recipe(folder: &Path) -> Result<Recipe, Error> {
    let path = Artefact::Recipe.path_in(folder);
    let text = std::fs::read_to_string(&path).map_err(|source| match source.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Error::NoRun { folder: folder.to_owned() },
        _ => Error::File { path: path.clone(), source },
    })?;
    let text = seal::unseal_text(&text).ok_or_else(|| ts_run::Error::Altered { path: path.clone() })?;
    Ok(Loader::parse(&path.display().to_string(), text)?)
}
