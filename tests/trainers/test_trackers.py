"""A run's events in trackio and in wandb, from the commands of docs/trainers.md.

In: TS_HOST; both trackers in the environment that trackers.txt describes. Out: failures of unittest. trackio imports a finished run's events into
its database, wandb takes them offline into its file; what either has of every step of training is what the run's records say.
"""

import json
import re
import struct
import sys
import unittest
from pathlib import Path

from runs import Runs, lines

SMALL = {
    "problems.max_train": 12,
    "problems.max_heldout": 2,
    "sample.n_samples": 8,
    "refine.enabled": "false",
    "train.batch_size": 2,
    "train.steps": 8,
    "eval.n_runs": 1,
    "report.bootstrap_resamples": 100,
}
FIELDS = {
    "train/loss": "loss",
    "train/grad_norm": "grad_norm",
    "train/learning_rate": "learning_rate",
    "train/rewards/chosen": "reward_chosen",
    "train/rewards/margins": "reward_margin",
}
PAGE = Path(__file__).resolve().parents[2] / "docs" / "trainers.md"


def program_with(word):
    """The one program in Python on the page that has this word."""
    (program,) = [text for text in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL) if word in text]
    return program


def history(file):
    """Step and values of every history record in a .wandb file: LevelDB's log (blocks of 32 KiB, records split over them) of protocol buffers."""
    from wandb.proto import wandb_internal_pb2

    data, place, whole = file.read_bytes(), 7, b""
    while place + 7 <= len(data):
        room = 32768 - place % 32768
        if room < 7:
            place += room
            continue
        _, size, kind = struct.unpack("<IHB", data[place : place + 7])
        whole += data[place + 7 : place + 7 + size]
        place += 7 + size
        # 1 is a whole record, 4 the last part of one.
        if kind in (1, 4):
            record = wandb_internal_pb2.Record.FromString(whole)
            whole = b""
            if record.WhichOneof("record_type") == "history":
                values = {item.key or "/".join(item.nested_key): item for item in record.history.item}
                yield record.history.step.num, {key: number(item) for key, item in values.items()}


def number(item):
    return json.loads(item.value_json) if item.value_json else getattr(item, item.WhichOneof("value"))


class Trackers(Runs):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # As the page calls it.
        cls.run_folder = cls.folder / "runs" / "first"
        cls.host("run", "--out", cls.run_folder, *cls.settings(SMALL))
        cls.records = lines(cls.run_folder / "train.jsonl")
        assert len(cls.records) == 8

    def told(self, program, **environment):
        return self.call(sys.executable, "-B", "-c", program, **environment)

    def compare(self, steps):
        """Of every step, the scalars against the record; events have 32 bits."""
        self.assertEqual([step for step, _ in steps], [record["step"] for record in self.records])
        for (_, scalars), record in zip(steps, self.records):
            for tag, field in FIELDS.items():
                if record[field] is None:
                    self.assertNotIn(tag, scalars)
                else:
                    self.assertAlmostEqual(scalars[tag], record[field], delta=1e-6 * max(1.0, abs(record[field])), msg=tag)
        self.assertTrue(any(record["reward_margin"] is not None for record in self.records))

    def test_trackio_imports_every_stage(self):
        place = str(self.folder / "trackio")
        self.told(program_with("trackio"), TRACKIO_DIR=place)
        read = "import json, sys; from trackio.sqlite_storage import SQLiteStorage as s; "
        read += "print(json.dumps({run: s.get_logs('first', run) for run in s.get_runs('first')}))"
        runs = json.loads(self.told(read, TRACKIO_DIR=place).splitlines()[-1])
        self.assertEqual(set(runs), {folder.name for folder in (self.run_folder / "events").iterdir()})
        steps = {}
        for entry in runs["train"]:
            steps.setdefault(entry["step"], {}).update(entry)
        self.compare(sorted(steps.items()))

    def test_wandb_takes_them_offline(self):
        self.told(program_with("wandb"), WANDB_MODE="offline", WANDB_DIR=str(self.folder), WANDB_ERROR_REPORTING="false")
        (file,) = self.folder.glob("wandb/offline-run-*/run-*.wandb")
        self.compare(list(history(file)))


if __name__ == "__main__":
    unittest.main()
