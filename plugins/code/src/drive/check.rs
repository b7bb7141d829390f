//! A test by asserts, which hold the expected values: so they run where the program does not.
//!
//! A judge, text of ours, runs the asserts with a stub for each function of the program ([`functions`] calls the true ones). In
//! turns: the judge says which calls it needs, and the program is run and makes them; until the judge needs no more. Each
//! run begins anew, and what it records stands for good only if the judge asks for the very same calls again. The first call
//! that it asks for beyond those is certain, and so is what becomes of the program in it.
//!
//! In: the text of a check. Out: what came of it. Left out on purpose: functions as arguments, which cannot go from one run
//! to the other; such a check is a bad one.

use super::functions::{self, Answers, Manner};
use super::{Failure, Job, Outcome, Tested, cut, ended_badly, raised};
use crate::json::Json;
use crate::program::helpers;
use crate::runner::Limits;
use crate::value::Value;

const DATA: &str = include_str!("../drivers/data.py");
const JUDGE: &str = include_str!("../drivers/judge.py");

/// Turns of judge and program.
const MOST_ROUNDS: usize = 20;
/// What the judge may use: not the program's limits, as it is not the program.
const JUDGE_LIMITS: Limits = Limits { time_ms: 60_000, memory_mib: 1024, output_bytes: BYTES as u32 };
/// Bytes of results, and of calls.
const BYTES: usize = 16 << 20;

/// What the judge says.
enum Said {
    Passed,
    Failed(Tested),
    /// It needs these calls, of which so many are certain.
    Needs {
        calls: Vec<Json>,
        certain: usize,
    },
}

pub(super) fn test(job: &Job, check: &str) -> Result<Tested, Failure> {
    let mut calls = Vec::new();
    let mut answers = Answers { results: Vec::new(), end: None };
    for _ in 0..MOST_ROUNDS {
        let (needed, certain) = match judge(job, check, &calls, &answers.results)? {
            Said::Passed => return Ok(Tested::new(Outcome::Passed, "")),
            Said::Failed(tested) => return Ok(tested),
            Said::Needs { calls, certain } => (calls, certain),
        };
        let next = answers.results.len();
        if let Some(end) = answers.end.take_if(|_| certain == next + 1 && needed.get(next) == calls.get(next))
        {
            return Ok(end);
        }
        let manner = Manner { ambient: false, changes: true, bytes: BYTES };
        answers = functions::call(job, &needed, manner)?;
        // A program that does not get as far as a call never will.
        if answers.results.is_empty() && certain > 0 {
            return Ok(answers.end.unwrap_or_else(|| Tested::new(Outcome::RuntimeError, "no result")));
        }
        calls = needed;
    }
    Err(Failure::Grader(format!("the check needed more than {MOST_ROUNDS} runs of the program")))
}

fn judge(job: &Job, check: &str, calls: &[Json], results: &[Json]) -> Result<Said, Failure> {
    let entry_point = job.problem.entry_point.as_deref();
    let setup = &job.problem.setup;
    let task = Json::object([
        ("check", Json::text(if setup.is_empty() { check.to_owned() } else { format!("{setup}\n{check}") })),
        ("preamble", Json::text(helpers(&job.problem.preamble, entry_point))),
        ("entry_point", entry_point.map_or(Json::Null, Json::text)),
        ("calls", Json::List(calls.to_vec())),
        ("results", Json::List(results.to_vec())),
    ]);
    let source = [DATA, JUDGE].concat();
    let ran = job.runner.run("python", &source, &task.to_string(), &JUDGE_LIMITS).map_err(Failure::Grader)?;
    let said = functions::lines(&ran.output).into_iter().next().ok_or_else(|| {
        let ended = ended_badly(&ran.ending).map_or_else(
            || if ran.output_cut { "too many calls".to_owned() } else { "no verdict".to_owned() },
            |ended| format!("{} {}", ended.outcome.name(), ended.why),
        );
        Failure::Grader(format!("the check could not be run: {}", ended.trim()))
    })?;
    if let Some(why) = said.get("broken").and_then(Json::as_text) {
        return Err(Failure::Problem(cut(why)));
    }
    if let Some(calls) = said.get("need").and_then(Json::as_list) {
        let certain = match said.get("certain") {
            Some(Json::Number(digits)) => digits.parse().unwrap_or(0),
            _ => 0,
        };
        return Ok(Said::Needs { calls: calls.to_vec(), certain });
    }
    let Some(kind) = said.get("failed").and_then(Json::as_text) else { return Ok(Said::Passed) };
    Ok(Said::Failed(failed(kind, &said, calls, results)))
}

/// Why a check failed: at which of its statements, and what the program gave last.
fn failed(kind: &str, said: &Json, calls: &[Json], results: &[Json]) -> Tested {
    let text = |name: &str| said.get(name).and_then(Json::as_text).unwrap_or_default();
    let error = text("error");
    if kind == "raised" {
        let Tested { outcome, why } = raised(error);
        return Tested::new(outcome, format!("`{}`: {why}", cut(text("statement"))));
    }
    let mut why = format!("`{}`", cut(text("statement")));
    if !error.is_empty() {
        why += &format!(": {}", cut(error));
    }
    let last = match said.get("call") {
        Some(Json::Number(digits)) => digits.parse().unwrap_or(usize::MAX),
        _ => usize::MAX,
    };
    if let (Some(call), Some(value)) =
        (calls.get(last), results.get(last).and_then(|result| result.get("value")))
    {
        let name =
            call.get("of").and_then(|of| of.get("name")).and_then(Json::as_text).unwrap_or("the last call");
        why += &format!(", where {name} gave `{}`", cut(&Value::of_driver(value).to_string()));
    }
    Tested::new(Outcome::WrongAnswer, why)
}
