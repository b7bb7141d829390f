//! Lines of a file that came from outside, none of which takes more memory than a bound.
//!
//! In: a reader, and the most bytes that a line may have. Out: one line after the other with its number, from
//! 1, or why there is none; what comes after a fault is not read. A byte order mark at the beginning and the
//! line's end (`\n` or `\r\n`) belong to no line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// Lines, read one at a time.
#[derive(Debug)]
pub struct Lines<R> {
    reader: R,
    most: usize,
    number: usize,
    line: Vec<u8>,
}

/// Why there is no line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The system cannot read.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// A line is longer than it may be.
    #[error("the line has more than {most} bytes")]
    TooLong {
        /// The line, from 1.
        number: usize,
        /// How many bytes it may have.
        most: usize,
    },
    /// A line is not text.
    #[error("the line is not UTF-8 at byte {byte}")]
    NotUtf8 {
        /// The line, from 1.
        number: usize,
        /// Where in the line, from 0.
        byte: usize,
    },
}

impl Fault {
    /// The line, from 1; 0 if the system cannot say.
    pub fn number(&self) -> usize {
        match self {
            Self::Read(_) => 0,
            Self::TooLong { number, .. } | Self::NotUtf8 { number, .. } => *number,
        }
    }
}

impl Lines<BufReader<File>> {
    /// The lines of a file.
    ///
    /// # Errors
    /// Those of the system.
    pub fn open(path: &Path, most: usize) -> io::Result<Self> {
        Ok(Self::new(BufReader::new(File::open(path)?), most))
    }
}

impl<R: BufRead> Lines<R> {
    /// The lines of a reader, each of at most `most` bytes.
    pub fn new(reader: R, most: usize) -> Self {
        Self { reader, most, number: 0, line: Vec::new() }
    }

    /// What follows the lines that were read.
    pub fn reader(&mut self) -> &mut R {
        &mut self.reader
    }

    /// The next line and its number, from 1; none at the end.
    ///
    /// # Errors
    /// [`Fault`], with the line.
    pub fn next_line(&mut self) -> Result<Option<(usize, &str)>, Fault> {
        const MARK: &[u8] = b"\xef\xbb\xbf";
        self.line.clear();
        // Room for a mark and the line's end, and a byte more than the line may have.
        let most = (self.most as u64).saturating_add(MARK.len() as u64 + 3);
        if (&mut self.reader).take(most).read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        let number = self.number;
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = if number == 1 { line.strip_prefix(MARK).unwrap_or(line) } else { line };
        if line.len() > self.most {
            return Err(Fault::TooLong { number, most: self.most });
        }
        match str::from_utf8(line) {
            Ok(line) => Ok(Some((number, line))),
            Err(error) => Err(Fault::NotUtf8 { number, byte: error.valid_up_to() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8], most: usize) -> (Vec<(usize, String)>, Option<String>) {
        let mut lines = Lines::new(bytes, most);
        let mut read = Vec::new();
        loop {
            match lines.next_line() {
                Ok(Some((number, line))) => read.push((number, line.to_owned())),
                Ok(None) => return (read, None),
                Err(fault) => return (read, Some(format!("{fault:?}"))),
            }
        }
    }

    #[test]
    fn lines_have_their_numbers_and_neither_a_mark_nor_an_end() {
        let (lines, fault) = all("\u{feff}a\r\n\n bc\nd".as_bytes(), 3);
        let expected =
            [(1, "a"), (2, ""), (3, " bc"), (4, "d")].map(|(number, line)| (number, line.to_owned()));
        assert_eq!((lines, fault), (expected.to_vec(), None));
        assert_eq!(all(b"", 3), (vec![], None));
        assert_eq!(all("\u{feff}abc\r\n".as_bytes(), 3).1, None);
    }

    #[test]
    fn a_line_that_is_too_long_is_not_read_to_its_end() {
        for text in ["ab\nabcd\n", "ab\nabcd", "ab\nabcdefghijklmn"] {
            let (lines, fault) = all(text.as_bytes(), 3);
            assert_eq!(
                (lines.len(), fault.as_deref()),
                (1, Some("TooLong { number: 2, most: 3 }")),
                "{text:?}"
            );
        }
        let mut endless = Lines::new(BufReader::new(io::repeat(b'a')), 1000);
        assert!(matches!(endless.next_line(), Err(Fault::TooLong { number: 1, most: 1000 })));
        assert!(endless.line.len() < 1010);
    }

    #[test]
    fn a_line_that_is_no_text_is_named() {
        let (lines, fault) = all(b"a\nb\xff\n", 3);
        assert_eq!((lines.len(), fault.as_deref()), (1, Some("NotUtf8 { number: 2, byte: 1 }")));
    }
}
