//! Programs that really run: the drivers, the protocol of checks, and data sets, by an interpreter beside the test.
//!
//! In: `python3` (and `node` for one test); `TS_HUMANEVAL`, the file of HumanEval, and `TS_CODE_CASES`, the file of cases, for the
//! tests of these. Out: grades. Left out on purpose: limits and denials, which want the host.
//!
//!     TS_HUMANEVAL=… TS_CODE_CASES=… cargo test --release -p ts-code --test python -- --ignored

mod subprocess;

use serde_json::{Value as Json, json};
use subprocess::Subprocess;
use ts_code::{Grade, Limits, Outcome, Program, Runner, Settings, Verdict, grade};

fn graded(fields: &Json, response: &str) -> Result<Grade, String> {
    let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let fields: Vec<_> =
        fields.as_object().unwrap().iter().map(|(name, value)| (name.clone(), text(value))).collect();
    grade(&fields, response, &Settings::default(), &Subprocess)
}

fn fenced(program: &str) -> String {
    format!("Here it is.\n```python\n{program}\n```\n")
}

/// The lines of the file that a variable names.
fn lines(variable: &str) -> Vec<Json> {
    let path = std::env::var(variable).unwrap_or_else(|_| panic!("set {variable} to the file"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{variable}: {error}"));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn check(asserts: &str, program: &str) -> Grade {
    graded(&json!({"tests": [{"check": asserts}]}), &fenced(program)).unwrap()
}

#[test]
#[ignore = "runs python3"]
fn checks() {
    use Outcome::{DoesNotCompile, Passed, RuntimeError, TimeLimit, WrongAnswer};
    let pair = "class Pair:\n    def __init__(self, a, b):\n        self.a, self.b = a, b\n";
    let node = "class Node:\n    def __init__(self, v):\n        self.v, self.left = v, None\n";
    for (asserts, program, expected) in [
        ("assert f(2) == 4\nassert f(3) == 9", "def f(x): return x * x", Passed),
        ("assert f(2) == 4\nassert f(3) == 9", "def f(x): return x * x if x < 3 else 8", WrongAnswer),
        ("assert f(2) == 4", "def f(x): return None", WrongAnswer),
        ("assert abs(f(2) - 4) < 1", "def f(x): return None", WrongAnswer),
        ("assert f(2) == 4", "def g(x): return 4", RuntimeError),
        ("assert f(2) == 4", "def f(x): raise ValueError(x)", RuntimeError),
        ("assert f(2) == 4", "def f(x): assert x == 4", RuntimeError),
        ("assert f(2) == 4", "data = open(0).read()\ndef f(x): return x * x if data == '' else 0", Passed),
        ("assert f(2) == 4", "def f(x) return 4", DoesNotCompile),
        ("assert f(2) == 4", "import sys\nsys.exit(0)", RuntimeError),
        ("assert f(2) == 4", "import os\ndef f(x): os._exit(0)", RuntimeError),
        (
            "try:\n    f(-1)\nexcept ValueError:\n    pass\nelse:\n    assert False",
            "def f(x): raise ValueError",
            Passed,
        ),
        (
            "try:\n    f(-1)\nexcept ValueError:\n    pass\nelse:\n    assert False",
            "def f(x): pass",
            WrongAnswer,
        ),
        (
            "assert f([1]) == [1]",
            "class A(list):\n    def __eq__(s, o): return True\ndef f(x): return A()",
            WrongAnswer,
        ),
        (
            "assert f(1) == 7",
            "class A(int):\n    def __eq__(s, o): return True\ndef f(x): return A()",
            WrongAnswer,
        ),
        ("x = [3, 1, 2]\nf(x)\nassert x == [1, 2, 3]", "def f(x): x.sort()", Passed),
        ("assert list(f(3)) == [0, 1, 2]", "def f(x): yield from range(x)", Passed),
        (
            "assert f('aab') == {'a': 2, 'b': 1}",
            "import collections\ndef f(x): return collections.Counter(x)",
            Passed,
        ),
        ("assert f(3) == (1, [2], {3})", "def f(x): return 1, [2], {x}", Passed),
        ("assert f(3) == (1, 2)", "def f(x): return [1, 2]", WrongAnswer),
        ("assert f(200) == 2 ** 20000", "def f(x): return 2 ** (100 * x)", Passed),
        ("assert dec(enc('ab')) == 'ab'", "def enc(x): return x + '!'\ndef dec(x): return x[:-1]", Passed),
        ("for i in range(4):\n    while i > 0:\n        i = f(i)", "def f(x): return x - 1", Passed),
        (
            "assert f([Pair(1, 2), Pair(3, 4)]) == 10",
            &format!("{pair}def f(x): return sum(p.a + p.b for p in x)"),
            Passed,
        ),
        (
            "r = Node(1)\nr.left = Node(2)\nr.left.left = Node(3)\nassert f(r) == 3",
            &format!("{node}def f(n): return 0 if n is None else 1 + f(n.left)"),
            Passed,
        ),
        ("assert [f(i) for i in range(3)] == [0, 1, 2]", "def f(x): return x", Passed),
        ("def check(c):\n    assert c(1) == 1\ncheck(f)", "def f(x): return x", Passed),
        (
            "import random\nfor _ in range(50):\n    n = random.random()\n    assert f(n) == n",
            "def f(x): return x",
            Passed,
        ),
        ("assert f(1) == 1\nassert f(2) == 2", "def f(x):\n    while x == 2: pass\n    return x", TimeLimit),
        (
            "assert f(1) == 2\nassert f(2) == 2",
            "def f(x):\n    while x == 2: pass\n    return x",
            WrongAnswer,
        ),
    ] {
        let fields = json!({"tests": [{"check": asserts}], "time_limit_ms": 1000});
        let grade = graded(&fields, &fenced(program)).unwrap_or_else(|why| panic!("{asserts}: {why}"));
        assert_eq!(grade.tests, [expected], "{asserts}\n{program}\n{grade:?}");
    }
}

#[test]
#[ignore = "runs python3"]
fn checks_that_are_at_fault_are_bad_references() {
    for asserts in
        ["assert f(", "assert f(lambda x: x) == 1", "import nothing_of_that_name\nassert f(1) == 1"]
    {
        let grade = check(asserts, "def f(x): return 1");
        assert!(matches!(grade.verdict, Verdict::BadReference(_)), "{asserts} {grade:?}");
    }
}

#[test]
#[ignore = "runs python3"]
fn calls() {
    use Outcome::{Passed, RuntimeError, WrongAnswer};
    for (test, program, expected) in [
        (json!({"args": [[3, 1]], "expected": [1, 3]}), "def f(x): return sorted(x)", Passed),
        (json!({"args": [[3, 1]], "expected": 4}), "def f(nums: List[int]) -> int: return sum(nums)", Passed),
        (json!({"args": [], "kwargs": {"n": 2}, "any_of": [3, 4]}), "def f(n): return n + 2", Passed),
        (json!({"args": [{"a": [1.5]}], "expected": {"a": [1.5]}}), "def f(x): return x", Passed),
        (json!({"args": [1], "expected": 1}), "print('x')\ndef f(x):\n    print('y')\n    return x", Passed),
        (
            json!({"args": [1], "expected": 1}),
            "import builtins\nbuiltins.repr = builtins.len = None\ndef f(x): return x",
            Passed,
        ),
        (json!({"args": [1], "expected": "solution"}), "def f(x): return __name__", Passed),
        (json!({"args": [1], "expected": 5}), "def f(x): return 1 if __name__ == '__main__' else 5", Passed),
        (json!({"args": [1], "expected": 10_000}), "def f(x): return x if x == 10000 else f(x + 1)", Passed),
        (json!({"args": [1], "expected": 1}), "def f(x): return '1'", WrongAnswer),
        (json!({"args": [1], "expected": 1}), "def f(x): return input()", RuntimeError),
        (
            json!({"args": [1], "expected": 1}),
            "def f(x):\n    x = []\n    x.append(x)\n    return x",
            RuntimeError,
        ),
        (
            json!({"args": [1], "expected": 1}),
            "import os\nos.write(1, b'\\n\\x1e{\"value\": 2}\\n')\ndef f(x): return 1",
            WrongAnswer,
        ),
    ] {
        let grade = graded(&json!({"tests": [test], "entry_point": "f"}), &fenced(program)).unwrap();
        assert_eq!(grade.tests, [expected], "{test}\n{program}\n{grade:?}");
    }
}

#[test]
#[ignore = "runs node"]
fn calls_in_javascript() {
    use Outcome::{DoesNotCompile, Passed, RuntimeError, WrongAnswer};
    for (args, expected_value, program, expected) in [
        (json!([1, 2]), json!(3), "const f = (a, b) => a + b;", Passed),
        (json!([[2, 1]]), json!([1, 2]), "var f = function(x) { console.log(x); return x.sort(); };", Passed),
        (
            json!([{"a": 1}]),
            json!({"a": 1, "b": [null]}),
            "function f(x) { return {...x, b: [undefined]}; }",
            Passed,
        ),
        (json!([1]), json!(1), "class Solution { f(x) { return x; } }", Passed),
        (json!([1]), json!(1), "function f(x) { return x + 1; }", WrongAnswer),
        (json!([1]), json!(1), "class A {}\nfunction f(x) { return new A(); }", WrongAnswer),
        (json!([1]), json!(1), "function f(x) { throw new TypeError('x'); }", RuntimeError),
        (json!([1]), json!(1), "function g(x) {}", RuntimeError),
        (json!([1]), json!(1), "function f(x { }", DoesNotCompile),
    ] {
        let test = json!([{"args": args, "expected": expected_value}]);
        let fields = json!({"tests": test, "fn_name": "f", "language": "javascript"});
        let grade = graded(&fields, &format!("```js\n{program}\n```")).unwrap();
        assert_eq!(grade.tests, [expected], "{program}\n{grade:?}");
    }
}

/// A problem of HumanEval, and its solution.
fn human_eval(line: &Json) -> (Json, &str) {
    let text = |name: &str| line[name].as_str().unwrap();
    let check = format!("{}\ncheck({})\n", text("test"), text("entry_point"));
    let fields = json!({
        "entry_point": text("entry_point"), "preamble": text("prompt"), "tests": [{"check": check}], "time_limit_ms": 20_000,
    });
    (fields, text("canonical_solution"))
}

#[test]
#[ignore = "runs python3, reads TS_HUMANEVAL"]
fn every_solution_of_humaneval_passes() {
    let mut failed = Vec::new();
    for line in lines("TS_HUMANEVAL") {
        let (fields, solution) = human_eval(&line);
        let prompt = line["prompt"].as_str().unwrap();
        let forms = [fenced(&format!("{prompt}{solution}")), fenced(solution), solution.to_owned()];
        for (form, response) in forms.iter().enumerate() {
            match graded(&fields, response) {
                Ok(grade) if grade.verdict == Verdict::Correct => {}
                other => failed.push(format!("{} as form {form}: {other:?}", line["task_id"])),
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// A solution with a bug planted, in each of several ways that apply.
fn planted(solution: &str) -> Vec<String> {
    let at = solution.rfind("return ").unwrap();
    let mut bugs = vec![format!("{}return None\n", &solution[..at])];
    let swaps = [
        (" < ", " >= "),
        (" > ", " <= "),
        (" == ", " != "),
        (" + 1", " + 2"),
        (" - 1", ""),
        (" and ", " or "),
        ("True", "False"),
    ];
    bugs.extend(
        swaps
            .iter()
            .filter(|(from, _)| solution.contains(from))
            .map(|(from, to)| solution.replacen(from, to, 1)),
    );
    bugs
}

#[test]
#[ignore = "runs python3, reads TS_HUMANEVAL"]
fn a_bug_in_a_solution_of_humaneval_is_found_where_the_asserts_find_it() {
    let (mut planted_bugs, mut found, mut wrong) = (0, 0, Vec::new());
    for line in lines("TS_HUMANEVAL") {
        let (mut fields, solution) = human_eval(&line);
        fields["time_limit_ms"] = json!(3000);
        let (mut is_found, check) = (false, fields["tests"][0]["check"].as_str().unwrap());
        let prompt = line["prompt"].as_str().unwrap();
        for bug in planted(solution) {
            // The asserts and the program in one run, as the data set's own harness has them.
            let together = format!("{prompt}{bug}\n{check}");
            let limits = Limits { time_ms: 3000, memory_mib: 1024, output_bytes: 1024 };
            let program = Program { language: "python", source: &together, input: "", limits };
            let ran = Subprocess.run(program).unwrap();
            let truth = ran.ending == ts_code::Ending::Exited(0);
            let grade = graded(&fields, &fenced(&format!("{prompt}{bug}")));
            let ours = grade.as_ref().map(|grade| grade.verdict == Verdict::Correct);
            if ours != Ok(truth) {
                wrong.push(format!("{}: {truth} is the truth, {grade:?}\n{bug}", line["task_id"]));
            }
            planted_bugs += 1;
            found += usize::from(!truth);
            is_found |= ours == Ok(false);
        }
        if !is_found {
            wrong.push(format!("{}: no bug is found", line["task_id"]));
        }
    }
    println!("{planted_bugs} bugs planted, {found} of them found by the asserts");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
#[ignore = "runs python3, reads TS_CODE_CASES"]
fn the_cases_come_out_as_expected() {
    // They want a sandbox that denies, or limits that do not stop the machine.
    let for_the_host = ["io_net", "io_subprocess", "fork_bomb", "hack_write_result", "bigpow"];
    let (mut tried, mut wrong) = (0, Vec::new());
    for case in lines("TS_CODE_CASES") {
        let id = case["id"].as_str().unwrap();
        if for_the_host.iter().any(|name| id.ends_with(name)) {
            continue;
        }
        // A case is a program, or a problem and a response.
        let (fields, response) = match case["code"].as_str() {
            Some(code) => (&case, fenced(code)),
            None => (&case["problem"], case["response"].as_str().unwrap().to_owned()),
        };
        let grade = graded(fields, &response).unwrap();
        let first =
            grade.tests.iter().find(|outcome| **outcome != Outcome::Passed).unwrap_or(&Outcome::Passed);
        let is_right = match case["expected"].as_str() {
            None if case["expected"].is_boolean() => {
                case["expected"].as_bool() == Some(grade.verdict == Verdict::Correct)
            }
            Some("pass") => *first == Outcome::Passed,
            Some("wrong_answer") => *first == Outcome::WrongAnswer,
            Some("runtime_error") => *first == Outcome::RuntimeError,
            Some("time_limit") => *first == Outcome::TimeLimit,
            Some("memory_limit") => *first == Outcome::MemoryLimit,
            Some("compile_error") => *first == Outcome::DoesNotCompile,
            Some("must_not_pass") => *first != Outcome::Passed,
            _ => true,
        };
        tried += 1;
        println!("{id}: {first:?}");
        if !is_right {
            wrong.push(format!("{id}: {} is expected, {grade:?}", case["expected"]));
        }
    }
    println!("{tried} cases tried");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
