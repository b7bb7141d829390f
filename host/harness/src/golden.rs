//! Golden cases: inputs of any role with the outputs that a plugin gave before.
//!
//! A line is `{"id"?, "input": {…}, "output": {…}}`; inputs and outputs are those of `handle.rs`. A line
//! without `output` is one that is not known yet.
//!
//! In: a file of cases and a [`Handle`]. Out: where outputs differ, and the file with those of now. A golden
//! case says what a plugin did, a labelled one what it should do.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_lines::Lines;

use crate::handle::Handle;
use crate::{Error, MAX_LINE_BYTES, Result};

/// A file of golden cases.
#[derive(Debug, Clone, PartialEq)]
pub struct GoldenFile {
    path: PathBuf,
    /// One for each line; none where the line is empty.
    lines: Vec<Option<Golden>>,
}

/// One golden case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What the role is asked.
    pub input: Value,
    /// What it gave; none if that is not known yet.
    #[serde(default)]
    pub output: Value,
}

/// A case whose output is another one now.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The case: its name, or `line N`.
    pub id: String,
    /// What it gave before.
    pub before: Value,
    /// What it gives now.
    pub now: Value,
}

impl GoldenFile {
    /// Reads every case; none if the file holds other cases: its first line has no `input`.
    ///
    /// # Errors
    ///
    /// [`Error::Read`]; [`Error::Malformed`] with the line.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        let unreadable = |source| Error::Read { path: path.to_path_buf(), source };
        let mut file = Lines::open(path, MAX_LINE_BYTES).map_err(unreadable)?;
        let (mut lines, mut is_golden) = (Vec::new(), false);
        while let Some((number, line)) = file.next_line().map_err(|fault| Error::fault(path, fault))? {
            if line.trim().is_empty() {
                lines.push(None);
                continue;
            }
            if !is_golden {
                let first: Option<Value> = serde_json::from_str(line).ok();
                if first.is_none_or(|first| first.get("input").is_none()) {
                    return Ok(None);
                }
                is_golden = true;
            }
            let case = serde_json::from_str(line)
                .map_err(|error| malformed(path, number, ts_text::json_fault(error)))?;
            lines.push(Some(case));
        }
        Ok(is_golden.then(|| Self { path: path.to_path_buf(), lines }))
    }

    /// Every case, with its line, from 1.
    pub fn cases(&self) -> impl Iterator<Item = (usize, &Golden)> {
        self.lines.iter().enumerate().filter_map(|(at, case)| Some((at + 1, case.as_ref()?)))
    }

    /// Calls the plugin on each case, puts what it gives in the place of the output, and says where that
    /// differs.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] for an input that the role does not take.
    pub fn compare(&mut self, handle: &Handle) -> Result<Vec<Difference>> {
        let mut differences = Vec::new();
        for (at, case) in self.lines.iter_mut().enumerate() {
            let Some(case) = case else { continue };
            let input = handle.input(&case.input).map_err(|reason| malformed(&self.path, at + 1, reason))?;
            let now = handle.call(&input).output;
            if now != case.output {
                let before = std::mem::replace(&mut case.output, now.clone());
                differences.push(Difference { id: case.name(at + 1), before, now });
            }
        }
        Ok(differences)
    }

    /// Writes the file with the outputs that its cases have; empty lines stay.
    ///
    /// # Errors
    ///
    /// [`Error::Write`].
    pub fn write(&self) -> Result<()> {
        let failed = |source| Error::Write { path: self.path.clone(), source };
        let mut text = String::new();
        for case in &self.lines {
            if let Some(case) = case {
                text.push_str(&serde_json::to_string(case).map_err(|error| failed(error.into()))?);
            }
            text.push('\n');
        }
        std::fs::write(&self.path, text).map_err(failed)
    }
}

impl Golden {
    /// Its name, or its line, from 1, as `line N`.
    pub(crate) fn name(&self, line: usize) -> String {
        self.id.clone().unwrap_or_else(|| format!("line {line}"))
    }
}

fn malformed(path: &Path, line: usize, reason: String) -> Error {
    Error::Malformed { path: path.to_path_buf(), line, reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_cases;

    /// Golden cases and labelled ones: both come from outside.
    #[test]
    fn a_line_that_is_too_long_is_named_and_not_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cases.jsonl");
        let golden = "{\"input\":{},\"output\":1}\n";
        let labelled = "{\"gold\":\"1\",\"pred\":\"1\",\"form\":\"answer\",\"expected\":true}\n";
        for first in [golden, labelled] {
            std::fs::write(&path, first).unwrap();
            // A hole in the file: it reads as zeros, and takes no room.
            std::fs::File::options().append(true).open(&path).unwrap().set_len(1 << 40).unwrap();
            let read = if first == golden {
                GoldenFile::read(&path).err()
            } else {
                read_cases(std::slice::from_ref(&path)).err()
            };
            let error = read.map(|error| error.to_string()).unwrap_or_default();
            assert!(error.ends_with("cases.jsonl:2: the line has more than 33554432 bytes"), "{error}");
        }
        std::fs::write(&path, [golden.as_bytes(), b"\xff\n"].concat()).unwrap();
        let error = GoldenFile::read(&path).unwrap_err().to_string();
        assert!(error.ends_with("cases.jsonl:2: the line is not UTF-8 at byte 0"), "{error}");
    }

    #[test]
    fn lines_are_those_of_the_file_and_empty_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("golden.jsonl");
        let text =
            "\n{\"input\":{\"text\":\"a\"},\"output\":1}\n\n{\"id\":\"b\",\"input\":{},\"output\":null}\n";
        std::fs::write(&path, text).unwrap();
        let file = GoldenFile::read(&path).unwrap().unwrap();
        let names: Vec<_> = file.cases().map(|(line, case)| case.name(line)).collect();
        assert_eq!(names, ["line 2", "b"]);
        file.write().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        std::fs::write(&path, format!("{text}{{\"output\":1}}\n")).unwrap();
        let error = GoldenFile::read(&path).unwrap_err();
        assert!(matches!(error, Error::Malformed { line: 5, .. }), "{error}");
    }

    #[test]
    fn other_files_are_not_golden() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cases.jsonl");
        for text in ["", "\n", "{\"reference\": \"1\", \"response\": \"1\"}\n", "no JSON\n"] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(GoldenFile::read(&path).unwrap(), None);
        }
        assert!(matches!(GoldenFile::read(&folder.path().join("none")), Err(Error::Read { .. })));
    }
}
