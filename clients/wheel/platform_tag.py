"""Says for which machines a wheel is: those of the system and of at least the C library that the program was built with."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.tags import platform_tags


class PlatformTag(BuildHookInterface):
    """A program is for one platform, and for any Python."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        build_data["pure_python"] = False
        tags = list(platform_tags())
        named_after_libc = (tag for tag in tags if tag.startswith("manylinux_"))
        build_data["tag"] = f"py3-none-{next(named_after_libc, tags[0])}"
