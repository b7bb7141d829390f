//! The problems of a run as its folder holds them: a line each, in the form of [`ProblemRecord`], read one after the other or by
//! their places. However large the set, one problem of it is in memory at a time.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use ts_text::hexadecimal;

use crate::digest::short_digest;
use crate::records::ProblemRecord;
use crate::{Error, Result, atomic};

/// Most bytes of a line: twice that of a problem set's, whose escapes may be shorter.
const MAX_LINE_BYTES: u64 = 64 << 20;

/// A file of problems, and what it holds.
#[derive(Clone, Debug)]
pub struct ProblemFile {
    path: PathBuf,
    n_problems: u64,
    sha256: String,
}

/// Where a problem stands in its file, and the digest of its line there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProblemPlace {
    offset: u64,
    digest: [u8; 8],
}

impl ProblemFile {
    /// Writes problems to a file, or checks that the file that is there holds the same.
    ///
    /// # Errors
    ///
    /// Those of `problems`; [`Error::Io`]; [`Error::Broken`] with the first line that is another than it should be.
    pub fn keep(path: &Path, problems: impl Iterator<Item = Result<ProblemRecord>>) -> Result<Self> {
        match File::open(path) {
            Ok(file) => Self::compare(path, file, problems),
            Err(error) if error.kind() == ErrorKind::NotFound => Self::write(path, problems),
            Err(error) => Err(Error::io("read", path)(error)),
        }
    }

    /// A file that is there, which must have this digest if one is given.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::Altered`] if it has another digest.
    pub fn open(path: &Path, sha256: Option<&str>) -> Result<Self> {
        let mut lines = ProblemLines::open(path)?;
        while lines.next_line()? {}
        let found = hexadecimal(&lines.hasher.finalize());
        if sha256.is_some_and(|sha256| sha256 != found) {
            return Err(Error::Altered { path: path.to_owned() });
        }
        Ok(Self { path: path.to_owned(), n_problems: lines.n_lines, sha256: found })
    }

    fn write(path: &Path, problems: impl Iterator<Item = Result<ProblemRecord>>) -> Result<Self> {
        let (mut n_problems, mut hasher) = (0, Sha256::new());
        atomic::write_with(path, |out| {
            for problem in problems {
                let line = line_of(&problem?)?;
                hasher.update(&line);
                out.write_all(&line).map_err(Error::io("write", path))?;
                n_problems += 1;
            }
            Ok(())
        })?;
        Ok(Self { path: path.to_owned(), n_problems, sha256: hexadecimal(&hasher.finalize()) })
    }

    fn compare(
        path: &Path,
        file: File,
        problems: impl Iterator<Item = Result<ProblemRecord>>,
    ) -> Result<Self> {
        let mut lines = ProblemLines::new(path, file);
        for problem in problems {
            let line = line_of(&problem?)?;
            if !lines.next_line()? || lines.line != line {
                return Err(Error::Broken { path: path.to_owned(), line: lines.n_lines.max(1) });
            }
        }
        let n_problems = lines.n_lines;
        if lines.next_line()? {
            return Err(Error::Broken { path: path.to_owned(), line: lines.n_lines });
        }
        let sha256 = hexadecimal(&lines.hasher.finalize());
        Ok(Self { path: path.to_owned(), n_problems, sha256 })
    }

    /// How many problems there are.
    pub fn len(&self) -> u64 {
        self.n_problems
    }

    /// Whether there is none, as in a shard of more shares than problems.
    pub fn is_empty(&self) -> bool {
        self.n_problems == 0
    }

    /// The digest of the file.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The problems, in order. At their end the file is held against its digest.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]. Of an item: [`Error::Malformed`], and at the end [`Error::Altered`].
    pub fn problems(&self) -> Result<Problems<'_>> {
        Ok(Problems { file: self, lines: ProblemLines::open(&self.path)?, is_over: false })
    }

    /// Reads problems by their places.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn lookup(&self) -> Result<ProblemLookup> {
        Ok(ProblemLookup { lines: ProblemLines::open(&self.path)? })
    }
}

/// The problems of a file, in order.
#[derive(Debug)]
pub struct Problems<'a> {
    file: &'a ProblemFile,
    lines: ProblemLines,
    is_over: bool,
}

impl Problems<'_> {
    /// The next problem and its place.
    ///
    /// # Errors
    ///
    /// As [`ProblemFile::problems`].
    pub fn next_placed(&mut self) -> Result<Option<(ProblemRecord, ProblemPlace)>> {
        if self.is_over {
            return Ok(None);
        }
        let offset = self.lines.offset;
        if self.lines.next_line()? {
            let place = ProblemPlace { offset, digest: short_digest(&self.lines.line) };
            return Ok(Some((self.lines.problem()?, place)));
        }
        self.is_over = true;
        match hexadecimal(&self.lines.hasher.clone().finalize()) == self.file.sha256 {
            true => Ok(None),
            false => Err(Error::Altered { path: self.file.path.clone() }),
        }
    }
}

impl Iterator for Problems<'_> {
    type Item = Result<ProblemRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        let problem = self.next_placed().transpose()?;
        self.is_over |= problem.is_err();
        Some(problem.map(|(problem, _)| problem))
    }
}

/// Reads problems by their places.
#[derive(Debug)]
pub struct ProblemLookup {
    lines: ProblemLines,
}

impl ProblemLookup {
    /// The problem at a place.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::Altered`] if another line is there now.
    pub fn at(&mut self, place: ProblemPlace) -> Result<ProblemRecord> {
        let lines = &mut self.lines;
        lines.reader.seek(SeekFrom::Start(place.offset)).map_err(Error::io("read", &lines.path))?;
        if !lines.next_line()? || short_digest(&lines.line) != place.digest {
            return Err(Error::Altered { path: lines.path.clone() });
        }
        lines.problem()
    }
}

/// Reads lines, and digests them on the way.
#[derive(Debug)]
struct ProblemLines {
    path: PathBuf,
    reader: BufReader<File>,
    /// The one that was read last, the line feed included.
    line: Vec<u8>,
    n_lines: u64,
    offset: u64,
    hasher: Sha256,
}

impl ProblemLines {
    fn open(path: &Path) -> Result<Self> {
        Ok(Self::new(path, File::open(path).map_err(Error::io("read", path))?))
    }

    fn new(path: &Path, file: File) -> Self {
        Self {
            path: path.to_owned(),
            reader: BufReader::new(file),
            line: Vec::new(),
            n_lines: 0,
            offset: 0,
            hasher: Sha256::new(),
        }
    }

    /// Reads the next line; false at the end.
    fn next_line(&mut self) -> Result<bool> {
        self.line.clear();
        let n_bytes = (&mut self.reader)
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut self.line)
            .map_err(Error::io("read", &self.path))?;
        if n_bytes == 0 {
            return Ok(false);
        }
        self.n_lines += 1;
        self.offset += n_bytes as u64;
        self.hasher.update(&self.line);
        match self.line.ends_with(b"\n") {
            true => Ok(true),
            false => Err(Error::Broken { path: self.path.clone(), line: self.n_lines }),
        }
    }

    fn problem(&self) -> Result<ProblemRecord> {
        serde_json::from_slice(&self.line).map_err(|source| Error::Malformed {
            path: self.path.clone(),
            line: self.n_lines as usize,
            source,
        })
    }
}

/// A problem as a line of a run's folder.
pub fn line_of(problem: &ProblemRecord) -> Result<Vec<u8>> {
    let mut line = serde_json::to_vec(problem).map_err(|source| Error::Unwritable {
        path: PathBuf::from(format!("problem `{}`", problem.id)),
        n_records: 0,
        source,
    })?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::sha256_file;

    fn problem(id: &str) -> ProblemRecord {
        let (prompt, reference) = (format!("What is {id}?").into(), "4".to_owned());
        ProblemRecord { id: id.to_owned(), prompt, reference, difficulty: None, metadata: [].into() }
    }

    fn set(ids: &[&str]) -> impl Iterator<Item = Result<ProblemRecord>> {
        ids.iter().map(|id| Ok(problem(id))).collect::<Vec<_>>().into_iter()
    }

    #[test]
    fn what_is_kept_reads_back_in_order_and_by_place() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("problems.jsonl");
        let file = ProblemFile::keep(&path, set(&["a", "b", "c"])).unwrap();
        assert_eq!(file.len(), 3);
        assert_eq!(file.sha256(), sha256_file(&path).unwrap());
        let mut problems = file.problems().unwrap();
        let mut places = Vec::new();
        while let Some((problem, place)) = problems.next_placed().unwrap() {
            places.push((problem.id, place));
        }
        let mut lookup = file.lookup().unwrap();
        for (id, place) in places.iter().rev() {
            assert_eq!(lookup.at(*place).unwrap(), problem(id));
        }
        let again = ProblemFile::keep(&path, set(&["a", "b", "c"])).unwrap();
        let opened = ProblemFile::open(&path, Some(file.sha256())).unwrap();
        for other in [again, opened] {
            assert_eq!((other.len(), other.sha256()), (3, file.sha256()));
        }
    }

    #[test]
    fn other_problems_than_those_that_are_there_are_an_error_with_the_line() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("problems.jsonl");
        ProblemFile::keep(&path, set(&["a", "b"])).unwrap();
        for (other, line) in [(vec!["a", "c"], 2), (vec!["a"], 2), (vec!["a", "b", "c"], 2), (vec![], 1)] {
            let error = ProblemFile::keep(&path, set(&other)).unwrap_err();
            assert!(matches!(error, Error::Broken { line: at, .. } if at == line), "{other:?}: {error}");
        }
    }

    #[test]
    fn a_file_that_changes_while_it_is_used_is_found() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("problems.jsonl");
        let file = ProblemFile::keep(&path, set(&["a", "b"])).unwrap();
        let (_, place) = file.problems().unwrap().next_placed().unwrap().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("What is a?", "What is x?")).unwrap();
        assert!(matches!(file.lookup().unwrap().at(place), Err(Error::Altered { .. })));
        let read: Vec<_> = file.problems().unwrap().collect();
        assert!(matches!(read.last(), Some(Err(Error::Altered { .. }))) && read.len() == 3);
        assert!(matches!(ProblemFile::open(&path, Some(file.sha256())), Err(Error::Altered { .. })));
        std::fs::write(&path, &text[..text.len() - 1]).unwrap();
        assert!(matches!(file.problems().unwrap().nth(1), Some(Err(Error::Broken { line: 2, .. }))));
    }

    #[test]
    fn a_problem_that_cannot_be_read_leaves_no_file() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("problems.jsonl");
        let broken = set(&["a"]).chain([Err(Error::NoProblems { source_name: "test".to_owned() })]);
        assert!(ProblemFile::keep(&path, broken).is_err());
        assert!(!path.exists());
    }
}
