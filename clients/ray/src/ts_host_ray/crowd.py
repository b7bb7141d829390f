"""Jobs at once on a cluster, each tried again where a node was lost with it.

In: jobs, and what each asks of a node. Out: they are done, or `Failed`, or whatever interrupted the driver; in all three cases none of
them still runs. Ray's own retries are off: it would start a generator again and go on at the item where the last one was, and the
items of another attempt are others.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray import exceptions

from .failure import Failed
from .lines import shown
from .node import Event, Job, run_job, signal_name
from .pieces import Incoming

LOST = (
    exceptions.NodeDiedError,
    exceptions.WorkerCrashedError,
    exceptions.ObjectLostError,
    exceptions.OutOfMemoryError,
)
"""What Ray says where a node, a worker or what they held is gone. Anything else would come again."""

EVENTS_AHEAD = 16
"""Events that a job may be ahead of the driver: lines, or pieces of files, which are the driver's memory."""

SECONDS_TO_END = 10.0
"""How long a job has to end by itself where it is interrupted."""

SECONDS_TO_WAIT = 30.0
"""How long no node has room before that is said."""


@dataclass
class Ask:
    """What a job asks of a node."""

    cpus: float
    gpus: float

    def __str__(self) -> str:
        return f"{self.cpus:g} CPUs and {self.gpus:g} GPUs"


@dataclass(eq=False)
class _Attempt:
    job: Job
    incoming: Incoming | None
    number: int = 0
    stream: Any = None
    node: str = ""
    lost: str = ""


class Crowd:
    """Jobs that run at once."""

    def __init__(self, ask: Ask, max_retries: int, say: Callable[[str], None]) -> None:
        self._ask, self._max_retries, self._say = ask, max_retries, say
        self._task = ray.remote(run_job)
        self._running: list[_Attempt] = []

    def run(self, jobs: Sequence[tuple[Job, Incoming | None]]) -> None:
        """Runs all of them.

        Raises `Failed` as soon as one of them failed."""
        try:
            for job, incoming in jobs:
                self._start(_Attempt(job, incoming))
            began, nothing_yet = time.monotonic(), True
            while self._running:
                ready, _ = ray.wait([attempt.stream for attempt in self._running], num_returns=1, timeout=1.0)
                if ready:
                    nothing_yet = False
                    self._next(next(attempt for attempt in self._running if attempt.stream is ready[0]))
                elif nothing_yet and time.monotonic() - began > SECONDS_TO_WAIT:
                    nothing_yet = False
                    self._say(f"no node has room for {self._ask} so far; waiting for one")
        finally:
            self._end()

    def _start(self, attempt: _Attempt) -> None:
        attempt.lost = attempt.node = ""
        attempt.stream = self._task.options(
            name=f"ts-host {attempt.job.name}",
            num_cpus=self._ask.cpus,
            num_gpus=self._ask.gpus,
            max_retries=0,
            scheduling_strategy="SPREAD",
            _generator_backpressure_num_objects=EVENTS_AHEAD,
        ).remote(attempt.job)
        self._running.append(attempt)

    def _next(self, attempt: _Attempt) -> None:
        """Takes the next event of a job."""
        # To the end of the list, so that all are heard.
        self._running.remove(attempt)
        try:
            reference: Any = next(attempt.stream)
            event: Event = ray.get(reference)
        except StopIteration:
            self._again(attempt, attempt.lost or "it ended before its time")
            return
        except LOST as error:
            attempt.lost = attempt.lost or str(error).splitlines()[0]
            self._again(attempt, attempt.lost)
            return
        except exceptions.RayError as error:
            where = f" on {attempt.node}" if attempt.node else ""
            cause = getattr(error, "cause", None) or error
            raise Failed(f"{attempt.job.name}{where}: {shown(str(cause))}") from error
        if self._hear(attempt, event):
            self._running.append(attempt)

    def _hear(self, attempt: _Attempt, event: Event) -> bool:
        """Whether there is more to come."""
        job, incoming = attempt.job, attempt.incoming
        match event:
            case ("begins", node):
                attempt.node = node
                self._say(f"{job.name}: begins on {node}")
            case ("line", text):
                self._say(f"{job.name} | {text}")
            case ("failed", message):
                raise Failed(f"{job.name}: {message}")
            case ("ended", status) if status > 0:
                raise Failed(f"{job.name} on {attempt.node}: ts-host ended with exit code {status}", status)
            case ("ended", status) if status < 0:
                attempt.lost = f"ts-host was ended by {signal_name(status)}"
            case ("piece", piece) if incoming:
                incoming.add(piece)
            case ("done",) if not attempt.lost:
                if incoming:
                    incoming.place()
                self._say(f"{job.name}: done")
                return False
        return True

    def _again(self, attempt: _Attempt, why: str) -> None:
        """Starts a lost job once more, if it has attempts left."""
        attempt.number += 1
        if attempt.number > self._max_retries:
            raise Failed(f"{attempt.job.name}: {shown(why)}; {attempt.number} attempts, no more are allowed")
        where = f" on {attempt.node}" if attempt.node else ""
        self._say(f"{attempt.job.name}: lost{where}: {shown(why)}; starts again ({attempt.number} of {self._max_retries})")
        if attempt.incoming:
            attempt.incoming = Incoming(attempt.incoming.staging, attempt.incoming.target)
        self._start(attempt)

    def _end(self) -> None:
        """Ends whatever still runs, at last by force."""
        for force in (False, True):
            if self._running:
                for attempt in self._running:
                    ray.cancel(attempt.stream, force=force)
                self._drain(time.monotonic() + SECONDS_TO_END)

    def _drain(self, until: float) -> None:
        ready: list[Any]
        while self._running and time.monotonic() < until:
            ready, _ = ray.wait([attempt.stream for attempt in self._running], num_returns=1, timeout=0.2)
            for stream in ready:
                try:
                    next(stream)
                except StopIteration:
                    self._running = [attempt for attempt in self._running if attempt.stream is not stream]
