//! Taking finished stages over from another run, where the work is the same.
//!
//! In: a run, and another one, the donor. Out: the stages that were copied. A stage is the same work if all
//! that decides its artefact is ([`identity`]). So another grader or a corrected reference keeps the samples,
//! and another learning rate everything up to training. A stage that the donor has not finished goes on in
//! its own folder.

use ts_run::folder::verify_folder;
use ts_run::manifest::Manifest;
use ts_run::{Artefact, atomic, digest};

use crate::identity::decides;
use crate::past_run::PastRun;
use crate::stage::Stage;
use crate::{Error, Run};
use ts_recipe::Recipe;

impl Run<'_> {
    /// Copies every stage that the donor has finished, that this run has not, and that is the same work;
    /// gives them in order.
    ///
    /// # Errors
    /// A file cannot be copied, or is not what the donor's stage left.
    pub fn take_from(&mut self, donor: &PastRun) -> Result<Vec<Stage>, Error> {
        self.take(donor, &Stage::ALL)
    }

    /// The same, but for training and what comes after it.
    ///
    /// # Errors
    /// As [`Self::take_from`].
    pub fn take_untrained(&mut self, donor: &PastRun) -> Result<Vec<Stage>, Error> {
        let is_before = |stage: &Stage| !matches!(stage, Stage::Train | Stage::EvalResult);
        self.take(donor, &Stage::ALL.into_iter().filter(is_before).collect::<Vec<_>>())
    }

    fn take(&mut self, donor: &PastRun, stages: &[Stage]) -> Result<Vec<Stage>, Error> {
        let mut taken = Vec::new();
        for &stage in stages {
            let decides = |recipe: &Recipe, manifest: &Manifest| decides(stage, recipe, manifest);
            let finished = donor.manifest.stages.get(stage.name()).filter(|state| state.done);
            let Some(state) = finished.filter(|_| !self.folder.is_done(stage.name())) else { continue };
            if decides(&donor.recipe, &donor.manifest) != decides(&self.recipe, self.folder.manifest()) {
                continue;
            }
            for artefact in artefacts(stage) {
                atomic::copy(&artefact.path_in(&donor.folder), &self.folder.path_of(artefact))?;
                if artefact == Artefact::Model {
                    // The card has the donor's report.
                    atomic::remove_file(&self.folder.path_of(artefact).join(Artefact::MODEL_CARD))?;
                }
            }
            // What was copied is checked, and not what it was copied from: it is what counts from here on.
            if let Some(folder) = &state.folder {
                verify_folder(self.folder.path(), folder, None)?;
            }
            let path = self.folder.path_of(stage.artefact());
            if digest::sha256_file(&path)? != state.sha256 {
                let path = stage.artefact().path_in(&donor.folder);
                return Err(ts_run::Error::ArtefactChanged { path, stage: stage.name().to_owned() }.into());
            }
            if !state.imported.is_empty() {
                self.folder.mark_imported(stage.name(), state.imported.clone())?;
            }
            self.folder.mark_done(stage.name(), stage.artefact(), stage.folder(), state.records, 0.0)?;
            taken.push(stage);
        }
        Ok(taken)
    }
}

/// All that a stage leaves.
fn artefacts(stage: Stage) -> Vec<Artefact> {
    stage.folder().into_iter().chain([stage.artefact()]).collect()
}
