"""Whether a recipe's model is on a GPU.

In: the flags of ts-host that choose the recipe. Out: `model.device` as ts-host will read it. A recipe that cannot be read is taken for
one of the CPU: ts-host says what is wrong with it.
"""

import subprocess
import tomllib
from collections.abc import Sequence
from pathlib import Path

DEFAULT = "cpu"


def device_of(ts_host: str, flags: Sequence[str]) -> str:
    """The device that the recipe asks for."""
    recipe, device = "default", ""
    for flag, value in zip(flags, flags[1:], strict=False):
        if flag == "--recipe":
            recipe = value
        key, _, setting = value.partition("=")
        if flag == "--set" and key.strip() == "model.device":
            device = setting.strip().strip("\"'")
    return device or _of_recipe(ts_host, recipe, Path(), set())


def _of_recipe(ts_host: str, name: str, beside: Path, seen: set[str]) -> str:
    """The device of a recipe, or of the one that it extends."""
    if name in seen:
        return DEFAULT
    shipped = subprocess.run([ts_host, "recipe", name], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    try:
        text = shipped.stdout if shipped.returncode == 0 else (beside / name).read_bytes()
        table = tomllib.loads(text.decode("utf-8"))
    except (OSError, ValueError):
        return DEFAULT
    model, base = table.get("model"), table.get("extends")
    if isinstance(model, dict) and "device" in model:
        return str(model["device"])
    return _of_recipe(ts_host, base, (beside / name).parent, seen | {name}) if isinstance(base, str) else DEFAULT
