"""A whole run on a cluster: shards, merge, training, shards again, merge, report.

In: `Settings`. Out: the run's folder, as one machine would have made it, and its table. Each step is a command of ts-host that goes on
where it was, so a driver that was interrupted is started again with the same settings.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from .begun import STAGES_BEFORE, Begun, begin, done, require_free
from .crowd import Ask, Crowd
from .device import device_of
from .failure import Failed
from .lines import Lines, shown
from .lock import Lock
from .node import CANNOT_START, Job, Parcel, sweep, version_of
from .pieces import Incoming, files_of, pieces_of

NEEDED_TO_EVALUATE = ("manifest.json", "recipe.toml", "train.jsonl", "model")
"""What the evaluation of a shard takes from the run: the model, and what says that it is this run's."""

NEEDED_OF_A_SHARD = ("manifest.json", "recipe.toml", "problems-train.jsonl", "problems-heldout.jsonl", "eval-baseline.jsonl")
"""What it takes from the shard."""


def to_stderr(line: str) -> None:
    """Writes a line to standard error."""
    print(line, file=sys.stderr, flush=True)


@dataclass
class Settings:
    """What to run, and what it may take of the cluster."""

    out: str | Path
    """The run's folder. Every node sees it under this name, unless there is a `scratch`."""
    shards: int | None = None
    """The number of shards; may be left out where the run has begun."""
    flags: Sequence[str] = ()
    """Flags of `ts-host run` that choose the recipe: `--recipe`, `--set`, `--model`, `--seed`, …"""
    scratch: str | Path | None = None
    """A folder of each node's own disk, for clusters without a shared file system: what is made there comes back through Ray."""
    ts_host: str = "ts-host"
    """The program: a name that every node finds, or a path that every node has."""
    cpus_per_shard: float = 1
    """CPUs that a shard takes, which are its threads too."""
    gpus_per_shard: float | None = None
    """GPUs that a shard takes; none given: one if the recipe's device is one, else none."""
    train_cpus: float | None = None
    """CPUs for the training; none given: those of the largest node."""
    train_gpus: float | None = None
    """GPUs for the training; none given: as for a shard."""
    max_retries: int = 3
    """How often a shard, or the training, is tried again after its node, or its process, was lost."""
    address: str | None = None
    """The cluster's, as `ray.init` takes it. Without one: RAY_ADDRESS, or else a cluster of this machine alone."""
    say: Callable[[str], None] = field(default=to_stderr, repr=False)
    """Where progress goes, line by line."""


@dataclass
class Finished:
    """A run that is done."""

    folder: Path
    """Where it is."""
    report: str
    """Its table, in Markdown."""


def run(settings: Settings) -> Finished:
    """Does the whole run, or what is left of it.

    Raises `Failed`. Interrupted, it ends what runs on the cluster first."""
    if settings.shards is not None and settings.shards < 1:
        raise Failed(f"the number of shards must be at least 1, not {settings.shards}", 2)
    folder = Path(settings.out).absolute()
    require_free(folder)
    (folder / "shards").mkdir(parents=True, exist_ok=True)
    with Lock(folder):
        begun = begin(folder, list(settings.flags), settings.shards)
        program = _program(settings.ts_host)
        with _cluster(settings.address):
            return _Run(settings, folder, begun, program).run()


def _program(ts_host: str) -> tuple[str, str]:
    """ts-host as nodes will call it, and its version."""
    name = str(Path(ts_host).absolute()) if os.sep in ts_host else ts_host
    try:
        return name, version_of(name)
    except OSError as error:
        raise Failed(f"cannot start {shown(ts_host)}: {error.strerror}", CANNOT_START) from error


@contextmanager
def _cluster(address: str | None) -> Iterator[None]:
    """A cluster to run on: the one that the caller is connected to, or one for as long as this lasts."""
    # Nodes need Ray and ts-host alone: this package goes to them with the tasks.
    ray.cloudpickle.register_pickle_by_value(sys.modules[__package__])
    if ray.is_initialized():
        with _ray_errors():
            yield
        return
    if (address or os.environ.get("RAY_ADDRESS", "")).startswith("ray://"):
        raise Failed("Ray Client streams no results: start this on the cluster, as with `ray job submit`", 2)
    on_sigterm = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, log_to_driver=False)
        if threading.current_thread() is threading.main_thread():
            # Ray takes it, and aborts.
            signal.signal(signal.SIGTERM, on_sigterm)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise Failed(f"no Ray cluster: {shown(str(error))}") from error
    try:
        with _ray_errors():
            yield
    finally:
        ray.shutdown()


@contextmanager
def _ray_errors() -> Iterator[None]:
    """Makes what Ray itself complains of an error of the run."""
    try:
        yield
    except ray.exceptions.RayError as error:
        raise Failed(f"Ray: {shown(str(error))}") from error


class _Run:
    def __init__(self, settings: Settings, folder: Path, begun: Begun, program: tuple[str, str]) -> None:
        self._settings, self._folder, self._begun = settings, folder, begun
        self._ts_host, self._version = program
        self._say = settings.say
        self._shards = [f"{index}/{begun.shards}" for index in range(1, begun.shards + 1)]
        gpus = settings.gpus_per_shard
        if gpus is None:
            gpus = 1 if device_of(self._ts_host, begun.flags).startswith("cuda") else 0
        self._ask = Ask(settings.cpus_per_shard, gpus)

    def run(self) -> Finished:
        if not done(self._folder).issuperset(STAGES_BEFORE):
            self._map("run", self._without(*STAGES_BEFORE))
            self._here("merge", str(self._folder))
        if "train" not in done(self._folder):
            self._train()
        if "eval-result" not in done(self._folder):
            self._map("eval", self._without("eval-result"))
            self._here("merge", str(self._folder))
        report = self._here("report", str(self._folder))
        if self._settings.scratch:
            self._sweep()
        return Finished(self._folder, report)

    # Shards.

    def _place_of(self, shard: str) -> str:
        return f"shards/{shard.replace('/', '-of-')}"

    def _without(self, *stages: str) -> list[str]:
        """The shards that have not done these stages. On a shared folder all of them: ts-host sees what is left of each."""
        if not self._settings.scratch:
            return self._shards
        return [shard for shard in self._shards if not done(self._folder / self._place_of(shard)).issuperset(stages)]

    def _map(self, command: str, shards: list[str]) -> None:
        """Does a command for shards, all at once."""
        measures = command == "eval"
        whole = self._parcel(self._folder, _among(NEEDED_TO_EVALUATE)) if measures and self._settings.scratch else []
        jobs = []
        for shard in shards:
            place = self._place_of(shard)
            own = self._folder / place
            job = self._job(f"shard {shard}", [command, "--shard", shard], self._ask, place)
            if self._settings.scratch:
                job.whole, job.brings = whole, ["*"]
                job.own = self._parcel(own, _among(NEEDED_OF_A_SHARD)) if measures else []
            jobs.append((job, self._incoming(own)))
        self._crowd(self._ask, jobs)
        for shard in shards:
            if not (self._folder / self._place_of(shard)).is_dir():
                raise Failed(f"shard {shard} is done, and {self._place_of(shard)} is not in {self._folder}")

    # The whole run.

    def _train(self) -> None:
        ask = self._ask_of_training()
        job = self._job("train", ["train"], ask, "")
        if self._settings.scratch:
            job.whole = self._parcel(self._folder, _is_needed_to_train)
            job.brings = [*NEEDED_TO_EVALUATE, "reference.jsonl"]
        self._crowd(ask, [(job, self._incoming(self._folder))])

    def _ask_of_training(self) -> Ask:
        settings = self._settings
        gpus = self._ask.gpus if settings.train_gpus is None else settings.train_gpus
        if settings.train_cpus is not None:
            return Ask(settings.train_cpus, gpus)
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        largest = max((node.get("CPU", 0) for node in nodes if node.get("GPU", 0) >= gpus), default=0)
        return Ask(max(largest, self._ask.cpus), gpus)

    def _here(self, *arguments: str) -> str:
        """Runs ts-host on the driver's own machine; gives its standard output."""
        command = [self._ts_host, *arguments]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            output, errors = process.communicate()
        lines = Lines()
        for line in [*lines.feed(errors), *lines.end()]:
            self._say(f"{arguments[0]} | {line}")
        if process.returncode != 0:
            raise Failed(f"{arguments[0]}: ts-host ended with exit code {process.returncode}", process.returncode)
        return output.decode("utf-8", "backslashreplace")

    # What both need.

    def _job(self, name: str, command: list[str], ask: Ask, place: str) -> Job:
        threads = ["--workers", str(max(1, int(ask.cpus)))]
        shared = not self._settings.scratch
        return Job(
            name=name,
            command=[self._ts_host, *command, *self._begun.flags, *threads],
            folder=str(self._folder) if shared else self._scratch,
            place=place,
            token=self._begun.text if shared else "",
            version=self._version,
            cwd=str(Path.cwd()),
        )

    @property
    def _scratch(self) -> str:
        return str(Path(self._settings.scratch or "").absolute() / f"ts-host-{self._begun.id}")

    def _incoming(self, target: Path) -> Incoming | None:
        if not self._settings.scratch:
            return None
        name = "whole" if target == self._folder else target.name
        return Incoming(self._folder / "shards" / "incoming" / name, target)

    def _parcel(self, folder: Path, wanted: Callable[[str], bool]) -> Parcel:
        """Files as pieces in Ray's object store, for as long as the value lives."""
        parcel: dict[str, list[tuple[int, Any]]] = {}
        for name, offset, data in pieces_of(folder, files_of(folder, wanted)):
            parcel.setdefault(name, []).append((offset, ray.put(data)))
        return list(parcel.items())

    def _crowd(self, ask: Ask, jobs: list[tuple[Job, Incoming | None]]) -> None:
        try:
            Crowd(ask, self._settings.max_retries, self._say).run(jobs)
        finally:
            shutil.rmtree(self._folder / "shards" / "incoming", ignore_errors=True)

    def _sweep(self) -> None:
        """Removes what the jobs left on the nodes that are there."""
        left = []
        for node in ray.nodes():
            if node["Alive"]:
                there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
                task = ray.remote(sweep).options(num_cpus=0, max_retries=0, scheduling_strategy=there)
                left.append(task.remote(self._scratch))
        ray.wait(left, num_returns=len(left), timeout=60)


def _is_needed_to_train(name: str) -> bool:
    """Whether a file is one of the artefacts before training, or says what the run is."""
    return "/" not in name and not name.startswith(".") and name.endswith((".json", ".jsonl", ".toml"))


def _among(names: Sequence[str]) -> Callable[[str], bool]:
    """Whether a file is one of these, or in one of these folders."""
    return lambda name: name.split("/")[0] in names
