//! Calls of a program's functions, in a run of the program.
//!
//! A driver, text of ours, runs the program and writes a line for each call as soon as it has ended: of a run that is stopped,
//! the results so far are there. The program can write such lines too. They say what its functions give, as the true ones do, so
//! nothing is won by that.
//!
//! In: calls, as `drivers/candidate.py` takes them. Out: their results, and how it went on where some are missing. Left out on
//! purpose: what the results should be, which no run of the program may know.

use super::{Failure, Job, Outcome, Tested, ended_badly, raised};
use crate::json::Json;
use crate::language::Language;

const DATA: &str = include_str!("../drivers/data.py");
const PYTHON: &str = include_str!("../drivers/candidate.py");
const JAVASCRIPT: &str = include_str!("../drivers/candidate.js");

/// Begins a line that a driver writes.
const MARK: char = '\u{1e}';

/// How a program is called.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Manner {
    /// Whether names that everybody imports are there without an import.
    pub(super) ambient: bool,
    /// Whether to tell what became of arguments.
    pub(super) changes: bool,
    /// Bytes of results, at least.
    pub(super) bytes: usize,
}

/// What came of some calls.
#[derive(Debug)]
pub(super) struct Answers {
    /// The results of the first calls.
    pub(super) results: Vec<Json>,
    /// Why there is none for the next one, if there is not one for each.
    pub(super) end: Option<Tested>,
}

/// Runs the program and calls its functions.
pub(super) fn call(job: &Job, calls: &[Json], manner: Manner) -> Result<Answers, Failure> {
    let task = Json::object([
        ("source", Json::text(job.program)),
        ("calls", Json::List(calls.to_vec())),
        ("ambient", Json::Bool(manner.ambient)),
        ("changes", Json::Bool(manner.changes)),
    ]);
    let ran = match job.problem.language {
        Language::JavaScript => job.run(&with_task(JAVASCRIPT, &task), "", manner.bytes)?,
        _ => job.run(&[DATA, PYTHON].concat(), &task.to_string(), manner.bytes)?,
    };
    let end = ended_badly(&ran.ending);
    if let Some(Tested { outcome: Outcome::DoesNotCompile, why }) = end {
        return Err(Failure::Grader(format!("the runner takes the driver for no program: {why}")));
    }
    let mut results = lines(&ran.output);
    results.truncate(calls.len());
    let whole_end =
        results.iter().enumerate().find_map(|(at, result)| load_error(result).map(|end| (at, end)));
    if let Some((at, end)) = whole_end {
        results.truncate(at);
        return Ok(Answers { results, end: Some(end) });
    }
    let end = (results.len() < calls.len()).then(|| {
        let silent =
            if ran.output_cut { "its results are too long" } else { "it ended before its function did" };
        end.unwrap_or_else(|| Tested::new(Outcome::RuntimeError, silent))
    });
    Ok(Answers { results, end })
}

/// The lines that a driver wrote. The first that is malformed ends them.
pub(super) fn lines(output: &[u8]) -> Vec<Json> {
    let output = String::from_utf8_lossy(output);
    let marked = output.split('\n').filter_map(|line| line.strip_prefix(MARK));
    marked.map_while(|line| Json::parse(line).ok()).collect()
}

/// JavaScript with its task in place of its last `undefined`.
fn with_task(driver: &str, task: &Json) -> String {
    let at = driver.rfind("undefined").expect("the driver has a place for its task");
    format!("{}{task}{}", &driver[..at], &driver[at + "undefined".len()..])
}

/// What a driver says of a program that did not get as far as a call.
fn load_error(result: &Json) -> Option<Tested> {
    if let Some(why) = result.get("not-compiled").and_then(Json::as_text) {
        return Some(Tested::new(Outcome::DoesNotCompile, super::cut(why)));
    }
    result.get("failed").map(|error| raised(&told(error)))
}

/// An error as a driver writes it, in words.
pub(super) fn told(error: &Json) -> String {
    let parts = error.as_list().unwrap_or_default().iter().filter_map(Json::as_text);
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
}

/// A call of a function by its name, with arguments as a driver reads them.
pub(super) fn by_name(name: &str, args: Vec<Json>, kwargs: Vec<Json>) -> Json {
    Json::object([
        ("op", Json::text("call")),
        ("of", Json::object([("name", Json::text(name))])),
        ("args", Json::List(args)),
        ("kwargs", Json::List(kwargs)),
    ])
}
