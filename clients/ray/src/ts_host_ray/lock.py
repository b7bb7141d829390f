"""The lock that ts-host puts on a run's folder, taken and looked at from Python: `flock` on `.lock`, as ts-host's own.

The operating system gives it up when the process that has it ends, however it ends.
"""

import fcntl
import os
from pathlib import Path

from .failure import Failed


def is_free(folder: Path) -> bool:
    """Whether no process has a folder. One that is not there is free."""
    try:
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return True  # ts-host says what is wrong with it, if anything is
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True


class Lock:
    """A run that no other driver works on: the lock is on the folder of its shards. Commands of ts-host take the run's own, and each
    shard's."""

    def __init__(self, run: Path) -> None:
        self._run, self._handle = run, -1

    def __enter__(self) -> "Lock":
        """Takes it, without waiting.

        Raises `Failed` if another process has it."""
        handle = os.open(self._run / "shards" / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 20).decode("ascii", "replace").strip()
            os.close(handle)
            by = f"process {holder}" if holder.isdigit() else "another process"
            raise Failed(f"{self._run} is in use by {by}") from None
        os.truncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        self._handle = handle
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)
