"""Verifier `NAME`: the last line of the response is the reference, but for the case of ASCII's letters and a `\\boxed{}` around it.

In: a problem and a response. Out: a grade with the place of the answer. Only the text is compared: `0.5` is not `1/2`.
This file is run once, when the component is built; what it leaves in memory is the component.
"""

from wit_world import exports
from wit_world.exports import verifier
from wit_world.imports.types import Description, Span

# What is white space in every language of the templates.
SPACE = " \t\r\n"


class Plugin(exports.Plugin):
    def describe(self):
        return Description("NAME", "0.1.0", "SUMMARY", [])

    def configure(self, settings):
        pass


class Verifier(exports.Verifier):
    def grade(self, problem, response):
        reference = problem.reference.strip(SPACE)
        line = response.rstrip(SPACE).rpartition("\n")[2].strip(SPACE)
        boxed = line.startswith("\\boxed{") and line.endswith("}")
        answer = line[len("\\boxed{") : -1].strip(SPACE) if boxed else line
        if not reference:
            return graded(verifier.Verdict_BadReference("the reference is empty"))
        if not answer:
            return graded(verifier.Verdict_NoAnswer())
        same = answer.encode().lower() == reference.encode().lower()  # of bytes, ASCII's letters alone
        verdict = verifier.Verdict_Correct() if same else verifier.Verdict_Incorrect()
        return graded(verdict, place(response, answer, response.rindex("}") if boxed else len(response)))


def graded(verdict, answer=None):
    """A grade without partial credit, note and tests."""
    score = 1.0 if isinstance(verdict, verifier.Verdict_Correct) else 0.0
    return verifier.Graded(verdict, score, answer, "", [])


def place(response, answer, end):
    """Where the answer last stands before the end, in bytes of UTF-8, which is how the host counts."""
    start = len(response[: response.rindex(answer, 0, end)].encode())
    return Span(start, start + len(answer.encode()))
