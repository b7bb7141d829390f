//! Verifier `code_grader`: the program in a response must pass the tests of its problem. TokenSqueeze,
//! section 3.1.
//!
//! The work is done by `ts-code`; here its runner becomes the host's, and its grades become the contract's.
//! How a problem names its tests stands in `docs/code-grader.md`.
//!
//! In: a problem and a response. Out: a grade, the place of the program, and what came of each test. The host
//! runs the programs, each in an instance of its own that knows of no test.

use ts_code::{Comparison, Ending, Limits, Outcome, Program, Ran, Runner};
use ts_plugin_sdk::verifier::{Graded, Problem, TestOutcome, Verdict, graded};
use ts_plugin_sdk::{
    Description, Plugin, Settings, Value, Verifier, description, export_verifier, runners, setting,
};

/// Has programs tested.
#[derive(Debug, PartialEq)]
struct CodeGrader(ts_code::Settings);

impl Plugin for CodeGrader {
    fn describe() -> Description {
        let default = ts_code::Settings::default();
        let text = |text: &str| Value::Text(text.to_owned());
        let settings = vec![
            setting(
                "language",
                text(&default.language),
                "The language of programs; a problem's own field comes first.",
            ),
            setting(
                "comparison",
                text("tokens"),
                "When a result is right: tokens, lines, exact or numeric; a problem's own field comes first.",
            ),
            setting(
                "tolerance",
                Value::Number(default.tolerance),
                "numeric: how far numbers may be apart, absolutely or as a share of the expected one; 0 to 1.",
            ),
            setting(
                "time_limit_ms",
                Value::Integer(default.time_limit_ms.into()),
                "Milliseconds for a test, counted as fuel; 1 to 600000; a problem's own field comes first.",
            ),
            setting(
                "total_time_ms",
                Value::Integer(default.total_time_ms.into()),
                "Milliseconds for all tests of a response together, counted as fuel; 1 to 3600000. Where it is used up, the tests that are \
                 left are not run: the response is incorrect if one has failed, and has no grade if none has.",
            ),
            setting(
                "memory_limit_mb",
                Value::Integer(default.memory_limit_mb.into()),
                "Mebibytes for a test, the interpreter's included; 1 to 2048; a problem's own field comes first.",
            ),
            setting(
                "output_kib",
                Value::Integer(default.output_kib.into()),
                "Kibibytes of output that are kept, more where a test expects more; 1 to 65536.",
            ),
            setting(
                "stop_at_first_failure",
                Value::Boolean(default.stop_at_first_failure),
                "Leave out the tests after the first that is not passed; the score is then a lower bound.",
            ),
        ];
        let summary = "The program in the response must pass all tests of the problem.";
        description("code_grader", env!("CARGO_PKG_VERSION"), summary, settings)
    }

    fn configure(settings: &Settings) -> Result<Self, String> {
        let whole = |name, range| settings.integer_within(name, range).map(|value| value as u32);
        Ok(CodeGrader(ts_code::Settings {
            language: settings.text("language")?.to_owned(),
            comparison: Comparison::named(settings.text("comparison")?)?,
            tolerance: settings.number_within("tolerance", 0.0..=1.0)?,
            time_limit_ms: whole("time_limit_ms", 1..=600_000)?,
            total_time_ms: whole("total_time_ms", 1..=3_600_000)?,
            memory_limit_mb: whole("memory_limit_mb", 1..=2048)?,
            output_kib: whole("output_kib", 1..=65_536)?,
            stop_at_first_failure: settings.boolean("stop_at_first_failure")?,
        }))
    }
}

impl Verifier for CodeGrader {
    fn grade(&self, problem: &Problem, response: &str) -> Result<Graded, String> {
        let grade = ts_code::grade(&problem.metadata, response, &self.0, &Host)?;
        let verdict = match grade.verdict {
            ts_code::Verdict::Correct => Verdict::Correct,
            ts_code::Verdict::Incorrect => Verdict::Incorrect,
            ts_code::Verdict::NoAnswer => Verdict::NoAnswer,
            ts_code::Verdict::BadReference(why) => Verdict::BadReference(why),
        };
        let tests = grade.tests.into_iter().map(outcome).collect();
        Ok(Graded { score: grade.score, tests, ..graded(verdict, grade.place, grade.note) })
    }
}

/// The host's runners.
struct Host;

impl Runner for Host {
    fn languages(&self) -> Vec<String> {
        runners::languages()
    }

    fn run(&self, program: Program<'_>) -> Result<Ran, String> {
        runners::run(&of_host(program)).map(ran)
    }

    fn converse(&self, first: Program<'_>, second: Program<'_>) -> Result<(Ran, Ran), String> {
        let (first, second) = runners::converse(&of_host(first), &of_host(second))?;
        Ok((ran(first), ran(second)))
    }
}

fn of_host(program: Program<'_>) -> runners::Program {
    let Program { language, source, input, limits: Limits { time_ms, memory_mib, output_bytes } } = program;
    runners::Program {
        language: language.to_owned(),
        source: source.to_owned(),
        input: input.to_owned(),
        limits: runners::Limits { time_ms, memory_mib, output_bytes },
    }
}

fn ran(ran: runners::Ran) -> Ran {
    let ending = match ran.ending {
        runners::Ending::Exited(status) => Ending::Exited(status),
        runners::Ending::Failed(why) => Ending::Failed(why),
        runners::Ending::NotCompiled(why) => Ending::NotCompiled(why),
        runners::Ending::TimeLimit => Ending::TimeLimit,
        runners::Ending::MemoryLimit => Ending::MemoryLimit,
    };
    Ran { ending, output: ran.output, output_cut: ran.output_cut, fuel: ran.fuel }
}

fn outcome(outcome: Outcome) -> TestOutcome {
    match outcome {
        Outcome::Passed => TestOutcome::Passed,
        Outcome::WrongAnswer => TestOutcome::WrongAnswer,
        Outcome::RuntimeError => TestOutcome::RuntimeError,
        Outcome::DoesNotCompile => TestOutcome::DoesNotCompile,
        Outcome::TimeLimit => TestOutcome::TimeLimit,
        Outcome::MemoryLimit => TestOutcome::MemoryLimit,
        Outcome::NoProgram => TestOutcome::NoProgram,
    }
}

export_verifier!(CodeGrader);
