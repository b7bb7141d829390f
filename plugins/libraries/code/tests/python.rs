//! Programs that really run: the drivers, the protocol of checks, and data sets, by an interpreter beside the
//! test.
//!
//! In: `python3` (and `node` for one test); `TS_HUMANEVAL`, the file of HumanEval, and `TS_CODE_CASES`, the
//! file of cases, for the tests of these. Out: grades. Limits and denials need the host, whose tests have
//! them.
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

/// A class whose objects answer to every operation.
const BAG: &str = "
import functools
class Trouble(ValueError): pass
class Worse(Trouble): pass
@functools.total_ordering
class Bag:
    kind = 'bag'
    def __init__(self, items=()): self.items = list(items)
    def __len__(self): return len(self.items)
    def __iter__(self): return iter(self.items)
    def __getitem__(self, at): return self.items[at]
    def __setitem__(self, at, item): self.items[at] = item
    def __delitem__(self, at): del self.items[at]
    def __contains__(self, item): return item in self.items
    def __bool__(self): return bool(self.items)
    def __str__(self): return 'Bag of ' + str(len(self.items))
    def __repr__(self): return f'Bag({self.items!r})'
    def __format__(self, spec): return format(str(self), spec)
    def __eq__(self, other): return self.items == (other.items if isinstance(other, Bag) else other)
    def __lt__(self, other): return len(self.items) < (len(other.items) if isinstance(other, Bag) else other)
    def __hash__(self): return hash(tuple(self.items))
    def __add__(self, other): return Bag(self.items + (other.items if isinstance(other, Bag) else [other]))
    def __radd__(self, other): return Bag([other] + self.items)
    def __iadd__(self, other): self.items.append(other); return self
    def __mul__(self, times): return Bag(self.items * times)
    def __neg__(self): return Bag(reversed(self.items))
    def __abs__(self): return len(self)
    def __int__(self): return len(self)
    def __float__(self): return len(self) / 2
    def __index__(self): return len(self)
    def __round__(self, digits=0): return len(self) + digits
    def __call__(self, at): return self.items[at]
    def __enter__(self): return self.items
    def __exit__(self, kind, error, trace): self.closed = True; return kind is KeyError
    def __reversed__(self): return reversed(self.items)
    @property
    def first(self): return self.items[0]
    @classmethod
    def of(cls, *items): return cls(items)
    @staticmethod
    def twice(x): return 2 * x
    def push(self, item):
        self.items.append(item)
        return self
    def fail(self): raise Worse('so')
class Box(Bag): pass
class Count:
    def __init__(self, to): self.at, self.to = 0, to
    def __iter__(self): return self
    def __next__(self):
        if self.at == self.to: raise StopIteration
        self.at += 1
        return self.at
class Evens:
    def __contains__(self, x): return x % 2 == 0
class Old:
    def __getitem__(self, at): return 'abc'[at]
def f(n): return Bag(range(n))
def g(n): return Count(n)
def evens(): return Evens()
def old(): return Old()
";

#[test]
#[ignore = "runs python3"]
fn a_program_s_own_objects_do_in_a_check_what_they_do_in_python() {
    for holds in [
        "assert len(f(3)) == 3",
        "assert list(f(3)) == [0, 1, 2]",
        "assert [x + 1 for x in f(3)] == [1, 2, 3]",
        "assert f(3)[1] == 1 and f(3)[-1] == 2",
        "assert f(5)[1:3] == [1, 2] and f(5)[::2] == [0, 2, 4]",
        "x = f(3)\nx[0] = 7\nassert x[0] == 7\ndel x[0]\nassert list(x) == [1, 2]",
        "assert 2 in f(3) and 3 not in f(3)",
        "assert bool(f(0)) is False and f(1)\nassert not f(0)",
        "assert str(f(3)) == 'Bag of 3' and repr(f(2)) == 'Bag([0, 1])'",
        "assert f'{f(3)}' == 'Bag of 3' and f'{f(3):>10}' == '  Bag of 3' and '%s' % f(1) == 'Bag of 1'",
        "assert f(3) == f(3) and f(3) != f(2) and not f(3) == f(2)",
        "assert f(2) < f(3) <= f(3) and f(3) > f(2) >= f(1)",
        "assert sorted([f(3), f(1), f(2)])[0] == f(1)",
        "assert max(f(1), f(4), f(2)) == f(4) and len(min([f(3), f(2)])) == 2",
        "assert sorted(f(4), reverse=True) == [3, 2, 1, 0] and sum(f(4)) == 6 and max(f(4)) == 3",
        "assert list(f(2) + f(2)) == [0, 1, 0, 1] and f(1) + f(1) == f(1) + f(1)",
        "assert Bag([1]) + 2 == Bag([1, 2]) and 2 + Bag([1]) == Bag([2, 1])",
        "assert Bag([1]) * 3 == Bag([1, 1, 1]) and -f(2) == Bag([1, 0])",
        "x = Bag([1])\nx += 2\nassert list(x) == [1, 2]",
        "assert Bag([1, 2]) == [1, 2] and Bag([1]) != [2] and Bag([1, 2]) < 3 and Bag([1, 2]) >= 2",
        "assert abs(f(3)) == 3 and int(f(3)) == 3 and float(f(3)) == 1.5 and round(f(3), 2) == 5 and [0, 1, 2, 3][f(3)] == 3",
        "assert f(3)(1) == 1 and callable(f(3))",
        "with f(2) as items:\n    assert items == [0, 1]",
        "x = f(2)\nwith x:\n    {}['a']\nassert x.closed is True",
        "assert list(reversed(f(3))) == [2, 1, 0]",
        "assert f(3).first == 0 and f(3).kind == 'bag' and Bag.kind == 'bag'",
        "assert isinstance(f(3), Bag) and isinstance(Box(), Bag) and not isinstance(f(3), Box) and not isinstance(3, Bag)",
        "assert issubclass(Box, Bag) and not issubclass(Bag, Box)",
        "assert type(f(3)) == Bag and type(f(3)).__name__ == 'Bag' and type(f(1)) is type(f(2)) and f(1).__class__.__name__ == 'Bag'",
        "assert len(Bag.of(1, 2)) == 2 and Bag.twice(4) == 8",
        "x = f(1)\nassert x.push(5).push(6)[2] == 6 and len(x) == 3",
        "x = f(1)\nx.items = [4]\nassert x[0] == 4\ndel x.items\nassert not hasattr(x, 'items')",
        "assert hasattr(f(1), 'push') and not hasattr(f(1), 'pop') and getattr(f(1), 'pop', 7) == 7",
        "assert len({f(1), f(1), f(2)}) == 2 and {f(1): 'a'}[f(1)] == 'a'",
        "try:\n    f(1).fail()\n    assert False\nexcept Trouble as error:\n    assert str(error) == 'so'",
        "try:\n    f(1).fail()\n    assert False\nexcept (KeyError, Worse):\n    pass",
        "try:\n    f(1).fail()\n    assert False\nexcept ValueError:\n    pass",
        "try:\n    f(1)[9]\n    assert False\nexcept IndexError:\n    pass",
        "try:\n    len(g(1))\n    assert False\nexcept TypeError:\n    pass",
        "assert list(g(3)) == [1, 2, 3] and sum(g(4)) == 10",
        "x = g(2)\nassert next(x) == 1 and next(x) == 2 and next(x, 'end') == 'end'",
        "a, b = f(2)\nassert (a, b) == (0, 1)",
        "assert list(zip(f(2), 'ab')) == [(0, 'a'), (1, 'b')] and dict(enumerate(f(2))) == {0: 0, 1: 1}",
        "assert 4 in evens() and 3 not in evens()",
        "assert list(old()) == ['a', 'b', 'c'] and 'b' in old()",
        "import copy\nx = f(2)\ny = copy.deepcopy(x)\ny.push(1)\nassert len(x) == 2 and len(y) == 3",
        "import math\nassert math.isclose(f(3), 1.5)",
        "x = f(2)\nassert x is x and x == x and x in [x] and [f(1), f(2)] == [f(1), f(2)]",
        "assert f.__name__ == 'f' and Bag.__name__ == 'Bag'",
    ] {
        let grade = check(holds, BAG);
        assert_eq!(grade.tests, [Outcome::Passed], "{holds}\n{grade:?}");
    }
    for fails in [
        "assert len(f(3)) == 4",
        "assert str(f(3)) == 'Bag of 4'",
        "assert 7 in f(3)",
        "assert f(3) == f(2)",
        "assert f(3) < f(2)",
        "assert f(3)[1] == 2",
        "assert isinstance(f(3), Box)",
        "assert list(g(3)) == [1, 2]",
        "assert f(0)",
        "assert Bag([1]) == [2]",
    ] {
        let grade = check(fails, BAG);
        assert_eq!(grade.tests, [Outcome::WrongAnswer], "{fails}\n{grade:?}");
    }
}

#[test]
#[ignore = "runs python3"]
fn an_object_that_says_yes_to_everything_does_not_pass() {
    let yes = "
class Yes:
    def __init__(self, *held): pass
    def __getattr__(self, name): return Yes()
    def __call__(self, *held): return Yes()
for name in 'eq ne lt le gt ge'.split():
    setattr(Yes, f'__{name}__', lambda self, other: True)
for name in 'add radd sub rsub mul rmul truediv rtruediv mod neg abs round'.split():
    setattr(Yes, f'__{name}__', lambda self, *other: 0)
Yes.__hash__ = lambda self: 0
Yes.__iter__ = lambda self: iter([Yes()])
class Int(int):
    __eq__ = __lt__ = __le__ = __ge__ = __gt__ = lambda self, other: True
    __sub__ = __rsub__ = lambda self, other: 0
    __hash__ = None
class Pair(tuple):
    __eq__ = lambda self, other: True
def f(x): return Yes()
def g(x): return Int(1)
def h(x): return [Yes()]
def p(x): return Pair((0, 1))
";
    for asserts in [
        "assert f(2) == 4",
        "assert 4 == f(2)",
        "assert not f(2) != 4",
        "assert abs(f(2) - 4) < 1",
        "assert abs(4 - f(2)) < 1",
        "assert f(2) > 3",
        "assert 3 <= f(2) <= 5",
        "assert f(2) in [4, 5]",
        "assert f(2) in {4, 5}",
        "assert h(2) == [4]",
        "assert 4 in h(2)",
        "assert 4 in f(2)",
        "assert (f(2), 1) == (4, 1)",
        "assert f(2).value == 4",
        "assert f(2)(3) == 4",
        "assert sorted(f(2)) == [4]",
        "assert g(2) == 4",
        "assert abs(g(2) - 4) < 1",
        "assert g(2) > 3",
        "assert p(2) == (4, 5)",
        "import math\nassert math.isclose(g(2), 4)",
    ] {
        let grade = check(asserts, yes);
        assert_ne!(grade.verdict, Verdict::Correct, "{asserts}\n{grade:?}");
        assert!(!grade.tests.is_empty(), "{asserts}\n{grade:?}");
    }
}

#[test]
#[ignore = "runs python3"]
fn what_an_object_holds_as_data_is_compared() {
    let kinds = "
import collections, datetime, enum
Point = collections.namedtuple('Point', 'x y')
class Names(list): pass
class Table(dict): pass
class Size(enum.IntEnum): BIG = 3
class Money(float): pass
def point(): return Point(1, 2)
def names(): return Names('ab')
def table(): return Table(a=1)
def size(): return Size.BIG
def money(): return Money(1.5)
def date(): return datetime.date(2020, 1, 2)
def span(): return datetime.timedelta(days=1, seconds=5)
def kind(): return int
def apply(function, x): return function(x)
";
    for asserts in [
        "assert point() == (1, 2) and (1, 2) == point() and point() != (1, 3)",
        "assert point().x == 1 and point()[1] == 2 and len(point()) == 2 and tuple(point()) == (1, 2)",
        "assert isinstance(point(), tuple) and point() < (1, 3) and [point()] == [(1, 2)]",
        "assert names() == ['a', 'b'] and isinstance(names(), list) and names() + ['c'] == ['a', 'b', 'c']",
        "assert table() == {'a': 1} and table()['a'] == 1 and list(table().items()) == [('a', 1)]",
        "assert size() == 3 and size() + 1 == 4 and 1 + size() == 4 and size() > 2 and size() == Size.BIG and size().name == 'BIG'",
        "assert abs(money() - 1.5) < 1e-9 and money() * 2 == 3.0 and round(money()) == 2",
        "import datetime\nassert date() == datetime.date(2020, 1, 2) and date().year == 2020",
        "import datetime\nassert span() == datetime.timedelta(days=1, seconds=5)",
        "assert kind() is int and apply(len, [1, 2]) == 2 and apply(str, 3) == '3'",
    ] {
        let grade = check(asserts, kinds);
        assert_eq!(grade.tests, [Outcome::Passed], "{asserts}\n{grade:?}");
    }
    let call = json!({"tests": [{"args": [], "expected": [1, 2]}], "entry_point": "point"});
    assert_eq!(graded(&call, &fenced(kinds)).unwrap().verdict, Verdict::Correct);
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
    let for_the_host = ["sleep", "io_net", "io_subprocess", "fork_bomb", "hack_write_result", "bigpow"];
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
