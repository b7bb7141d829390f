"""Programs in sandboxes beside a CPython process for each: HumanEval's 164 canonical solutions against their tests.

    cargo xtask runners
    cargo build --release --workspace --examples
    python3 tests/python/bench_code.py

Both sides run the same programs and tests on this machine, in turns, on one worker and on one a core. A sandboxed test of HumanEval is two
instances (the judge and the candidate), so that the candidate never sees the asserts; a process is one, which does. Then tests by
input and output, for which both sides start one. Prints a table. Compiling the runner, which happens once, is not
measured; a warm-up run leaves it in the cache.
"""

import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 3
EMPTY_RUNS = 40
SQUARES = 400
SQUARE = "n = int(input())\nprint(n * n)\n"


def problems():
    lines = (ROOT / "tests/data/humaneval.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def cases(folder):
    """HumanEval as cases for `ts-host plugin test`."""
    path = Path(folder) / "humaneval.jsonl"
    with path.open("w") as file:
        for item in problems():
            name = item["entry_point"]
            problem = {
                "id": item["task_id"],
                "prompt": item["prompt"],
                "reference": "",
                "entry_point": name,
                "preamble": item["prompt"],
                "tests": [{"check": f"{item['test']}\ncheck({name})\n"}],
            }
            response = f"```python\n{item['prompt']}{item['canonical_solution']}\n```"
            file.write(json.dumps({"problem": problem, "response": response, "expected": "pass"}) + "\n")
    return path


def square_cases(folder):
    """Problems of ten tests by input and output."""
    path = Path(folder) / "squares.jsonl"
    tests = [{"input": f"{n}\n", "output": f"{n * n}\n"} for n in range(10)]
    with path.open("w") as file:
        for at in range(SQUARES // 10):
            problem = {"id": str(at), "prompt": "", "reference": "", "tests": tests}
            file.write(json.dumps({"problem": problem, "response": f"```python\n{SQUARE}```", "expected": "pass"}) + "\n")
    return path


def sandboxed(path, workers):
    """Seconds for all problems in sandboxes, as ts-host measures them: loading the grader is left out."""
    grader = ROOT / "plugins/code_grader.wasm"
    command = [ROOT / "target/release/ts-host", "plugin", "test", grader, "--cases", path, "--workers", str(workers)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "100.00 % agree" in said, said
    return float(re.search(r"^([0-9.]+) s on", said, re.MULTILINE)[1])


def process(item):
    program = f"{item['prompt']}{item['canonical_solution']}\n{item['test']}\ncheck({item['entry_point']})\n"
    return subprocess.run([sys.executable, "-"], input=program, text=True, capture_output=True).returncode == 0


def square(n):
    """Whether the program passes a test by input and output in a CPython process."""
    said = subprocess.run([sys.executable, "-c", SQUARE], input=f"{n}\n", text=True, capture_output=True)
    return said.stdout == f"{n * n}\n"


def in_processes(test, items, workers):
    """Seconds for all tests, a CPython process for each."""
    began = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        passed = sum(pool.map(test, items))
    assert passed == len(items), passed
    return time.perf_counter() - began


def empty_sandboxes(folder):
    """Milliseconds of an empty program in a fresh instance, and MiB that it holds."""
    program = Path(folder) / "empty.py"
    program.write_text("pass\n")
    command = [ROOT / "target/release/examples/run_program", ROOT / "plugins/python_runner.wasm"]
    said = subprocess.run(command + [program] * EMPTY_RUNS, capture_output=True, text=True, input="", check=True).stdout
    runs = re.findall(r"Exited\(0\), ([0-9.]+) ms, fuel \d+, ([0-9.]+) MiB", said)
    return statistics.median(float(ms) for ms, _ in runs), float(runs[0][1])


def empty_processes():
    times = []
    for _ in range(EMPTY_RUNS):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def peak_of(program):
    """MiB of memory that a program's process held at its most."""
    subprocess.run(program, check=True, capture_output=True)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def main():
    cores = os.cpu_count()
    # The first child that is waited for sets the peak: the small one goes first.
    process_mib = peak_of([sys.executable, "-c", "pass"])
    with tempfile.TemporaryDirectory() as folder:
        kinds = [
            ("HumanEval tests", cases(folder), process, problems()),
            ("tests by input and output", square_cases(folder), square, [n % 10 for n in range(SQUARES)]),
        ]
        sandboxed(kinds[0][1], 1)
        rows = []
        for name, path, test, items in kinds:
            for workers in sorted({1, cores}):
                ours, theirs = [], []
                for _ in range(ROUNDS):
                    ours.append(len(items) / sandboxed(path, workers))
                    theirs.append(len(items) / in_processes(test, items, workers))
                rows.append((f"{name} a second, {workers} at once", max(ours), max(theirs)))
        empty_ms, empty_mib = empty_sandboxes(folder)
        rows.append(("an empty program, ms (median)", empty_ms, empty_processes()))
        rows.append(("memory of an empty program, MiB", empty_mib, process_mib))
    print(f"CPython {sys.version.split()[0]}; {cores} cores, load {os.getloadavg()[0]:.1f}\n")
    print("| | sandbox | process | ratio |\n|---|---:|---:|---:|")
    for name, ours, theirs in rows:
        print(f"| {name} | {ours:.1f} | {theirs:.1f} | {ours / theirs:.2f} |")


main()
