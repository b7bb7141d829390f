"""Selection policy `NAME`: imitate the shortest correct response, and prefer it to each wrong one.

In: a graded group. Out: indices. How hard the problem is does not count. Of equally short responses the first drawn is
taken; a response without an answer is a wrong one, and one that was not graded is neither.
This file is run once, when the component is built; what it leaves in memory is the component.
"""

from wit_world import exports
from wit_world.exports.selection_policy import Outcome, Pair, Positive, Selection
from wit_world.imports.types import Description


class Plugin(exports.Plugin):
    def describe(self):
        return Description("NAME", "0.1.0", "SUMMARY", [])

    def configure(self, settings):
        pass


class SelectionPolicy(exports.SelectionPolicy):
    def select(self, group):
        responses = list(enumerate(group.responses))
        correct = [(one.length, index) for index, one in responses if one.outcome == Outcome.CORRECT]
        if not correct:
            return Selection([], [], [])
        _, chosen = min(correct)
        wrong = [index for index, one in responses if one.outcome in (Outcome.INCORRECT, Outcome.NO_ANSWER)]
        return Selection([Positive(chosen, 1.0, None)], [Pair(chosen, rejected, 1.0) for rejected in wrong], [])
