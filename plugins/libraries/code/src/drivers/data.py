"""Plain data as JSON that keeps Python's types: the first part of both drivers.

| value | JSON |
|---|---|
| None, bool, int, float, str, list | themselves; an int has any number of digits, a float may be NaN or Infinity |
| anything else | an object with one member, the kind: `{"tuple": [1, 2]}`, `{"dict": [[1, "a"]]}`, `{"set": [1]}` |
| what Python itself names | `{"builtin": "int"}` |
| an object of no kind below | what the function `other` makes of it |

Kinds are told by exact type: an object whose class derives from `int` and says that it equals everything is no int. What it
holds as one is [`plain`], whatever its class says.

In: values, or their JSON. Out: the other one. Left out on purpose: what a value of no kind becomes; the drivers differ in it.
"""

import builtins
import collections
import datetime
import decimal
import fractions
import operator
import sys

# A program may put something else in the place of a builtin; here they stay what they are.
globals().update((name, kept) for name, kept in vars(builtins).items() if not name.startswith("_"))

DICTS = (dict, collections.OrderedDict, collections.defaultdict, collections.Counter)
# What can be gone through once. Of an endless one, so many items.
ITERATORS = (
    map, filter, zip, enumerate, reversed, type(x for x in ()), type(iter([])), type(iter(())), type(iter({})),
    type(iter(set())), type(iter(range(0))), type(iter("")),
)
# What a class of a program's may derive from, and how the value beneath is had, whatever the class overrides.
BENEATH = (
    (bool, lambda value: bool(int.__index__(value))),
    (int, int.__index__),
    (float, lambda value: float.__add__(value, 0.0)),
    (complex, lambda value: complex.__add__(value, 0j)),
    (str, lambda value: str.__getitem__(value, slice(None))),
    (bytes, lambda value: bytes.__getitem__(value, slice(None))),
    (tuple, lambda value: tuple.__getitem__(value, slice(None))),
    (list, lambda value: list.__getitem__(value, slice(None))),
    (dict, lambda value: {key: item for key, item in dict.items(value)}),
    (set, lambda value: {item for item in set.__iter__(value)}),
    (frozenset, lambda value: frozenset([item for item in frozenset.__iter__(value)])),
)
DATES = (datetime.date, datetime.datetime, datetime.time)
NAMED = {}
for name, kept in vars(builtins).items():
    if not name.startswith("_") and callable(kept):
        NAMED[id(kept)] = name
VIEWS = {type({}.keys()): "keys", type({}.values()): "values", type({}.items()): "items"}
MOST_ITEMS = 100_000

# The operators of two operands; `radd` has them in the other order, `iadd` may change the first.
OPERATORS = {"divmod": divmod, "rdivmod": lambda right, left: divmod(left, right)}
for name in "add sub mul truediv floordiv mod pow matmul and_ or_ xor lshift rshift".split():
    operate = getattr(operator, name)
    OPERATORS[name] = operate
    OPERATORS["r" + name] = lambda right, left, operate=operate: operate(left, right)
    OPERATORS["i" + name] = getattr(operator, "i" + name.rstrip("_"))

# An int may have more digits than Python is willing to print. A program is given as many as LiveCodeBench's own script gives.
MOST_DIGITS = 50_000
set_digits = getattr(sys, "set_int_max_str_digits", lambda digits: None)
get_digits = getattr(sys, "get_int_max_str_digits", lambda: 0)


def encode(value, other):
    kind = type(value)
    if value is None or kind is bool or kind is int or kind is float:
        return value
    if kind is str:
        try:
            value.encode()
            return value
        except UnicodeEncodeError:
            return {"points": [ord(character) for character in value]}
    if kind is list:
        return [encode(item, other) for item in value]
    if kind is tuple or kind is set or kind is frozenset or kind is collections.deque:
        return {kind.__name__: [encode(item, other) for item in value]}
    if kind in DICTS:
        return {"dict": [[encode(key, other), encode(item, other)] for key, item in dict.items(value)]}
    if kind is bytes or kind is bytearray:
        return {kind.__name__: value.hex()}
    if kind is complex:
        return {"complex": [value.real, value.imag]}
    if kind is range:
        return {"range": [value.start, value.stop, value.step]}
    if kind is decimal.Decimal:
        return {"decimal": decimal.Decimal.__str__(value)}
    if kind is fractions.Fraction:
        return {"fraction": [value.numerator, value.denominator]}
    if kind in VIEWS:
        return {VIEWS[kind]: [encode(item, other) for item in value]}
    if kind in ITERATORS:
        return {"iterator": [encode(item, other) for _, item in zip(range(MOST_ITEMS), value)]}
    if kind in DATES:
        return {kind.__name__: kind.isoformat(value)}
    if kind is datetime.timedelta:
        return {"timedelta": [value.days, value.seconds, value.microseconds]}
    if kind is slice:
        return {"slice": [encode(part, other) for part in (value.start, value.stop, value.step)]}
    if id(value) in NAMED:
        return {"builtin": NAMED[id(value)]}
    return other(value)


def plain(value):
    """What an object holds as data, by the kind that its class derives from: the kind's name, and the value. None, if it is none."""
    kinds = type.__dict__["__mro__"].__get__(type(value))
    return next(((kind.__name__, beneath(value)) for kind, beneath in BENEATH if kind in kinds), None)


def decode(data, other):
    if type(data) is list:
        return [decode(item, other) for item in data]
    if type(data) is not dict:
        return data
    (kind, held), = list(data.items())[:1]
    if kind == "points":
        return "".join(map(chr, held))
    if kind == "dict":
        return {decode(key, other): decode(item, other) for key, item in held}
    if kind in ("bytes", "bytearray"):
        return (bytes if kind == "bytes" else bytearray).fromhex(held)
    if kind == "complex":
        return complex(*held)
    if kind == "range":
        return range(*held)
    if kind == "decimal":
        return decimal.Decimal(held)
    if kind == "fraction":
        return fractions.Fraction(*held)
    if kind == "timedelta":
        return datetime.timedelta(*held)
    if kind == "slice":
        return slice(*[decode(part, other) for part in held])
    if kind == "builtin":
        return getattr(builtins, held)
    if kind in WRITTEN:
        return WRITTEN[kind].fromisoformat(held)
    if kind in PLURAL:
        return PLURAL[kind]([decode(item, other) for item in held])
    return other(data)


WRITTEN = {kind.__name__: kind for kind in DATES}
PLURAL = {
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "deque": collections.deque,
    "iterator": iter,
    "keys": lambda items: dict.fromkeys(items).keys(),
    "values": lambda items: dict(enumerate(items)).values(),
    "items": lambda items: dict(items).items(),
}
