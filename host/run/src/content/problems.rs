//! Reading a problem set: JSON lines, one JSON list, CSV or parquet ([`ts_rows`]), one problem on each line or in each row.
//!
//! In go bytes; out come [`ProblemRecord`]s in the order of the rows, or an error that names the file and
//! the row. Public sets name their fields differently, so each field has other names that are understood:
//!
//! | field | other names | value |
//! |---|---|---|
//! | `id` | `unique_id`, `task_id` | text or whole number; `line-7` or `row-7` where the seventh has none |
//! | `prompt` | `problem`, `question` | text, or messages ([`Prompt`]) |
//! | `reference` | `answer`, `gold`, `canonical_solution` | text or number |
//! | `difficulty` | `level` | whole number, or a text that ends in one (`Level 5`); may be missing |
//!
//! The first name that a row has counts; everything else in it is metadata for the verifier. Empty lines are
//! passed over. A row of more than 32 MiB is an error, and is not read to its end. References are not
//! checked: only the verifier understands them.

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;
use ts_rows::{Fault, Fields, Place, Row, Rows};

use crate::digest::short_digest;
use crate::error::ProblemFault;
use crate::prompt::Prompt;
use crate::records::ProblemRecord;
use crate::{Error, Result};

const ID: [&str; 3] = ["id", "unique_id", "task_id"];
const PROMPT: [&str; 3] = ["prompt", "problem", "question"];
const REFERENCE: [&str; 4] = ["reference", "answer", "gold", "canonical_solution"];
const DIFFICULTY: [&str; 2] = ["difficulty", "level"];

/// Most bytes of a row. The hidden tests of a programming problem take a few millions.
const MAX_ROW_BYTES: usize = 32 << 20;

/// The problems of a set, one after the other. Of those that were read, it remembers which identifiers there were.
pub struct ProblemReader {
    source_name: String,
    rows: Rows,
    /// Where each identifier stands, by its digest.
    places_by_id: HashMap<[u8; 16], Place>,
    is_over: bool,
}

impl ProblemReader {
    /// Of a file.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::NotAProblemSet`].
    pub fn open(path: &Path) -> Result<Self> {
        let source_name = path.display().to_string();
        match Rows::open(path, MAX_ROW_BYTES) {
            Ok(rows) => Ok(Self::new(source_name, rows)),
            Err(fault) => Err(of_fault(&source_name, fault)),
        }
    }

    /// Of bytes in memory. `source_name` is what errors call them.
    pub fn of_bytes(source_name: &str, bytes: Vec<u8>) -> Self {
        Self::new(source_name.to_owned(), Rows::of_bytes(bytes, MAX_ROW_BYTES))
    }

    fn new(source_name: String, rows: Rows) -> Self {
        Self { source_name, rows, places_by_id: HashMap::new(), is_over: false }
    }

    /// The next problem, none at the end.
    fn read(&mut self) -> Result<Option<ProblemRecord>> {
        let Self { source_name, rows, places_by_id, .. } = self;
        let Row { place, fields } = match rows.next() {
            Some(row) => row.map_err(|fault| of_fault(source_name, fault))?,
            None if places_by_id.is_empty() => {
                return Err(Error::NoProblems { source_name: source_name.clone() });
            }
            None => return Ok(None),
        };
        let fault = |fault| Error::Problem { source_name: source_name.clone(), place, fault };
        let problem = parse_problem(fields, place).map_err(fault)?;
        if let Some(first) = places_by_id.insert(short_digest(&problem.id), place) {
            return Err(fault(ProblemFault::DuplicateId { id: problem.id, first }));
        }
        Ok(Some(problem))
    }
}

fn of_fault(source_name: &str, fault: Fault) -> Error {
    match fault {
        Fault::Read(error) => Error::io("read", Path::new(source_name))(error),
        Fault::Row { place, fault } => {
            Error::Problem { source_name: source_name.to_owned(), place, fault: ProblemFault::Row(fault) }
        }
        other => Error::NotAProblemSet { source_name: source_name.to_owned(), reason: other.to_string() },
    }
}

/// Ends after the first error: [`Error::Io`]; [`Error::Problem`] for a line that is no problem; [`Error::NoProblems`] if there is
/// no line.
impl Iterator for ProblemReader {
    type Item = Result<ProblemRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let problem = self.read().transpose();
        self.is_over = !matches!(problem, Some(Ok(_)));
        problem
    }
}

type Parsed<T> = std::result::Result<T, ProblemFault>;

fn parse_problem(mut fields: Fields, place: Place) -> Parsed<ProblemRecord> {
    Ok(ProblemRecord {
        id: take_id(&mut fields)?.unwrap_or_else(|| place.id()),
        prompt: take_prompt(&mut fields)?,
        reference: take_reference(&mut fields)?,
        difficulty: take_difficulty(&mut fields)?,
        metadata: fields.into_iter().collect(),
    })
}

fn take_id(fields: &mut Fields) -> Parsed<Option<String>> {
    match take(fields, &ID) {
        None => Ok(None),
        Some((_, Value::String(text))) if !text.is_empty() => Ok(Some(text)),
        Some((_, Value::Number(number))) if !number.is_f64() => Ok(Some(number.to_string())),
        Some((name, _)) => wrong_kind(name, "a text that is not empty, or a whole number"),
    }
}

fn take_prompt(fields: &mut Fields) -> Parsed<Prompt> {
    match take(fields, &PROMPT) {
        None => missing(&PROMPT),
        Some((name, value)) => Prompt::from_value(value).or_else(|expected| wrong_kind(name, expected)),
    }
}

fn take_reference(fields: &mut Fields) -> Parsed<String> {
    match take(fields, &REFERENCE) {
        None => missing(&REFERENCE),
        Some((_, Value::String(text))) => Ok(text),
        Some((_, Value::Number(number))) => Ok(number.to_string()),
        Some((name, _)) => wrong_kind(name, "a text or a number"),
    }
}

fn take_difficulty(fields: &mut Fields) -> Parsed<Option<u32>> {
    let Some((name, value)) = take(fields, &DIFFICULTY) else {
        return Ok(None);
    };
    let difficulty = match &value {
        Value::Null => return Ok(None),
        Value::Number(number) => number.as_u64().and_then(|number| u32::try_from(number).ok()),
        Value::String(text) => text.split_whitespace().next_back().and_then(|word| word.parse().ok()),
        _ => None,
    };
    match difficulty {
        Some(difficulty) => Ok(Some(difficulty)),
        None => wrong_kind(name, "a whole number from 0, or a text that ends in one"),
    }
}

/// Takes the first of these fields that is there.
fn take(fields: &mut Fields, names: &[&'static str]) -> Option<(&'static str, Value)> {
    names.iter().find_map(|&name| fields.remove(name).map(|value| (name, value)))
}

fn missing<T>(names: &[&'static str]) -> Parsed<T> {
    let aliases: Vec<_> = names[1..].iter().map(|name| format!("`{name}`")).collect();
    Err(ProblemFault::MissingField { field: names[0], aliases: aliases.join(", ") })
}

fn wrong_kind<T>(name: &str, expected: &'static str) -> Parsed<T> {
    Err(ProblemFault::WrongKind { name: name.to_owned(), expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<ProblemRecord>> {
        ProblemReader::of_bytes("set.jsonl", text.into()).collect()
    }

    fn read(path: &Path) -> Result<Vec<ProblemRecord>> {
        ProblemReader::open(path)?.collect()
    }

    fn message(bytes: &[u8]) -> String {
        let problems: Result<Vec<_>> = ProblemReader::of_bytes("set.jsonl", bytes.into()).collect();
        problems.unwrap_err().to_string()
    }

    #[test]
    fn the_names_of_public_sets_are_understood() {
        let set = [
            r#"{"id":"a","prompt":"P","reference":"R","difficulty":3,"extra":[1]}"#,
            r#"{"unique_id":"b","problem":"P","answer":"R","level":"Level 5","solution":"S"}"#,
            r#"{"task_id":7,"question":"P","gold":204}"#,
            "",
            r#"{"prompt":"P","reference":"R","answer":"other","level":null}"#,
        ];
        let problems = parse(&set.join("\r\n")).unwrap();
        let ids: Vec<_> = problems.iter().map(|p| p.id.as_str()).collect();
        assert_eq!(ids, ["a", "b", "7", "line-5"]);
        let references: Vec<_> = problems.iter().map(|p| p.reference.as_str()).collect();
        assert_eq!(references, ["R", "R", "204", "R"]);
        let difficulties: Vec<_> = problems.iter().map(|p| p.difficulty).collect();
        assert_eq!(difficulties, [Some(3), Some(5), None, None]);
        assert_eq!(problems[0].metadata["extra"], serde_json::json!([1]));
        assert_eq!(problems[3].metadata["answer"], "other");
        assert!(problems.iter().all(|p| p.prompt == "P".into()));
    }

    #[test]
    fn what_was_read_is_read_again_from_a_run_folder() {
        let set = r#"{"unique_id":"b","problem":"P","answer":"R","level":5,"weight":0.1}"#;
        let problems = parse(set).unwrap();
        let line = serde_json::to_string(&problems[0]).unwrap();
        assert_eq!(serde_json::from_str::<ProblemRecord>(&line).unwrap(), problems[0]);
        assert_eq!(parse(&line).unwrap(), problems);
    }

    #[test]
    fn errors_name_the_file_and_the_line() {
        let good = r#"{"id":"a","prompt":"P","reference":"R"}"#;
        let after = |line: &str| message(format!("{good}\n{line}\n").as_bytes());
        assert_eq!(
            after(r#"{"id":"b","prompt":"P"}"#),
            "set.jsonl:2: no field `reference` (nor `answer`, `gold`, `canonical_solution`)"
        );
        assert_eq!(after(good), "set.jsonl:2: problem `a` is already on line 1");
        assert_eq!(
            after(r#"{"prompt":["P"],"reference":"R"}"#),
            "set.jsonl:2: field `prompt` must be a text, or messages: each with a `role` (system, developer, user or \
             assistant) and a text as `content`, and nothing else"
        );
        assert_eq!(
            after(r#"{"prompt":"P","reference":"R","difficulty":-1}"#),
            "set.jsonl:2: field `difficulty` must be a whole number from 0, or a text that ends in one"
        );
        assert!(after("[1]").starts_with("set.jsonl:2: not a JSON object: "), "{}", after("[1]"));
        assert!(after("{").starts_with("set.jsonl:2: not a JSON object: "));
        assert_eq!(message(b"{\"id\":\"\xff\"}"), "set.jsonl:1: not UTF-8 at byte 7 of the line");
    }

    #[test]
    fn a_line_that_is_too_long_is_an_error_and_is_not_read_to_its_end() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("long.jsonl");
        let good = "{\"id\":\"a\",\"prompt\":\"P\",\"reference\":\"R\"}\n";
        std::fs::write(&path, good).unwrap();
        // A hole in the file: it reads as zeros, and takes no room.
        std::fs::File::options().append(true).open(&path).unwrap().set_len(1 << 40).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.ends_with("long.jsonl:2: the line has more than 33554432 bytes"), "{error}");
        std::fs::write(&path, format!("{good}\r\n{}", good.replace("\"a\"", "\"b\""))).unwrap();
        assert_eq!(read(&path).unwrap().len(), 2);
    }

    #[test]
    fn a_set_without_problems_is_an_error() {
        assert_eq!(message(b""), "set.jsonl holds no problem");
        assert_eq!(message(b"\n \r\n"), "set.jsonl holds no problem");
        assert!(read(Path::new("no-such-set.jsonl")).is_err());
    }
}
