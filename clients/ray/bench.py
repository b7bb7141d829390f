"""What Ray costs, and what a second worker gains: the same run by `ts-host run` alone and by `ts-host-ray`, in turns.

    PYTHONPATH=clients/ray/src python clients/ray/bench.py --ts-host target/release/ts-host --rounds 3

In: ts-host, and a Python that has Ray. Out: a table of wall-clock and processor time, the median of the rounds and their range. Every
ts-host has one thread. A cluster is started before a run and not counted in its times, but on its own line.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import ray

from ts_host_ray import Settings, run

FLAGS = [
    word
    for setting in (
        "problems.max_train=32",
        "problems.max_heldout=16",
        "sample.n_samples=16",
        "refine.n_rewrites=16",
        "train.steps=4",
        "eval.n_runs=4",
        "report.bootstrap_resamples=100",
    )
    for word in ("--set", setting)
]
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


class Processor(threading.Thread):
    """The processor time of every process below this one, by whether it is a ts-host; looked at ten times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._times: dict[tuple[int, int], tuple[bool, int]] = {}
        self._end = threading.Event()
        self._own = 0.0
        self._look()
        self._before = dict(self._times)
        self.start()

    def run(self) -> None:
        while not self._end.wait(0.1):
            self._look()
        self._own = time.thread_time()

    def _look(self) -> None:
        rows = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                name, rest = path.read_text().split("(", 1)[1].rsplit(")", 1)
            except OSError:
                continue
            fields = rest.split()
            rows[int(path.parent.name)] = (int(fields[1]), int(fields[19]), name == "ts-host", int(fields[11]) + int(fields[12]))
        ours = {os.getpid()}
        while more := {pid for pid, row in rows.items() if row[0] in ours and pid not in ours}:
            ours |= more
        self._times |= {(pid, rows[pid][1]): rows[pid][2:] for pid in ours}

    def end(self) -> tuple[float, float]:
        """Seconds of ts-host, and of all others: Ray, its workers, and this process."""
        self._look()
        self._end.set()
        self.join()
        seconds = [0.0, 0.0]
        for key, (is_ours, ticks) in self._times.items():
            seconds[0 if is_ours else 1] += (ticks - self._before.get(key, (False, 0))[1]) / TICKS_A_SECOND
        return seconds[0], max(0.0, seconds[1] - self._own)


@dataclass
class Way:
    """A way to do the run."""

    name: str
    workers: int = 0
    shards: int = 0
    scratch: bool = False

    def measure(self, ts_host: str, folder: Path) -> tuple[float, float, float, float]:
        """Seconds: to start the cluster, of the run, and of processors in ts-host and in everything else."""
        began = time.monotonic()
        if self.workers:
            ray.init("local", num_cpus=self.workers, include_dashboard=False, log_to_driver=False)
        started = time.monotonic()
        processor = Processor()
        if self.workers:
            scratch = folder / "scratch" if self.scratch else None
            run(Settings(folder / "run", self.shards, FLAGS, scratch, ts_host, train_cpus=1, say=lambda _: None))
        else:
            command = [ts_host, "run", "--out", str(folder / "run"), "--workers", "1", *FLAGS]
            subprocess.run(command, check=True, capture_output=True)
        ended = time.monotonic()
        of_ts_host, of_others = processor.end()
        ray.shutdown()
        return started - began, ended - started, of_ts_host, of_others


WAYS = [
    Way("`ts-host run`"),
    Way("Ray, 1 worker, 1 shard", 1, 1),
    Way("Ray, 1 worker, 4 shards", 1, 4),
    Way("Ray, 2 workers, 4 shards", 2, 4),
    Way("Ray, 2 workers, 4 shards, no shared folder", 2, 4, True),
]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ts-host", default="target/release/ts-host")
    parser.add_argument("--rounds", type=int, default=3)
    typed = parser.parse_args()
    ts_host = str(Path(typed.ts_host).absolute())
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    times: dict[str, list[tuple[float, ...]]] = {way.name: [] for way in WAYS}
    loads = []
    model = set()
    for number in range(typed.rounds):
        # Each round begins with another.
        for way in WAYS[number % len(WAYS) :] + WAYS[: number % len(WAYS)]:
            with tempfile.TemporaryDirectory() as temporary:
                loads.append(os.getloadavg()[0])
                times[way.name].append(way.measure(ts_host, Path(temporary)))
                model.add((Path(temporary) / "run/model/model.safetensors").read_bytes())
                shutil.rmtree(Path(temporary) / "run")
            print(f"round {number + 1}: {way.name}: {', '.join(f'{s:.1f}' for s in times[way.name][-1])}", file=sys.stderr, flush=True)
    assert len(model) == 1, "every way trains the same model"

    def shown(way: Way, column: int) -> str:
        column_of = [row[column] for row in times[way.name]]
        return f"{statistics.median(column_of):.1f} ({min(column_of):.1f} to {max(column_of):.1f})"

    print(f"{typed.rounds} rounds; {os.cpu_count()} cores; load average before each run {min(loads):.1f} to {max(loads):.1f}\n")
    print("| | wall clock, s | processor in ts-host, s | in Ray and the driver, s | to start the cluster, s |\n|---|---:|---:|---:|---:|")
    for way in WAYS:
        print(f"| {way.name} | {shown(way, 1)} | {shown(way, 2)} | {shown(way, 3)} | {shown(way, 0) if way.workers else ''} |")


if __name__ == "__main__":
    main()
