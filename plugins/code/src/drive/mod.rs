//! Tests, run: the program apart in an instance of its own, and the comparison here.
//!
//! | test | what runs | what comes back |
//! |---|---|---|
//! | output ([`output`]) | the program, with the input | what it writes |
//! | call ([`call`](mod@call)) | a driver that runs the program and calls its function ([`functions`]) | the value, as data |
//! | check ([`check`]) | the same driver, in conversation with another instance: the asserts, with stubs for functions | a verdict |
//!
//! In: a test, and a [`Job`]. Out: what came of it, or why nothing can be said. Left out on purpose: which tests to run.

mod call;
mod check;
mod functions;
mod output;

use crate::problem::{Problem, Test};
use crate::runner::{Ending, Limits, Program, Ran, Runner};

/// What came of a test, as `wit/verifier.wit` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The result is the expected one.
    Passed,
    /// The program ended, and its result is another one.
    WrongAnswer,
    /// It ended with an error, or without the value that was asked for.
    RuntimeError,
    /// It is no program of its language.
    DoesNotCompile,
    /// It was out of time.
    TimeLimit,
    /// It was out of memory.
    MemoryLimit,
    /// The response holds no program.
    NoProgram,
}

impl Outcome {
    /// In words.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::WrongAnswer => "wrong answer",
            Outcome::RuntimeError => "runtime error",
            Outcome::DoesNotCompile => "does not compile",
            Outcome::TimeLimit => "time limit",
            Outcome::MemoryLimit => "memory limit",
            Outcome::NoProgram => "no program",
        }
    }
}

/// A program with all that its tests need.
pub(crate) struct Job<'a> {
    pub(crate) problem: &'a Problem,
    /// The text to be run.
    pub(crate) program: &'a str,
    /// Bytes of output that are kept, at least.
    pub(crate) output_bytes: usize,
    pub(crate) runner: &'a dyn Runner,
}

/// What came of a test, and why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tested {
    pub(crate) outcome: Outcome,
    pub(crate) why: String,
}

impl Tested {
    fn new(outcome: Outcome, why: impl Into<String>) -> Self {
        Tested { outcome, why: why.into() }
    }
}

/// Why nothing can be said of a program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The problem is at fault.
    Problem(String),
    /// Something else is: the runner, the machine, this crate.
    Grader(String),
}

/// Runs one test.
pub(crate) fn test(job: &Job, test: &Test) -> Result<Tested, Failure> {
    match test {
        Test::Output { input, outputs } => output::test(job, input, outputs),
        Test::Call { args, kwargs, values } => call::test(job, args, kwargs, values),
        Test::Check(check) => check::test(job, check),
    }
}

impl Job<'_> {
    /// A program under the limits of the problem, of which so many bytes of output are kept, at least.
    fn limited<'a>(&'a self, source: &'a str, input: &'a str, output_bytes: usize) -> Program<'a> {
        let limits = Limits {
            time_ms: self.problem.time_limit_ms,
            memory_mib: self.problem.memory_limit_mb,
            output_bytes: u32::try_from(output_bytes.max(self.output_bytes)).unwrap_or(u32::MAX),
        };
        Program { language: self.problem.language.name(), source, input, limits }
    }

    fn run(&self, program: Program<'_>) -> Result<Ran, Failure> {
        self.runner.run(program).map_err(Failure::Grader)
    }
}

/// What an ending means, if it is not that of a program that did all that it wanted.
fn ended_badly(ending: &Ending) -> Option<Tested> {
    Some(match ending {
        Ending::Exited(0) => return None,
        Ending::Exited(status) => Tested::new(Outcome::RuntimeError, format!("exit status {status}")),
        Ending::Failed(why) => raised(why),
        Ending::NotCompiled(why) => Tested::new(Outcome::DoesNotCompile, cut(why)),
        Ending::TimeLimit => Tested::new(Outcome::TimeLimit, ""),
        Ending::MemoryLimit => Tested::new(Outcome::MemoryLimit, ""),
    })
}

/// What an error of the program means.
fn raised(why: &str) -> Tested {
    let is_memory = why.starts_with("MemoryError");
    let outcome = if is_memory { Outcome::MemoryLimit } else { Outcome::RuntimeError };
    Tested::new(outcome, cut(why))
}

/// A text short enough for a note, on one line.
fn cut(text: &str) -> String {
    const MOST: usize = 120;
    let line = text.trim().replace('\n', "\\n");
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
