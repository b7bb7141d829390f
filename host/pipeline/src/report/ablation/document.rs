//! The document that an ablation's tables stand in.

use std::path::Path;

use ts_run::atomic;

use crate::Error;

/// Between these lines a document holds the tables; everything else in it is written by hand and stays.
const TABLE: [&str; 2] = ["<!-- table: begin -->", "<!-- table: end -->"];

/// Puts the tables into a document.
///
/// # Errors
/// The document cannot be read or written.
pub fn write_document(path: &Path, tables: &str) -> Result<(), Error> {
    let file = |source| Error::File { path: path.to_owned(), source };
    let [begin, end] = TABLE;
    let block = format!("{begin}\n\n{tables}\n{end}");
    let document = match std::fs::read_to_string(path) {
        Ok(text) => match (text.find(begin), text.find(end)) {
            (Some(from), Some(to)) if from < to => {
                format!("{}{block}{}", &text[..from], &text[to + end.len()..])
            }
            _ => format!("{text}\n{block}\n"),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => format!("# Ablations\n\n{block}\n"),
        Err(error) => return Err(file(error)),
    };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(file)?;
    }
    Ok(atomic::write_file(path, document.as_bytes())?)
}
