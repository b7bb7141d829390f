//! Tests, run: the program apart in an instance of its own, and the comparison here.
//!
//! | test | what runs | what comes back |
//! |---|---|---|
//! | output ([`output`]) | the program, with the input | what it writes |
//! | call ([`call`](mod@call)) | a driver that runs the program and calls its function ([`functions`]) | the value, as data |
//! | check ([`check`]) | the same driver, in conversation with another instance: the asserts, with stubs for functions | a verdict |
//!
//! In: a test, and a [`Job`]. Out: what came of it, or why nothing can be said.

mod budget;
mod call;
mod check;
mod functions;
mod output;

pub(crate) use budget::Budget;

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
    /// It is not a program of its language.
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
    pub(crate) budget: Budget,
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
    /// The time of all tests is used up.
    Spent,
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
        let limits = self.budget.within(program.limits).ok_or(Failure::Spent)?;
        let ran = self.runner.run(Program { limits, ..program }).map_err(Failure::Grader)?;
        self.budget.spend(&ran);
        if budget::was_cut_short(&ran, limits, program.limits) { Err(Failure::Spent) } else { Ok(ran) }
    }

    /// Runs two programs that converse. What a run that was cut short for want of time comes to is
    /// [`Failure::Spent`].
    fn converse(
        &self,
        first: Program<'_>,
        second: Program<'_>,
    ) -> Result<[Result<Ran, Failure>; 2], Failure> {
        let within = |program: Program<'_>| self.budget.within(program.limits).ok_or(Failure::Spent);
        let had = [within(first)?, within(second)?];
        let [one, other] =
            [(first, had[0]), (second, had[1])].map(|(program, limits)| Program { limits, ..program });
        let (one, other) = self.runner.converse(one, other).map_err(Failure::Grader)?;
        let due = [first.limits, second.limits];
        Ok([(one, had[0], due[0]), (other, had[1], due[1])].map(|(ran, had, due)| {
            self.budget.spend(&ran);
            if budget::was_cut_short(&ran, had, due) { Err(Failure::Spent) } else { Ok(ran) }
        }))
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

/// How interpreters begin to say that more memory was asked for than there could be: they refuse some
/// requests by themselves, without asking the host. CPython's are those of an interpreter of 32 bits; the
/// rest are QuickJS's and node's.
const OUT_OF_MEMORY: &[&str] = &[
    "MemoryError",
    "OverflowError: cannot fit 'int' into an index-sized integer",
    "OverflowError: Python int too large to convert to C ssize_t",
    "OverflowError: repeated string is too long",
    "OverflowError: repeated bytes are too long",
    "OverflowError: strings are too large to concat",
    "OverflowError: join() result is too long",
    "OverflowError: padded string is too long",
    "OverflowError: replace string is too long",
    "OverflowError: new string is too long",
    "OverflowError: too many digits in integer",
    "InternalError: out of memory",
    "InternalError: string too long",
    "RangeError: invalid array buffer length",
    "RangeError: invalid string length",
    "RangeError: invalid repeat count",
    "RangeError: Array buffer allocation failed",
    "RangeError: Invalid typed array length",
    "RangeError: Invalid string length",
];

/// What an error of the program means. Where nothing caught it, a `MemoryError` is one whoever raised it.
fn raised(why: &str) -> Tested {
    let is_memory = OUT_OF_MEMORY.iter().any(|lead| why.starts_with(lead));
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
