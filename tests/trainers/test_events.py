"""The event files of a run, by TensorBoard's own reader.

In: TS_HOST. Out: failures of unittest. A small run is killed while it samples and while it trains, and goes on; what TensorBoard reads of
every stage is what the stage's records say, each step once, under the names that TRL's trainers log.
"""

import json
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from runs import HOST, lines

SETTINGS = [
    "problems.max_train=12",
    "problems.max_heldout=4",
    "sample.n_samples=8",
    "refine.n_rewrites=4",
    "train.batch_size=2",
    "train.steps=24",
    "train.checkpoint_every=4",
    "eval.n_runs=2",
    "report.bootstrap_resamples=100",
]


class Events(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.run_folder = Path(folder.name) / "run"

    def host(self, *arguments):
        return subprocess.run([HOST, *map(str, arguments)], capture_output=True, text=True, check=True).stdout

    def killed_in(self, artefact, n_lines):
        """Starts the run, and kills it when an artefact has so many lines."""
        command = [HOST, "run", "--out", str(self.run_folder), "--workers", "1"]
        command += [word for setting in SETTINGS for word in ("--set", setting)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        path = self.run_folder / artefact
        while process.poll() is None and not (path.exists() and path.read_bytes().count(b"\n") >= n_lines):
            time.sleep(0.002)
        process.kill()
        process.wait()

    def scalars(self, stage):
        reader = EventAccumulator(str(self.run_folder / "events" / stage), size_guidance={"scalars": 0})
        reader.Reload()
        return {tag: [(event.step, event.value) for event in reader.Scalars(tag)] for tag in reader.Tags()["scalars"]}

    def test_tensorboard_reads_what_the_records_say_each_step_once(self):
        self.killed_in("samples.jsonl", 9)
        # What a kill leaves is read up to its end.
        for file in (self.run_folder / "events" / "sample").iterdir():
            self.assertGreaterEqual(len(list(EventFileLoader(str(file)).Load())), 2)
        self.killed_in("train.jsonl", 10)
        self.host("run", "--out", self.run_folder)

        train, records = self.scalars("train"), lines(self.run_folder / "train.jsonl")
        self.assertEqual(len(records), 24)
        for tag, field in {
            "train/loss": "loss",
            "train/grad_norm": "grad_norm",
            "train/learning_rate": "learning_rate",
            "train/rewards/chosen": "reward_chosen",
            "train/rewards/rejected": "reward_rejected",
            "train/rewards/margins": "reward_margin",
            "train/rewards/accuracies": "reward_accuracy",
        }.items():
            expected = [(record["step"], record[field]) for record in records if record[field] is not None]
            self.assertEqual([step for step, _ in train[tag]], [step for step, _ in expected], tag)
            for (_, found), (_, wanted) in zip(train[tag], expected):
                self.assertAlmostEqual(found, wanted, delta=1e-6 * max(1.0, abs(wanted)))
        self.assertEqual(train["train/num_tokens"][-1], (24, float(sum(record["tokens"] for record in records))))

        samples = lines(self.run_folder / "samples.jsonl")
        sample = self.scalars("sample")
        self.assertEqual([step for step, _ in sample["sample/completions/mean_length"]], list(range(1, len(samples) + 1)))
        lengths = [len(record["tokens"]) for record in samples]
        self.assertAlmostEqual(sample["sample/completions/mean_length"][-1][1], sum(lengths) / len(lengths), places=3)
        clipped = sum(not record["finished"] for record in samples) / len(samples)
        self.assertAlmostEqual(sample["sample/completions/clipped_ratio"][-1][1], clipped, places=6)

        report = json.loads((self.run_folder / "report.json").read_text(encoding="utf-8"))
        for stage, side in (("eval-baseline", "baseline"), ("eval-result", "result")):
            scalars = self.scalars(stage)
            self.assertAlmostEqual(scalars["eval/accuracy"][-1][1], report[side]["summary"]["accuracy"], places=6)
            self.assertAlmostEqual(scalars["eval/completions/mean_length"][-1][1], report[side]["summary"]["len_all"], places=3)
            self.assertAlmostEqual(scalars["eval/completions/clipped_ratio"][-1][1], report[side]["cut_off"], places=6)
        self.assertAlmostEqual(self.scalars("grade")["grade/accuracy"][-1][1], report["stages"]["sample_accuracy"], places=6)
        for stage in ("select", "refine", "pair", "reference"):
            self.assertTrue(self.scalars(stage), stage)

    def test_a_reader_that_follows_a_run_that_is_killed_and_goes_on_counts_no_step_twice(self):
        self.killed_in("train.jsonl", 6)
        folder = str(self.run_folder / "events" / "train")
        reader = EventAccumulator(folder, size_guidance={"scalars": 0})
        reader.Reload()
        before = len(reader.Scalars("train/loss"))
        self.assertGreaterEqual(before, 4)
        self.host("run", "--out", self.run_folder)
        reader.Reload()
        steps = [event.step for event in reader.Scalars("train/loss")]
        self.assertEqual(steps, list(range(1, 25)))


if __name__ == "__main__":
    unittest.main()
