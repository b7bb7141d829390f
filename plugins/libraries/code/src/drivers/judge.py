"""Judges a check, the asserts of a test, by what a candidate's functions give: follows `data.py`.

The candidate runs elsewhere, in the process that reads what is written here. Where the check calls one of its functions, a
stub writes the call and reads what it gave.

In, as lines of JSON on standard input: first `check`, its text; `preamble`, text that runs before it; `entry_point`, the
candidate's function, or null. Then what each call gave, as `candidate.py` writes it. Out, on standard output: a call a line,
and, when no more are to come (U+0004), the verdict, which is not passed on:

    {"passed": true}
    {"failed": "assertion", "statement": "assert f(2) == 4", "error": "", "name": "f", "value": 5}
    {"ended": {"failed": ["ZeroDivisionError", "division by zero"]}}     the candidate, before a call did; what it said of it
    {"broken": "the check …"}                                            nothing can be said of the candidate

`failed` is `assertion`; or `raised`, where a function's own error ended the check; or `error`, any other.

Left out on purpose: the candidate's text. This process knows what is right, so the candidate is not in it.
"""

import ast
import builtins
import json
import os
import re
import types

MOST_CALLS = 20_000
# Errors that are the check's own fault.
OWN = (NameError, ImportError, SyntaxError)
CHECK = "<check>"


class Remote:
    # A function, a class or an object of the candidate's. Whatever is done with it is done in the candidate, save a comparison with plain
    # data, which says what is expected: to that it is the data that it holds as a tuple or an int or the like, or else
    # nothing that equals or exceeds any. Nor are its operators shown the data of the check, as they could say what suits it
    # (`abs(f(2) - 4) < 1`); but of an object that the check itself made, by a class that it names, they are what is tested.

    def __init__(self, judge, reference, is_made=False):
        self.__dict__.update(judge_of_this=judge, reference_of_this=reference, is_made_of_this=is_made)

    def __call__(self, *args, **kwargs):
        name = self.reference_of_this.get("name", "")
        return self.judge_of_this.call("call", self, args, kwargs, makes=name[:1].isupper())

    def __getattr__(self, name):
        return self.judge_of_this.call("get", self, (name,))

    def __setattr__(self, name, value):
        self.judge_of_this.call("set", self, (name, value))

    def __bool__(self):
        return "name" in self.reference_of_this or self.judge_of_this.call("bool", self)

    @property
    def __class__(self):
        return getattr(builtins, self.reference_of_this.get("base", ""), None) or type(self)

    def __iter__(self):
        return self.judge_of_this.call("iter", self)

    def __contains__(self, item):
        if is_remote(item) or self.is_made_of_this:
            return self.judge_of_this.call("contains", self, (item,))
        try:
            return any(item is found or item == found for found in self)
        except TypeError:
            return self.judge_of_this.call("contains", self, (item,))

    def __instancecheck__(self, value):
        return is_remote(value) and self.judge_of_this.call("isinstance", self, (value,))

    def __subclasscheck__(self, value):
        return is_remote(value) and self.judge_of_this.call("issubclass", self, (value,))

    def __deepcopy__(self, memory):
        return self.judge_of_this.call("deepcopy", self)

    def __exit__(self, kind, error, trace):
        told = () if error is None else (kind.__name__, str(error))
        return self.judge_of_this.call("exit", self, told)

    def __eq__(self, other):
        if isinstance(other, type):  # `type(x) == Pair`
            return issubclass(other, Remote) and self.reference_of_this.get("name") == other.__name__
        return self.compare("eq", other)

    def __ne__(self, other):
        if is_remote(other) or self.is_made_of_this:
            return self.compare("ne", other)
        return not self == other

    def compare(self, op, other):
        if is_remote(other):
            return self.judge_of_this.call(op, self, (other,))
        held = self.held()
        if held is not None:
            return getattr(operator, op)(held, other)
        return self.judge_of_this.call(op, self, (other,)) if self.is_made_of_this else NotImplemented

    def operate(self, op, other):
        if is_remote(other) or self.is_made_of_this:
            return self.judge_of_this.call(op, self, (other,))
        held = self.held()
        if held is None:
            return NotImplemented
        return OPERATORS[op](held, other)

    def held(self):
        """The data that it holds, if its class derives from a kind of data."""
        return self.judge_of_this.call("plain", self) if "base" in self.reference_of_this else None


def is_remote(value):
    return issubclass(type(value), Remote)


def forward(op):
    return lambda self, *args: self.judge_of_this.call(op, self, args)


# What gives nothing away: it takes nothing, or what a call would take.
for op in """len str repr format hash int float complex bytes round floor ceil trunc next reversed dir copy enter index neg pos abs
        invert getitem setitem delitem""".split():
    setattr(Remote, f"__{op}__", forward(op))
Remote.__delattr__ = forward("delete")
for op in "lt le gt ge".split():
    setattr(Remote, f"__{op}__", lambda self, other, op=op: self.compare(op, other))
for op in OPERATORS:
    setattr(Remote, f"__{op.rstrip('_')}__", lambda self, other, op=op: self.operate(op, other))


class Judge:
    """Has calls made, and says what came of the check."""

    def __init__(self, read, write, flush):
        self.read, self.write, self.flush = read, write, flush
        self.made, self.objects, self.classes = 0, {}, {}
        # The classes of errors that the check names, by their names.
        self.errors = {}
        # The error that the last call raised; what the last one that gave something was of, and gave.
        self.raised, self.last = None, None

    def call(self, op, of, args=(), kwargs=None, makes=False):
        self.made += 1
        if self.made > MOST_CALLS:
            endless = {"ended": {"failed": ["RuntimeError", "an iterator that does not end"]}}
            self.end(endless if op == "next" else {"broken": f"the check makes more than {MOST_CALLS} calls"})
        asked = {"op": op, "of": self.reference(of), "args": [encode(item, self.reference) for item in args]}
        if kwargs:
            asked["kwargs"] = [[name, encode(item, self.reference)] for name, item in kwargs.items()]
        self.write(json.dumps(asked) + "\n")
        self.flush()
        answer = self.answer()
        try:
            after = [(args[at], decode(now, self.remote)) for at, now in answer.get("after", [])]
            value = decode(answer["value"], self.remote) if "value" in answer else self.error_of(*answer["raised"])
            if makes and is_remote(value):
                value = self.remote(value.reference_of_this, is_made=True)
        except Exception:  # It is the candidate's, and may be anything.
            self.end({"ended": None})
        for container, now in after:
            replace(container, now)
        if "value" in answer:
            self.last = {"name": asked["of"].get("name", "the last call"), "value": answer["value"]}
            return value
        self.raised = value
        raise value

    def answer(self):
        """What a call gave. Where the candidate has ended, so does the check: nothing that it could do would count."""
        for line in iter(self.read, b""):
            if line.startswith(b"\x1e"):
                try:
                    answer = json.loads(line[1:])
                except (ValueError, RecursionError):
                    break
                if type(answer) is dict and ("value" in answer or "raised" in answer):
                    return answer
                self.end({"ended": answer})
        self.end({"ended": None})

    def reference(self, value):
        if is_remote(value):
            return value.reference_of_this
        kind = type(value).__name__
        self.end({"broken": f"the check hands the program a value of type {kind}, which cannot leave it"})

    def remote(self, data, is_made=False):
        """One object here for each of the candidate's; another one where the check made it. Its class here has the name of its own."""
        name = str(data["object"])
        if name not in self.classes:
            self.classes[name] = type(name, (Remote,), {})
        reference = {key: data[key] for key in ("object", "id", "base") if key in data}
        return self.objects.setdefault((data["id"], is_made), self.classes[name](self, reference, is_made))

    def error_of(self, name, text, kinds=()):
        """An error of the candidate's. It is the same here as far as its classes are ones that the check names, or Python's own."""
        named = [kind for kind in map(self.errors.get, [name, *kinds]) if kind][:1]
        own = (getattr(builtins, str(kind), None) for kind in [name, *kinds])
        own = [kind for kind in own if isinstance(kind, type) and issubclass(kind, BaseException)][:1] or [RuntimeError]
        kind = type(str(name), (*named, *own), {}) if named else own[0]
        try:
            return kind(text)
        except Exception:  # A UnicodeDecodeError has five arguments.
            return RuntimeError(text)

    def end(self, verdict):
        """Says what came of the check, and ends this process, whatever the check would catch."""
        self.write("\x04\n\x1e" + json.dumps(verdict) + "\n")
        self.flush()
        os._exit(0)

    def failed(self, error, text):
        """What an error that ends the check means."""
        told, where = f"{type(error).__name__}: {error}"[:300], statement(error, text)
        if error is self.raised:
            kind = "raised"
        elif isinstance(error, AssertionError):
            kind, told = "assertion", str(error)[:300]
        elif self.made == 0 or isinstance(error, OWN):
            return {"broken": f"the check fails by itself, at `{where}`: {told}"}
        else:
            kind = "error"
        return {"failed": kind, "statement": where, "error": told, **(self.last or {})}


def replace(container, now):
    """Makes a list, dict or set what the call made of it."""
    if type(container) is list:
        container[:] = now
    else:
        container.clear()
        container.update(now)


def statement(error, text):
    """The innermost line of the check that an error passed through."""
    found, at = "", error.__traceback__
    while at is not None:
        if at.tb_frame.f_code.co_filename == CHECK:
            found = text.split("\n")[at.tb_lineno - 1].strip()
        at = at.tb_next
    return found


def names(code):
    """The names that code uses, other than its own variables."""
    found, open_codes = set(), [code]
    while open_codes:
        part = open_codes.pop()
        found.update(part.co_names)
        open_codes.extend(constant for constant in part.co_consts if type(constant) is types.CodeType)
    return found


def caught(check):
    """The names of classes of errors that a check catches."""
    for node in ast.walk(ast.parse(check)):
        kinds = []
        if isinstance(node, ast.ExceptHandler) and node.type:
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("raises", "assertRaises", "suppress"):
            kinds = node.args
        yield from (kind.id for kind in kinds if isinstance(kind, ast.Name))


def judged(judge, check, preamble, entry_point):
    if entry_point and re.search(r"^def check\b", check, re.M) and not re.search(r"^check\(", check, re.M):
        check += f"\ncheck({entry_point})\n"
    space = {"__name__": "check"}
    try:
        code = compile(check, CHECK, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError) as error:
        return {"broken": f"the check is no Python: {type(error).__name__}: {error}"}
    try:
        exec(compile(preamble, "<preamble>", "exec", dont_inherit=True), space)
    except Exception as error:
        return {"broken": f"the preamble fails: {type(error).__name__}: {error}"}
    for name in names(code) - set(space) - set(dir(builtins)) | ({entry_point} if entry_point else set()):
        space[name] = Remote(judge, {"name": name})
    for name in caught(check):
        if is_remote(space.get(name)):
            space[name] = judge.errors[name] = type(name, (Exception,), {})
    try:
        exec(code, space)
    except BaseException as error:
        return judge.failed(error, check)
    return {"passed": True} if judge.made else {"broken": "the check asks nothing of the program"}


def main():
    set_digits(0)
    given, said = sys.stdin, sys.stdout
    judge = Judge(given.buffer.readline, said.write, said.flush)
    task = json.loads(judge.read())
    sys.stdout = sys.stderr
    sys.setrecursionlimit(50_000)
    judge.end(judged(judge, task["check"], task["preamble"], task["entry_point"]))


main()
