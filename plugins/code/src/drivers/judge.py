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
    """Has calls made, and says what came of the check."""

    def __init__(self, read, write, flush):
        self.read, self.write, self.flush = read, write, flush
        self.made, self.objects = 0, {}
        # The error that the last call raised; what the last one that gave something was of, and gave.
        self.raised, self.last = None, None

    def call(self, op, of, args, kwargs=None):
        self.made += 1
        if self.made > MOST_CALLS:
            self.end({"broken": f"the check makes more than {MOST_CALLS} calls"})
        asked = {"op": op, "of": self.reference(of), "args": [encode(item, self.reference) for item in args]}
        if kwargs:
            asked["kwargs"] = [[name, encode(item, self.reference)] for name, item in kwargs.items()]
        self.write(json.dumps(asked) + "\n")
        self.flush()
        answer = self.answer()
        try:
            after = [(args[at], decode(now, self.remote)) for at, now in answer.get("after", [])]
            value = decode(answer["value"], self.remote) if "value" in answer else error_of(*answer["raised"])
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
        if type(value) is Remote:
            return value.reference_of_this
        kind = type(value).__name__
        self.end({"broken": f"the check hands the program a value of type {kind}, which cannot leave it"})

    def remote(self, data):
        """One object here for each of the candidate's."""
        return self.objects.setdefault(data["id"], Remote(self, data))

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


def error_of(name, text):
    """An error of the candidate's. It is the same here only if it is one of Python's own."""
    kind = getattr(builtins, str(name), None)
    if not (isinstance(kind, type) and issubclass(kind, BaseException)):
        kind = RuntimeError
    try:
        return kind(text)
    except Exception:  # A UnicodeDecodeError has five arguments.
        return RuntimeError(text)


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
