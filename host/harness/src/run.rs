//! All cases through one verifier, on all cores.
//!
//! In: a verifier and cases. Out: a result for each, in the order of the cases whatever the order of the
//! work, and the time it took. A failure is a result, and is not tried again.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;
use ts_plugin::{Call, CallError, Grade, Problem, TestOutcome, Verdict, Verifier};

use crate::case::{Case, outcome_of};
use crate::in_turn::in_turn;
use crate::{Error, Result};

/// What came of one case.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The verifier graded it.
    Graded(Verdict),
    /// The verifier failed; one word says how (see [`ts_plugin::CallErrorKind::name`]).
    Failed(&'static str),
}

impl Answer {
    /// `true` for correct, `false` for incorrect or no answer, `None` if nothing can be said of the response.
    pub fn verdict(&self) -> Option<bool> {
        match self {
            Self::Graded(Verdict::Correct) => Some(true),
            Self::Graded(Verdict::Incorrect | Verdict::NoAnswer) => Some(false),
            Self::Graded(Verdict::BadReference(_) | Verdict::Undecided(_)) | Self::Failed(_) => None,
        }
    }
}

/// One case's result.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseResult {
    /// What the verifier said.
    pub answer: Answer,
    /// The score; none where the verifier failed.
    pub score: Option<f64>,
    /// What came of each test, for a verifier that runs some.
    pub tests: Vec<TestOutcome>,
    /// The time of the call, waiting for a turn and starting an instance left out where the call succeeded.
    pub elapsed: Duration,
    /// The fuel of the call, where known.
    pub fuel: Option<u64>,
}

/// All results.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// One for each case, in their order.
    pub results: Vec<CaseResult>,
    /// Wall-clock time of the whole.
    pub elapsed: Duration,
    /// How many threads shared the work.
    pub threads: usize,
}

/// One line of the results.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    verdict: Option<bool>,
    score: Option<f64>,
    /// Milliseconds, to the microsecond.
    ms: f64,
    fuel: Option<u64>,
    /// Of programs: `pass`, or how the first test failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
}

/// Grades every case, on `threads` threads (0 counts as 1).
pub fn run(verifier: &Verifier, cases: &[Case], threads: usize) -> Run {
    run_with(cases, threads, |problem, response| verifier.grade(problem, response))
}

/// Writes one line a case: `{"id", "verdict": true|false|null, "score", "ms", "fuel"}`, of programs `"kind"` too.
/// `verdict` is null if the reference is bad, the verifier did not decide, or it failed; `score` is null if it failed, and `fuel` if it
/// is not known.
///
/// # Errors
///
/// [`Error::Write`].
pub fn write_results(path: &Path, cases: &[Case], run: &Run) -> Result<()> {
    let failed = |source| Error::Write { path: path.to_path_buf(), source };
    let mut file = BufWriter::new(File::create(path).map_err(failed)?);
    for (case, result) in cases.iter().zip(&run.results) {
        let line = Line {
            id: &case.id,
            verdict: result.answer.verdict(),
            score: result.score,
            ms: (result.elapsed.as_secs_f64() * 1e6).round() / 1e3,
            fuel: result.fuel,
            kind: outcome_of(&result.tests).map(word),
        };
        let line = serde_json::to_string(&line).map_err(|error| failed(error.into()))?;
        writeln!(file, "{line}").map_err(failed)?;
    }
    file.flush().map_err(failed)
}

/// An outcome in the words of the cases.
fn word(outcome: TestOutcome) -> &'static str {
    match outcome {
        TestOutcome::Passed => "pass",
        TestOutcome::WrongAnswer => "wrong_answer",
        TestOutcome::RuntimeError => "runtime_error",
        TestOutcome::DoesNotCompile => "compile_error",
        TestOutcome::TimeLimit => "time_limit",
        TestOutcome::MemoryLimit => "memory_limit",
        TestOutcome::NoProgram => "no_program",
    }
}

/// The work itself, for any way to grade.
fn run_with<G>(cases: &[Case], threads: usize, grade: G) -> Run
where
    G: Fn(&Problem, &str) -> std::result::Result<Call<Grade>, CallError> + Sync,
{
    let started = Instant::now();
    let results = in_turn(cases.len(), threads, |index| grade_one(&cases[index], &grade));
    Run { results, elapsed: started.elapsed(), threads: threads.max(1) }
}

fn grade_one<G>(case: &Case, grade: &G) -> CaseResult
where
    G: Fn(&Problem, &str) -> std::result::Result<Call<Grade>, CallError>,
{
    let started = Instant::now();
    match grade(&case.problem, &case.response) {
        Ok(call) => CaseResult {
            answer: Answer::Graded(call.value.verdict),
            score: Some(call.value.score),
            tests: call.value.tests,
            elapsed: call.elapsed,
            fuel: Some(call.fuel),
        },
        Err(error) => CaseResult {
            answer: Answer::Failed(error.kind.name()),
            score: None,
            tests: vec![],
            elapsed: started.elapsed(),
            fuel: error.fuel,
        },
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::case::parse_case;
    use ts_plugin::CallErrorKind;

    /// Cases of a verifier whose reference is its verdict.
    pub(crate) fn cases(lines: &[(&str, &str)]) -> Vec<Case> {
        let line = |(reference, expected): &(&str, &str)| {
            format!(r#"{{"problem":{{"reference":"{reference}"}},"response":"","expected":{expected}}}"#)
        };
        let parsed = |(index, pair)| parse_case(&line(pair), Path::new("c"), index + 1).unwrap();
        lines.iter().enumerate().map(parsed).collect()
    }

    /// Runs a verifier whose answer is the reference.
    pub(crate) fn obedient(cases: &[Case], threads: usize) -> Run {
        run_with(cases, threads, |problem, _| {
            let verdict = match problem.reference.as_str() {
                "correct" => Verdict::Correct,
                "incorrect" => Verdict::Incorrect,
                "no_answer" => Verdict::NoAnswer,
                "bad_reference" => Verdict::BadReference(String::new()),
                "undecided" => Verdict::Undecided(String::new()),
                _ => {
                    return Err(CallError {
                        plugin: "obedient".to_owned(),
                        function: "grade",
                        problem: None,
                        kind: CallErrorKind::OutOfFuel,
                        fuel: Some(9),
                    });
                }
            };
            let grade = Grade { verdict, score: 0.0, answer: None, note: String::new(), tests: vec![] };
            Ok(Call { value: grade, fuel: 5, elapsed: Duration::from_millis(2), memory: 0 })
        })
    }

    #[test]
    fn results_keep_the_order_of_the_cases() {
        let pattern = [("correct", "true"), ("incorrect", "true"), ("loop", "true")];
        let cases = cases(&pattern.repeat(50));
        let run = obedient(&cases, 4);
        let verdicts: Vec<_> = run.results.iter().map(|result| result.answer.verdict()).collect();
        assert_eq!(verdicts, [Some(true), Some(false), None].repeat(50));
    }

    #[test]
    fn a_line_is_written_for_each_case() {
        let references = ["correct", "no_answer", "bad_reference", "undecided", "loop"];
        let cases = cases(&references.map(|reference| (reference, "true")));
        let mut run = obedient(&cases, 1);
        run.results[4].elapsed = Duration::from_micros(1500);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.jsonl");
        write_results(&path, &cases, &run).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "{\"id\":\"c:1\",\"verdict\":true,\"score\":0.0,\"ms\":2.0,\"fuel\":5}\n\
             {\"id\":\"c:2\",\"verdict\":false,\"score\":0.0,\"ms\":2.0,\"fuel\":5}\n\
             {\"id\":\"c:3\",\"verdict\":null,\"score\":0.0,\"ms\":2.0,\"fuel\":5}\n\
             {\"id\":\"c:4\",\"verdict\":null,\"score\":0.0,\"ms\":2.0,\"fuel\":5}\n\
             {\"id\":\"c:5\",\"verdict\":null,\"score\":null,\"ms\":1.5,\"fuel\":9}\n"
        );
        assert!(matches!(write_results(folder.path(), &cases, &run), Err(Error::Write { .. })));
    }
}
