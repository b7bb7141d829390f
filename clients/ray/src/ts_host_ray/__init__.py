"""ts-host on the nodes of a Ray cluster: the shards at once, then merge, training and evaluation.

`run` is the whole of it; `ts-host-ray run` is the same on the command line. The README beside this package says how it works.
"""

from .driver import Finished, Settings, run
from .failure import Failed

__all__ = ["Failed", "Finished", "Settings", "run"]
