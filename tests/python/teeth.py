"""What the responses of a run on the task with teeth look like, level by level.

    python tests/python/teeth.py RUN [RUN ...]

reads `samples.jsonl` and `grades.jsonl` of finished runs on `embedded-teeth` and prints, for each level: the share of correct responses; their
tokens; the share that checks nothing, and the accuracy with every operation checked and with none; how often the longer of a right and a wrong
response to the same problem is the right one; and on how many problems the shortest correct response checks nothing: luck, that is. The last
lines are those of the hard levels, 3 and up, together.
"""

import json
import re
import sys
from collections import defaultdict
from pathlib import Path

CHECK = re.compile(r"\bcheck:|go through the digits again|be sure that no digit is wrong", re.IGNORECASE)
SLIP_FOUND = re.compile(r"\bnot \d+\b")


def rows(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def responses(run):
    """Problem, level, checks, slips that were found, tokens and whether it is correct, of each response."""
    run = Path(run)
    levels = {row["id"]: row["difficulty"] for row in rows(run / "problems-train.jsonl")}
    graded = {(row["problem"], row["draw"]): row["outcome"] for row in rows(run / "grades.jsonl")}
    for row in rows(run / "samples.jsonl"):
        thought = row["text"].split("</think>")[0]
        yield {
            "problem": row["problem"],
            "level": int(levels[row["problem"]]),
            "checks": len(CHECK.findall(thought)),
            "found": len(SLIP_FOUND.findall(thought)),
            "tokens": len(row["tokens"]),
            "correct": graded[row["problem"], row["draw"]] == "correct",
        }


def share(part, whole):
    return f"{100 * part / whole:5.1f}" if whole else "    -"


def line(name, of):
    by_problem = defaultdict(list)
    for response in of:
        by_problem[response["problem"]].append(response)
    # The careful check every operation; how many there are shows in the most checks that a response has.
    operations = {problem: max(r["checks"] for r in group) for problem, group in by_problem.items()}
    none = [r for r in of if r["checks"] == 0]
    every = [r for r in of if r["checks"] == operations[r["problem"]] > 0]
    longer, pairs, lucky, solved, correct = 0.0, 0, 0, 0, 0
    for group in by_problem.values():
        right = [r for r in group if r["correct"]]
        wrong = [r for r in group if not r["correct"]]
        correct += len(right)
        for a in right:
            for b in wrong:
                pairs += 1
                longer += 1.0 if a["tokens"] > b["tokens"] else 0.5 if a["tokens"] == b["tokens"] else 0.0
        if right:
            solved += 1
            lucky += min(right, key=lambda r: r["tokens"])["checks"] == 0
    print(
        f"{name:>5} {share(sum(r['correct'] for r in of), len(of))} {sum(r['tokens'] for r in of) / len(of):7.1f}"
        f" {share(len(none), len(of))} {share(sum(r['correct'] for r in none), len(none))}"
        f" {share(sum(r['correct'] for r in every), len(every))} {sum(r['found'] for r in of) / len(of):6.2f}"
        f" {longer / pairs if pairs else float('nan'):7.3f} {pairs:7} {share(lucky, solved)} {correct / len(by_problem):8.1f}"
    )


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    everything = [response for run in sys.argv[1:] for response in responses(run)]
    print("level  Acc %  tokens  none%  Acc|0 Acc|all  slips  longer   pairs  luck% correct")
    for level in sorted({response["level"] for response in everything}):
        line(f"{level}", [r for r in everything if r["level"] == level])
    line("3-7", [r for r in everything if r["level"] >= 3])


if __name__ == "__main__":
    main()
