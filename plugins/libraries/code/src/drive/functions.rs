//! Calls of a program's functions, in a run of the program.
//!
//! A driver, text of ours, runs the program and writes a line for each call. The program can write such lines
//! too. They say what its functions give, as the true ones do, so nothing is won by that.
//!
//! In: calls, as `drivers/candidate.py` takes them. Out: results, or how the program ended. What the results
//! should be, no run of the program may know.

use super::{Failure, Job, Outcome, Tested, ended_badly, raised};
use crate::language::Language;
use crate::runner::Ran;
use ts_json::Json;

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
}

/// What Python runs to call a program's functions, and its first line of input.
pub(super) fn python(job: &Job, manner: Manner) -> (String, String) {
    let task = Json::object([
        ("source", Json::text(job.program)),
        ("ambient", Json::Bool(manner.ambient)),
        ("changes", Json::Bool(manner.changes)),
    ]);
    ([DATA, PYTHON].concat(), format!("{task}\n"))
}

/// Has one function of the program called: its result, or how the program ended before.
pub(super) fn call(job: &Job, call: Json, bytes: usize) -> Result<Result<Json, Tested>, Failure> {
    let (source, input) = match job.problem.language {
        Language::JavaScript => {
            let task = Json::object([("source", Json::text(job.program)), ("calls", Json::List(vec![call]))]);
            (with_task(JAVASCRIPT, &task), String::new())
        }
        _ => {
            let (source, task) = python(job, Manner { ambient: true, changes: false });
            (source, format!("{task}{call}\n"))
        }
    };
    let ran = job.run(job.limited(&source, &input, bytes))?;
    let result = lines(&ran.output).into_iter().next();
    if let Some(end) = result.as_ref().and_then(said_of_the_program) {
        return Ok(Err(end));
    }
    match result {
        Some(result) => Ok(Ok(result)),
        None => Ok(Err(end(&ran)?)),
    }
}

/// How a program ended that did not give a result.
pub(super) fn end(ran: &Ran) -> Result<Tested, Failure> {
    match ended_badly(&ran.ending) {
        Some(Tested { outcome: Outcome::DoesNotCompile, why }) => {
            Err(Failure::Grader(format!("the runner takes the driver for no program: {why}")))
        }
        Some(end) => Ok(end),
        None if ran.output_cut => Ok(Tested::new(Outcome::RuntimeError, "its results are too long")),
        None => Ok(Tested::new(Outcome::RuntimeError, "it ended before its function did")),
    }
}

/// The lines that a driver wrote. The first that is malformed ends them.
pub(super) fn lines(output: &[u8]) -> Vec<Json> {
    let output = String::from_utf8_lossy(output);
    let marked = output.split('\n').filter_map(|line| line.strip_prefix(MARK));
    marked.map_while(|line| Json::parse_python(line).ok()).collect()
}

/// JavaScript with its task in place of its last `undefined`.
fn with_task(driver: &str, task: &Json) -> String {
    let at = driver.rfind("undefined").expect("the driver has a place for its task");
    format!("{}{task}{}", &driver[..at], &driver[at + "undefined".len()..])
}

/// What a driver says of a program that did not get as far as a call.
pub(super) fn said_of_the_program(result: &Json) -> Option<Tested> {
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
