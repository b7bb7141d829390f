"""`ts-host-ray`: parse, run, exit code. The exit code of ts-host where ts-host failed, 130 or 143 where the driver was interrupted."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from .driver import Settings, run, to_stderr
from .failure import Failed
from .lines import shown

RECIPE_FLAGS = ("recipe", "plugin", "seed", "model", "train-problems", "heldout-problems", "set")
"""Flags that go to ts-host as they are."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what was asked for; gives the exit code."""
    typed = _parser().parse_args(arguments)
    # Of Ray itself, unless the user wants it so: nothing is told to its makers.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ended_by = [signal.SIGINT]

    def end(number: int, _frame: FrameType | None) -> None:
        ended_by[0] = signal.Signals(number)
        # Ray's calls end with this one alone.
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    settings = Settings(
        out=typed.out,
        shards=typed.shards,
        flags=[word for flag in RECIPE_FLAGS for value in getattr(typed, _name(flag)) for word in (f"--{flag}", value)],
        scratch=typed.scratch,
        ts_host=typed.ts_host,
        cpus_per_shard=typed.cpus_per_shard,
        gpus_per_shard=typed.gpus_per_shard,
        train_cpus=typed.train_cpus,
        train_gpus=typed.train_gpus,
        max_retries=typed.max_retries,
        address=typed.address,
    )
    try:
        finished = run(settings)
    except Failed as error:
        to_stderr(f"error: {shown(str(error))}")
        return error.code
    except KeyboardInterrupt:
        to_stderr(f"interrupted; the same command goes on with {shown(typed.out)}")
        return 128 + ended_by[0]
    except OSError as error:
        to_stderr(f"error: {shown(str(error))}")
        return 1
    sys.stdout.write(finished.report)
    return 0


def _name(flag: str) -> str:
    return flag.replace("-", "_")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ts-host-ray", description="Runs ts-host on a Ray cluster.", allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="every stage, in shards over the cluster", allow_abbrev=False)
    run.add_argument("--out", required=True, metavar="FOLDER", help="the run's folder; an interrupted run goes on in it")
    run.add_argument("--shards", type=int, metavar="N", help="shares of the problems; needed where the run begins")
    run.add_argument("--address", help="the cluster's [default: RAY_ADDRESS, or a cluster of this machine]")
    run.add_argument("--ts-host", default="ts-host", metavar="PATH", help="the program, as every node has it")
    run.add_argument("--scratch", metavar="FOLDER", help="a folder of each node's own disk, where --out is on no shared file system")
    run.add_argument("--cpus-per-shard", type=float, default=1, metavar="X", help="[default: 1]")
    run.add_argument("--gpus-per-shard", type=float, metavar="X", help="[default: 1 if the recipe's device is a GPU, else 0]")
    run.add_argument("--train-cpus", type=float, metavar="X", help="[default: those of the largest node]")
    run.add_argument("--train-gpus", type=float, metavar="X", help="[default: as for a shard]")
    run.add_argument("--max-retries", type=int, default=3, metavar="N", help="attempts more for what a lost node took [default: 3]")
    of_ts_host = run.add_argument_group("the recipe, as of `ts-host run`")
    for flag in RECIPE_FLAGS:
        of_ts_host.add_argument(f"--{flag}", dest=_name(flag), action="append", default=[], metavar="VALUE")
    return parser


if __name__ == "__main__":
    sys.exit(main())
