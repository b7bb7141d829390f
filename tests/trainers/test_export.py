"""`ts-host export --to trl` in TRL itself, and `ts-host adopt` of what TRL trained.

In: TS_HOST. Out: failures of unittest. A small run of the embedded model is exported and trained on by ts-host and by the export's own
train.py, in one process, in two under accelerate (gloo), and in two that share the weights (FSDP2). What is compared: the loss of the first step, to 1e-5; those of all steps;
and the weights after 20 steps, against how far the training moved them. Then the model comes back, is measured and reported.
"""

import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

from runs import Runs, distance, lines, weights

SMALL = {
    "problems.max_train": 12,
    "problems.max_heldout": 4,
    "sample.n_samples": 8,
    "refine.n_rewrites": 4,
    "train.batch_size": 4,
    "train.steps": 20,
    "eval.n_runs": 1,
    "report.bootstrap_resamples": 100,
}


class Export(Runs):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host("run", "--out", "run", *cls.settings(SMALL))

    def variant(self, name, **values):
        """A run that differs from the shared one in its training, and its export, in which TRL has not trained yet."""
        values = {f"train.{key}": value for key, value in values.items()}
        if values:
            self.host("train", "--from", "run", "--out", name, *self.settings(values))
        export = self.folder / f"{name}-trl"
        if not export.exists():
            self.host("export", name, "--to", "trl", "--out", export)
        return export

    def train(self, export, *arguments, launch=()):
        said = self.call(*(launch or [sys.executable, "-B"]), "train.py", *arguments, cwd=export)
        return said, lines(export / "trained" / "log.jsonl")

    def compare(self, name, log):
        """TRL's losses against ts-host's: the first to 1e-5, and all of them as closely as two f32 trainings stay together."""
        ours = lines(self.folder / name / "train.jsonl")
        self.assertEqual(len(log), len(ours))
        self.assertLess(abs(log[0]["loss"] - ours[0]["loss"]), 1e-5)
        self.assertLess(abs(log[0]["grad_norm"] - ours[0]["grad_norm"]), 1e-3 * ours[0]["grad_norm"])
        for theirs, our in zip(log, ours):
            self.assertLess(abs(theirs["loss"] - our["loss"]), 2e-4, (theirs, our))
            self.assertAlmostEqual(theirs["learning_rate"], our["learning_rate"], delta=1e-12)

    def test_trl_takes_the_same_steps_alone_and_in_two_processes_and_the_model_comes_back(self):
        export = self.variant("run")
        before, ours = weights(export / "model"), weights(self.folder / "run" / "model")
        said, log = self.train(export)
        self.assertIn("20 steps in 1 processes", said)
        self.compare("run", log)
        alone = weights(export / "trained")
        moved, _ = distance(ours, before)
        apart, most = distance(ours, alone)
        print(f"20 steps of ts-host moved the weights by {moved:.4f}; TRL's are {apart:.6f} from them, one weight {most:.2e} at most")
        self.assertLess(apart, 0.005 * moved)

        # Two processes see the same steps.
        (export / "trained").rename(export / "alone")
        accelerate = Path(sys.executable).with_name("accelerate")
        launch = [accelerate, "launch", "--config_file", "accelerate/cpu.yaml", "--num_processes", "2"]
        said, log = self.train(export, launch=launch)
        self.assertIn("20 steps in 2 processes", said)
        self.compare("run", log)
        apart, most = distance(alone, weights(export / "trained"))
        print(f"two processes end {apart:.2e} from one, one weight {most:.2e} at most")
        self.assertLess(apart, 1e-3 * moved)

        # Nor does it matter that each has half of the weights, and what is saved is whole.
        (export / "trained").rename(export / "two")
        config = (export / "accelerate" / "fsdp2.yaml").read_text(encoding="utf-8")
        (export / "cpu-fsdp2.yaml").write_text(config.replace("use_cpu: false", "use_cpu: true"), encoding="utf-8")
        launch = [accelerate, "launch", "--config_file", "cpu-fsdp2.yaml", "--num_processes", "2"]
        launch.append(Path(__file__).resolve().with_name("sharded_on_cpu.py"))
        said, log = self.train(export, launch=launch)
        shares = re.findall(r"rank (\d) of 2 has (\d+) of (\d+) weights", said)
        self.assertEqual({rank for rank, *_ in shares}, {"0", "1"})
        self.assertTrue(all(0.4 * int(whole) < int(here) < 0.6 * int(whole) for _, here, whole in shares), shares)
        self.compare("run", log)
        apart, most = distance(alone, weights(export / "trained"))
        print(f"two processes that share the weights end {apart:.2e} from one, one weight {most:.2e} at most")
        self.assertLess(apart, 1e-3 * moved)

        # The model comes back: the run that did everything but train adopts it.
        self.host("adopt", "run", export / "trained", "--out", "adopted", "--trained-with", "TRL under FSDP2")
        table = self.host("run", "--out", "adopted")
        self.assertIn("trained elsewhere with TRL under FSDP2", table)
        theirs, our = (lines(self.folder / run / "eval-result.jsonl") for run in ("adopted", "run"))
        self.assertEqual([row["problem"] for row in theirs], [row["problem"] for row in our])
        same = sum(a["text"] == b["text"] for a, b in zip(theirs, our))
        print(f"{same} of {len(our)} held-out responses are the same text")
        self.assertGreaterEqual(2 * same, len(our))

    def test_every_form_of_the_loss_is_carried(self):
        for name, values in {
            "derived": {"length_margin": "as_derived", "lambda": 0.5, "steps": 3},
            "uneven": {"dpo_weight": 0.9, "beta": 0.3, "sft_examples": "positives", "steps": 3, "schedule": "linear"},
            "sft": {"dpo_weight": 0.0, "steps": 3, "schedule": "constant"},
            "decaying": {"weight_decay": 0.1, "steps": 0, "epochs": 1.3, "activation_checkpointing": "true"},
        }.items():
            with self.subTest(name):
                _, log = self.train(self.variant(name, **values))
                self.compare(name, log)

    def test_adapters_begin_where_they_begin_and_come_back(self):
        export = self.variant("lora", steps=8, learning_rate=0.002, **{"lora.rank": 4, "lora.alpha": 8.0})
        begun, ours = weights(export / "adapter"), weights(self.folder / "lora" / "model")
        _, log = self.train(export)
        self.compare("lora", log)
        theirs = weights(export / "trained")
        moved, _ = distance(ours, begun)
        apart, _ = distance(ours, theirs)
        print(f"8 steps of ts-host moved adapters by {moved:.4f}; TRL's are {apart:.6f} from them")
        self.assertLess(apart, 0.02 * moved)
        self.host("adopt", "lora", export / "trained", "--out", "lora-adopted")
        self.assertIn("trained elsewhere", self.host("run", "--out", "lora-adopted"))
        # What accelerate says of its configuration to every process.
        environment = {**os.environ, "ACCELERATE_DEEPSPEED_ZERO_STAGE": "3"}
        done = subprocess.run([sys.executable, "-B", "train.py"], cwd=export, capture_output=True, text=True, env=environment)
        self.assertEqual(done.returncode, 2)
        self.assertIn("adapters do not begin under ZeRO-3", done.stderr)

    def test_processes_that_cannot_share_a_step_are_told(self):
        export = self.variant("run")
        done = subprocess.run(
            [sys.executable, "-B", "train.py"], cwd=export, capture_output=True, text=True, env={**os.environ, "WORLD_SIZE": "3"}
        )
        self.assertEqual(done.returncode, 2)
        self.assertIn("3 processes cannot share steps of 4 rows evenly", done.stderr)

    def test_verl_reads_its_rows(self):
        self.host("export", "run", "--to", "verl", "--out", "verl")
        folder = self.folder / "verl"
        sys.path.insert(0, str(folder))
        self.addCleanup(sys.path.remove, str(folder))
        import rows
        from omegaconf import OmegaConf
        from transformers import AutoTokenizer

        # As verl's own trainer reads the flags, and as its loader calls the class.
        flags = self.call(sys.executable, "-B", "rows.py", "--flags", cwd=folder).split()
        config = OmegaConf.from_dotlist(flags)
        self.assertEqual(config.data.custom_cls.name, "Rows")
        tokenizer = AutoTokenizer.from_pretrained(folder / "model")
        wanted = lines(folder / "sft.jsonl")
        for mode in ("right", "no_padding"):
            config.data.pad_mode = mode
            dataset = rows.Rows(
                parquet_files=str(folder / "sft.jsonl"), tokenizer=tokenizer, config=config.data, processor=None, max_samples=-1
            )
            self.assertEqual(len(dataset), len(wanted))
            for item, row in zip((dataset[index] for index in range(len(dataset))), wanted):
                ids = item["input_ids"][item["loss_mask"].bool()].tolist()
                self.assertEqual(ids, row["response_ids"])
                length = config.data.max_length if mode == "right" else len(row["prompt_ids"] + ids)
                self.assertEqual(len(item["input_ids"]), length)
        # As verl's RLHFDataset reads a file of that name; it asks for images' libraries, which are not installed here.
        from datasets import load_dataset

        problems = load_dataset("json", data_files=str(folder / "rl.jsonl"), cache_dir=str(folder / "cache"))["train"]
        self.assertEqual(len(problems), 12)
        self.assertEqual(set(problems.column_names), {"data_source", "prompt", "ability", "reward_model", "extra_info"})
        self.assertEqual(problems[0]["prompt"][-1]["role"], "user")


if __name__ == "__main__":
    unittest.main()
