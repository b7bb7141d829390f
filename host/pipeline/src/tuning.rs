//! The tuning problems: what choices are made on, and nothing is reported of.
//!
//! In: a file's name, or that of an embedded task. Out: a file. Embedded ones are written beside the runs that are measured on them.

use std::path::{Path, PathBuf};

use ts_embedded::problem::Task;
use ts_run::atomic;

use crate::Error;

/// The file of the tuning problems; embedded ones are written into `folder`.
pub(crate) fn tuning_file(set: &str, folder: &Path) -> Result<String, Error> {
    let Some(task) = Task::named(set) else { return Ok(set.to_owned()) };
    let file = |source| Error::File { path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(file)?;
    let path: PathBuf = std::path::absolute(folder.join("tuning.jsonl")).map_err(file)?;
    atomic::write_file(&path, task.tuning_problems().as_bytes())?;
    Ok(path.display().to_string())
}
