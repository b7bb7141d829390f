//! What a command names of the hub is downloaded before the command begins, and said.

use std::path::{Path, PathBuf};

use anyhow::Result;
use ts_hub::{Hub, Place, data_place};
#[cfg(feature = "training")]
use {ts_hub::model_place, ts_recipe::Recipe};

use crate::terminal::note;

/// Downloads what a recipe names and the cache does not have.
#[cfg(feature = "training")]
pub(super) fn fetch(recipe: &Recipe) -> Result<()> {
    fetch_model(Path::new(&recipe.model.source))?;
    for set in [&recipe.problems.train, &recipe.problems.heldout] {
        fetch_file(Path::new(set))?;
    }
    Ok(())
}

/// Downloads a checkpoint, if that is what the text names.
#[cfg(feature = "training")]
pub(super) fn fetch_model(text: &Path) -> Result<()> {
    if let Some(Place::Hub(name)) = text.to_str().map(model_place) {
        Hub::from_env()?.fetch_model(&name, &mut tell)?;
    }
    Ok(())
}

/// The file that the text names, which is downloaded if it is one of the hub.
pub(super) fn fetch_file(text: &Path) -> Result<PathBuf> {
    match text.to_str().map(data_place).transpose()? {
        Some(Place::Hub(file)) => Ok(Hub::from_env()?.fetch_file(&file, &mut tell)?),
        _ => Ok(text.to_owned()),
    }
}

fn tell(file: &str, bytes: Option<u64>) {
    match bytes {
        Some(bytes) => note(format_args!("downloading {file} ({bytes} bytes)")),
        None => note(format_args!("downloading {file}")),
    }
}
