//! The servers that sample for a run's stages.
//!
//! In: a run, and which model is meant. Out: the servers that its recipe names, or one that is started. A program that knows no adapters
//! gets a whole checkpoint.

use std::path::PathBuf;

use ts_model::ModelFolder;
use ts_run::Artefact;

use crate::model::merge;
use crate::setup::servers::{Sampler, Served};
use crate::{Error, Run};

/// The servers with a model.
pub(crate) fn sampler(run: &Run<'_>, served: Served) -> Result<Sampler, Error> {
    let section = &run.recipe.sampler;
    let (log, trained) = (run.folder.path_of(Artefact::ServerLog), run.trained_folder());
    let start = run.checkpoint_folder();
    let folder = || match served {
        Served::Base => whole(start),
        Served::Trained => whole(&ModelFolder::open_over(&trained, start.base())?),
    };
    run.servers().sampler(section, served, &log, &trained, folder)
}

/// A folder with a whole checkpoint: the model's own, or a temporary one.
fn whole(folder: &ModelFolder) -> Result<(PathBuf, Option<tempfile::TempDir>), Error> {
    let Some(adapter) = folder.adapter() else { return Ok((folder.base().to_owned(), None)) };
    let temporary =
        tempfile::tempdir().map_err(|source| Error::File { path: std::env::temp_dir(), source })?;
    let merged = temporary.path().join("model");
    merge(adapter, &merged, Some(folder.base()))?;
    Ok((merged, Some(temporary)))
}
