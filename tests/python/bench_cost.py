"""How cost grows: sampling with the length of responses, with draws and with problems, training with context, stage 2 with step length.

    cargo build --release --workspace --example bench_draw --example bench_rewrite --example bench_step --example write_checkpoint
    python tests/python/bench_cost.py --json OUT --plots docs/cost
    python tests/python/bench_cost.py --from OUT --plots docs/cost

The first measures and draws, the second draws again what was measured. Plots need matplotlib (`tests/python/cost/requirements.txt`),
measuring needs nothing. `cost/points.py` says what is measured, `cost/plots.py` how it is drawn.

Two models: SmolLM2-135M's shape with random weights, and the embedded one, both without an end of text and with 16,384 positions; what
they say does not matter here, and lengths are exact. Every point is a process of its own with one thread. What counts is its processor time,
which other work on the machine lengthens too, if less than the time on the clock; the load average is in the record. Memory is the largest
resident memory of the process; beside it is what the plan of that work says.

With OUT there already, what it has is not measured again, so a run that was ended goes on. A point that takes longer than `--limit` is
ended; of sampling, the lengths that it had reached count.
"""

import argparse
import json
import os
import shutil
import sys
import time
from pathlib import Path

from cost.points import KINDS, name, points, rows
from cost.summary import say
from peers.processes import Skipped, machine, run

ROOT = Path(__file__).resolve().parents[2]
POSITIONS = 16_384


class Bench:
    def __init__(self, options):
        self.options = options
        self.record = {"machine": machine(), "rows": [], "done": [], "skipped": {}}
        if options.json and options.json.exists():
            self.record = json.loads(options.json.read_text())

    def folder(self, model):
        """The checkpoint of this name, made if it is not there."""
        folder = self.options.work / model
        if not (folder / "config.json").exists():
            print(f"making {model}", file=sys.stderr, flush=True)
            folder.mkdir(parents=True, exist_ok=True)
            if model == "smollm2":
                run([self.options.programs / "write_checkpoint", folder, "smollm2"], 600)
            else:
                embedded(folder)
        return folder

    def measure(self, wanted):
        began = time.monotonic()
        for point in wanted:
            if name(point) in self.record["done"]:
                continue
            if time.monotonic() - began > 60 * self.options.minutes:
                print("no time is left for", name(point), file=sys.stderr)
                continue
            self.one(point)
            self.write()

    def one(self, point):
        program, *arguments = point["command"]
        load = os.getloadavg()[0]
        began = time.monotonic()
        try:
            # As ts-host sets it: freed memory is kept.
            command = [self.options.programs / program, self.folder(point["model"]), *arguments]
            text, _, _ = run(command, self.options.limit, {"MIMALLOC_PURGE_DELAY": "-1"})
            self.record["done"].append(name(point))
            self.record["skipped"].pop(name(point), None)
        except Skipped as why:
            text = why.said
            self.record["skipped"][name(point)] = str(why)
            print(f"{name(point)}: {why}", file=sys.stderr, flush=True)
        found = rows(point, text)
        seconds = round(time.monotonic() - began)
        loads = [round(load, 1), round(os.getloadavg()[0], 1)]
        if len(found) < sum(row["point"] == name(point) for row in self.record["rows"]):
            return  # ended earlier than the last time
        self.record["rows"] = [row for row in self.record["rows"] if row["point"] != name(point)]
        self.record["rows"] += [{"point": name(point)} | row | {"load": loads} for row in found]
        if found:
            print(f"{name(point)}: {figures(found[-1])}, {seconds} s, load {loads}", file=sys.stderr, flush=True)

    def write(self):
        if self.options.json:
            self.options.json.parent.mkdir(parents=True, exist_ok=True)
            self.options.json.write_text(one_a_line(self.record))


def embedded(folder):
    """The embedded checkpoint without an end of text, and with room for long ones."""
    source = ROOT / "host/embedded/checkpoints/plain"
    shutil.copy(source / "model.safetensors", folder)
    config = json.loads((source / "config.json").read_text())
    config |= {"eos_token_id": None, "max_position_embeddings": POSITIONS}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def one_a_line(record):
    """As JSON, with a line for each row."""
    about = {key: value for key, value in record.items() if key != "rows"}
    rows = ",\n".join(json.dumps(row) for row in record["rows"])
    return json.dumps(about)[:-1] + f', "rows": [\n{rows}\n]}}\n'


def figures(row):
    fields = {"cpu_seconds", "cpu_seconds_per_step", "drawing_seconds", "scoring_seconds", "tokens", "peak_rss_mib", "planned_mib"}
    return ", ".join(f"{key} {value:.4g}" for key, value in row.items() if key in fields)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="OUT", help="every figure, written as they come")
    parser.add_argument("--from", dest="made", type=Path, metavar="FILE", help="measure nothing: draw what --json wrote")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="where to draw; not given, nothing is drawn")
    parser.add_argument("--measure", default=",".join(KINDS), metavar="LIST", help="default: all, %(default)s")
    parser.add_argument("--models", default="embedded,smollm2", metavar="LIST", help="default: both, %(default)s")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    parser.add_argument("--limit", type=int, default=900, metavar="SECONDS", help="end a process that takes longer (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=180, help="begin no point after so many (default: %(default)s)")
    parser.add_argument("--work", type=Path, default=ROOT / "target/tmp/cost", metavar="FOLDER", help="for the checkpoints")
    parser.add_argument("--programs", type=Path, default=ROOT / "target/release/examples", metavar="FOLDER")
    options = parser.parse_args()
    kinds, models = options.measure.split(","), options.models.split(",")
    for flag, given, known in ("--measure", kinds, KINDS), ("--models", models, ("embedded", "smollm2")):
        if unknown := set(given) - set(known):
            parser.error(f"{flag}: {', '.join(sorted(unknown))} is not known")

    if options.made:
        record = json.loads(options.made.read_text())
    else:
        bench = Bench(options)
        try:
            bench.measure(points(kinds, models, options.quick))
        except KeyboardInterrupt:
            print("ended early", file=sys.stderr)
        record = bench.record
    say(record)
    if options.plots:
        from cost.plots import draw  # not above: measuring is to work without matplotlib

        draw(record, options.plots)


if __name__ == "__main__":
    main()
