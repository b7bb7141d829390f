//! What a command names of the hub is downloaded before the command begins, and said.

use std::path::{Path, PathBuf};

#[cfg(feature = "training")]
use anyhow::Context;
use anyhow::Result;
use ts_hub::{Hub, Place, data_place};
#[cfg(feature = "training")]
use {ts_hub::model_place, ts_pipeline::setup::base_on_hub, ts_recipe::Recipe};

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

/// Downloads a checkpoint if that is what the text names, and the base of an adapter if the hub has it.
#[cfg(feature = "training")]
pub(super) fn fetch_model(text: &Path) -> Result<()> {
    let folder = fetch_folder(text)?;
    if let Some(base) = base_on_hub(&folder) {
        let of_adapter = || format!("the base of the adapter {}", text.display());
        Hub::from_env()?.fetch_model(&base, &mut tell).with_context(of_adapter)?;
    }
    Ok(())
}

/// The folder that the text names, which is downloaded if it is one of the hub.
#[cfg(feature = "training")]
pub(super) fn fetch_folder(text: &Path) -> Result<PathBuf> {
    match text.to_str().map(model_place) {
        Some(Place::Hub(name)) => Ok(Hub::from_env()?.fetch_model(&name, &mut tell)?),
        _ => Ok(text.to_owned()),
    }
}

/// The file that the text names, which is downloaded if it is one of the hub.
pub(super) fn fetch_file(text: &Path) -> Result<PathBuf> {
    match text.to_str().map(data_place).transpose()? {
        Some(Place::Hub(file)) => Ok(Hub::from_env()?.fetch_file(&file, &mut tell)?),
        _ => Ok(text.to_owned()),
    }
}

/// Says what is downloaded, before it is.
pub(super) fn tell(file: &str, bytes: Option<u64>) {
    match bytes {
        Some(bytes) => note(format_args!("downloading {file} ({bytes} bytes)")),
        None => note(format_args!("downloading {file}")),
    }
}
