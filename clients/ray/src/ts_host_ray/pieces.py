"""A folder's files as pieces that go through Ray's object store, one after the other, and files again at the other end.

In: a folder, and which of its files. Out: pieces, each small enough to be held in memory; at the other end the files, which take their
places only once all of them are there and on disk. `manifest.json`, which says that the rest is complete, is always the last.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath

from .failure import Failed

MANIFEST = "manifest.json"
PIECE_BYTES = 8 << 20

Piece = tuple[str, int, bytes]
"""The file's name, relative and with `/`; where in the file the bytes stand; the bytes."""


def files_of(folder: Path, wanted: Callable[[str], bool]) -> list[str]:
    """The names of the wanted files below a folder, the manifest last. Links are never followed."""
    names = []
    for above, _, found in os.walk(folder):
        for name in found:
            path = Path(above) / name
            relative = path.relative_to(folder).as_posix()
            if wanted(relative) and path.is_file() and not path.is_symlink():
                names.append(relative)
    return sorted(names, key=lambda name: (name == MANIFEST, name))


def pieces_of(folder: Path, names: Iterable[str]) -> Iterator[Piece]:
    """The files in pieces. An empty file is one piece of nothing."""
    for name in names:
        with (folder / name).open("rb") as file:
            offset = 0
            while (data := file.read(PIECE_BYTES)) or offset == 0:
                yield name, offset, data
                if not data:
                    break
                offset += len(data)


class Incoming:
    """Files that arrive in pieces beside their place, and are moved there together."""

    def __init__(self, staging: Path, target: Path) -> None:
        self.staging, self.target = staging, target
        self._sizes: dict[str, int] = {}
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)

    def add(self, piece: Piece) -> None:
        """Writes a piece behind those before it."""
        name, offset, data = piece
        parts = PurePosixPath(name).parts
        if not parts or PurePosixPath(name).is_absolute() or ".." in parts:
            raise Failed(f"not the name of a file in a run's folder: {name!r}")
        if self._sizes.get(name, 0) != offset:
            raise Failed(f"a piece of {name} is missing")
        path = self.staging / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(data)
        self._sizes[name] = offset + len(data)

    def place(self) -> None:
        """Puts everything that came in its place: a new folder in one move, into one that is there entry by entry, each in one move
        and the manifest last."""
        for name in self._sizes:
            _sync(self.staging / name)
        for above, _, _ in os.walk(self.staging):
            _sync(Path(above))
        self.target.parent.mkdir(parents=True, exist_ok=True)
        if not self.target.exists():
            self.staging.rename(self.target)
            _sync(self.target.parent)
            return
        for entry in sorted(self.staging.iterdir(), key=lambda entry: entry.name == MANIFEST):
            place = self.target / entry.name
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            if entry.name == MANIFEST:
                _sync(self.target)
            entry.replace(place)
        _sync(self.target)
        self.drop()

    def drop(self) -> None:
        """Forgets what came."""
        shutil.rmtree(self.staging, ignore_errors=True)


def _sync(path: Path) -> None:
    """Forces a file, or a folder's list of entries, to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
