"""`ts-host export --to llama-factory` in LLaMA-Factory itself, and `ts-host adopt` of what it trained.

In: TS_HOST; LLaMA-Factory in the environment that llama_factory.txt describes. Out: failures of unittest. What LLaMA-Factory's own loader
makes of every row of a small run are the run's ids, and its labels the responses' alone. Its trainer is given the exported train.yaml as it
is, with steps that see all rows, so that its order does not matter: every step's loss is then that of ts-host's own training without length
margin, divided by eta. LLaMA-Factory computes its reference in the number format that config.json names, bfloat16 here, so this holds to 2e-3 (the
preference term moves by half of what the margin does: beta times the error of two sums over some hundred tokens). With float32 named, which
changes nothing but that, it holds to 1e-5 at the first step and 2e-4 at later ones, as in test_export.py; and the weights end together. Then the
model comes back, is measured and reported.
"""

import contextlib
import json
import sys
import unittest
from pathlib import Path

import yaml

from runs import Runs, distance, lines, weights

ETA = 0.8
SMALL = {
    # Of this seed and with these settings every example is a pair, and so a row.
    "run.seed": 4,
    "problems.max_train": 12,
    "problems.max_heldout": 4,
    "sample.n_samples": 8,
    "plugins.selection_policy.settings": "{ depth_alpha = 0.2, all_correct = 0 }",
    "refine.enabled": "false",
    "train.dpo_weight": ETA,
    "eval.n_runs": 1,
    "report.bootstrap_resamples": 100,
}


class LlamaFactory(Runs):
    # One thread: several that wait for each other spin, which takes minutes on a machine that does other things too.
    ENVIRONMENT = {"OMP_NUM_THREADS": "1"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for stage in ("sample", "grade", "select", "refine", "pair", "reference"):
            cls.host(stage, "--out", "run", *cls.settings(SMALL))
        # The run's ids; that these are those of its artefacts is tested with the command line.
        cls.host("export", "run", "--to", "trl", "--out", "ids")
        cls.rows = {row["id"]: row for row in lines(cls.folder / "ids" / "train.jsonl")}

    def test_its_loader_gives_the_runs_ids_for_every_row(self):
        from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
        from llamafactory.hparams import get_train_args
        from llamafactory.model import load_tokenizer

        said = self.host("export", "run", "--to", "llama-factory", "--out", "loaded")
        self.assertIn(f"{len(self.rows)} pairs as texts", said)
        self.assertIn("every text tokenises back", said)
        exported = lines(self.folder / "loaded" / "train.jsonl")
        with contextlib.chdir(self.folder / "loaded"):
            model, data, training, *_ = get_train_args(yaml.safe_load(Path("train.yaml").read_text(encoding="utf-8")))
            tokenizer = load_tokenizer(model)
            template = get_template_and_fix_tokenizer(tokenizer["tokenizer"], data)
            loaded = get_dataset(template, model, data, training, stage="rm", **tokenizer)["train_dataset"]
        self.assertEqual(len(loaded), len(exported))
        self.assertGreaterEqual(len(loaded), 6)
        for row, text in zip(loaded, exported):
            ours = self.rows[text["id"]]
            for side in ("chosen", "rejected"):
                prompt, response = ours["prompt_ids"], ours[f"{side}_ids"]
                self.assertEqual(row[f"{side}_input_ids"], prompt + response, text["id"])
                self.assertEqual(row[f"{side}_labels"], [-100] * len(prompt) + response, text["id"])

    def train(self, export):
        """The losses and norms of gradients of its steps, which its own command line takes."""
        self.call(sys.executable, "-B", "-m", "llamafactory.cli", "train", "train.yaml", cwd=export)
        state = json.loads((export / "trained" / "trainer_state.json").read_text(encoding="utf-8"))
        steps = [entry for entry in state["log_history"] if "loss" in entry]
        return [step["loss"] for step in steps], [step["grad_norm"] for step in steps]

    def test_its_losses_are_the_recipes_divided_by_eta_and_the_model_comes_back(self):
        steps = {"batch_size": len(self.rows), "steps": 3, "schedule": "constant", "warmup_share": 0.0, "lambda": 0.0}
        self.host("train", "--from", "run", "--out", "ours", *self.settings({f"train.{key}": value for key, value in steps.items()}))
        self.host("export", "ours", "--to", "llama-factory", "--out", "export")
        export = self.folder / "export"
        records = lines(self.folder / "ours" / "train.jsonl")
        ours = [record["loss"] / ETA for record in records]
        self.assertEqual(len(ours), 3)
        # The steps do something: what is compared is no constant.
        self.assertGreater(ours[0] - ours[2], 1e-2)

        as_it_is, _ = self.train(export)
        print(f"losses of ts-host by eta {ours}, of LLaMA-Factory {as_it_is}")
        self.assertTrue(all(abs(their - our) < 2e-3 for their, our in zip(as_it_is, ours, strict=True)))
        config = json.loads((export / "model" / "config.json").read_text(encoding="utf-8"))
        self.assertEqual(config.pop("torch_dtype"), "bfloat16")
        (export / "model" / "config.json").write_text(json.dumps({**config, "torch_dtype": "float32"}), encoding="utf-8")
        (export / "trained").rename(export / "bfloat16")
        theirs, grad_norms = self.train(export)
        print(f"with a reference in float32 {theirs}")
        self.assertLess(abs(theirs[0] - ours[0]), 1e-5)
        self.assertTrue(all(abs(their - our) < 2e-4 for their, our in zip(theirs, ours, strict=True)))
        # The norm before it is bounded: that the loss is right says nothing of what is propagated.
        for grad_norm, record in zip(grad_norms, records, strict=True):
            self.assertLess(abs(grad_norm * ETA - record["grad_norm"]), 1e-3 * record["grad_norm"])
        before, moved_to = weights(export / "model"), weights(self.folder / "ours" / "model")
        (moved, _), (apart, _) = distance(moved_to, before), distance(moved_to, weights(export / "trained"))
        print(f"3 steps of ts-host moved the weights by {moved:.4f}; LLaMA-Factory's are {apart:.6f} from them")
        self.assertLess(apart, 0.01 * moved)

        self.host("adopt", "ours", export / "trained", "--out", "adopted", "--trained-with", "LLaMA-Factory")
        self.assertIn("trained elsewhere with LLaMA-Factory", self.host("run", "--out", "adopted"))
        self.assertEqual(len(lines(self.folder / "adopted" / "eval-result.jsonl")), 4)


if __name__ == "__main__":
    unittest.main()
