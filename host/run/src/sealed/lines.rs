//! The lines of a sealed file, one at a time, each checked before it is handed out.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use ts_text::hexadecimal;

use super::seal::Seal;
use crate::{Error, Result};

/// Most bytes of a line. A record holds one response's ids and text; the longest contexts take some 100 MB.
const MAX_LINE_BYTES: u64 = 1 << 30;

/// A line whose seal holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    /// From 1; after [`SealedLines::seek`], from 1 again.
    pub(crate) number: u64,
    /// Where it begins, in bytes.
    pub(crate) offset: u64,
}

/// Reads a sealed file.
#[derive(Debug)]
pub(crate) struct SealedLines {
    reader: BufReader<File>,
    path: PathBuf,
    seal: Seal,
    line: Vec<u8>,
    number: u64,
    offset: u64,
    hasher: Sha256,
}

impl SealedLines {
    pub(crate) fn open(path: &Path, seal: Seal) -> Result<Self> {
        let file = File::open(path).map_err(Error::io("read", path))?;
        let reader = BufReader::with_capacity(1 << 16, file);
        Ok(Self {
            reader,
            path: path.to_owned(),
            seal,
            line: Vec::new(),
            number: 0,
            offset: 0,
            hasher: Sha256::new(),
        })
    }

    /// The next line; none at the end of the file.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::Broken`] for a line that is not whole, which the lines after it are not read
    /// past.
    pub(crate) fn next_line(&mut self) -> Result<Option<Line>> {
        self.line.clear();
        let n_bytes = (&mut self.reader)
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut self.line)
            .map_err(Error::io("read", &self.path))? as u64;
        if n_bytes == 0 {
            return Ok(None);
        }
        if !self.seal.holds(&self.line) {
            return Err(Error::Broken { path: self.path.clone(), line: self.number + 1 });
        }
        self.hasher.update(&self.line);
        let offset = self.offset;
        self.offset += n_bytes;
        self.number += 1;
        Ok(Some(Line { number: self.number, offset }))
    }

    /// The line that was read last, the line feed included.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.line
    }

    /// Where the next line begins, in bytes.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Goes to the line that begins there.
    pub(crate) fn seek(&mut self, offset: u64) -> Result<()> {
        self.reader.seek(SeekFrom::Start(offset)).map_err(Error::io("read", &self.path))?;
        (self.offset, self.number) = (offset, 0);
        Ok(())
    }

    /// Whether nothing follows what was read last.
    pub(crate) fn is_at_end(&mut self) -> Result<bool> {
        Ok(self.reader.fill_buf().map_err(Error::io("read", &self.path))?.is_empty())
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What the lines are sealed with.
    pub(crate) fn seal(&self) -> &Seal {
        &self.seal
    }

    /// SHA-256 of the lines read.
    pub(crate) fn sha256(&self) -> String {
        hexadecimal(&self.hasher.clone().finalize())
    }
}
