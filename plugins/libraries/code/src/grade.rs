//! The grade of a response: its program, put to the tests of its problem.
//!
//! In: a problem's fields, a response, settings, a runner. Out: a verdict, the share of tests passed, and
//! what came of each. No verdict is undecided: a test that nothing can be said of is an error, and no grade.

use std::ops::Range;

use crate::drive::{self, Budget, Failure, Job, Outcome, Tested};
use crate::problem::Problem;
use crate::program::{self, Sought};
use crate::runner::Runner;
use crate::settings::Settings;

/// What a response is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Its program passes all tests.
    Correct,
    /// It does not.
    Incorrect,
    /// There is none.
    NoAnswer,
    /// The problem has no tests, or malformed ones.
    BadReference(String),
}

/// A grade.
#[derive(Debug, Clone, PartialEq)]
pub struct Grade {
    /// What the response is.
    pub verdict: Verdict,
    /// The share of tests passed, of all that the problem has.
    pub score: f64,
    /// Where in the response the program stands, in bytes on character boundaries.
    pub place: Option<Range<usize>>,
    /// How the verdict came about.
    pub note: String,
    /// What came of each test that was run, in order.
    pub tests: Vec<Outcome>,
}

/// Grades a response. An error means that nothing can be said of it, and says why.
pub fn grade(
    fields: &[(String, String)],
    response: &str,
    settings: &Settings,
    runner: &dyn Runner,
) -> Result<Grade, String> {
    let without = |verdict, place, note: &str, tests| Grade {
        verdict,
        score: 0.0,
        place,
        note: note.to_owned(),
        tests,
    };
    let problem = match Problem::read(fields, settings) {
        Ok(problem) => problem,
        Err(why) => return Ok(without(Verdict::BadReference(why), None, "", vec![])),
    };
    let entry_point = problem.entry_point.as_deref();
    let Some(found) = program::find(response, &Sought::by(&problem)) else {
        let tests = vec![Outcome::NoProgram; problem.tests.len()];
        return Ok(without(Verdict::NoAnswer, None, "the response holds no program", tests));
    };
    let program = program::completed(&found.text, &problem.preamble, entry_point, &problem.language);
    let output_bytes = settings.output_kib as usize * 1024;
    let budget = Budget::of_ms(settings.total_time_ms);
    let job = Job { problem: &problem, program: &program, output_bytes, runner, budget };
    match run(&job, settings.stop_at_first_failure) {
        Ok(run) if run.is_undecided() => Err(undecided(run.tests.len(), problem.tests.len(), settings)),
        Ok(run) => Ok(run.grade(problem.tests.len(), found.place, settings)),
        Err(Failure::Problem(why)) => Ok(without(Verdict::BadReference(why), Some(found.place), "", vec![])),
        Err(Failure::Grader(why)) => Err(why),
        Err(Failure::Spent) => Err(undecided(0, problem.tests.len(), settings)),
    }
}

/// Why a response has no grade whose tests used up their time and did not fail.
fn undecided(run: usize, all: usize, settings: &Settings) -> String {
    format!(
        "the total time of {} ms was used up after {run} of {all} tests, and none of them had failed: raise total_time_ms",
        settings.total_time_ms
    )
}

/// What came of a problem's tests.
#[derive(Default)]
struct Run {
    tests: Vec<Outcome>,
    /// Which failed first, and why.
    first_failure: Option<(usize, Tested)>,
    /// Whether the time of all tests was used up before the last.
    is_spent: bool,
}

fn run(job: &Job, stop_at_first_failure: bool) -> Result<Run, Failure> {
    let mut run = Run::default();
    for (at, test) in job.problem.tests.iter().enumerate() {
        // A program that does not compile for one test does not for the next.
        if let Some((_, Tested { outcome: Outcome::DoesNotCompile, .. })) = run.first_failure {
            run.tests.push(Outcome::DoesNotCompile);
            continue;
        }
        let tested = match drive::test(job, test) {
            Err(Failure::Spent) => {
                run.is_spent = true;
                break;
            }
            tested => tested?,
        };
        run.tests.push(tested.outcome);
        if tested.outcome != Outcome::Passed && run.first_failure.is_none() {
            run.first_failure = Some((at, tested));
            if stop_at_first_failure {
                break;
            }
        }
    }
    Ok(run)
}

impl Run {
    /// Whether the time was used up while it could still have passed.
    fn is_undecided(&self) -> bool {
        self.is_spent && self.first_failure.is_none()
    }

    fn grade(self, all: usize, place: Range<usize>, settings: &Settings) -> Grade {
        let passed = self.tests.iter().filter(|outcome| **outcome == Outcome::Passed).count();
        let mut note = format!("{passed} of {all} tests passed");
        if let Some((at, Tested { outcome, why })) = &self.first_failure {
            note += &format!("; test {}: {}", at + 1, outcome.name());
            if !why.is_empty() {
                note += &format!(": {why}");
            }
        }
        if self.is_spent {
            let left = all - self.tests.len();
            note += &format!(
                "; the total time of {} ms was used up, and {left} tests were not run",
                settings.total_time_ms
            );
        }
        Grade {
            verdict: if passed == all { Verdict::Correct } else { Verdict::Incorrect },
            score: passed as f64 / all as f64,
            place: Some(place),
            note,
            tests: self.tests,
        }
    }
}

#[cfg(test)]
mod tests;
