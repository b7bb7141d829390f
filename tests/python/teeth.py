"""What responses to problems of the task with teeth are made of.

    python tests/python/teeth.py RUN [RUN ...]

reads finished runs on `embedded-teeth` and prints two tables. The first is of the samples, level by level: accuracy; tokens; the share that
checks nothing; accuracy of those, and of those that check every operation; how often the longer of a right and a wrong response to the same
problem is the right one (ties count half); on how many of the problems that were solved the shortest correct response checks nothing; and how
many correct responses a problem has, and how many of them check nothing.

The second is of the hard levels, 3 and up, in the samples, in the positives before and after stage 2, and on the held-out problems before and
after the training: accuracy, tokens, the share of operations whose draft is wrong, the share of operations that are checked, of wrong
drafts that were checked the share that was found wrong, and of right ones.
"""

import json
import re
import sys
from collections import defaultdict
from pathlib import Path

HEADING = [
    re.compile(r"(?:take the number|what I have, which is|go on from) (\d+) and (add to it|subtract from it|multiply it by) (\d+)\.$"),
    re.compile(r"^Now (\d+) (plus|minus|times) (\d+)\.$"),
    re.compile(r"^(\d+)([-+*])(\d+):$"),
]
IN_THE_HEAD = re.compile(r"^(\d+) ([-+*]) (\d+) is (\d+)\.$")
SYMBOL = {
    "add to it": "+", "plus": "+", "subtract from it": "-", "minus": "-", "multiply it by": "*", "times": "*",
}
TOTAL = re.compile(r"^(?:When I put the digits together, the number that I get is|Reading the digits from the other end, the result is|So the result is|So) (\d+)\.$")
CHECK = re.compile(r"\bcheck:|go through the digits again|be sure that no digit is wrong", re.IGNORECASE)
FOUND = re.compile(r"\bnot \d+\b")
FIRST_HARD_LEVEL = 3


def rows(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def right(left, symbol, operand):
    return {"+": left + operand, "-": left - operand, "*": left * operand}[symbol]


def operations(text):
    """Of each operation of a response: whether its draft is right, and whether a check found it "right" or "wrong"; None without one."""
    found = []
    for step in text.split("</think>")[0].split("\n\n"):
        step = step.strip()
        heading = next((match for match in (pattern.search(step) for pattern in HEADING) if match), None)
        head = IN_THE_HEAD.match(step)
        if heading:
            left, symbol, operand = heading.groups()
            expected = right(int(left), SYMBOL.get(symbol, symbol), int(operand))
            found.append({"expected": expected, "is_right": None, "check": None})
        elif head:
            left, symbol, operand, written = head.groups()
            found.append({"is_right": right(int(left), symbol, int(operand)) == int(written), "check": None})
        elif found and found[-1]["is_right"] is None and TOTAL.match(step):
            found[-1]["is_right"] = int(TOTAL.match(step).group(1)) == found[-1]["expected"]
        elif found and CHECK.search(step):
            found[-1]["check"] = "wrong" if FOUND.search(step) else "right"
    return [operation for operation in found if operation["is_right"] is not None]


class Response:
    def __init__(self, row, level, is_correct):
        self.problem, self.level, self.is_correct = row["problem"], level, is_correct
        self.tokens = row["tokens"] if isinstance(row["tokens"], int) else len(row["tokens"])
        self.operations = operations(row["text"])
        self.n_checks = sum(operation["check"] is not None for operation in self.operations)


def read(run):
    """The groups of responses of a run, by name."""
    run = Path(run)
    levels = {row["id"]: int(row["difficulty"]) for row in rows(run / "problems-train.jsonl")}
    graded = {(row["problem"], row["draw"]): row["outcome"] == "correct" for row in rows(run / "grades.jsonl")}
    samples = {}
    for row in rows(run / "samples.jsonl"):
        key = row["problem"], row["draw"]
        samples[key] = Response(row, levels[row["problem"]], graded[key])
    groups = {"samples": list(samples.values())}
    if (run / "refined.jsonl").exists():
        refined = [row for row in rows(run / "refined.jsonl") if row["kept"]]
        groups["positives"] = [samples[row["problem"], row["draw"]] for row in refined]
        groups["refined"] = [Response(row, levels[row["problem"]], True) for row in refined]
    for name, stage in [("before", "eval-baseline"), ("after", "eval-result")]:
        if (run / f"{stage}.jsonl").exists():
            evaluated = rows(run / f"{stage}.jsonl")
            groups[name] = [Response(row, int(row["difficulty"]), row["outcome"] == "correct") for row in evaluated]
    return groups


def share(part, whole):
    return f"{100 * part / whole:6.1f}" if whole else "     -"


def mean(values):
    values = list(values)
    return sum(values) / len(values) if values else float("nan")


def by_level(name, responses):
    by_problem = defaultdict(list)
    for response in responses:
        by_problem[response.problem].append(response)
    hasty = [r for r in responses if r.n_checks == 0]
    careful = [r for r in responses if r.n_checks == len(r.operations) > 0]
    longer, n_pairs, n_solved, n_lucky = 0.0, 0, 0, 0
    for group in by_problem.values():
        correct = [r for r in group if r.is_correct]
        for a in correct:
            for b in (r for r in group if not r.is_correct):
                n_pairs += 1
                longer += 1.0 if a.tokens > b.tokens else 0.5 if a.tokens == b.tokens else 0.0
        if correct:
            n_solved += 1
            n_lucky += min(correct, key=lambda r: r.tokens).n_checks == 0
    n_correct = sum(r.is_correct for r in responses)
    print(
        f"{name:>5} {share(n_correct, len(responses))} {mean(r.tokens for r in responses):7.1f} {share(len(hasty), len(responses))}"
        f" {share(sum(r.is_correct for r in hasty), len(hasty))} {share(sum(r.is_correct for r in careful), len(careful))}"
        f" {longer / n_pairs if n_pairs else float('nan'):7.3f} {share(n_lucky, n_solved)}"
        f" {n_correct / len(by_problem):8.1f} {sum(r.is_correct for r in hasty) / len(by_problem):6.2f}"
    )


def by_group(name, responses):
    responses = [r for r in responses if r.level >= FIRST_HARD_LEVEL]
    of_all = [operation for r in responses for operation in r.operations]
    wrong = [operation for operation in of_all if not operation["is_right"]]
    checked = [operation for operation in of_all if operation["check"]]
    checked_wrong = [operation for operation in wrong if operation["check"]]
    checked_right = [operation for operation in checked if operation["is_right"]]
    print(
        f"{name:>9} {len(responses):6} {share(sum(r.is_correct for r in responses), len(responses))} {mean(r.tokens for r in responses):7.1f}"
        f" {share(len(wrong), len(of_all))} {share(len(checked), len(of_all))}"
        f" {share(sum(o['check'] == 'wrong' for o in checked_wrong), len(checked_wrong))}"
        f" {share(sum(o['check'] == 'wrong' for o in checked_right), len(checked_right))}"
    )


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    groups = defaultdict(list)
    for run in sys.argv[1:]:
        for name, responses in read(run).items():
            groups[name].extend(responses)
    samples = groups["samples"]
    print("level  Acc,%  tokens  none,% Acc|0 Acc|all  longer lucky,% correct  lucky")
    for level in sorted({response.level for response in samples}):
        by_level(str(level), [r for r in samples if r.level == level])
    by_level("hard", [r for r in samples if r.level >= FIRST_HARD_LEVEL])
    print("\n     hard      n  Acc,%  tokens wrong,% check,% found,% alarm,%")
    for name, responses in groups.items():
        by_group(name, responses)


if __name__ == "__main__":
    main()
