"""Runs a candidate program and calls its functions: follows `data.py`.

In, as lines of JSON on standard input: first `source`, the program; `ambient`, whether names that everybody imports are
there without an import; `changes`, whether to tell what became of arguments. Then a call a line, until the input ends. Out, on
standard output: a line for each call, as soon as it has ended, or one that says why there are none:

    {"value": 3}   {"value": null, "after": [[0, [1, 2, 3]]]}   {"raised": ["ValueError", "no root", ["Exception"]]}
    {"not-compiled": "SyntaxError: …"}   {"failed": ["ZeroDivisionError", "division by zero"]}

`after` has the arguments that the call changed. A value of no kind of data becomes `{"object": "Pair", "id": 0}`, with `"base": "tuple"`
where its class derives from a kind of data, and `held`, the data, where no later call can ask for it; a later call may take it as an argument or be about it, by any operator of Python's.
An error has the names of its class and of those that this derives from.

Left out on purpose: what the calls should give. The candidate can take this process over, and print what it likes in place
of this driver; all that it can say is what its functions give.
"""

import builtins
import copy
import io
import json
import math
import operator
import types

# What a call does: with the object that it is about, and its arguments.
OPERATIONS = {
    "get": getattr,
    "set": setattr,
    "delete": delattr,
    "len": len,
    "str": str,
    "repr": repr,
    "format": format,
    "bool": bool,
    "hash": hash,
    "int": int,
    "float": float,
    "complex": complex,
    "bytes": bytes,
    "round": round,
    "floor": math.floor,
    "ceil": math.ceil,
    "trunc": math.trunc,
    "iter": iter,
    "next": next,
    "reversed": lambda of: list(reversed(of)),
    "dir": dir,
    "isinstance": lambda of, value: isinstance(value, of),
    "issubclass": lambda of, value: issubclass(value, of),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "enter": lambda of: type(of).__enter__(of),
    "exit": lambda of, *error: bool(type(of).__exit__(of, *raised(*error))),
    "plain": lambda of: (plain(of) or (None, None))[1],
    **OPERATORS,
}
for name in "index neg pos abs invert getitem setitem delitem contains eq ne lt le gt ge".split():
    OPERATIONS[name] = getattr(operator, name)


def raised(name=None, text=""):
    """What a context manager is told of the error that ended its block."""
    if name is None:
        return None, None, None
    kind = getattr(builtins, name, None)
    kind = kind if isinstance(kind, type) and issubclass(kind, BaseException) else Exception
    return kind, kind(text), None


# Names that are there without an import where the site that a problem comes from has them.
AMBIENT = {
    "collections": "Counter OrderedDict defaultdict deque namedtuple",
    "heapq": "heapify heappop heappush heappushpop heapreplace nlargest nsmallest",
    "bisect": "bisect_left bisect_right insort insort_left insort_right",
    "functools": "cache cached_property cmp_to_key lru_cache partial reduce",
    "itertools": "accumulate chain combinations combinations_with_replacement count cycle groupby islice pairwise "
    "permutations product repeat starmap takewhile zip_longest",
    "math": "ceil comb cos dist e exp factorial floor gcd hypot inf isqrt lcm log log10 log2 pi prod sin sqrt tan",
    "operator": "add and_ itemgetter mul or_ sub xor",
    "string": "ascii_letters ascii_lowercase ascii_uppercase digits punctuation",
    "random": "choice randint shuffle",
    "typing": "Any Callable Deque Dict FrozenSet Generator Generic Iterable Iterator List Literal Mapping NamedTuple "
    "Optional Sequence Set Tuple Type TypeVar Union",
    "dataclasses": "dataclass field",
    "fractions": "Fraction",
    "decimal": "Decimal",
    "": "array bisect collections copy datetime decimal fractions functools heapq io itertools json math operator random "
    "re statistics string sys time typing",
}


class Nowhere(io.RawIOBase):
    """What a program prints while its functions are tested is not looked at."""

    def writable(self):
        return True

    def write(self, data):
        return len(data)


def without_input(real=io.open):
    """Standard input is this driver's: whoever opens it by its number or name finds an empty one."""

    def open(file, mode="r", *arguments, **keywords):
        if (type(file) is int and file == 0) or (type(file) is str and file == "/dev/stdin"):
            return sys.stdin.buffer if "b" in mode else sys.stdin
        return real(file, mode, *arguments, **keywords)

    sys.stdin = io.TextIOWrapper(io.BytesIO())
    builtins.open = io.open = open


class Candidate:
    """A program that ran, and the objects that its calls made."""

    def __init__(self, space, changes):
        self.space = space
        self.changes = changes
        self.objects, self.places = [], {}

    def named(self, name):
        """A function of the program, or a method of a new `Solution`."""
        if name in self.space:
            return self.space[name]
        solution = self.space.get("Solution")
        if solution is None or not hasattr(solution, name):
            raise NameError(f"the program does not define {name}")
        return getattr(solution(), name)

    def call(self, call):
        of = decode(call["of"], self.known)
        args = [decode(item, self.known) for item in call.get("args", [])]
        if call["op"] != "call":
            return {"value": encode(OPERATIONS[call["op"]](of, *args), self.unknown)}
        before = self.encoded(args)
        kwargs = {name: decode(item, self.known) for name, item in call.get("kwargs", [])}
        given = of(*args, **kwargs)
        result = {"value": encode(given, self.unknown)}
        now = self.encoded(args)
        after = [[at, item] for at, item in enumerate(now) if item != before[at]]
        if after:
            result["after"] = after
        return result

    def encoded(self, args):
        """The arguments that a call may change."""
        can_change = [self.changes and type(item) in (list, dict, set) for item in args]
        return [encode(item, self.unknown) if can else None for item, can in zip(args, can_change)]

    def known(self, data):
        return self.named(data["name"]) if "name" in data else self.objects[data["id"]]

    def unknown(self, value):
        at = self.places.setdefault(id(value), len(self.objects))
        if at == len(self.objects):
            self.objects.append(value)
        told, held = {"object": str(type(value).__name__), "id": at}, plain(value)
        if held:
            told["base"] = held[0]
            if not self.changes:  # No later call asks for it.
                told["held"] = encode(held[1], self.unknown)
        return told


def told(error):
    try:
        text = str(error)[:300]
    except BaseException:
        text = ""
    kinds = type.__dict__["__mro__"].__get__(type(error))
    return [str(type(error).__name__), text, [str(kind.__name__) for kind in kinds[1:-1]]]


def ambient(code, space):
    """Gives a program the names that it uses and that everybody imports."""
    names, open_codes = set(), [code]
    while open_codes:
        part = open_codes.pop()
        names.update(part.co_names)
        open_codes.extend(constant for constant in part.co_consts if type(constant) is types.CodeType)
    for module, held in AMBIENT.items():
        for name in names.intersection(held.split()):
            try:
                found = __import__(module or name)
                space[name] = getattr(found, name) if module else found
            except (ImportError, AttributeError):
                pass


def drive():
    given, dumps, write, flush = sys.stdin, json.dumps, sys.stdout.write, sys.stdout.flush
    # In C: what a program does to Python's builtins does not reach it.
    read, scan = given.buffer.readline, json.JSONDecoder().scan_once
    task = json.loads(read())

    def say(result):
        digits = get_digits()
        set_digits(0)
        try:
            text = dumps(result)
        finally:
            set_digits(digits)
        write("\n\x1e" + text + "\n")
        flush()

    without_input()
    sys.stdout = sys.__stdout__ = io.TextIOWrapper(io.BufferedWriter(Nowhere()), "utf-8", "replace")
    sys.setrecursionlimit(50_000)
    set_digits(MOST_DIGITS)
    try:
        code = compile(task["source"], "<program>", "exec", dont_inherit=True)
    except BaseException as error:
        return say({"not-compiled": ": ".join(told(error)[:2])})
    module = types.ModuleType("solution")
    sys.modules["solution"] = module
    if task["ambient"]:
        ambient(code, module.__dict__)
    try:
        exec(code, module.__dict__)
    except BaseException as error:
        return say({"failed": told(error)})
    candidate = Candidate(module.__dict__, task["changes"])
    for line in iter(read, b""):
        try:
            say(candidate.call(scan(line.decode(), 0)[0]))
        except BaseException as error:
            say({"raised": told(error)})


drive()
