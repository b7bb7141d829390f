//! Reading a problem set: JSON lines, one problem on each.
//!
//! In go bytes; out come [`ProblemRecord`]s in the order of the lines, or an error that names the file and
//! the line. Public sets name their fields differently, so each field has other names that are understood:
//!
//! | field | other names | value |
//! |---|---|---|
//! | `id` | `unique_id`, `task_id` | text or whole number; `line-7` where the seventh line has none |
//! | `prompt` | `problem`, `question` | text |
//! | `reference` | `answer`, `gold`, `canonical_solution` | text or number |
//! | `difficulty` | `level` | whole number, or a text that ends in one (`Level 5`); may be missing |
//!
//! The first name that a line has counts; everything else on it is metadata for the verifier. Empty lines are
//! passed over. A line of more than 32 MiB is an error, and is not read to its end. References are not
//! checked: only the verifier understands them.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde_json::Value;
use ts_lines::{Fault, Lines};

use crate::error::ProblemFault;
use crate::records::ProblemRecord;
use crate::{Error, Result};

const ID: [&str; 3] = ["id", "unique_id", "task_id"];
const PROMPT: [&str; 3] = ["prompt", "problem", "question"];
const REFERENCE: [&str; 4] = ["reference", "answer", "gold", "canonical_solution"];
const DIFFICULTY: [&str; 2] = ["difficulty", "level"];

/// Most bytes of a line. The hidden tests of a programming problem take a few millions.
const MAX_LINE_BYTES: usize = 32 << 20;

/// Reads the problem set in a file.
///
/// # Errors
///
/// [`Error::Io`]; those of [`parse_problems`].
pub fn read_problems(path: &Path) -> Result<Vec<ProblemRecord>> {
    let io = || Error::io("read", path);
    let mut lines = Lines::open(path, MAX_LINE_BYTES).map_err(io())?;
    let mut set = ProblemSet::new(&path.display().to_string());
    loop {
        match lines.next_line() {
            Ok(Some((_, line))) => set.add(line.as_bytes())?,
            Ok(None) => return set.finish(),
            Err(Fault::Read(error)) => return Err(io()(error)),
            Err(fault) => return Err(set.unread(&fault)),
        }
    }
}

/// Reads a problem set that is in memory. `source_name` is what errors call it.
///
/// # Errors
///
/// [`Error::Problem`] for the first line that is not a problem, [`Error::NoProblems`] if there is no line.
pub fn parse_problems(source_name: &str, bytes: &[u8]) -> Result<Vec<ProblemRecord>> {
    let mut set = ProblemSet::new(source_name);
    bytes.split(|&byte| byte == b'\n').try_for_each(|line| set.add(line))?;
    set.finish()
}

/// The problems of the lines so far.
struct ProblemSet {
    source_name: String,
    n_lines: usize,
    problems: Vec<ProblemRecord>,
    lines_by_id: HashMap<String, usize>,
}

impl ProblemSet {
    fn new(source_name: &str) -> Self {
        let source_name = source_name.to_owned();
        Self { source_name, n_lines: 0, problems: Vec::new(), lines_by_id: HashMap::new() }
    }

    fn add(&mut self, mut bytes: &[u8]) -> Result<()> {
        self.n_lines += 1;
        let line = self.n_lines;
        if line == 1 {
            bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes); // byte order mark
        }
        let fault = |fault| Error::Problem { source_name: self.source_name.clone(), line, fault };
        if bytes.len() > MAX_LINE_BYTES {
            return Err(fault(ProblemFault::LineTooLong { most: MAX_LINE_BYTES }));
        }
        if bytes.trim_ascii().is_empty() {
            return Ok(());
        }
        let problem = parse_problem(bytes, line).map_err(fault)?;
        if let Some(first_line) = self.lines_by_id.insert(problem.id.clone(), line) {
            return Err(fault(ProblemFault::DuplicateId { id: problem.id, first_line }));
        }
        self.problems.push(problem);
        Ok(())
    }

    /// A line that was not read.
    fn unread(&self, fault: &Fault) -> Error {
        let line = fault.number();
        let fault = match *fault {
            Fault::NotUtf8 { byte, .. } => ProblemFault::NotUtf8 { byte },
            _ => ProblemFault::LineTooLong { most: MAX_LINE_BYTES },
        };
        Error::Problem { source_name: self.source_name.clone(), line, fault }
    }

    fn finish(self) -> Result<Vec<ProblemRecord>> {
        match self.problems.is_empty() {
            true => Err(Error::NoProblems { source_name: self.source_name }),
            false => Ok(self.problems),
        }
    }
}

type Fields = BTreeMap<String, Value>;
type Parsed<T> = std::result::Result<T, ProblemFault>;

fn parse_problem(bytes: &[u8], line: usize) -> Parsed<ProblemRecord> {
    let text =
        std::str::from_utf8(bytes).map_err(|error| ProblemFault::NotUtf8 { byte: error.valid_up_to() })?;
    let mut fields: Fields = serde_json::from_str(text).map_err(ProblemFault::NotJson)?;
    Ok(ProblemRecord {
        id: take_id(&mut fields)?.unwrap_or_else(|| format!("line-{line}")),
        prompt: take_prompt(&mut fields)?,
        reference: take_reference(&mut fields)?,
        difficulty: take_difficulty(&mut fields)?,
        metadata: fields,
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

fn take_prompt(fields: &mut Fields) -> Parsed<String> {
    match take(fields, &PROMPT) {
        None => missing(&PROMPT),
        Some((_, Value::String(text))) => Ok(text),
        Some((name, _)) => wrong_kind(name, "a text"),
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
        parse_problems("set.jsonl", text.as_bytes())
    }

    fn message(bytes: &[u8]) -> String {
        parse_problems("set.jsonl", bytes).unwrap_err().to_string()
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
        assert!(problems.iter().all(|p| p.prompt == "P"));
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
            "set.jsonl:2: field `prompt` must be a text"
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
        let error = read_problems(&path).unwrap_err().to_string();
        assert!(error.ends_with("long.jsonl:2: the line has more than 33554432 bytes"), "{error}");
        std::fs::write(&path, format!("{good}\r\n{}", good.replace("\"a\"", "\"b\""))).unwrap();
        assert_eq!(read_problems(&path).unwrap().len(), 2);
    }

    #[test]
    fn a_set_without_problems_is_an_error() {
        assert_eq!(message(b""), "set.jsonl holds no problem");
        assert_eq!(message(b"\n \r\n"), "set.jsonl holds no problem");
        assert!(read_problems(Path::new("no-such-set.jsonl")).is_err());
    }
}
