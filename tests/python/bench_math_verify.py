"""`math_grader` beside Math-Verify 0.9.0: both grade the same responses in one script, on one thread.

From the repository's root: python tests/python/bench_math_verify.py [rounds]
Makes a virtual environment in target/bench-math-verify with Math-Verify in it, if it is not there yet, and runs itself
in it. Grades tests/data/gsm8k_labelled.jsonl and symbolic_answers.jsonl. Math-Verify's side is `verify(parse(gold), parse(response))`,
ours the component through the host, a fresh instance for every response. Timed is all from the texts to the verdict. Prints
responses a second of the best round, the ratio, and how often each agrees with the labels.
"""

import json
import os
import re
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / "target" / "bench-math-verify"
PACKAGE = "math-verify[antlr4-13-2]==0.9.0"
SUITES = ["gsm8k_labelled.jsonl", "symbolic_answers.jsonl"]


def in_environment():
    """Runs this script again with a Python that has Math-Verify."""
    python = HOME / "bin" / "python"
    if Path(sys.prefix) != HOME:
        if not (HOME / "installed").exists():  # written last: an installation that was cut short begins anew
            venv.create(HOME, with_pip=True, clear=True)
            subprocess.run([python, "-m", "pip", "install", "--quiet", PACKAGE], check=True)
            (HOME / "installed").touch()
        os.execv(python, [str(python), *sys.argv])


def cases(suite):
    """(reference, response, whether it is right) for each line."""
    for line in (ROOT / "tests" / "data" / suite).read_text().splitlines():
        case = json.loads(line)
        if "is_correct" in case:
            yield case["gold"], case["response"], case["is_correct"]
        else:
            yield case["gold"], "\\boxed{" + case["pred"] + "}", case["expected"]


def math_verify(suite, rounds):
    """Responses a second, and the share that agrees with the labels."""
    from math_verify import parse, verify

    # A reference is LaTeX only between dollars.
    pairs = [(f"${gold}$", response, right) for gold, response, right in cases(suite)]
    best, agreed = 0.0, 0
    for _ in range(rounds):
        start = time.perf_counter()
        agreed = sum(bool(verify(parse(gold), parse(response))) == right for gold, response, right in pairs)
        best = max(best, len(pairs) / (time.perf_counter() - start))
    return best, agreed / len(pairs)


def ts_host(suite, rounds):
    """The same for the component. Short suites are repeated, so that a round is not over at once."""
    lines = (ROOT / "tests" / "data" / suite).read_text().splitlines()
    labels = [right for _, _, right in cases(suite)]
    repeated, verdicts = HOME / suite, HOME / f"verdicts-{suite}"
    repeated.write_text("\n".join(lines * max(1, 40_000 // len(lines))) + "\n")
    command = [ROOT / "target/release/ts-host", "plugin", "test", "plugins/math_grader.wasm", "--workers", "1"]
    command += ["--show", "0", "--cases", repeated, "--out", verdicts]
    best = 0.0
    for _ in range(rounds):
        said = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout
        best = max(best, float(re.search(r"([0-9.]+) cases a second a core", said)[1]))
    graded = [json.loads(line)["verdict"] for line in verdicts.read_text().splitlines()]
    return best, sum(verdict is right for verdict, right in zip(graded, labels)) / len(labels)


def main():
    in_environment()
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    subprocess.run(["cargo", "build", "--release", "--workspace", "--quiet"], check=True, cwd=ROOT)
    print("| responses | ts-host, a second | Math-Verify, a second | ratio | ts-host agrees | Math-Verify agrees |")
    print("|---|---:|---:|---:|---:|---:|")
    for suite in SUITES:
        ours, our_share = ts_host(suite, rounds)
        theirs, their_share = math_verify(suite, rounds)
        print(f"| {suite} | {ours:.0f} | {theirs:.0f} | {ours / theirs:.0f} | {our_share:.2%} | {their_share:.2%} |", flush=True)


if __name__ == "__main__":
    main()
