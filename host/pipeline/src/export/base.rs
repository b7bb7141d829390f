//! The checkpoint that a trainer starts from: where the run's base is, or, where no trainer could read that, a copy in the export.

use std::path::{Path, PathBuf};

use ts_embedded::problem::Task;
use ts_run::atomic;

use crate::model::merge;
use crate::{Error, Run};

/// The folder of a copy, in the export.
const COPY: &str = "model";

/// Where the checkpoint is, for a trainer that runs in the export's folder: a copy in it of an embedded one, or of one that is an
/// adapter, merged into its base; else the path of the run's own.
pub(super) fn place(run: &Run<'_>, folder: &Path) -> Result<String, Error> {
    if let Some(task) = Task::named(&run.recipe.model.source) {
        let copy = folder.join(COPY);
        let file = |path: PathBuf| |source| Error::File { path, source };
        std::fs::create_dir(&copy).map_err(file(copy.clone()))?;
        for (name, bytes) in task.checkpoint() {
            atomic::write_file(&copy.join(name), bytes)?;
        }
        return Ok(COPY.to_owned());
    }
    let open = run.checkpoint_folder();
    if let Some(adapter) = open.adapter() {
        merge(adapter, &folder.join(COPY), Some(open.base()))?;
        return Ok(COPY.to_owned());
    }
    let path = std::path::absolute(open.base())
        .map_err(|source| Error::File { path: open.base().to_owned(), source })?;
    let not_utf_8 = || {
        let message = "is no UTF-8, and no configuration can name it";
        std::io::Error::new(std::io::ErrorKind::InvalidFilename, message)
    };
    let name = path.to_str().map(str::to_owned);
    name.ok_or_else(|| Error::File { path, source: not_utf_8() })
}
