//! Grades by a runner that says what it is told to, and writes down what it is asked.

use std::cell::RefCell;

use super::*;
use crate::runner::{Ending, Limits, Program, Ran};

/// Gives these answers in turn, the last one for ever.
struct Scripted {
    answers: Vec<Result<Ran, String>>,
    asked: RefCell<Vec<(String, String, Limits)>>,
}

impl Runner for Scripted {
    fn languages(&self) -> Vec<String> {
        vec!["python".to_owned()]
    }

    fn run(&self, program: Program<'_>) -> Result<Ran, String> {
        let mut asked = self.asked.borrow_mut();
        asked.push((program.source.to_owned(), program.input.to_owned(), program.limits));
        self.answers[(asked.len() - 1).min(self.answers.len() - 1)].clone()
    }

    fn converse(&self, first: Program<'_>, second: Program<'_>) -> Result<(Ran, Ran), String> {
        Ok((self.run(first)?, self.run(second)?))
    }
}

fn ran(ending: Ending, output: &str) -> Result<Ran, String> {
    Ok(Ran { ending, output: output.as_bytes().to_vec(), output_cut: false, fuel: 0 })
}

fn writes(output: &str) -> Result<Ran, String> {
    ran(Ending::Exited(0), output)
}

fn says(line: &str) -> Result<Ran, String> {
    writes(&format!("\n\u{1e}{line}\n"))
}

fn script(answers: Vec<Result<Ran, String>>) -> Scripted {
    Scripted { answers, asked: RefCell::default() }
}

fn fields(tests: &str) -> Vec<(String, String)> {
    [("tests", tests), ("entry_point", "f")].map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

const RESPONSE: &str = "So:\n```python\ndef f(x): return x\n```";

fn graded(tests: &str, answers: Vec<Result<Ran, String>>) -> Result<Grade, String> {
    grade(&fields(tests), RESPONSE, &Settings::default(), &script(answers))
}

fn outcome(tests: &str, answers: Vec<Result<Ran, String>>) -> Outcome {
    graded(tests, answers).unwrap().tests[0]
}

const OUTPUT: &str = r#"[{"input": "1", "output": "2"}]"#;
const CALL: &str = r#"[{"args": [1], "expected": 2}]"#;
const CHECK: &str = r#"[{"check": "assert f(1) == 2"}]"#;

#[test]
fn every_ending_has_its_outcome() {
    for (ending, expected) in [
        (Ending::Exited(0), Outcome::Passed),
        (Ending::Exited(1), Outcome::RuntimeError),
        (Ending::Failed("ValueError: x".to_owned()), Outcome::RuntimeError),
        (Ending::Failed("MemoryError".to_owned()), Outcome::MemoryLimit),
        (Ending::NotCompiled("SyntaxError".to_owned()), Outcome::DoesNotCompile),
        (Ending::TimeLimit, Outcome::TimeLimit),
        (Ending::MemoryLimit, Outcome::MemoryLimit),
    ] {
        assert_eq!(outcome(OUTPUT, vec![ran(ending, "2\n")]), expected);
    }
    assert_eq!(outcome(OUTPUT, vec![writes("3")]), Outcome::WrongAnswer);
    let cut = Ok(Ran { ending: Ending::Exited(0), output: b"2".to_vec(), output_cut: true, fuel: 0 });
    assert_eq!(outcome(OUTPUT, vec![cut]), Outcome::WrongAnswer);
}

#[test]
fn the_score_is_a_share_and_the_note_tells_of_the_first_failure() {
    let tests =
        r#"[{"output": "1"}, {"input": "a\nb", "output": ["2", "3"]}, {"output": "1"}, {"output": "9"}]"#;
    let answers = || vec![writes("1"), writes("4"), writes("1")];
    let grade = graded(tests, answers()).unwrap();
    assert_eq!((grade.verdict, grade.score), (Verdict::Incorrect, 0.5));
    assert_eq!(grade.note, "2 of 4 tests passed; test 2: wrong answer: input `a\\nb`, expected `2`, got `4`");
    assert_eq!(&RESPONSE[grade.place.unwrap()], "def f(x): return x\n");
    let settings = Settings { stop_at_first_failure: true, ..Settings::default() };
    let grade = super::grade(&fields(tests), RESPONSE, &settings, &script(answers())).unwrap();
    assert_eq!((grade.tests.len(), grade.score), (2, 0.25));
}

#[test]
fn what_does_not_compile_is_run_once() {
    let runner = script(vec![ran(Ending::NotCompiled("SyntaxError".to_owned()), "")]);
    let grade =
        grade(&fields(r#"[{"output": "1"}, {"output": "2"}]"#), RESPONSE, &Settings::default(), &runner)
            .unwrap();
    assert_eq!(grade.tests, [Outcome::DoesNotCompile; 2]);
    assert_eq!(runner.asked.borrow().len(), 1);
}

#[test]
fn no_program_and_no_tests() {
    let runner = script(vec![writes("")]);
    let none = grade(&fields(OUTPUT), "I do not know.", &Settings::default(), &runner).unwrap();
    assert_eq!((none.verdict, none.tests), (Verdict::NoAnswer, vec![Outcome::NoProgram]));
    let bad = grade(&[], RESPONSE, &Settings::default(), &runner).unwrap();
    assert!(matches!(bad.verdict, Verdict::BadReference(_)) && bad.tests.is_empty());
    assert!(runner.asked.borrow().is_empty());
}

#[test]
fn a_runner_that_fails_makes_no_grade() {
    for tests in [OUTPUT, CALL, CHECK] {
        assert_eq!(graded(tests, vec![Err("no runner".to_owned())]), Err("no runner".to_owned()));
    }
    let refused = graded(CALL, vec![ran(Ending::NotCompiled("?".to_owned()), "")]);
    assert!(refused.unwrap_err().contains("the driver"));
}

#[test]
fn a_call_gives_a_value_or_an_error() {
    for (line, expected) in [
        (r#"{"value": 2}"#, Outcome::Passed),
        (r#"{"value": 2.0}"#, Outcome::Passed),
        (r#"{"value": 3}"#, Outcome::WrongAnswer),
        (r#"{"value": {"object": "A", "id": 0}}"#, Outcome::WrongAnswer),
        (r#"{"raised": ["ValueError", ""]}"#, Outcome::RuntimeError),
        (r#"{"raised": ["MemoryError", ""]}"#, Outcome::MemoryLimit),
        (r#"{"failed": ["NameError", "x"]}"#, Outcome::RuntimeError),
        (r#"{"not-compiled": "SyntaxError"}"#, Outcome::DoesNotCompile),
        (r#"{"passed": true}"#, Outcome::RuntimeError),
        ("2", Outcome::RuntimeError),
        ("{", Outcome::RuntimeError),
    ] {
        assert_eq!(outcome(CALL, vec![says(line)]), expected, "{line}");
    }
    assert_eq!(outcome(CALL, vec![writes("")]), Outcome::RuntimeError);
    assert_eq!(outcome(CALL, vec![ran(Ending::TimeLimit, "")]), Outcome::TimeLimit);
}

#[test]
fn expected_values_are_in_no_run_of_the_program() {
    let tests = r#"[{"input": "7", "output": "secret"}, {"args": ["a"], "expected": "secret"}, {"check": "assert f(1) == 'secret'"}]"#;
    let runner = script(vec![writes(""), says(r#"{"value": 1}"#), says(r#"{"passed": true}"#), writes("")]);
    grade(&fields(tests), RESPONSE, &Settings::default(), &runner).unwrap();
    let asked = runner.asked.borrow();
    assert_eq!(asked.len(), 4);
    for (source, input, _) in asked.iter() {
        let has_program = source.contains("def f(x)") || input.contains("def f(x)");
        let has_secret = source.contains("secret") || input.contains("secret");
        assert!(has_program != has_secret, "{input}");
    }
}

#[test]
fn a_check_ends_as_its_judge_says_or_as_the_program_did() {
    let failed =
        r#"{"failed": "assertion", "statement": "assert f(2) == 3", "error": "", "name": "f", "value": [2]}"#;
    let raised = r#"{"failed": "raised", "statement": "f(2)", "error": "ValueError: x"}"#;
    let stopped = ran(Ending::TimeLimit, "\n\u{1e}{\"value\": 1}\n");
    for (said, candidate, expected) in [
        (r#"{"passed": true}"#, writes(""), Outcome::Passed),
        // It is stopped after all that was asked for.
        (r#"{"passed": true}"#, stopped.clone(), Outcome::Passed),
        (failed, writes(""), Outcome::WrongAnswer),
        (raised, writes(""), Outcome::RuntimeError),
        (r#"{"ended": null}"#, stopped, Outcome::TimeLimit),
        (r#"{"ended": null}"#, writes(""), Outcome::RuntimeError),
        (r#"{"ended": {"not-compiled": "SyntaxError"}}"#, writes(""), Outcome::DoesNotCompile),
        (r#"{"ended": {"failed": ["MemoryError", ""]}}"#, writes(""), Outcome::MemoryLimit),
        (r#"{"ended": 7}"#, ran(Ending::MemoryLimit, ""), Outcome::MemoryLimit),
    ] {
        assert_eq!(outcome(CHECK, vec![says(said), candidate]), expected, "{said}");
    }
    let grade = graded(CHECK, vec![says(failed), writes("")]).unwrap();
    let expected = "0 of 1 tests passed; test 1: wrong answer: `assert f(2) == 3`, where f gave `[2]`";
    assert_eq!(grade.note, expected);
}

#[test]
fn a_broken_check_is_a_bad_reference_and_a_judge_that_fails_no_grade() {
    let broken = graded(CHECK, vec![says(r#"{"broken": "the check is not Python"}"#)]).unwrap();
    assert_eq!(broken.verdict, Verdict::BadReference("the check is not Python".to_owned()));
    assert_eq!(
        graded(CHECK, vec![ran(Ending::TimeLimit, "")]),
        Err("the check could not be run: time limit".to_owned())
    );
}

#[test]
fn limits_are_the_problem_s_and_leave_room_for_what_is_expected() {
    let tests = format!(r#"[{{"output": "{}"}}]"#, "x".repeat(1 << 20));
    let mut fields = fields(&tests);
    fields.extend(
        [("time_limit_ms", "100"), ("memory_limit_mb", "64")].map(|(a, b)| (a.to_owned(), b.to_owned())),
    );
    let runner = script(vec![writes("")]);
    grade(&fields, RESPONSE, &Settings::default(), &runner).unwrap();
    assert_eq!(
        runner.asked.borrow()[0].2,
        Limits { time_ms: 100, memory_mib: 64, output_bytes: (2 << 20) + 1024 }
    );
}

/// Uses so many milliseconds a run, or all that it is given, if that is less.
struct Costly {
    ms: u32,
    output: &'static str,
    times: RefCell<Vec<u32>>,
}

impl Runner for Costly {
    fn languages(&self) -> Vec<String> {
        vec!["python".to_owned()]
    }

    fn run(&self, program: Program<'_>) -> Result<Ran, String> {
        let had = program.limits.time_ms;
        self.times.borrow_mut().push(had);
        let is_over = self.ms > had;
        Ok(Ran {
            ending: if is_over { Ending::TimeLimit } else { Ending::Exited(0) },
            output: self.output.as_bytes().to_vec(),
            output_cut: false,
            fuel: u64::from(self.ms.min(had)) * crate::FUEL_PER_MS,
        })
    }

    fn converse(&self, first: Program<'_>, second: Program<'_>) -> Result<(Ran, Ran), String> {
        let judge = Ran {
            output: "\n\u{1e}{\"ended\": null}\n".into(),
            fuel: 0,
            ending: Ending::Exited(0),
            ..self.run(first)?
        };
        Ok((judge, self.run(second)?))
    }
}

fn costly(ms: u32, output: &'static str) -> Costly {
    Costly { ms, output, times: RefCell::default() }
}

fn many(test: &str) -> Vec<(String, String)> {
    fields(&format!("[{}]", vec![test; 300].join(", ")))
}

#[test]
fn a_response_has_a_total_time_whatever_the_number_of_its_tests() {
    for test in [r#"{"output": "1"}"#, r#"{"args": [1], "expected": 1}"#, r#"{"check": "assert f(1) == 1"}"#]
    {
        let runner = costly(u32::MAX, "");
        let grade = grade(&many(test), RESPONSE, &Settings::default(), &runner).unwrap();
        assert_eq!((grade.verdict, grade.score), (Verdict::Incorrect, 0.0), "{test}");
        assert_eq!(grade.tests, [Outcome::TimeLimit; 10], "{test}");
        let note = "0 of 300 tests passed; test 1: time limit; the total time of 60000 ms was used up, and 290 tests were not run";
        assert_eq!(grade.note, note);
        let of_the_program = runner.times.borrow().iter().filter(|ms| **ms == 6000).count();
        assert!((10..=11).contains(&of_the_program), "{test} {of_the_program}");
    }
}

#[test]
fn a_test_that_the_total_time_cuts_short_is_not_counted() {
    let settings = Settings { total_time_ms: 10_000, ..Settings::default() };
    let wrong_first = many(r#"{"output": "1"}"#);
    let runner = costly(3000, "2");
    let grade = grade(&wrong_first, RESPONSE, &settings, &runner).unwrap();
    assert_eq!((grade.verdict, grade.tests), (Verdict::Incorrect, vec![Outcome::WrongAnswer; 3]));
    assert_eq!(*runner.times.borrow(), [6000, 6000, 4000, 1000]);
}

#[test]
fn a_program_that_has_not_failed_when_the_time_is_used_up_has_no_grade() {
    let settings = Settings { total_time_ms: 10_000, ..Settings::default() };
    let error = grade(&many(r#"{"output": "1"}"#), RESPONSE, &settings, &costly(3000, "1")).unwrap_err();
    assert_eq!(
        error,
        "the total time of 10000 ms was used up after 3 of 300 tests, and none of them had failed: raise total_time_ms"
    );
    let settings = Settings { total_time_ms: 500, ..Settings::default() };
    let error = grade(&many(r#"{"output": "1"}"#), RESPONSE, &settings, &costly(u32::MAX, "")).unwrap_err();
    assert!(error.starts_with("the total time of 500 ms was used up after 0 of 300 tests"), "{error}");
}

#[test]
fn what_asks_for_more_memory_than_there_is_is_out_of_memory() {
    for error in [
        "MemoryError (line 1)",
        "OverflowError: cannot fit 'int' into an index-sized integer (line 1)",
        "OverflowError: Python int too large to convert to C ssize_t (line 1)",
        "OverflowError: repeated string is too long",
        "OverflowError: join() result is too long for a Python string",
        "RangeError: invalid array buffer length (line 1)",
        "RangeError: invalid repeat count (line 1)",
        "InternalError: out of memory",
    ] {
        assert_eq!(
            outcome(OUTPUT, vec![ran(Ending::Failed(error.to_owned()), "2\n")]),
            Outcome::MemoryLimit,
            "{error}"
        );
    }
    for error in ["OverflowError: math range error", "RangeError: Invalid array length", "MyMemoryError: no"]
    {
        assert_eq!(
            outcome(OUTPUT, vec![ran(Ending::Failed(error.to_owned()), "2\n")]),
            Outcome::RuntimeError,
            "{error}"
        );
    }
    let raised = r#"{"raised": ["OverflowError", "cannot fit 'int' into an index-sized integer", ["ArithmeticError"]]}"#;
    assert_eq!(outcome(CALL, vec![says(raised)]), Outcome::MemoryLimit);
    // One that catches its error and goes on is judged by what it gives.
    assert_eq!(outcome(OUTPUT, vec![writes("2")]), Outcome::Passed);
}
