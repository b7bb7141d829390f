"""What a run was begun with, so that it goes on with the same: `shards/ray.json` in its folder.

In: a run's folder, the recipe's flags and the number of shards. Out: both, as they are from now on; or `Failed` where the folder has
others. ts-host itself compares recipes, models, plugins and problems, but only where it is asked to do something.
"""

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from .failure import Failed
from .pieces import MANIFEST

STAGES_BEFORE = ("eval-baseline", "sample", "grade", "select", "refine", "pair", "reference")
"""The stages that shards do before the training."""

NO_STRANGERS = {".lock", "shards", f"{MANIFEST}.partial"}
"""What may be in a run's folder before it has a manifest."""


@dataclass
class Begun:
    """What a run was begun with."""

    id: str
    """Random; names the run's folder on nodes that share none."""
    flags: list[str]
    """Flags of ts-host that choose the recipe."""
    shards: int
    """The number of shards."""

    @property
    def text(self) -> str:
        """The file's text."""
        return json.dumps(asdict(self), indent=2) + "\n"


def begin(folder: Path, flags: list[str], shards: int | None) -> Begun:
    """Begins a run, or goes on with the one that is there: with its flags where none are given, and its number of shards.

    Raises `Failed`."""
    file = folder / "shards" / "ray.json"
    if file.exists():
        try:
            found = Begun(**json.loads(file.read_text("utf-8")))
        except (ValueError, TypeError) as error:
            raise Failed(f"{file} cannot be read: {error}") from error
        if flags and flags != found.flags:
            raise Failed(f"{folder} was begun with other flags: {' '.join(found.flags) or 'none'}", 2)
        if shards not in (None, found.shards):
            raise Failed(f"{folder} was begun with {found.shards} shards, not {shards}", 2)
        return found
    if shards is None:
        raise Failed("the number of shards is missing", 2)
    begun = Begun(secrets.token_hex(8), flags, shards)
    partial = file.with_suffix(".partial")
    partial.write_text(begun.text, "utf-8")
    partial.replace(file)
    return begun


def require_free(folder: Path) -> None:
    """Refuses a folder that holds other things than a run."""
    if (folder / MANIFEST).exists() or not folder.exists():
        return
    if not folder.is_dir() or any(entry.name not in NO_STRANGERS for entry in folder.iterdir()):
        raise Failed(f"{folder} holds other things than a run")


def done(folder: Path) -> set[str]:
    """The stages that a run, or a shard, has done. What they left is checked by ts-host as soon as it uses it."""
    try:
        stages = json.loads((folder / MANIFEST).read_text("utf-8"))["stages"]
        return {name for name, state in stages.items() if state["done"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return set()
