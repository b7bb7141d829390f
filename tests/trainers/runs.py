"""Runs of the command line in a folder of a test's own, and what they leave.

In: TS_HOST. Out: [`Runs`], whose tests share one folder; JSON lines and weights as they were written.
"""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

HOST = os.environ["TS_HOST"]


def lines(path):
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def weights(folder):
    from safetensors.torch import load_file

    return {name: tensor.double() for name, tensor in load_file(next(Path(folder).glob("*model.safetensors"))).items()}


def distance(one, other):
    """The norm of the difference of all weights, and the largest difference of one."""
    assert one.keys() == other.keys(), one.keys() ^ other.keys()
    differences = [one[name] - other[name] for name in one]
    norm = sum(difference.square().sum() for difference in differences).sqrt().item()
    return norm, max(difference.abs().max().item() for difference in differences)


class Runs(unittest.TestCase):
    # What commands find in their environment besides.
    ENVIRONMENT = {}

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.folder = Path(cls.temporary.name)

    @staticmethod
    def settings(values):
        return [word for key, value in values.items() for word in ("--set", f"{key}={value}")]

    @classmethod
    def call(cls, *command, cwd=None, **environment):
        """What a command says; a failure if it fails."""
        environment = {**os.environ, **cls.ENVIRONMENT, **environment}
        done = subprocess.run([str(word) for word in command], cwd=cwd or cls.folder, capture_output=True, text=True, env=environment)
        if done.returncode:
            raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    @classmethod
    def host(cls, *arguments):
        return cls.call(HOST, *arguments)
