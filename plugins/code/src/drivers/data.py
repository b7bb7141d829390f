"""Plain data as JSON that keeps Python's types: the first part of both drivers.

| value | JSON |
|---|---|
| None, bool, int, float, str, list | themselves; an int has any number of digits, a float may be NaN or Infinity |
| anything else | an object with one member, the kind: `{"tuple": [1, 2]}`, `{"dict": [[1, "a"]]}`, `{"set": [1]}` |
| an object of no kind below | what the function `other` makes of it |

Kinds are told by exact type: an object whose class derives from `int` and says that it equals everything is no int.

In: values, or their JSON. Out: the other one. Left out on purpose: what a value of no kind becomes; the drivers differ in it.
"""

import builtins
import collections
import decimal
import fractions
import sys

# A program may put something else in the place of a builtin; here they stay what they are.
globals().update((name, kept) for name, kept in vars(builtins).items() if not name.startswith("_"))

DICTS = (dict, collections.OrderedDict, collections.defaultdict, collections.Counter)
# What can be gone through once. Of an endless one, so many items.
ITERATORS = (
    map, filter, zip, enumerate, reversed, type(x for x in ()), type(iter([])), type(iter(())), type(iter({})),
    type(iter(set())), type(iter(range(0))), type(iter("")),
)
VIEWS = {type({}.keys()): "keys", type({}.values()): "values", type({}.items()): "items"}
MOST_ITEMS = 10_000

# An int may have more digits than Python is willing to print.
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
    return other(value)


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
    if kind in PLURAL:
        return PLURAL[kind]([decode(item, other) for item in held])
    return other(data)


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
