//! The rows of several files, one file after the other.

use std::path::{Path, PathBuf};
use std::vec;

use ts_rows::{Fault, Row, Rows};

use crate::Error;

/// Most bytes of a row, or of a list. The hidden tests of a programming problem take some millions.
const MAX_BYTES: usize = 128 << 20;

/// A row, and its number among those of all files, from 1.
pub(crate) struct NumberedRow {
    pub(crate) path: PathBuf,
    pub(crate) row: Row,
    pub(crate) number: usize,
}

/// Ends after the first error.
pub(crate) struct RowsOfFiles {
    files: vec::IntoIter<PathBuf>,
    open: Option<(PathBuf, Rows)>,
    n_rows: usize,
}

impl RowsOfFiles {
    pub(crate) fn new(files: Vec<PathBuf>) -> Self {
        Self { files: files.into_iter(), open: None, n_rows: 0 }
    }

    fn read(&mut self) -> Result<Option<NumberedRow>, Error> {
        loop {
            let Some((path, rows)) = &mut self.open else {
                let Some(path) = self.files.next() else { return Ok(None) };
                let rows = Rows::open(&path, MAX_BYTES).map_err(|fault| of_fault(&path, fault))?;
                self.open = Some((path, rows));
                continue;
            };
            let Some(row) = rows.next() else {
                self.open = None;
                continue;
            };
            let row = row.map_err(|fault| of_fault(path, fault))?;
            self.n_rows += 1;
            return Ok(Some(NumberedRow { path: path.clone(), row, number: self.n_rows }));
        }
    }
}

impl Iterator for RowsOfFiles {
    type Item = Result<NumberedRow, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.read();
        if row.is_err() {
            (self.files, self.open) = (Vec::new().into_iter(), None);
        }
        row.transpose()
    }
}

fn of_fault(path: &Path, fault: Fault) -> Error {
    let path = path.to_path_buf();
    match fault {
        Fault::Read(source) => Error::Read { path, source },
        Fault::Row { place, fault } => Error::Malformed { path, place, reason: fault.to_string() },
        other => Error::File { path, reason: other.to_string() },
    }
}
