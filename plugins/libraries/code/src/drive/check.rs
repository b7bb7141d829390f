//! A test by asserts, which hold what they expect, so that no run of the program may see them.
//!
//! A judge, a run of its own, goes through the asserts with stubs in place of the program's functions. It
//! converses with the driver of the program: a stub writes its call and reads what the function gave.
//!
//! In: asserts. Out: what came of them. Asserts in other languages than Python are not known.

use super::functions::{self, Manner};
use super::{Failure, Job, Outcome, Tested, cut, ended_badly, raised};
use crate::program::helpers;
use crate::runner::{Limits, Program};
use crate::value::Value;
use ts_json::Json;

const DATA: &str = include_str!("../drivers/data.py");
const JUDGE: &str = include_str!("../drivers/judge.py");

/// What the judge may use: not the program's limits, as it is not the program.
const JUDGE_LIMITS: Limits = Limits { time_ms: 60_000, memory_mib: 1024, output_bytes: BYTES as u32 };
/// Bytes of results, and of calls.
const BYTES: usize = 16 << 20;

pub(super) fn test(job: &Job, check: &str) -> Result<Tested, Failure> {
    let entry_point = job.problem.entry_point.as_deref();
    let setup = &job.problem.setup;
    let task = Json::object([
        ("check", Json::text(if setup.is_empty() { check.to_owned() } else { format!("{setup}\n{check}") })),
        ("preamble", Json::text(helpers(&job.problem.preamble, entry_point))),
        ("entry_point", entry_point.map_or(Json::Null, Json::text)),
    ]);
    let judge = Program {
        language: "python",
        source: &[DATA, JUDGE].concat(),
        input: &format!("{task}\n"),
        limits: JUDGE_LIMITS,
    };
    let (source, input) = functions::python(job, Manner { ambient: false, changes: true });
    let candidate = job.limited(&source, &input, BYTES);
    let [judge, candidate] = job.converse(judge, candidate)?;
    let judge = judge?;
    let said = functions::lines(&judge.output).into_iter().next().ok_or_else(|| {
        let ended = ended_badly(&judge.ending).map_or_else(
            || if judge.output_cut { "too many calls".to_owned() } else { "no verdict".to_owned() },
            |ended| format!("{} {}", ended.outcome.name(), ended.why),
        );
        Failure::Grader(format!("the check could not be run: {}", ended.trim()))
    })?;
    if let Some(why) = said.get("broken").and_then(Json::as_text) {
        return Err(Failure::Problem(cut(why)));
    }
    if let Some(ended) = said.get("ended") {
        return functions::said_of_the_program(ended).map_or_else(|| functions::end(&candidate?), Ok);
    }
    let Some(kind) = said.get("failed").and_then(Json::as_text) else {
        return Ok(Tested::new(Outcome::Passed, ""));
    };
    Ok(failed(kind, &said))
}

/// Why a check failed: at which of its statements, and what the program gave last.
fn failed(kind: &str, said: &Json) -> Tested {
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
    if let Some(value) = said.get("value") {
        why += &format!(", where {} gave `{}`", text("name"), cut(&Value::of_driver(value).to_string()));
    }
    Tested::new(Outcome::WrongAnswer, why)
}
