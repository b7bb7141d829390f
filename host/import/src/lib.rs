//! Public sets of problems as problem sets.
//!
//! | set | a row has | a problem's reference | its verifier |
//! |---|---|---|---|
//! | HumanEval | `task_id`, `prompt`, `test`, … | its own `check(candidate)`, as a test | `code_grader` |
//! | MBPP | `task_id`, `text`, `test_list`, … | its asserts, a test each | `code_grader` |
//! | LiveCodeBench | `question_content`, `public_test_cases`, … | inputs and outputs, or calls and values | `code_grader` |
//! | GSM8K | `question`, `answer` | what follows `####` | `math_grader` |
//! | MATH-500, and MATH | `problem`, `answer` or `solution`, `level`, … | the answer, or what the solution boxes | `math_grader` |
//! | AIME 2024, 2025 | as above, under several names | the answer, or what the solution boxes | `math_grader` |
//! | OpenR1-Math, DeepScaleR | `problem`, `answer`, … | the answer | `math_grader` |
//! | GPQA | `Question`, `Correct Answer`, `Incorrect Answer 1`, … | the letter of the correct one, in an order that the row decides | `choice_grader` |
//! | verl's rows for RL | `prompt` as messages, `reward_model.ground_truth`, … | the ground truth, or its tests | `math_grader`, `code_grader` |
//! | named columns | what was named | what was named | |
//!
//! In: files, each JSON lines, a JSON list, CSV or parquet ([`ts_rows`]). Out: problems one after the other, as lines of a problem set,
//! or what is wrong with a row. A row of more than 128 MiB is an error, and is not read to its end. Responses that others sampled are in
//! [`samples`].

mod files;
mod samples;
mod sets;

use std::collections::HashMap;
use std::path::PathBuf;

use serde_json::Value;
use sha2::{Digest, Sha256};
use ts_rows::Place;

use self::files::{NumberedRow, RowsOfFiles};
pub use self::samples::{Answer, Answered, SampleFormat, Samples, samples};
pub use self::sets::Set;
pub use self::sets::columns::Columns;

/// Why a file, or a row of it, cannot be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file as a whole is not one of rows.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// What stands there is no row, so that none after it is read.
    #[error("{}{}: {reason}", path.display(), place.after_name())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where in it.
        place: Place,
        /// What is wrong.
        reason: String,
    },
    /// A row is not a problem of the set.
    #[error("{}{}: {reason}", path.display(), place.after_name())]
    NotAProblem {
        /// The file.
        path: PathBuf,
        /// Where in it.
        place: Place,
        /// What is wrong.
        reason: String,
    },
    /// A problem whose identifier one before it has.
    #[error("{}{}: its id `{id}` is that of {first} {}", path.display(), place.after_name(), if *is_same { "too, and so is all else" } else { "too, which is another problem" })]
    Duplicate {
        /// The file.
        path: PathBuf,
        /// Where in it.
        place: Place,
        /// The identifier.
        id: String,
        /// Where it stands first, and in which file.
        first: String,
        /// Whether the two are the same problem.
        is_same: bool,
    },
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotAProblem { .. } => Some("--skip-faulty passes over such rows and says which they are"),
            Self::Duplicate { is_same: true, .. } => Some("--skip-duplicates passes over such rows"),
            Self::Duplicate { .. } => {
                Some("identifiers must be unique: `import columns` without --id-column numbers the rows")
            }
            _ => None,
        }
    }
}

/// A problem of a set.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// The line of a problem set, an object.
    pub line: Value,
    /// The verifier that understands its reference, if the set says so.
    pub verifier: Option<&'static str>,
}

/// The problems of a set's files, one after the other.
pub struct Problems {
    set: Set,
    rows: RowsOfFiles,
    /// Of each identifier where it stands, and the digest of its problem.
    seen: HashMap<String, (String, [u8; 32])>,
}

/// The problems of a set, of whose rows each file has a part.
pub fn problems(set: Set, files: Vec<PathBuf>) -> Problems {
    Problems { set, rows: RowsOfFiles::new(files), seen: HashMap::new() }
}

impl Problems {
    fn problem(&mut self, NumberedRow { path, row, number }: NumberedRow) -> Result<Problem, Error> {
        let place = row.place;
        let problem = match self.set.problem(row.fields, number) {
            Ok(problem) => problem,
            Err(reason) => return Err(Error::NotAProblem { path, place, reason }),
        };
        let id = problem.line["id"].as_str().unwrap_or_default().to_owned();
        let digest: [u8; 32] = Sha256::digest(problem.line.to_string()).into();
        if let Some((first, of_first)) = self.seen.get(&id) {
            let (first, is_same) = (first.clone(), *of_first == digest);
            return Err(Error::Duplicate { path, place, id, first, is_same });
        }
        self.seen.insert(id, (format!("{}{}", path.display(), place.after_name()), digest));
        Ok(problem)
    }
}

/// Goes on after [`Error::NotAProblem`] and [`Error::Duplicate`], and ends after any other error.
impl Iterator for Problems {
    type Item = Result<Problem, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.rows.next()?.and_then(|row| self.problem(row)))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn message(set: Set, path: &Path) -> String {
        let mut problems = problems(set, vec![path.to_path_buf()]);
        let error = problems.find_map(Result::err).unwrap().to_string();
        error.replace(&path.display().to_string(), "FILE")
    }

    #[test]
    fn a_malformed_line_is_named() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("set.jsonl");
        let fails = |set: Set, text: &str, expected: &str| {
            std::fs::write(&path, text).unwrap();
            let error = message(set, &path);
            assert!(error.starts_with(expected), "{error}");
        };
        fails(Set::Mbpp, "\n{\"task_id\": 1}\n", "FILE:2: missing field");
        fails(Set::HumanEval, "{", "FILE:1: not a JSON object");
        fails(Set::Mbpp, "\u{feff}[\n{\"task_id\": 1}]", "FILE, item 1: missing field");
        fails(Set::Mbpp, "[\n{\"task_id\": 1}\n", "FILE:3: not a JSON list: EOF");
        // A hole in the file: it reads as zeros, and takes no room.
        for (begins, expected) in
            [("\n\n", "FILE:3: the line has more than"), ("[\n", "FILE: the list has more than")]
        {
            std::fs::write(&path, begins).unwrap();
            std::fs::File::options().append(true).open(&path).unwrap().set_len(1 << 40).unwrap();
            let error = message(Set::Mbpp, &path);
            assert!(error.starts_with(expected), "{error}");
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(message(Set::HumanEval, &path), "cannot read FILE");
    }

    #[test]
    fn rows_are_numbered_over_all_files_and_an_identifier_is_taken_once() {
        let temp = tempfile::tempdir().unwrap();
        let path = |name: &str| temp.path().join(name);
        let row = r#"{"question": "Q", "answer": "so #### 4"}"#;
        std::fs::write(path("a.jsonl"), format!("{row}\n{row}\n")).unwrap();
        std::fs::write(path("b.jsonl"), format!("{row}\n{{\"question\": \"Q\"}}\n{row}\n")).unwrap();
        let read: Vec<_> = problems(Set::Gsm8k, vec![path("a.jsonl"), path("b.jsonl")]).collect();
        let ids: Vec<_> = read.iter().map(|it| it.as_ref().ok().map(|it| it.line["id"].clone())).collect();
        let id = |n: usize| Some(Value::from(format!("gsm8k-{n}")));
        assert_eq!(ids, [id(1), id(2), id(3), None, id(5)]);
        assert!(read[3].as_ref().unwrap_err().to_string().contains("b.jsonl:2: no column `answer`"));

        let row = |answer: &str| {
            format!(
                r#"{{"unique_id": "x", "problem": "P", "answer": "{answer}", "solution": "", "level": 1}}"#
            )
        };
        std::fs::write(path("c.jsonl"), [row("1"), row("1"), row("2")].join("\n")).unwrap();
        let read: Vec<_> =
            problems(Set::Math, vec![path("c.jsonl")]).map(|it| it.map_err(|e| e.to_string())).collect();
        assert!(read[0].is_ok() && read.len() == 3);
        let error = |at: usize| read[at].as_ref().unwrap_err();
        assert!(error(1).contains("c.jsonl:2: its id `x` is that of"), "{}", error(1));
        assert!(error(1).ends_with("c.jsonl:1 too, and so is all else"), "{}", error(1));
        assert!(error(2).ends_with("c.jsonl:1 too, which is another problem"), "{}", error(2));
    }
}
