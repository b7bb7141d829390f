"""Step splitter `NAME`: a step ends with a blank line, which belongs to the step that it ends.

In: a text. Out: places that tile it. Headings, lists and other structure are ignored. Where a step starts depends on
the text up to its first character alone, so a text that grows keeps its steps.
This file is run once, when the component is built; what it leaves in memory is the component.
"""

import re

from wit_world import exports
from wit_world.imports.types import Description, Span

# White space with two line breaks in it or more, between text and text. Of bytes, which is how the host counts.
BLANK = re.compile(rb"(?<=[^ \t\r\n])[ \t\r]*\n[ \t\r]*\n[ \t\r\n]*(?=[^ \t\r\n])")


class Plugin(exports.Plugin):
    def describe(self):
        return Description("NAME", "0.1.0", "SUMMARY", [])

    def configure(self, settings):
        pass


class StepSplitter(exports.StepSplitter):
    def split(self, text):
        data = text.encode()
        starts = [0] + [blank.end() for blank in BLANK.finditer(data)]
        ends = starts[1:] + [len(data)]
        return [Span(start, end) for start, end in zip(starts, ends)] if data else []
