"""Memory and time of the stages against the size of a run: tens of thousands of responses of thousands of tokens each.

    cargo build --release --workspace --bins --examples
    python3 tests/python/bench_memory.py --sizes 64 256 1024 2048

makes a run whose `samples.jsonl` has each of these sizes in MiB and runs every stage on it, each in a process of its own. What a
model would make (samples, refined responses, log-probabilities, evaluations) is written by `examples/stand_in` into the journals
of their stages; `ts-host` finds it there, checks it and goes on, so that no model runs but for one training step of one example.
Prints for each stage the largest resident memory (`ru_maxrss`), the processor time and the time on the clock; while it works, on
standard error, each as it ends.

`--beside PATH` runs another `ts-host` on the same content, one from before the records were sealed (format 1 of the manifest):
its journals are the same without checksums. `--limit MIB` ends a process that is larger.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TS_HOST = ROOT / "target/release/ts-host"
STAND_IN = ROOT / "target/release/examples/stand_in"
N_SAMPLES = 32
RESPONSE_BYTES = 19_100  # of a line of samples.jsonl, on average
MIB = 1 << 20

# The stages in order: the command, and the artefacts that the model would write before it.
STAGES = [
    ("sample", {"sample": "samples.jsonl"}),
    ("grade", {}),
    ("select", {}),
    ("refine", {"refine": "refined.jsonl"}),
    ("pair", {}),
    ("train", {"reference": "reference.jsonl"}),
    ("eval", {"eval-baseline": "eval-baseline.jsonl", "eval-result": "eval-result.jsonl"}),
    ("report", {}),
]


def problems(path, n, first):
    with path.open("w") as file:
        for at in range(first, first + n):
            file.write(json.dumps({"id": f"p{at}", "prompt": f"What is {at} + 7?", "reference": str(at + 7)}) + "\n")


def recipe(folder, mib):
    n_train = max(1, round(mib * MIB / (N_SAMPLES * RESPONSE_BYTES)))
    problems(folder / "train.jsonl", n_train, 0)
    problems(folder / "heldout.jsonl", max(2, n_train), 10_000_000)
    path = folder / "recipe.toml"
    path.write_text(
        f"""extends = "default"
[problems]
train = "{folder}/train.jsonl"
heldout = "{folder}/heldout.jsonl"
[sample]
n_samples = {N_SAMPLES}
[train]
steps = 1
batch_size = 1
"""
    )
    return path


class Measured:
    """A process that has ended: its largest resident memory in MiB, its seconds, and whether it was ended for its size."""

    def __init__(self, command, limit_mib):
        self.ended = False
        started = time.monotonic()
        with tempfile.TemporaryFile() as said:
            child = subprocess.Popen(command, stdout=said, stderr=said)
            done = threading.Event()
            watch = threading.Thread(target=self.watch, args=(child, limit_mib, done))
            watch.start()
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            done.set()
            watch.join()
            said.seek(0)
            self.said = said.read().decode(errors="replace")
        self.code = child.returncode
        self.clock = time.monotonic() - started
        self.processor = usage.ru_utime + usage.ru_stime
        self.mib = usage.ru_maxrss / 1024

    def watch(self, child, limit_mib, done):
        while not done.wait(0.02):
            try:
                resident = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{child.pid}/status").read_text())
            except OSError:
                return
            if resident and int(resident[1]) > 1024 * limit_mib:
                self.ended = True
                child.kill()
                return


def checked(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")


def without_checks(source, target):
    """A journal of the format before records were sealed."""
    with source.open("rb") as lines, target.open("wb") as file:
        for line in lines:
            file.write(re.sub(rb',"check":"[0-9a-f]{16}"}\n$', b"}\n", line))


def run_all(program, path, run, journals, limit):
    """Yields every stage, measured; ends after one that failed."""
    for stage, made in STAGES:
        for name, artefact in made.items():
            journals(name, artefact)
        where = ["report", run] if stage == "report" else [stage, "--recipe", path, "--out", run]
        measured = Measured([program, *map(str, where)], limit)
        if measured.code != 0 and not measured.ended:
            sys.exit(f"{stage}: {measured.said}")
        yield stage, measured
        if measured.ended:
            return


def show(rows, title, cell):
    """A table of the stages against the sizes, with a column for each program."""
    columns = list(dict.fromkeys((mib, who) for who, mib, _, _ in rows))
    print(f"\n| {title} | " + " | ".join(f"{mib} MiB{', before' if who == 'before' else ''}" for mib, who in columns) + " |")
    print("|---|" + "---:|" * len(columns))
    for stage, _ in STAGES:
        found = {(mib, who): measured for who, mib, name, measured in rows if name == stage}
        print(f"| {stage} | " + " | ".join(cell(found[key]) if key in found else "" for key in columns) + " |")


def memory(measured):
    return f"over {measured.mib:.0f}" if measured.ended else f"{measured.mib:.0f}"


def seconds(measured):
    return f"{measured.processor:.1f} ({measured.clock:.1f})"


def measure(size, folder, options):
    """Rows of one size: whose, MiB of samples.jsonl, the stage, the process."""
    path, run, before = recipe(folder, size), folder / "run", folder / "before"
    mib = 0

    def stand_in(name, _):
        checked([STAND_IN, path, run, name])

    def same(_, artefact):
        without_checks(run / artefact, before / artefact)

    for stage, measured in run_all(TS_HOST, path, run, stand_in, options.limit):
        mib = round((run / "samples.jsonl").stat().st_size / MIB)
        yield "ts-host", mib, stage, measured
    if options.beside:
        # Begins the folder; there is nothing to grade yet.
        subprocess.run([options.beside, "grade", "--recipe", path, "--out", before], capture_output=True)
        for stage, measured in run_all(options.beside, path, before, same, options.limit):
            yield "before", mib, stage, measured
    sizes = [f"{file.name} {file.stat().st_size / MIB:.0f}" for file in sorted(run.glob("*.jsonl"))]
    print(f"(MiB: {', '.join(sizes)}; load {os.getloadavg()[1]:.1f})", file=sys.stderr, flush=True)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sizes", type=int, nargs="+", default=[64, 256, 1024], metavar="MIB")
    options.add_argument("--beside", metavar="PATH", help="another ts-host, of manifest format 1")
    options.add_argument("--limit", type=int, default=8192, metavar="MIB", help="end a process that is larger")
    options.add_argument("--folder", help="where to put the runs, which are removed; default: a temporary folder")
    options = options.parse_args()

    rows = []
    for size in options.sizes:
        with tempfile.TemporaryDirectory(prefix="ts-host-memory-", dir=options.folder) as folder:
            for row in measure(size, Path(folder), options):
                who, mib, stage, measured = row
                print(f"{who} {mib} {stage}: {memory(measured)} MiB, {seconds(measured)} s", file=sys.stderr, flush=True)
                rows.append(row)
    show(rows, "largest resident memory, MiB", memory)
    show(rows, "processor time (and on the clock), s", seconds)


if __name__ == "__main__":
    main()
