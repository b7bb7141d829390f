"""What happens on a node: one command of ts-host, for a shard or for the training.

In: a `Job`. Out: a stream of events, in order: where it began, each line that ts-host wrote, how it ended, and, where the run's folder is
not shared, the files that it made, in pieces. `run_job` runs as a Ray task; what it needs beside the standard library and Ray is sent
along with it, so that nodes need nothing but Ray and ts-host.
"""

import fcntl
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray

from .lines import Lines, shown
from .lock import is_free
from .pieces import MANIFEST, Incoming, files_of, pieces_of

Event = tuple[Any, ...]
"""("begins", node), ("line", text), ("ended", status), ("failed", message), ("piece", piece), or ("done",), always the last."""

LOCK_PATIENCE_S = 120.0
"""How long a job waits for a folder that another process has. A node that Ray gave up may be alive for a while, with its ts-host."""

SHARED_PATIENCE_S = 60.0
"""How long a job waits for a file that the driver wrote before it. Network file systems show new files late."""

POLL_S = 0.2
"""How long nothing can interrupt a job: Ray's way to do that reaches Python alone, not a call of the system."""

CANNOT_START = 127
"""The exit code of a shell for a command that is not there."""

LEASH = """
import os, signal, sys
if sys.platform == "linux":
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
if os.getppid() != int(sys.argv[1]):
    os._exit(1)
try:
    os.execvp(sys.argv[2], sys.argv[2:])
except OSError as error:
    print(f"error: cannot start {sys.argv[2]} here: {error.strerror}", flush=True)
    os._exit(127)
"""
"""Becomes ts-host, and on Linux ends with the process that started it, however that ends: a lost node leaves no ts-host behind."""

Parcel = list[tuple[str, list[tuple[int, Any]]]]
"""Files in pieces: each file's name, and the offsets and references of its pieces."""


@dataclass
class Job:
    """One command of ts-host."""

    name: str
    """What it is for, as people read it: `shard 2/3`."""
    command: list[str]
    """ts-host and its arguments, without `--out`."""
    folder: str
    """The run's folder, shared; or one of the node's own."""
    place: str = ""
    """The folder in it that the command writes to, and whose lock it takes: `shards/2-of-3`, or the run's own."""
    token: str = ""
    """Where the folder is shared: what the driver wrote into `shards/ray.json`. Else empty."""
    version: str = ""
    """What the driver's ts-host answers to `--version`."""
    cwd: str = ""
    """The driver's working folder. It is the command's, where the node has it."""
    whole: Parcel = field(default_factory=list)
    """Files of the run that the command needs, for a folder that is not shared."""
    own: Parcel = field(default_factory=list)
    """The same, of `place`."""
    brings: list[str] = field(default_factory=list)
    """Files and folders of `place` that go back; `*` is all of it."""


def run_job(job: Job) -> Iterator[Event]:
    """Runs a job, as a Ray task."""
    yield "begins", ray.util.get_node_ip_address()
    folder, place = Path(job.folder), Path(job.folder) / job.place
    fault = _unusable(job, folder)
    if fault:
        yield "failed", fault
        return
    began = time.monotonic()
    while not is_free(place) and time.monotonic() - began < LOCK_PATIENCE_S:
        time.sleep(POLL_S)
    if not job.token:
        _unpack(job, folder)
    lines = Lines()
    with _started(job, folder) as process:
        try:
            while data := _read(process):
                for line in lines.feed(data):
                    yield "line", line
            status = process.wait()
        finally:
            process.kill()
    for line in lines.end():
        yield "line", line
    yield "ended", status
    if status == 0 and not job.token:
        for piece in pieces_of(place, files_of(place, lambda name: _goes_back(name, job.brings))):
            yield "piece", piece
        if job.place:
            shutil.rmtree(place, ignore_errors=True)
    yield ("done",)


def sweep(folder: str) -> None:
    """Removes what jobs left on a node whose folders are its own, as a Ray task."""
    for end in ("", ".partial"):
        shutil.rmtree(folder + end, ignore_errors=True)
    Path(f"{folder}.lock").unlink(missing_ok=True)


def _unusable(job: Job, folder: Path) -> str:
    """Why the job cannot be done here; empty if it can."""
    here = ray.util.get_node_ip_address()
    if job.token and not _is_shared(folder / "shards" / "ray.json", job.token):
        return (
            f"{folder} on {here} is not the folder that the driver has under that name: "
            "nodes that share no file system need a folder of their own disks, --scratch"
        )
    try:
        found = version_of(job.command[0], _cwd(job))
    except OSError as error:
        return f"cannot start {shown(job.command[0])} on {here}: {error.strerror}"
    if found != job.version:
        return f"{here} has {shown(found)}, and the driver {shown(job.version)}: the same version must be everywhere"
    return ""


def version_of(ts_host: str, cwd: str | None = None) -> str:
    """What ts-host says of itself.

    Raises OSError if it cannot be started."""
    done = subprocess.run([ts_host, "--version"], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return done.stdout.decode("utf-8", "replace").strip() or f"a {ts_host} without a version"


def _is_shared(file: Path, token: str) -> bool:
    began = time.monotonic()
    while True:
        try:
            if file.read_text("utf-8") == token:
                return True
        except OSError:
            pass
        if time.monotonic() - began > SHARED_PATIENCE_S or not file.parent.parent.parent.is_dir():
            return False
        time.sleep(POLL_S)


def _cwd(job: Job) -> str | None:
    return job.cwd if Path(job.cwd).is_dir() else None


def _unpack(job: Job, folder: Path) -> None:
    """Puts the files that the job needs into a folder of the node's own. Those of the run are there once for all jobs of a node."""
    folder.mkdir(parents=True, exist_ok=True)
    if job.whole:
        # Beside the folder's own files, as ts-host would refuse a stranger among them.
        with (folder.parent / f"{folder.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            manifest = dict(job.whole)[MANIFEST]
            if not _has(folder / MANIFEST, manifest):
                (folder / MANIFEST).unlink(missing_ok=True)
                _receive(job.whole, folder.parent / f"{folder.name}.partial", folder)
    if job.own:
        shutil.rmtree(folder / job.place, ignore_errors=True)
        _receive(job.own, folder / "shards" / "incoming" / Path(job.place).name, folder / job.place)


def _has(file: Path, pieces: list[tuple[int, Any]]) -> bool:
    try:
        return file.read_bytes() == b"".join(ray.get(reference) for _, reference in pieces)
    except OSError:
        return False


def _receive(parcel: Parcel, staging: Path, target: Path) -> None:
    incoming = Incoming(staging, target)
    for name, pieces in parcel:
        for offset, reference in pieces:
            data: Any = ray.get(reference)
            incoming.add((name, offset, data))
    incoming.place()


def _started(job: Job, folder: Path) -> subprocess.Popen[bytes]:
    leash = [sys.executable, "-I", "-S", "-c", LEASH, str(os.getpid())]
    return subprocess.Popen(
        [*leash, *job.command, "--out", str(folder)],
        cwd=_cwd(job),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
    )


def _read(process: subprocess.Popen[bytes]) -> bytes:
    """The next bytes that the process wrote; none once it has closed its output."""
    assert process.stdout is not None
    handle = process.stdout.fileno()
    while not select.select([handle], [], [], POLL_S)[0]:
        pass
    return os.read(handle, 1 << 16)


def _goes_back(name: str, brings: list[str]) -> bool:
    if name.startswith(".") or name.endswith(".partial"):
        return False
    return any(wanted in ("*", name) or name.startswith(f"{wanted}/") for wanted in brings)


def signal_name(status: int) -> str:
    """The signal that ended a process, of its status as `subprocess` has it."""
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
