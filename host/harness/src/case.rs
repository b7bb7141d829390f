//! One labelled case: a problem, a response, and what a verifier should make of it.
//!
//! Five formats are read, a line of JSON each, told apart by their fields:
//!
//! | fields | where it comes from |
//! |---|---|
//! | `gold`, `pred`, `form`, `expected` | suites of graders; `form` is `answer` or `response` |
//! | `gold_parts`, `pred_parts`, `expected` | the same with texts as lists of (piece, number of times) |
//! | `problem`, `response`, `expected` | whole problems; `expected` may name a verdict |
//! | `gold`, `response`, `is_correct` | labelled responses, such as those published with GSM8K |
//! | `code`, `tests`, `expected` | programs; `expected` is `pass`, `must_not_pass`, or how the first test fails |
//!
//! Each may have `id`, `score` (a number, or `[low, high]`), `fair` (`false`: a policy of the suite's authors; not counted), and `must` with
//! `answer_within_ms` and `no_trap`. A case with a score may do without the other label. A bare answer (`form` `answer`) is put into
//! `\boxed{…}` unless it holds a box already: a verifier grades responses, and a box is how one states an answer.
//!
//! In: files. Out: cases in their order. Other fields of a line are not read, and each case says which; one that looks like a misspelt
//! name of a field that is not there is an error.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};
use ts_lines::Lines;
use ts_plugin::{Problem, TestOutcome, Verdict};

use crate::handle::problem_of;
use crate::{Error, MAX_LINE_BYTES, Result};

/// The longest text that a list of parts may unfold to, in bytes.
const MAX_UNFOLDED_BYTES: usize = 64 << 20;

/// What a verifier should make of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Graded correct.
    Correct,
    /// Not graded correct: incorrect or no answer.
    NotCorrect,
    /// Graded incorrect, and not for want of an answer.
    Incorrect,
    /// Found to have no answer.
    NoAnswer,
    /// The reference cannot be understood.
    BadReference,
    /// Answer and reference can be neither told apart nor proved equal.
    Undecided,
    /// A program whose first test that does not pass fails in this way.
    Fails(TestOutcome),
    /// Anything will do.
    Anything,
}

impl Expected {
    /// Whether a verdict, and what came of the tests if there are any, is the expected one.
    pub fn agrees(self, verdict: &Verdict, tests: &[TestOutcome]) -> bool {
        match self {
            Self::Fails(how) => {
                matches!(verdict, Verdict::Incorrect | Verdict::NoAnswer) && outcome_of(tests) == Some(how)
            }
            Self::Correct => matches!(verdict, Verdict::Correct),
            Self::NotCorrect => matches!(verdict, Verdict::Incorrect | Verdict::NoAnswer),
            Self::Incorrect => matches!(verdict, Verdict::Incorrect),
            Self::NoAnswer => matches!(verdict, Verdict::NoAnswer),
            Self::BadReference => matches!(verdict, Verdict::BadReference(_)),
            Self::Undecided => matches!(verdict, Verdict::Undecided(_)),
            Self::Anything => true,
        }
    }

    /// What a label means, in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Correct => "correct",
            Self::NotCorrect => "incorrect or no_answer",
            Self::Incorrect => "incorrect",
            Self::NoAnswer => "no_answer",
            Self::BadReference => "bad_reference",
            Self::Undecided => "undecided",
            Self::Fails(TestOutcome::Passed) => "pass",
            Self::Fails(TestOutcome::WrongAnswer) => "wrong_answer",
            Self::Fails(TestOutcome::RuntimeError) => "runtime_error",
            Self::Fails(TestOutcome::DoesNotCompile) => "compile_error",
            Self::Fails(TestOutcome::TimeLimit) => "time_limit",
            Self::Fails(TestOutcome::MemoryLimit) => "memory_limit",
            Self::Fails(TestOutcome::NoProgram) => "no_program",
            Self::Anything => "anything",
        }
    }

    fn parse(value: &Value) -> std::result::Result<Self, String> {
        match value {
            Value::Bool(true) => Ok(Self::Correct),
            Value::Bool(false) => Ok(Self::NotCorrect),
            Value::Null => Ok(Self::Anything),
            Value::String(name) => match name.as_str() {
                "correct" => Ok(Self::Correct),
                "incorrect" => Ok(Self::Incorrect),
                "no_answer" | "no-answer" => Ok(Self::NoAnswer),
                "bad_reference" | "bad-reference" => Ok(Self::BadReference),
                "undecided" => Ok(Self::Undecided),
                "pass" => Ok(Self::Correct),
                "must_not_pass" => Ok(Self::NotCorrect),
                "wrong_answer" => Ok(Self::Fails(TestOutcome::WrongAnswer)),
                "runtime_error" => Ok(Self::Fails(TestOutcome::RuntimeError)),
                "compile_error" => Ok(Self::Fails(TestOutcome::DoesNotCompile)),
                "time_limit" => Ok(Self::Fails(TestOutcome::TimeLimit)),
                "memory_limit" => Ok(Self::Fails(TestOutcome::MemoryLimit)),
                "no_program" => Ok(Self::Fails(TestOutcome::NoProgram)),
                other => Err(format!(
                    "`{other}` is not a verdict: `expected` is correct, incorrect, no_answer, bad_reference, undecided, true, \
                     false or null; of programs also pass, must_not_pass, wrong_answer, runtime_error, compile_error, \
                     time_limit, memory_limit or no_program"
                )),
            },
            other => Err(format!("`expected` is {other}, not true, false, null or a verdict")),
        }
    }
}

/// The scores that a case allows: from the least to the greatest, both included, up to [`SCORE_TOLERANCE`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExpectedScore {
    /// The least, from 0.
    pub low: f64,
    /// The greatest, up to 1.
    pub high: f64,
}

/// How far a score may be from what is expected: one third in a file is 0.333333.
pub const SCORE_TOLERANCE: f64 = 1e-6;

impl ExpectedScore {
    /// Whether a score is one of them.
    pub fn agrees(self, score: f64) -> bool {
        (self.low - SCORE_TOLERANCE..=self.high + SCORE_TOLERANCE).contains(&score)
    }

    fn parse(value: &Value) -> std::result::Result<Self, String> {
        let (low, high) = match value.as_array().map(Vec::as_slice) {
            Some([low, high]) => (low.as_f64(), high.as_f64()),
            _ => (value.as_f64(), value.as_f64()),
        };
        match (low, high) {
            (Some(low), Some(high)) if 0.0 <= low && low <= high && high <= 1.0 => Ok(Self { low, high }),
            _ => Err(format!(
                "`score` is {value}, neither a number from 0 to 1 nor [low, high] of such numbers"
            )),
        }
    }
}

impl fmt::Display for ExpectedScore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { low, high } = self;
        if low == high { write!(f, "{low}") } else { write!(f, "{low} to {high}") }
    }
}

/// What came of a program: how the first test that did not pass failed, or that all passed; none without
/// tests.
pub fn outcome_of(tests: &[TestOutcome]) -> Option<TestOutcome> {
    let failed = tests.iter().find(|outcome| **outcome != TestOutcome::Passed);
    failed.or(tests.first()).copied()
}

/// One case.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Its identifier; `FILE:LINE` if the line has none.
    pub id: String,
    /// The problem, its reference included.
    pub problem: Problem,
    /// The response to grade.
    pub response: String,
    /// What the verifier should say.
    pub expected: Expected,
    /// The score that it should give, if the case says so.
    pub score: Option<ExpectedScore>,
    /// Whether the expectation is one that every verifier should meet.
    pub fair: bool,
    /// How long the verifier may take, if the case says so.
    pub answer_within: Option<Duration>,
    /// Whether the case demands an answer, whichever.
    pub no_trap: bool,
    /// Fields of its line that were not read, those of `must` as `must.NAME`.
    pub unread: Vec<String>,
}

/// Reads every case of every file, in order. Blank lines are passed over.
///
/// # Errors
///
/// [`Error::Read`], or [`Error::Malformed`] with the file and the line.
pub fn read_cases(paths: &[PathBuf]) -> Result<Vec<Case>> {
    let (mut cases, mut ids) = (Vec::new(), HashSet::new());
    for path in paths {
        let unreadable = |source| Error::Read { path: path.clone(), source };
        let mut lines = Lines::open(path, MAX_LINE_BYTES).map_err(unreadable)?;
        while let Some((number, line)) = lines.next_line().map_err(|fault| Error::fault(path, fault))? {
            if !line.trim().is_empty() {
                let mut case = parse_case(line, path, number)?;
                if !ids.insert(case.id.clone()) {
                    // Many responses to one problem: what is said of a case must say of which.
                    case.id = format!("{} ({}:{number})", case.id, path.display());
                }
                cases.push(case);
            }
        }
    }
    Ok(cases)
}

/// Reads one line as a case. The path and the line's number (from 1) are for its name and for errors.
///
/// # Errors
///
/// [`Error::Malformed`].
pub fn parse_case(line: &str, path: &Path, number: usize) -> Result<Case> {
    let malformed = |reason: String| Error::Malformed { path: path.to_path_buf(), line: number, reason };
    let fields: Map<String, Value> =
        serde_json::from_str(line).map_err(|error| malformed(ts_text::json_fault(error)))?;
    let id = match fields.get("id") {
        Some(Value::String(id)) => id.clone(),
        _ => format!("{}:{number}", path.display()),
    };
    case(id, &fields).map_err(malformed)
}

/// Fields that every form has.
const ANY_FORM: [&str; 4] = ["id", "score", "fair", "must"];

/// Fields of a program that the verifier is given as the problem's.
const PROGRAM: [&str; 8] = [
    "tests",
    "fn_name",
    "entry_point",
    "time_limit_ms",
    "memory_limit_mb",
    "preamble",
    "setup",
    "comparison",
];

/// Fields of `must`.
const MUST: [&str; 2] = ["answer_within_ms", "no_trap"];

fn case(id: String, fields: &Map<String, Value>) -> std::result::Result<Case, String> {
    let has = |name: &str| fields.contains_key(name);
    let mut read = ANY_FORM.to_vec();
    let (problem, response, label) = if has("problem") {
        read.extend(["problem", "response"]);
        (whole_problem(&id, fields)?, text(fields, "response")?, "expected")
    } else if has("code") {
        read.push("code");
        read.extend(PROGRAM);
        (program_problem(&id, fields), fenced(&text(fields, "code")?), "expected")
    } else if has("is_correct") || (has("gold") && has("response")) {
        read.extend(["gold", "response"]);
        (bare_problem(&id, text(fields, "gold")?), text(fields, "response")?, "is_correct")
    } else if has("gold_parts") {
        read.extend(["gold_parts", "pred_parts", "form"]);
        let response = stated(unfolded(fields, "pred_parts")?, fields)?;
        (bare_problem(&id, unfolded(fields, "gold_parts")?), response, "expected")
    } else if has("gold") && has("pred") {
        read.extend(["gold", "pred", "form"]);
        let response = stated(text(fields, "pred")?, fields)?;
        (bare_problem(&id, text(fields, "gold")?), response, "expected")
    } else {
        return Err(
            "no known form of case: it has neither gold and pred, nor problem and response, nor code"
                .to_owned(),
        );
    };
    read.push(label);
    let mut unread = unread(fields, &read, "")?;
    if let Some(must) = fields.get("must") {
        let must = must.as_object().ok_or("field `must` is not an object")?;
        unread.extend(self::unread(must, &MUST, "must.")?);
    }
    let must = |name: &str| fields.get("must").and_then(|must| must.get(name));
    let score = fields.get("score").map(ExpectedScore::parse).transpose()?;
    let expected = match fields.get(label) {
        Some(label) => Expected::parse(label)?,
        None if score.is_some() && !has("verdict") => Expected::Anything,
        None if has("verdict") => {
            return Err(format!(
                "field `{label}` is missing; `verdict` is read by nobody: the label is `{label}`"
            ));
        }
        None => return Err(format!("field `{label}` is missing")),
    };
    Ok(Case {
        id,
        problem,
        response,
        expected,
        score,
        fair: fields.get("fair").and_then(Value::as_bool).unwrap_or(true),
        answer_within: must("answer_within_ms").and_then(Value::as_u64).map(Duration::from_millis),
        no_trap: must("no_trap").and_then(Value::as_bool).unwrap_or(false),
        unread,
    })
}

/// The fields that are not among those that are read. An error where one looks like a misspelt name of what is not there.
fn unread(
    fields: &Map<String, Value>,
    read: &[&str],
    within: &str,
) -> std::result::Result<Vec<String>, String> {
    // An identifier and a form have names so short that other words are near.
    let absent = |name: &&str| !fields.contains_key(*name) && !["id", "form"].contains(name);
    let others = fields.keys().filter(|name| !read.contains(&name.as_str()));
    let unread = |name: &String| match ts_text::nearest(name, read.iter().copied().filter(absent)) {
        Some(meant) => {
            Err(format!("field `{within}{name}` is read by nobody; did you mean `{within}{meant}`?"))
        }
        None => Ok(format!("{within}{name}")),
    };
    others.map(unread).collect()
}

fn text(fields: &Map<String, Value>, name: &str) -> std::result::Result<String, String> {
    let value = fields.get(name).ok_or_else(|| format!("field `{name}` is missing"))?;
    value.as_str().map(str::to_owned).ok_or_else(|| format!("field `{name}` is not text"))
}

/// A list of (piece, number of times), as one text.
fn unfolded(fields: &Map<String, Value>, name: &str) -> std::result::Result<String, String> {
    let parts: Vec<(String, usize)> = fields
        .get(name)
        .and_then(|parts| serde_json::from_value(parts.clone()).ok())
        .ok_or_else(|| format!("field `{name}` is not a list of [piece, number of times]"))?;
    let bytes = parts
        .iter()
        .try_fold(0_usize, |sum, (piece, times)| sum.checked_add(piece.len().checked_mul(*times)?));
    if bytes.is_none_or(|bytes| bytes > MAX_UNFOLDED_BYTES) {
        return Err(format!("field `{name}` unfolds to more than {MAX_UNFOLDED_BYTES} bytes"));
    }
    Ok(parts.iter().map(|(piece, times)| piece.repeat(*times)).collect())
}

/// The response that a prediction makes: itself, or a bare answer in a box.
fn stated(prediction: String, fields: &Map<String, Value>) -> std::result::Result<String, String> {
    match fields.get("form").and_then(Value::as_str) {
        Some("response") => Ok(prediction),
        Some("answer") if prediction.contains("\\boxed") => Ok(prediction),
        Some("answer") => Ok(format!("\\boxed{{{prediction}}}")),
        _ => Err("field `form` is neither `answer` nor `response`".to_owned()),
    }
}

/// A program as a response gives it, whatever fences it holds.
fn fenced(code: &str) -> String {
    let longest = code.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}python\n{code}\n{fence}\n")
}

/// A problem whose tests stand in the case itself.
fn program_problem(id: &str, fields: &Map<String, Value>) -> Problem {
    let mut read = bare_problem(id, String::new());
    for name in PROGRAM {
        if let Some(value) = fields.get(name) {
            read.metadata.push((name.to_owned(), Problem::text_of(value)));
        }
    }
    read
}

fn bare_problem(id: &str, reference: String) -> Problem {
    Problem { id: id.to_owned(), reference, ..Problem::default() }
}

fn whole_problem(id: &str, fields: &Map<String, Value>) -> std::result::Result<Problem, String> {
    let problem =
        fields.get("problem").and_then(Value::as_object).ok_or("field `problem` is not an object")?;
    text(problem, "reference")?;
    let mut read = problem_of(problem)?;
    if !problem.contains_key("id") {
        id.clone_into(&mut read.id);
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Case> {
        parse_case(line, Path::new("cases.jsonl"), 7)
    }

    fn complaint(line: &str) -> String {
        parsed(line).unwrap_err().to_string()
    }

    #[test]
    fn a_bare_answer_is_boxed_once() {
        let case = parsed(r#"{"id":"a","gold":"1","pred":"2","form":"answer","expected":false}"#).unwrap();
        assert_eq!(
            (case.response.as_str(), case.expected, case.fair),
            ("\\boxed{2}", Expected::NotCorrect, true)
        );
        let line = r#"{"gold":"1","pred":"\\boxed{1}","form":"answer","expected":true,"fair":false}"#;
        let case = parsed(line).unwrap();
        assert_eq!(
            (case.response.as_str(), case.id.as_str(), case.fair),
            ("\\boxed{1}", "cases.jsonl:7", false)
        );
    }

    #[test]
    fn parts_unfold_and_limits_are_read() {
        let line = r#"{"gold_parts":[["1",2]],"pred_parts":[["a",3],["b",1]],"form":"response","expected":null,
                       "must":{"answer_within_ms":100,"no_trap":true}}"#;
        let case = parsed(line).unwrap();
        assert_eq!((case.problem.reference.as_str(), case.response.as_str()), ("11", "aaab"));
        assert_eq!(case.answer_within, Some(Duration::from_millis(100)));
        assert!(case.no_trap && case.expected == Expected::Anything);
        let huge = r#"{"gold_parts":[["1",18446744073709551615]],"pred_parts":[["a",3]],"form":"response"}"#;
        assert!(complaint(huge).contains("unfolds"));
    }

    #[test]
    fn whole_problems_keep_their_metadata() {
        let line = r#"{"problem":{"id":"p","prompt":"?","reference":"x","tests":[1]},"response":"y",
                       "expected":"no_answer"}"#;
        let case = parsed(line).unwrap();
        assert_eq!(case.problem.metadata, [("tests".to_owned(), "[1]".to_owned())]);
        assert_eq!((case.problem.id.as_str(), case.expected), ("p", Expected::NoAnswer));
    }

    #[test]
    fn programs() {
        let line = r#"{"id":"c","code":"print('```')","tests":[{"input":"","output":"1"}],"expected":"time_limit",
                       "time_limit_ms":2000,"mode":"stdin"}"#;
        let case = parsed(line).unwrap();
        assert_eq!(case.response, "````python\nprint('```')\n````\n");
        assert_eq!(case.problem.metadata[1], ("time_limit_ms".to_owned(), "2000".to_owned()));
        assert_eq!(case.expected, Expected::Fails(TestOutcome::TimeLimit));
        let tests = [TestOutcome::Passed, TestOutcome::TimeLimit, TestOutcome::WrongAnswer];
        assert!(case.expected.agrees(&Verdict::Incorrect, &tests));
        assert!(!case.expected.agrees(&Verdict::Incorrect, &tests[2..]));
        assert_eq!(outcome_of(&tests[..1]), Some(TestOutcome::Passed));
        assert_eq!(outcome_of(&[]), None);
    }

    #[test]
    fn labelled_responses() {
        let case =
            parsed(r#"{"id":"g","gold":"18","response":"A: 26","is_correct":false,"model":"m"}"#).unwrap();
        assert_eq!((case.response.as_str(), case.expected), ("A: 26", Expected::NotCorrect));
        assert_eq!(case.unread, ["model"]);
        assert!(complaint(r#"{"gold":"18","response":"A: 26"}"#).contains("`is_correct` is missing"));
        assert_eq!(
            parsed(r#"{"gold":"18","response":"A: 26","score":0}"#).unwrap().expected,
            Expected::Anything
        );
    }

    #[test]
    fn a_score_is_a_number_or_a_range_beside_a_label_or_instead_of_one() {
        let with = |rest: &str| format!(r#"{{"problem":{{"reference":"x"}},"response":"y",{rest}}}"#);
        let case = parsed(&with(r#""score":0.25"#)).unwrap();
        let score = case.score.unwrap();
        assert_eq!((case.expected, score.to_string().as_str()), (Expected::Anything, "0.25"));
        assert!(
            score.agrees(0.25)
                && score.agrees(0.250_000_5)
                && !score.agrees(0.2501)
                && !score.agrees(f64::NAN)
        );
        let case = parsed(&with(r#""expected":"correct","score":[0.5,1]"#)).unwrap();
        let score = case.score.unwrap();
        assert_eq!((case.expected, score.to_string().as_str()), (Expected::Correct, "0.5 to 1"));
        assert!(score.agrees(0.5) && score.agrees(1.0) && !score.agrees(0.4));
        for wrong in ["2", "-0.1", "\"high\"", "[0.9,0.1]", "[0.1]", "[0,1,1]", "null", "[0,\"1\"]"] {
            let complaint = complaint(&with(&format!(r#""expected":true,"score":{wrong}"#)));
            assert!(complaint.contains("neither a number from 0 to 1 nor [low, high]"), "{complaint}");
        }
    }

    #[test]
    fn fields_that_nobody_reads_are_known_and_misspelt_ones_are_refused() {
        let with = |rest: &str| format!(r#"{{"problem":{{"reference":"x"}},"response":"y",{rest}}}"#);
        let line =
            with(r#""expected":true,"kind":"a","source":"b","gold":"x","must":{"no_trap":true,"why":"c"}"#);
        let mut unread = parsed(&line).unwrap().unread;
        unread.sort();
        assert_eq!(unread, ["gold", "kind", "must.why", "source"]);
        let whole =
            r#"{"id":"a","gold":"1","pred":"2","form":"answer","expected":false,"fair":true,"score":0}"#;
        assert_eq!(parsed(whole).unwrap().unread, [""; 0]);
        for (rest, meant) in [
            (r#""expected":true,"scores":1"#, "field `scores` is read by nobody; did you mean `score`?"),
            (r#""expcted":true"#, "field `expcted` is read by nobody; did you mean `expected`?"),
            (r#""expected":true,"must":{"notrap":true}"#, "did you mean `must.no_trap`?"),
            (r#""expected":true,"must":true"#, "field `must` is not an object"),
            (r#""verdict":"correct""#, "`verdict` is read by nobody: the label is `expected`"),
            (r#""verdict":"correct","score":1"#, "`verdict` is read by nobody: the label is `expected`"),
        ] {
            let complaint = complaint(&with(rest));
            assert!(complaint.contains(meant), "{complaint}");
        }
        let program = r#"{"code":"1","tests":[],"expected":"pass","time_limit_s":2}"#;
        assert!(complaint(program).contains("did you mean `time_limit_ms`?"));
    }

    #[test]
    fn a_malformed_line_is_named() {
        assert!(complaint("{").starts_with("cases.jsonl:7: "));
        assert!(complaint(r#"{"mode":"stdin"}"#).contains("no known form"));
        assert!(complaint(r#"{"gold":"1","pred":"1","form":"answer"}"#).contains("`expected` is missing"));
        assert!(complaint(r#"{"gold":"1","pred":"1","expected":true}"#).contains("`form`"));
        assert!(
            complaint(r#"{"gold":"1","pred":"1","form":"answer","expected":"yes"}"#)
                .contains("not a verdict")
        );
    }
}
