//! A journal: one file, one sealed JSON record a line, only ever appended to. What a stage has computed is in
//! one.
//!
//! In go records, one at a time; out they come as [`Records`], in the same order and never all at once. A
//! crash in the middle of a write leaves an incomplete last line, which opening cuts off; that record is
//! computed again. Any other line whose [seal](crate::seal) does not hold is an error with its number.
//!
//! ```
//! # use ts_run::{Journal, Key, Record, Seal};
//! # #[derive(serde::Serialize, serde::Deserialize)]
//! # struct Square { step: u64, square: f64 }
//! # impl Record for Square { fn key(&self) -> Key { Key::Step(self.step) } }
//! # let folder = std::env::temp_dir().join(format!("journal-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # let path = folder.join("squares.jsonl");
//! let seal = Seal::of("squares");
//! let mut journal = Journal::<Square>::open(&path, seal.clone())?;
//! journal.append(&Square { step: 1, square: 1.0 })?;
//! drop(journal);
//!
//! let journal = Journal::<Square>::open(&path, seal)?;
//! let squares: Vec<Square> = journal.records()?.map(|row| Ok(row?.record)).collect::<ts_run::Result<_>>()?;
//! assert_eq!(squares[0].square, 1.0);
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fs::File;
use std::io::{self, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use super::lines::SealedLines;
use super::read::Records;
use super::record::Record;
use super::seal::Seal;
use crate::{Error, Result, atomic};

/// A journal open for appending.
#[derive(Debug)]
pub struct Journal<R> {
    file: File,
    path: PathBuf,
    seal: Seal,
    /// Length in bytes of the whole records.
    whole_bytes: u64,
    n_records: u64,
    /// Whether a failed write may have left something after the whole records.
    is_torn: bool,
    _records: PhantomData<fn(R) -> R>,
}

impl<R: Record> Journal<R> {
    /// Opens a journal, creating it if it is not there; cuts off a last line that is not whole.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::Broken`] for an earlier line that is not whole, with the file untouched.
    pub fn open(path: &Path, seal: Seal) -> Result<Self> {
        let file = File::options().read(true).append(true).create(true).open(path);
        let file = file.map_err(Error::io("open", path))?;
        let (mut whole_bytes, mut n_records) = (0, 0);
        let mut lines = SealedLines::open(path, seal.clone())?;
        loop {
            match lines.next_line() {
                Ok(Some(line)) => n_records = line.number,
                Ok(None) => break,
                Err(error) if matches!(error, Error::Broken { .. }) && lines.is_at_end()? => break,
                Err(error) => return Err(error),
            }
            whole_bytes = lines.offset();
        }
        if file.metadata().map_err(Error::io("read", path))?.len() > whole_bytes {
            file.set_len(whole_bytes).map_err(Error::io("shorten", path))?;
        }
        let path = path.to_owned();
        Ok(Self { file, path, seal, whole_bytes, n_records, is_torn: false, _records: PhantomData })
    }

    /// The records in it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn records(&self) -> Result<Records<R>> {
        Records::open(&self.path, self.seal.clone())
    }

    /// Appends one record: its line in one write, handed to the operating system before this returns. It
    /// survives the end of this process; [`Journal::sync`] makes it survive the end of the machine.
    ///
    /// # Errors
    ///
    /// [`Error::Unwritable`] for a record that would not read back, as one with a NaN; [`Error::Append`] for
    /// a write that failed, on a full disk for instance. In both cases the journal holds the records that it
    /// held before, and further ones can be appended.
    pub fn append(&mut self, record: &R) -> Result<()> {
        let line = self.line(record)?;
        self.append_line(&line)
    }

    fn append_line(&mut self, line: &[u8]) -> Result<()> {
        if self.is_torn {
            self.file.set_len(self.whole_bytes).map_err(|source| self.append_error(source))?;
            self.is_torn = false;
        }
        if let Err(source) = write_or_restore(&mut self.file, self.whole_bytes, line, &mut self.is_torn) {
            return Err(self.append_error(source));
        }
        self.whole_bytes += line.len() as u64;
        self.n_records += 1;
        Ok(())
    }

    /// Drops every record after the first `n_records`; keeps all if there are not more.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn truncate(&mut self, n_records: u64) -> Result<()> {
        if n_records >= self.n_records {
            return Ok(());
        }
        let mut lines = SealedLines::open(&self.path, self.seal.clone())?;
        for _ in 0..n_records {
            lines.next_line()?;
        }
        self.file.set_len(lines.offset()).map_err(Error::io("shorten", &self.path))?;
        (self.whole_bytes, self.n_records, self.is_torn) = (lines.offset(), n_records, false);
        Ok(())
    }

    /// Keeps the lines up to `end` as they are, and puts those that begin at these offsets behind them, in
    /// this order and all at once. Together they must be all lines of the journal.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; the journal is then as it was.
    pub fn reorder(&mut self, end: u64, offsets: &[u64]) -> Result<()> {
        let mut lines = SealedLines::open(&self.path, self.seal.clone())?;
        let write = || Error::io("write", &self.path);
        atomic::write_with(&self.path, |out| {
            while lines.offset() < end && lines.next_line()?.is_some() {
                out.write_all(lines.bytes()).map_err(write())?;
            }
            for &offset in offsets {
                lines.seek(offset)?;
                lines.next_line()?;
                out.write_all(lines.bytes()).map_err(write())?;
            }
            Ok(())
        })?;
        let file = File::options().read(true).append(true).open(&self.path);
        self.file = file.map_err(Error::io("open", &self.path))?;
        Ok(())
    }

    /// Forces everything appended so far to disk.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(Error::io("write", &self.path))
    }

    /// Number of records: those read on opening and those appended since.
    pub fn n_records(&self) -> u64 {
        self.n_records
    }

    /// Where the next record will begin, in bytes.
    pub fn end(&self) -> u64 {
        self.whole_bytes
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The record's line. Reads it back, because JSON has no NaN and would hold `null` in its place.
    fn line(&self, record: &R) -> Result<Vec<u8>> {
        let unwritable =
            |source| Error::Unwritable { path: self.path.clone(), n_records: self.n_records, source };
        let object = serde_json::to_vec(record).map_err(unwritable)?;
        serde_json::from_slice::<R>(&object).map_err(unwritable)?;
        Ok(self.seal.seal(object))
    }

    fn append_error(&self, source: io::Error) -> Error {
        Error::Append { path: self.path.clone(), n_records: self.n_records, source }
    }
}

/// What appending needs of a file, so that a test can have a full disk.
trait AppendOnly: Write {
    fn cut(&mut self, n_bytes: u64) -> io::Result<()>;
}

impl AppendOnly for File {
    fn cut(&mut self, n_bytes: u64) -> io::Result<()> {
        self.set_len(n_bytes)
    }
}

/// Writes a line; if that fails, cuts the file back to `whole_bytes`, and reports in `is_torn` whether that
/// failed too.
fn write_or_restore(
    file: &mut impl AppendOnly,
    whole_bytes: u64,
    line: &[u8],
    is_torn: &mut bool,
) -> io::Result<()> {
    file.write_all(line).and_then(|()| file.flush()).inspect_err(|_| {
        *is_torn = file.cut(whole_bytes).is_err();
    })
}

#[cfg(test)]
mod tests;
