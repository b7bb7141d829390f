"""Whole runs on a cluster of three nodes on this machine, of which one is killed in the middle of sampling.

In: ts-host (TS_HOST). Out: every artefact, the model and the report are those of one machine's run, to the byte.
"""

import contextlib
import faulthandler
import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Callable, Iterator
from pathlib import Path

import ray
from ray._private.node import Node
from ray.cluster_utils import Cluster

from ts_host_ray import Failed, Settings, pieces, run

TS_HOST = os.environ["TS_HOST"]
# The smallest run in which every stage has something to do, and sampling lasts long enough to be met.
FLAGS = [
    word
    for setting in (
        "problems.max_train=8",
        "problems.max_heldout=3",
        "sample.n_samples=12",
        "sample.max_batch_rows=4",
        "refine.n_rewrites=4",
        "train.steps=2",
        "train.batch_size=4",
        "eval.n_runs=2",
        "report.bootstrap_resamples=100",
    )
    for word in ("--set", setting)
]
FEWEST_SAMPLES = 24  # of any shard here: those of two problems, which are written one after the other
PATIENCE_S = 180
faulthandler.dump_traceback_later(600, exit=True)


class Driver:
    """A `ts-host-ray run` in a process of its own, and what it says."""

    def __init__(self, path: str | None, *arguments: str) -> None:
        command = [sys.executable, "-m", "ts_host_ray.cli", "run", "--ts-host", TS_HOST, *arguments]
        environment = os.environ | ({"PYTHONPATH": path} if path else {})
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line.rstrip("\n"))

    def end(self) -> tuple[int, str]:
        """Its exit code and its standard output."""
        assert self.process.stdout is not None
        output = self.process.stdout.read()
        code = self.process.wait(PATIENCE_S)
        self._reader.join(10)
        return code, output

    def close(self) -> None:
        """Ends it, however it stands."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()

    @property
    def text(self) -> str:
        return "\n".join(self.said)


def until(what: str, there: Callable[[], object], driver: Driver | None = None) -> None:
    """Waits."""
    began = time.monotonic()
    while not there():
        said = driver.text if driver else ""
        if driver and driver.process.poll() is not None:
            raise AssertionError(f"{what}: the driver has ended\n{said}")
        if time.monotonic() - began > PATIENCE_S:
            raise AssertionError(f"{what}: not in {PATIENCE_S} s\n{said}")
        time.sleep(0.01)


def samples(shard: Path) -> int:
    """How many samples a shard has written."""
    try:
        return (shard / "samples.jsonl").read_bytes().count(b"\n")
    except OSError:
        return 0


def process_of(shard: Path) -> int:
    """The ts-host that works on a shard, or did; 0 if there is none yet."""
    try:
        return int((shard / ".lock").read_text())
    except (OSError, ValueError):
        return 0


def parent(process: int) -> int:
    """The process that started another; 0 if there is none."""
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def digests(folder: Path) -> dict[str, str]:
    """What a run is: every artefact but a tracker's events, whose names and contents hold times, and the report without its own."""
    timed = (".lock", "manifest.json", "recipe.toml", "report.json", "report.md", "report.html")
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() or name.startswith(("shards/", "events/")) or name in timed:
            continue
        found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    report = json.loads((folder / "report.json").read_text())
    for stage in json.loads((folder / "manifest.json").read_text())["stages"].values():
        found[f"manifest: {stage['artefact']}"] = stage["sha256"]
        found.update({f"manifest: {name}": digest for name, digest in (stage.get("folder") or {"files": {}})["files"].items()})
    found["report.json"] = json.dumps(timeless(report))
    found["report.md"] = "\n".join(line for line in (folder / "report.md").read_text().splitlines() if not line.startswith("- seconds"))
    recipe = (folder / "recipe.toml").read_text().splitlines()
    found["recipe.toml"] = "\n".join(line for line in recipe if not line.startswith(("workers =", "# sha256")))
    return found


def timeless(value: object) -> object:
    """A report without seconds."""
    if isinstance(value, dict):
        return {key: timeless(inner) for key, inner in value.items() if "seconds" not in key}
    return [timeless(inner) for inner in value] if isinstance(value, list) else value


class TestCluster(unittest.TestCase):
    """One cluster for all tests, a node of which is replaced when it was killed."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.enterClassContext(cls._folder())
        whole = cls.folder / "whole"
        subprocess.run([TS_HOST, "run", "--out", str(whole), "--workers", "1", *FLAGS], check=True, capture_output=True)
        cls.expected = digests(whole)
        # The nodes have Ray and ts-host, and not this package.
        path = os.environ.pop("PYTHONPATH", None)
        cls.addClassCleanup(lambda: os.environ.update({"PYTHONPATH": path} if path else {}))
        cls.path = path
        cls.cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        cls.addClassCleanup(cls.cluster.shutdown)
        for _ in range(2):
            cls.cluster.add_node(num_cpus=1)

    @classmethod
    @contextlib.contextmanager
    def _folder(cls) -> Iterator[None]:
        with tempfile.TemporaryDirectory() as folder:
            cls.folder = Path(folder)
            yield

    def start(self, out: str, *arguments: str) -> Driver:
        driver = Driver(self.path, "--out", str(self.folder / out), "--address", self.cluster.address, *arguments)
        self.addCleanup(driver.close)
        return driver

    def raylets(self) -> dict[int, Node]:
        """The nodes, by the process that started all of a node's workers."""
        return {node.all_processes["raylet"][0].process.pid: node for node in self.cluster.list_all_nodes()}

    @contextlib.contextmanager
    def stopped_while_sampling(self, shards: Path, driver: Driver) -> Iterator[Path]:
        """A shard whose node may be killed; its ts-host is stopped when it has written some samples and not all."""
        nodes = {pid for pid, node in self.raylets().items() if node is not self.cluster.head_node}
        found: list[Path] = []

        def look() -> list[Path]:
            for shard in shards.glob("*-of-*"):
                process = process_of(shard)
                if is_alive(process) and parent(parent(process)) in nodes and 0 < samples(shard) < FEWEST_SAMPLES:
                    os.kill(process, signal.SIGSTOP)
                    found.append(shard)
                    break
            return found

        until("a shard samples", look, driver)
        self.assertLess(samples(found[0]), FEWEST_SAMPLES, "it was too fast for the test")
        yield found[0]

    def kill_node_of(self, shard: Path) -> None:
        """Kills the node on which a shard is worked on, and adds another."""
        process = process_of(shard)
        self.cluster.remove_node(self.raylets()[parent(parent(process))], allow_graceful=False)
        until("the node's ts-host is gone", lambda: not is_alive(process))
        self.cluster.add_node(num_cpus=1)

    def assert_same(self, out: str) -> None:
        self.assertEqual(digests(self.folder / out), self.expected)

    def test_a_shared_folder(self) -> None:
        driver = self.start("shared", "--shards", "3", *FLAGS)
        shards = self.folder / "shared/shards"
        with self.stopped_while_sampling(shards, driver) as victim:
            name = f"shard {victim.name.replace('-of-', '/')}"
            # A second driver is refused.
            second = self.start("shared")
            self.assertEqual(second.end()[0], 1)
            self.assertRegex(second.text, f"in use by process {driver.process.pid}$")
            before = samples(victim)
            self.kill_node_of(victim)
        # Elsewhere the shard goes on where it stood.
        until("the shard goes on", lambda: f"{name} | going on in" in driver.text, driver)
        self.assertRegex(driver.text, f"{name}: lost on .*; starts again \\(1 of 3\\)")
        self.assertGreaterEqual(samples(victim), before)
        # The driver is interrupted, and nothing of it goes on.
        driver.process.send_signal(signal.SIGTERM)
        self.assertEqual(driver.end()[0], 143, driver.text)
        self.assertIn("interrupted; the same command goes on", driver.text)
        self.assertFalse(any(is_alive(process_of(shard)) for shard in shards.glob("*-of-*")))
        self.assertFalse((self.folder / "shared/manifest.json").exists())

        # A ts-host of a node that was given up may be there for a while: its shard waits.
        (shards / "1-of-3").mkdir(exist_ok=True)
        with (shards / "1-of-3/.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            driver = self.start("shared")
            until("the first shard begins", lambda: "shard 1/3: begins" in driver.text, driver)
            time.sleep(2)
            self.assertNotIn("shard 1/3 |", driver.text)
        code, output = driver.end()
        self.assertEqual(code, 0, driver.text)
        self.assertIn("| Acc, %", output)
        self.assert_same("shared")
        # Once more: nothing is left to do.
        driver = self.start("shared")
        self.assertEqual(driver.end()[0], 0)
        self.assertNotIn("begins on", driver.text)

    def test_folders_of_their_own(self) -> None:
        scratch = self.folder / "scratch"
        driver = self.start("own", "--shards", "4", "--scratch", str(scratch), *FLAGS)
        until("the run has a name", (self.folder / "own/shards/ray.json").exists, driver)
        own = scratch / f"ts-host-{json.loads((self.folder / 'own/shards/ray.json').read_text())['id']}"
        with self.stopped_while_sampling(own / "shards", driver) as victim:
            name = f"shard {victim.name.replace('-of-', '/')}"
            self.kill_node_of(victim)

        # A process that is killed, with its node alive, is no error of the user's either.
        def kill_one() -> bool:
            process = next((process_of(shard) for shard in (own / "shards").glob("*-of-*") if is_alive(process_of(shard))), 0)
            if process:
                os.kill(process, signal.SIGKILL)
            return process > 0

        until("another shard is worked on", kill_one, driver)
        code, output = driver.end()
        self.assertEqual(code, 0, driver.text)
        self.assertRegex(driver.text, f"{name}: lost on .*; starts again \\(1 of 3\\)")
        self.assertIn("ts-host was ended by SIGKILL; starts again", driver.text)
        self.assertIn("| Acc, %", output)
        self.assert_same("own")
        self.assertEqual(list(scratch.iterdir()), [], "nothing is left on the nodes")
        self.assertFalse((self.folder / "own/shards/incoming").exists())

    def test_what_ts_host_refuses_is_not_tried_again(self) -> None:
        wrong = ["--set", "sample.temperature=-1"]
        alone = subprocess.run([TS_HOST, "run", "--out", str(self.folder / "alone"), *wrong], capture_output=True, text=True, check=False)
        driver = self.start("wrong", "--shards", "2", *wrong)
        code, _ = driver.end()
        self.assertEqual(code, alone.returncode)
        for line in alone.stderr.splitlines():
            self.assertRegex(driver.text, r"shard [12]/2 \| " + line.replace("`", "."))
        self.assertRegex(driver.text, r"error: shard [12]/2 on .*: ts-host ended with exit code 1")
        self.assertNotIn("starts again", driver.text)

    def test_a_node_with_another_version_is_refused(self) -> None:
        # The first to ask is the driver.
        program = self.folder / "two-versions"
        program.write_text(f"#!/bin/sh\nmkdir {self.folder}/asked 2>&- && echo ts-host 1 || echo ts-host 2\n")
        program.chmod(0o755)
        driver = self.start("versions", "--shards", "1", "--ts-host", str(program))
        self.assertEqual(driver.end()[0], 1)
        self.assertRegex(driver.text, "error: shard 1/1: .* has ts-host 2, and the driver ts-host 1")

    def test_from_python(self) -> None:
        said: list[str] = []
        ray.init(address=self.cluster.address, log_to_driver=False)
        self.addCleanup(ray.shutdown)
        with self.assertRaisesRegex(Failed, "exit code 2") as failed:
            run(Settings(self.folder / "flags", 1, ["--bogus"], ts_host=TS_HOST, say=said.append))
        self.assertEqual(failed.exception.code, 2)
        self.assertTrue(any(line.startswith("shard 1/1 | error: ") and "--bogus" in line for line in said), said)
        # Files of many pieces: more than a job may be ahead of the driver.
        pieces.PIECE_BYTES = 1 << 16
        scratch = self.folder / "scratch-of-python"
        finished = run(Settings(self.folder / "python", 2, FLAGS, scratch, TS_HOST, train_cpus=1, say=said.append))
        self.assertEqual(finished.folder, self.folder / "python")
        self.assertIn("| Acc, %", finished.report)
        self.assert_same("python")
        self.assertEqual(sum("begins on" in line for line in said), 1 + 2 + 1 + 2)


if __name__ == "__main__":
    unittest.main()
