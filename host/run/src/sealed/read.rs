//! Reading an artefact: its records in order, each checked by its seal, and the whole by the manifest's
//! digest.
//!
//! [`Records::expect`] is how a stage reads what it works on: it says which record must come next. So a
//! record that is missing, duplicate, foreign or out of its place is found before it is used, and named with
//! its line.

use std::collections::HashSet;
use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::key::Key;
use super::lines::SealedLines;
use super::record::Record;
use super::seal::Seal;
use crate::manifest::StageState;
use crate::{Error, Result};

/// A record and where it stands.
#[derive(Debug)]
pub struct Row<R> {
    /// The record.
    pub record: R,
    /// Its line, from 1.
    pub line: u64,
    /// Where the line begins, in bytes.
    pub offset: u64,
}

/// The records of an artefact, in order.
#[derive(Debug)]
pub struct Records<R> {
    lines: SealedLines,
    /// What a finished stage left.
    finished: Option<StageState>,
    ahead: Option<Row<R>>,
    /// The problems whose records are handed out; all without it.
    only: Option<Arc<HashSet<String>>>,
    _records: PhantomData<fn() -> R>,
}

impl<R: Record> Records<R> {
    /// Of a journal that may still grow.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], also if there is no such file.
    pub fn open(path: &Path, seal: Seal) -> Result<Self> {
        let lines = SealedLines::open(path, seal)?;
        Ok(Self { lines, finished: None, ahead: None, only: None, _records: PhantomData })
    }

    /// Of a finished stage: at the end they must be all that it left.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], also if there is no such file.
    pub fn of_finished(path: &Path, seal: Seal, state: &StageState) -> Result<Self> {
        Ok(Self { finished: Some(state.clone()), ..Self::open(path, seal)? })
    }

    /// The same without those of other problems.
    pub fn of_problems(self, problems: Arc<HashSet<String>>) -> Self {
        Self { only: Some(problems), ..self }
    }

    /// The next record, which must have this key.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`] for another one or none; those of iterating.
    pub fn expect(&mut self, key: &Key) -> Result<Row<R>> {
        match self.next().transpose()? {
            Some(row) if row.record.key() == *key => Ok(row),
            row => Err(Error::Unexpected {
                path: self.lines.path().to_owned(),
                line: row.as_ref().map(|row| row.line),
                found: row.map(|row| row.record.key()),
                expected: Some(key.clone()),
            }),
        }
    }

    /// The same artefact, to be read by where its lines begin.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn lookup(&self) -> Result<Lookup<R>> {
        Lookup::open(self.lines.path(), self.lines.seal().clone())
    }

    /// The next record, left in its place.
    ///
    /// # Errors
    ///
    /// Those of iterating.
    pub fn peek(&mut self) -> Result<Option<&Row<R>>> {
        if self.ahead.is_none() {
            self.ahead = self.next().transpose()?;
        }
        Ok(self.ahead.as_ref())
    }

    /// The line of the record that was read or peeked at last.
    pub(crate) fn line(&self) -> &[u8] {
        self.lines.bytes()
    }

    /// Checks that no record is left.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`] for one that is; those of iterating.
    pub fn finish(mut self) -> Result<()> {
        match self.next().transpose()? {
            None => Ok(()),
            Some(row) => Err(Error::Unexpected {
                path: self.lines.path().to_owned(),
                line: Some(row.line),
                found: Some(row.record.key()),
                expected: None,
            }),
        }
    }

    fn read(&mut self) -> Result<Option<Row<R>>> {
        loop {
            let row = self.read_any()?;
            let is_other =
                |row: &Row<R>| self.only.as_ref().is_some_and(|only| !only.contains(row.record.problem()));
            if !row.as_ref().is_some_and(is_other) {
                return Ok(row);
            }
        }
    }

    fn read_any(&mut self) -> Result<Option<Row<R>>> {
        let Some(line) = self.lines.next_line()? else {
            return self.check_end().map(|()| None);
        };
        match serde_json::from_slice(self.lines.bytes()) {
            Ok(record) => Ok(Some(Row { record, line: line.number, offset: line.offset })),
            Err(source) => Err(Error::Malformed {
                path: self.lines.path().to_owned(),
                line: line.number as usize,
                source,
            }),
        }
    }

    fn check_end(&self) -> Result<()> {
        match &self.finished {
            Some(state) if state.sha256 != self.lines.sha256() => {
                Err(Error::Changed { path: self.lines.path().to_owned(), records: state.records })
            }
            _ => Ok(()),
        }
    }
}

/// Ends after the first error.
impl<R: Record> Iterator for Records<R> {
    type Item = Result<Row<R>>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.ahead.take() {
            Some(row) => Some(Ok(row)),
            None => self.read().transpose(),
        }
    }
}

/// Single lines of an artefact that was read through before, by where they begin.
#[derive(Debug)]
pub struct Lookup<R> {
    lines: SealedLines,
    _records: PhantomData<fn() -> R>,
}

impl<R: DeserializeOwned> Lookup<R> {
    /// Opens an artefact.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn open(path: &Path, seal: Seal) -> Result<Self> {
        Ok(Self { lines: SealedLines::open(path, seal)?, _records: PhantomData })
    }

    /// The record whose line begins there.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::Altered`] if no such line is there any more.
    pub fn at(&mut self, offset: u64) -> Result<R> {
        self.lines.seek(offset)?;
        let is_there = match self.lines.next_line() {
            Err(Error::Broken { .. }) => false,
            line => line?.is_some(),
        };
        let record = is_there.then(|| serde_json::from_slice(self.lines.bytes()).ok()).flatten();
        record.ok_or_else(|| Error::Altered { path: self.lines.path().to_owned() })
    }
}
