"""Length function `NAME`: the number of Unicode characters, plus one.

In: a text and its number of tokens. Out: a length. A letter and its combining accent count as two characters. The one
is for the end of the text: a length must be above 0.
This file is run once, when the component is built; what it leaves in memory is the component.
"""

from wit_world import exports
from wit_world.imports.types import Description


class Plugin(exports.Plugin):
    def describe(self):
        return Description("NAME", "0.1.0", "SUMMARY", [])

    def configure(self, settings):
        pass


class LengthFunction(exports.LengthFunction):
    def measure(self, text, tokens):
        return len(text) + 1.0
