//! `code_grader` with its runner: public cases, HumanEval whole and with bugs, and candidates that cheat.

use serde_json::{Value, json};
use ts_harness::{Report, read_cases, run};
use ts_plugin::{Problem, TestOutcome, Verdict};

use crate::{grader, host, plugin_file, repository};

fn problem(fields: Value) -> Problem {
    let metadata =
        fields.as_object().unwrap().iter().map(|(name, value)| (name.clone(), Problem::text_of(value)));
    Problem { id: "p".into(), metadata: metadata.collect(), ..Problem::default() }
}

fn fenced(program: &str) -> String {
    format!("Here it is:\n```python\n{program}\n```\n")
}

#[test]
#[ignore = "needs `cargo xtask runners`"]
fn the_public_cases() {
    let cases = read_cases(&[repository().join("tests/data/code_cases.jsonl")]).unwrap();
    let report = Report::of(&cases, &run(&grader(json!({})), &cases, 2));
    assert_eq!((&report.false_negatives, &report.false_positives), (&vec![], &vec![]));
    assert_eq!(report.agreement(), 1.0);
}

/// The problems of HumanEval: the problem, and its canonical solution.
fn humaneval() -> Vec<(Problem, String, String)> {
    let file = std::fs::read_to_string(repository().join("tests/data/humaneval.jsonl")).unwrap();
    let read = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let field = |name: &str| line[name].as_str().unwrap().to_owned();
        let (prompt, entry_point) = (field("prompt"), field("entry_point"));
        let check = format!("{}\ncheck({entry_point})\n", field("test"));
        let mut problem = problem(json!({
            "entry_point": entry_point, "preamble": prompt, "tests": [{ "check": check }],
        }));
        problem.id = field("task_id");
        (problem, prompt, field("canonical_solution"))
    };
    file.lines().map(read).collect()
}

/// A solution whose last `return` gives something else.
fn with_bug(solution: &str) -> String {
    let at = solution.rfind("return ").unwrap();
    let (before, value) = solution.split_at(at + "return ".len());
    format!("{before}None if True else {value}")
}

#[test]
#[ignore = "needs `cargo xtask runners`"]
fn humaneval_s_solutions_pass_and_each_with_a_bug_fails() {
    let grader = grader(json!({}));
    let problems = humaneval();
    assert_eq!(problems.len(), 164);
    let wrong = |(problem, prompt, solution): &(Problem, String, String)| {
        let verdict = |program: &str| grader.grade(problem, &fenced(program)).unwrap().value.verdict;
        let whole = verdict(&format!("{prompt}{solution}"));
        let body = verdict(solution);
        let bug = verdict(&with_bug(solution));
        let right = (Verdict::Correct, Verdict::Correct, Verdict::Incorrect);
        ((whole, body, bug) != right).then(|| problem.id.clone())
    };
    let (first, second) = problems.split_at(82);
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let halves =
            [first, second].map(|half| scope.spawn(|| half.iter().filter_map(wrong).collect::<Vec<_>>()));
        halves.into_iter().flat_map(|half| half.join().unwrap()).collect()
    });
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
#[ignore = "needs `cargo xtask runners`"]
fn every_form_of_test_and_every_outcome() {
    let grader = grader(json!({"time_limit_ms": 500}));
    let outcomes = |fields: Value, program: &str| {
        let grade = grader.grade(&problem(fields), &fenced(program)).unwrap().value;
        (grade.verdict, grade.score, grade.tests, grade.note)
    };
    let tests = json!({"entry_point": "f", "tests": [
        {"args": [2], "expected": 4},
        {"args": [3], "kwargs": {"k": 1}, "any_of": [9, 10]},
        {"check": "assert f(2) == 4 and abs(f(0.5) - 0.25) < 1e-9"},
        {"check": "for i in range(5):\n    assert f(f(i)) == i ** 4"},
        {"check": "try:\n    f('x')\n    assert False\nexcept TypeError:\n    pass"},
    ]});
    let (verdict, score, passed, _) = outcomes(tests.clone(), "def f(x, k=0):\n    return x ** 2 + k");
    assert_eq!((verdict, score, passed.len()), (Verdict::Correct, 1.0, 5));
    let (verdict, score, some, note) = outcomes(tests.clone(), "def f(x, k=0):\n    return 4");
    assert_eq!(
        (verdict, score, some[0], some[1]),
        (Verdict::Incorrect, 0.2, TestOutcome::Passed, TestOutcome::WrongAnswer)
    );
    assert!(note.contains("test 2"), "{note}");
    for (program, outcome) in [
        ("def f(x, k=0):\n    raise ValueError('no')", TestOutcome::RuntimeError),
        ("def f(x, k=0):\n    while True: pass", TestOutcome::TimeLimit),
        ("def f(x, k=0):\n    return [0] * 10 ** 9", TestOutcome::MemoryLimit),
        ("def f(x, k=0)\n    return x", TestOutcome::DoesNotCompile),
        ("def g(x): return x", TestOutcome::RuntimeError),
        ("1 / 0", TestOutcome::RuntimeError),
    ] {
        let (verdict, score, all, _) = outcomes(tests.clone(), program);
        assert_eq!((verdict, score), (Verdict::Incorrect, 0.0), "{program}");
        assert_eq!(all[0], outcome, "{program}: {all:?}");
    }
    let calls = json!({"entry_point": "f", "language": "javascript", "tests": [{"args": [[3, 1, 2]], "expected": [1, 2, 3]}]});
    let program = "```javascript\nconst f = (list) => list.sort((a, b) => a - b);\n```";
    assert_eq!(grader.grade(&problem(calls), program).unwrap().value.verdict, Verdict::Correct);
    let none = grader.grade(&problem(tests), "I cannot.").unwrap().value;
    assert_eq!((none.verdict, none.tests[0]), (Verdict::NoAnswer, TestOutcome::NoProgram));
    let bad = grader.grade(&problem(json!({"tests": []})), &fenced("pass")).unwrap().value.verdict;
    assert!(matches!(bad, Verdict::BadReference(_)));
    // Objects that a check passes on are the candidate's own (MBPP 601).
    let pairs = json!({"tests": [{"check": "assert longest([Pair(5, 24), Pair(1, 2)]) == 24"}]});
    let program = "class Pair:\n    def __init__(self, a, b):\n        self.a, self.b = a, b\n\
                   def longest(pairs):\n    return max(p.b for p in pairs)";
    assert_eq!(outcomes(pairs, program).0, Verdict::Correct);
}

#[test]
#[ignore = "needs `cargo xtask runners`"]
fn candidates_that_cheat() {
    let grader = grader(json!({"time_limit_ms": 500}));
    let call = json!({"entry_point": "f", "tests": [{"args": [3], "expected": 7}]});
    let check = json!({"entry_point": "f", "tests": [{"check": "assert f(3) == 7"}, {"check": "assert f(3) != 8 and f(4) == 9"}]});
    let equal_to_all = "class A:\n    def __eq__(self, other): return True\n    def __ne__(self, other): return True\n\
                        \x20   def __bool__(self): return True\n    def __abs__(self): return self\n";
    for program in [
        format!("{equal_to_all}def f(x): return A()"),
        format!("{equal_to_all}class I(int, A): pass\ndef f(x): return I(1)"),
        format!("{equal_to_all}def f(x): return [A()]"),
        "import os\ndef f(x): os._exit(0)".into(),
        "import sys\ndef f(x): sys.exit(0)".into(),
        "raise SystemExit(0)\ndef f(x): return 7".into(),
        "def f(x):\n    import __main__\n    __main__.answer({'passed': True})".into(),
        "import builtins\nbuiltins.AssertionError = Warning\ndef f(x): return 0".into(),
        "import sys, os\ndef f(x):\n    os.write(1, b'\\n\\x1e{\"passed\": true}\\n')\n    os._exit(0)"
            .into(),
    ] {
        for tests in [&call, &check] {
            let grade = grader.grade(&problem(tests.clone()), &fenced(&program)).unwrap().value;
            assert_eq!(
                (grade.verdict, grade.score),
                (Verdict::Incorrect, 0.0),
                "{program}: {:?}",
                grade.note
            );
        }
    }
}

#[test]
#[ignore = "needs `cargo xtask runners`"]
fn what_is_expected_is_nowhere_in_the_candidate_s_interpreter() {
    let grader = grader(json!({}));
    let tests = json!({"entry_point": "f", "tests": [
        {"args": [3], "expected": "the-secret-answer"},
        {"check": "assert f(3) == 'the-secret-answer'"},
    ]});
    let program = "import gc, sys\ndef texts():\n    for thing in gc.get_objects():\n        yield from map(str, gc.get_referents(thing)[:50])\n\
                   \x20   frame = sys._getframe()\n    while frame:\n        yield str(frame.f_locals)\n        yield str(frame.f_globals)\n\
                   \x20       frame = frame.f_back\n\
                   def f(x):\n    for text in texts():\n        at = text.find('the-' + 'secret')\n        if at >= 0:\n\
                   \x20           return text[at:at + 17]\n    return 'nothing'";
    let grade = grader.grade(&problem(tests), &fenced(program)).unwrap().value;
    assert_eq!(grade.tests, [TestOutcome::WrongAnswer, TestOutcome::WrongAnswer], "{}", grade.note);
}

#[test]
#[ignore = "needs `cargo xtask runners`"]
fn without_a_runner_nothing_is_wrong() {
    let grader = host().load(plugin_file("code_grader")).unwrap().verifier(&serde_json::Map::new()).unwrap();
    let tests = json!({"tests": [{"input": "", "output": "7"}]});
    let error = grader.grade(&problem(tests), &fenced("print(7)")).unwrap_err().to_string();
    assert!(error.contains("no runner for `python`") && error.contains("cargo xtask runners"), "{error}");
}

#[test]
#[ignore = "needs `cargo xtask runners`"]
fn what_asks_for_more_memory_than_there_is_is_out_of_memory() {
    let grader = grader(json!({"memory_limit_mb": 256}));
    let programs = [
        ("python", "x = 'x' * 10 ** 10"),
        ("python", "x = bytearray(10 ** 10)"),
        ("python", "x = [0] * 10 ** 10"),
        ("python", "x = [0] * 2 ** 29"),
        ("python", "x = 'ab' * 2 ** 30"),
        ("python", "x = list(range(10 ** 10))"),
        ("python", "x = ','.join(['a' * 10 ** 6] * 10 ** 6)"),
        ("python", "x = 'a'.ljust(10 ** 10)"),
        ("javascript", "new ArrayBuffer(1e10);"),
        ("javascript", "new ArrayBuffer(2e9);"),
        ("javascript", "'x'.repeat(1e10);"),
        ("javascript", "'x'.repeat(2 ** 30);"),
        ("javascript", "new Float64Array(2e9);"),
    ];
    for (language, program) in programs {
        let fields = json!({"language": language, "tests": [{"output": "1"}]});
        let grade = grader.grade(&problem(fields), &format!("```{language}\n{program}\n```")).unwrap().value;
        assert_eq!(grade.tests, [TestOutcome::MemoryLimit], "{program}: {}", grade.note);
    }
    let caught = "try:\n    x = [0] * (2 ** 29 - 1)\nexcept MemoryError:\n    print(1)";
    let grade = grader.grade(&problem(json!({"tests": [{"output": "1"}]})), &fenced(caught)).unwrap().value;
    assert_eq!(grade.verdict, Verdict::Correct, "{}", grade.note);
}

#[test]
#[ignore = "needs `cargo xtask runners`"]
fn a_program_has_integers_of_fifty_thousand_digits_and_a_maxsize_of_64_bits() {
    let grader = grader(json!({}));
    let digits = "n = int(input())\nprint(len(str(7 ** n)))";
    let tests = json!({"tests": [{"input": "6000", "output": "5071"}]});
    assert_eq!(grader.grade(&problem(tests), &fenced(digits)).unwrap().value.verdict, Verdict::Correct);
    let maxsize = "import sys\nprint(sys.maxsize)";
    let tests = json!({"tests": [{"output": "9223372036854775807"}]});
    assert_eq!(grader.grade(&problem(tests), &fenced(maxsize)).unwrap().value.verdict, Verdict::Correct);
}

#[test]
#[ignore = "needs `cargo xtask runners`"]
fn the_tests_of_a_response_have_a_total_time() {
    let endless = fenced("while True: pass");
    let tests = json!({"tests": vec![json!({"output": "1"}); 300]});
    let bounded = grader(json!({"time_limit_ms": 200, "total_time_ms": 500}));
    let grade = bounded.grade(&problem(tests.clone()), &endless).unwrap().value;
    assert_eq!((grade.verdict, grade.tests), (Verdict::Incorrect, vec![TestOutcome::TimeLimit; 2]));
    assert!(
        grade.note.ends_with("the total time of 500 ms was used up, and 298 tests were not run"),
        "{}",
        grade.note
    );
    let error = grader(json!({"total_time_ms": 100})).grade(&problem(tests), &endless).unwrap_err();
    assert!(error.to_string().contains("raise total_time_ms"), "{error}");
}
