"""Judges a check, the asserts of a test, by what a candidate's functions gave: follows `data.py`.

The candidate runs elsewhere, and before. Where the check calls one of its functions, a stub gives the result that was
recorded for this call. Where none was, the stub gives a hole, and from there on the judge only collects calls: a statement
that looks into a hole is given up, and the next one begins. So the judge is asked again and again, each time with more results
and with the calls that it asked for, until it needs no more.

In, as JSON on standard input: `check`, its text; `preamble`, text that runs before it; `entry_point`, the candidate's
function, or null; `calls` and `results`, what is recorded so far. Out, on standard output, one line of JSON:

    {"passed": true}
    {"failed": "assertion", "statement": "assert f(2) == 4", "error": "", "call": 0}
    {"need": [calls], "certain": 1}    so many of them depend on no guess
    {"broken": "the check …"}          nothing can be said of the candidate

`failed` is `assertion`; or `raised`, where a function's own error ended the check; or `error`, any other.

Left out on purpose: the candidate's text. This process knows what is right, so the candidate is not in it.
"""

import ast
import builtins
import json
import random

MOST_CALLS = 20_000
MOST_TURNS = 100_000
# Errors that are the check's own fault.
OWN = (NameError, ImportError, SyntaxError)


class Stop(BaseException):
    """Ends a check that only collects."""


class Empty(BaseException):
    """Somebody looked into a hole."""


class Unsendable(BaseException):
    """A value that cannot be handed to the candidate."""


def look(hole, *args, **kwargs):
    raise Empty


KEPT = {"__class__", "__new__", "__init__", "__init_subclass__", "__subclasshook__", "__del__", "__dict__", "__doc__"}
SPECIAL = {name for kind in (int, float, str, list, dict, set) for name in dir(kind) if name.startswith("__")}
SPECIAL |= {"__next__", "__call__", "__enter__", "__exit__", "__bool__", "__getattribute__", "__deepcopy__", "__copy__"}
Hole = type("Hole", (), {name: look for name in SPECIAL - KEPT})


class Remote:
    """A function or an object of the candidate's. It equals nothing but itself, whatever its class says."""

    def __init__(self, judge, reference):
        self.__dict__.update(judge_of_this=judge, reference_of_this=reference)

    def __call__(self, *args, **kwargs):
        return self.judge_of_this.call("call", self, args, kwargs)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self.judge_of_this.call("get", self, (name,))

    def __setattr__(self, name, value):
        self.judge_of_this.call("set", self, (name, value))

    def __getitem__(self, key):
        return self.judge_of_this.call("item", self, (key,))

    def __iter__(self):
        return iter(self.judge_of_this.call("iter", self))

    def __len__(self):
        return self.judge_of_this.call("len", self)

    def __bool__(self):
        return "name" in self.reference_of_this or self.judge_of_this.call("bool", self)

    def __str__(self):
        return self.judge_of_this.call("str", self)

    def __deepcopy__(self, memory):
        return self


class Judge:
    def __init__(self, task):
        self.calls, self.results = task["calls"], task["results"]
        self.made, self.holes, self.objects, self.statements = [], {}, {}, []
        self.certain = self.turns = 0
        self.collecting = False
        self.raised = self.caught = self.at = self.last = None

    def call(self, op, of, args, kwargs=None):
        asked = {"op": op, "of": self.reference(of), "args": [encode(item, self.reference) for item in args]}
        if kwargs:
            asked["kwargs"] = [[name, encode(item, self.reference)] for name, item in kwargs.items()]
        at = len(self.made)
        if at >= MOST_CALLS:
            raise Stop
        self.made.append(asked)
        if not self.collecting:
            self.certain = at + 1
            is_recorded = at < len(self.results) and json.dumps(self.calls[at]) == json.dumps(asked)
            if is_recorded:
                self.last = at
                return self.recorded(self.results[at], args)
            self.collecting = True
        hole = Hole()
        self.holes[id(hole)] = (hole, sum(call["op"] == "call" for call in self.made) - 1)
        return hole

    def recorded(self, result, args):
        for at, now in result.get("after", []):
            replace(args[at], decode(now, self.remote))
        if "raised" in result:
            name, text = result["raised"]
            kind = getattr(builtins, str(name), None)
            if not (isinstance(kind, type) and issubclass(kind, BaseException)):
                kind = RuntimeError
            try:
                self.raised = kind(text)
            except BaseException:  # A UnicodeDecodeError has five arguments.
                self.raised = RuntimeError(text)
            raise self.raised
        return decode(result["value"], self.remote)

    def reference(self, value):
        if type(value) is Remote:
            return value.reference_of_this
        if type(value) is Hole:
            return {"call": self.holes[id(value)][1]}
        raise Unsendable(f"the check hands the program a value of type {type(value).__name__}, which cannot leave it")

    def remote(self, data):
        """One object here for each of the candidate's."""
        return self.objects.setdefault(data["id"], Remote(self, data))

    def turn(self):
        """A loop that waits for a hole to change goes on for ever."""
        self.turns += self.collecting
        if self.turns > MOST_TURNS:
            raise Stop

    def is_given_up(self, number):
        """Called where statement `number` raised: whether the next one is to begin as if nothing were."""
        error = sys.exc_info()[1]
        if self.collecting and not isinstance(error, Stop):
            return True
        if error is not self.caught:
            self.caught, self.at = error, number
        return False

    def guarded(self, statements):
        return [self.guard(statement) for statement in statements]

    def guard(self, statement):
        """`try: statement`, `except: if not is_given_up(number): raise`; and so inside it."""
        number = len(self.statements)
        self.statements.append(ast.unparse(statement).strip().split("\n")[0])
        for field in ("body", "orelse", "finalbody"):
            if getattr(statement, field, None):
                setattr(statement, field, self.guarded(getattr(statement, field)))
        for part in getattr(statement, "handlers", []) + getattr(statement, "cases", []):
            part.body = self.guarded(part.body)
        if isinstance(statement, (ast.For, ast.While)):
            statement.body.insert(0, ast.parse("__ts_turn__()").body[0])
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Global, ast.Nonlocal)):
            return statement
        guard = ast.parse(f"try: pass\nexcept:\n    if not __ts_is_given_up__({number}): raise").body[0]
        guard.body = [statement]
        return guard


def replace(container, now):
    """Makes a list, dict or set what the call made of it."""
    if type(container) is list:
        container[:] = now
    else:
        container.clear()
        container.update(now)


def names(tree):
    """The names that a check uses and does not define."""
    used, defined = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else defined).add(node.id)
        elif isinstance(node, ast.arg):
            defined.add(node.arg)
        elif isinstance(node, ast.alias):
            defined.add((node.asname or node.name).split(".")[0])
        elif isinstance(getattr(node, "name", None), str):  # functions, classes, caught errors, captured patterns
            defined.add(node.name)
    return used - defined


def judged(task):
    judge, entry_point = Judge(task), task["entry_point"]
    space = {"__name__": "check", "__ts_is_given_up__": judge.is_given_up, "__ts_turn__": judge.turn}
    try:
        tree = ast.parse(task["check"])
        calls = {getattr(node.func, "id", None) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        if entry_point and "check" not in calls and any(getattr(node, "name", None) == "check" for node in tree.body):
            tree.body += ast.parse(f"check({entry_point})").body
        needed = names(tree)
        tree.body = judge.guarded(tree.body)
        code = compile(ast.fix_missing_locations(tree), "<check>", "exec")
    except (SyntaxError, ValueError, RecursionError) as error:
        return {"broken": f"the check is no Python: {type(error).__name__}: {error}"}
    random.seed(0)
    try:
        exec(compile(task["preamble"], "<preamble>", "exec"), space)
    except Exception as error:
        return {"broken": f"the preamble fails: {type(error).__name__}: {error}"}
    for name in needed - set(space) - set(dir(builtins)) | ({entry_point} if entry_point else set()):
        space[name] = Remote(judge, {"name": name})
    try:
        exec(code, space)
    except BaseException as error:
        if isinstance(error, Unsendable):
            return {"broken": str(error)}
        if not judge.collecting:
            return failed(judge, error)
    if judge.collecting:
        return {"need": judge.made, "certain": judge.certain}
    return {"passed": True}


def failed(judge, error):
    if isinstance(error, Stop):
        return {"broken": f"the check makes more than {MOST_CALLS} calls"}
    text = f"{type(error).__name__}: {error}"[:300]
    statement = judge.statements[judge.at] if error is judge.caught else ""
    if error is judge.raised:
        kind = "raised"
    elif isinstance(error, AssertionError):
        kind, text = "assertion", str(error)[:300]
    elif judge.last is None or isinstance(error, OWN):
        return {"broken": f"the check fails by itself, at `{statement}`: {text}"}
    else:
        kind = "error"
    return {"failed": kind, "statement": statement, "error": text, "call": judge.last}


def main():
    set_digits(0)
    write, task = sys.stdout.write, json.loads(sys.stdin.buffer.read())
    sys.stdout = sys.stderr
    sys.setrecursionlimit(50_000)
    write("\n\x1e" + json.dumps(judged(task)) + "\n")


main()
