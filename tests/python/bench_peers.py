"""Sampling and training beside what people would use instead, at real shapes: all sides interleaved in one run, in processor time.

    cargo build --release --workspace --bins --example bench_step
    python tests/python/bench_peers.py --smollm2 FOLDER --work FOLDER --json OUT --python vllm=PYTHON --python llama.cpp=PYTHON

FOLDER of SmolLM2-135M is what `examples/smollm2/convert.py` writes. In the work folder this makes, once, a copy of it that does not
stop, random weights of Qwen2.5-0.5B's shape, and GGUF files of both. A peer that is not installed, or does not run, is left out, and
the table says why.

Sampling: n draws of one prompt of 64 tokens, temperature 1, 64 new tokens (at 0.5 B with more than 8 draws 32). What counts is tokens for each second of
processor time, of a process and those below it, less what a run with one new token takes: loading and reading the prompt. Training:
`peers/training.py` says what a step is. Everything has one thread, and a process of its own for each figure (vLLM: for each model); a round runs every
side once before the next begins. Printed is the median of the rounds, in brackets ts-host's divided by it (seconds and memory: it divided by
ts-host's), at the same precision; q8_0 is beside bf16. Memory is the largest resident memory of the process, weights and cache and all.

Python with torch and transformers is the one that runs this, unless `--python transformers=…`, `torch=…`, `trl=…` say otherwise.
`python` for llama.cpp needs llama-cpp-python, that of `gguf` numpy and gguf, that of `vllm` vLLM's CPU build.
"""

import argparse
import json
import os
import statistics
import sys
from pathlib import Path

from peers.processes import Skipped, last_line, machine, run
from peers.tables import SAMPLERS, TRAINERS, show, together

ROOT = Path(__file__).resolve().parents[2]
PEERS = Path(__file__).resolve().parent / "peers"
PROMPT = list(range(300, 364))


def new_tokens(size, n):
    """Of each draw: fewer where they are many and slow, but enough that the time to load the model, which varies, does not drown them."""
    return 64 if size == "135 M" or n <= 8 else 32


def preloaded(python):
    """vLLM asks for Intel's OpenMP to be loaded before all else; it is among what it depends on."""
    library = Path(python).parent.parent / "lib/libiomp5.so"
    return {"LD_PRELOAD": str(library)} if library.exists() else {}


class Bench:
    def __init__(self, options):
        self.options, self.work = options, options.work
        self.python = dict(each.split("=", 1) for each in options.python)
        self.folders, self.skipped, self.rows, self.said = {}, {}, [], {}
        self.work.mkdir(parents=True, exist_ok=True)

    def interpreter(self, engine):
        return self.python.get(engine, sys.executable)

    # What the sides read.

    def prepare(self):
        made = {"135 M": (self.work / "smollm2-endless", "endless", [self.options.smollm2])}
        made["0.5 B"] = (self.work / "qwen-0.5b", "random", [])
        for size, (folder, how, arguments) in made.items():
            if size in self.options.sizes:
                self.make(folder, "transformers", how, *arguments, folder)
                self.folders[size] = folder
        if "llama.cpp" in self.options.peers:
            for folder in self.folders.values():
                for dtype in "bf16", "q8_0":
                    self.make(self.gguf(folder, dtype), "gguf", "gguf", folder, dtype, self.gguf(folder, dtype))

    def make(self, path, engine, *arguments):
        if not path.exists():
            print(f"making {path.name}", file=sys.stderr, flush=True)
            try:
                run([self.interpreter(engine), PEERS / "checkpoints.py", *arguments], 1800)
            except Skipped as why:
                sys.exit(f"making {path.name}: {why}")

    def gguf(self, folder, dtype):
        return self.work / f"{folder.name}-{dtype}.gguf"

    # Sampling.

    def our_sampling(self, size, dtype, n):
        request = self.work / "request.jsonl"
        request.write_text(json.dumps({"id": "a", "tokens": PROMPT}) + "\n")

        def draw(most):
            flags = {"--input": request, "--dtype": dtype, "--workers": 1, "--draws": n, "--max-new-tokens": most, "--temperature": 1}
            flat = [part for flag in flags.items() for part in flag]
            out, cpu, mib = run([self.options.ts_host, "model", "generate", self.folders[size], *flat], self.options.limit)
            return sum(len(json.loads(line)["tokens"]) for line in out.splitlines()), cpu, mib

        few = [draw(1) for _ in range(4)][1:]
        tokens, cpu, mib = draw(new_tokens(size, n) + 1)
        before = [cpu for _, cpu, _ in few]
        spent = cpu - statistics.median(before)
        return {"tokens": tokens - few[0][0], "cpu_seconds": spent, "before_seconds": before, "peak_rss_mib": mib}

    def their_sampling(self, engine, size, dtype, n, number):
        model = self.folders[size] if engine != "llama.cpp" else self.gguf(self.folders[size], dtype)
        # vLLM takes minutes to start: one process a round draws every n in turn, as a server would.
        draws = [(each, new_tokens(size, each)) for each in (self.options.draws if engine == "vllm" else [n])]
        job = {"engine": engine, "dtype": dtype, "model": str(model), "prompt": PROMPT, "draws": draws}
        key = json.dumps([job, number])
        if key not in self.said:
            command = [self.interpreter(engine), PEERS / "sampling.py", json.dumps(job)]
            self.said[key] = last_line(run(command, self.options.limit, preloaded(command[0]) if engine == "vllm" else {})[0])
        said = self.said[key]
        return said["measured"][str(n)] | {"version": said["version"], "settings": said["settings"]}

    # Training.

    def our_training(self, dtype):
        # host/model/examples/bench_step.rs: the same pair, the first step not measured.
        command = [self.options.bench_step, self.folders["135 M"], dtype, 256, self.options.steps + 1]
        # As ts-host sets it: freed memory is kept.
        out, _, _ = run(command, self.options.limit, {"MIMALLOC_PURGE_DELAY": "-1"})
        return last_line(out)

    def their_training(self, engine, dtype):
        job = {"engine": engine, "dtype": dtype, "model": str(self.folders["135 M"]), "tokens": 256, "steps": self.options.steps}
        return last_line(run([self.interpreter(engine), PEERS / "training.py", json.dumps(job)], self.options.limit)[0])

    # Rounds.

    def sides(self, number):
        """Everything that a round runs: a key and what runs it."""
        wanted = {"ts-host", *self.options.peers}
        for size in self.folders if "sampling" in self.options.measure else []:
            for n in self.options.draws:
                for engine, dtype in SAMPLERS:
                    if engine not in wanted:
                        continue
                    ours = lambda size=size, dtype=dtype, n=n: self.our_sampling(size, dtype, n)
                    theirs = lambda engine=engine, size=size, dtype=dtype, n=n: self.their_sampling(engine, size, dtype, n, number)
                    yield ("sampling", size, engine, dtype, n), ours if engine == "ts-host" else theirs
        if "135 M" in self.folders and "training" in self.options.measure:
            for engine, dtype in TRAINERS:
                if engine not in wanted:
                    continue
                ours = lambda dtype=dtype: self.our_training(dtype)
                theirs = lambda engine=engine, dtype=dtype: self.their_training(engine, dtype)
                yield ("training", "135 M", engine, dtype, None), ours if engine == "ts-host" else theirs

    def round(self, number):
        for key, side in self.sides(number):
            what, size, engine, dtype, n = key
            if key in self.skipped:
                continue
            try:
                figures = side()
            except Skipped as why:
                self.skipped[key] = str(why)
                print(f"{key} skipped: {why}", file=sys.stderr, flush=True)
                continue
            row = {"round": number, "what": what, "size": size, "engine": engine, "dtype": dtype, "n": n} | figures
            if what == "sampling":
                row["tokens_per_cpu_second"] = figures["tokens"] / figures["cpu_seconds"]
            self.rows.append(row | {"load": round(os.getloadavg()[0], 1)})
            figure = row.get("tokens_per_cpu_second") or row["cpu_seconds_per_step"]
            print(f"{number} {what} {size} {engine} {dtype} n={n}: {figure:.2f}, {row['peak_rss_mib']:.0f} MiB, load {self.rows[-1]['load']}", file=sys.stderr, flush=True)
            self.write()

    def record(self):
        skipped = [[*key, why] for key, why in self.skipped.items()]
        return {"machine": machine(), "draws": self.options.draws, "rows": self.rows, "skipped": skipped}

    def write(self):
        if self.options.json:
            self.options.json.write_text(json.dumps(self.record(), indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smollm2", type=Path, metavar="FOLDER", help="the checkpoint that examples/smollm2/convert.py writes")
    parser.add_argument("--work", type=Path, default=ROOT / "target/tmp/peers", metavar="FOLDER", help="for what this makes; some 2 GB")
    parser.add_argument("--ts-host", type=Path, default=ROOT / "target/release/ts-host", metavar="PATH")
    parser.add_argument("--bench-step", type=Path, default=ROOT / "target/release/examples/bench_step", metavar="PATH")
    parser.add_argument("--peers", default="transformers,llama.cpp,vllm,torch,trl", metavar="LIST", help="default: all, %(default)s")
    parser.add_argument("--python", action="append", default=[], metavar="PEER=PYTHON", help="the Python that has a peer")
    parser.add_argument("--sizes", default="135 M,0.5 B", metavar="LIST")
    parser.add_argument("--draws", default="1,8,32,64", metavar="LIST")
    parser.add_argument("--measure", default="sampling,training", metavar="LIST", help="default: both")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=2, help="training steps that are measured")
    parser.add_argument("--limit", type=int, default=900, metavar="SECONDS", help="end a process that takes longer")
    parser.add_argument("--json", type=Path, metavar="OUT", help="every figure of every round, written as they come")
    parser.add_argument("--table", type=Path, nargs="+", metavar="OUT", help="run nothing: print the tables of what --json wrote")
    options = parser.parse_args()
    if options.table:
        return show(together([json.loads(path.read_text()) for path in options.table]))
    options.peers = [peer for peer in options.peers.split(",") if peer]
    unknown = set(options.peers) - {"transformers", "llama.cpp", "vllm", "torch", "trl"}
    if unknown:
        parser.error(f"--peers: {', '.join(sorted(unknown))} is not known")
    options.sizes, options.draws = options.sizes.split(","), [int(n) for n in options.draws.split(",")]
    if "135 M" in options.sizes and not options.smollm2:
        parser.error("--smollm2 FOLDER is needed for 135 M; or --sizes '0.5 B'")

    bench = Bench(options)
    bench.prepare()
    try:
        for number in range(options.rounds):
            bench.round(number)
    except KeyboardInterrupt:
        print("ended early", file=sys.stderr)
    show(bench.record())


if __name__ == "__main__":
    main()
