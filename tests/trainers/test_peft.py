"""Adapters between ts-host and PEFT, both ways: what a run of ts-host trains is loaded by PEFT, what PEFT writes by ts-host.

In: TS_HOST, and TS_TOKENIZER, which lies in the folder of a small checkpoint. Out: failures of unittest. Compared are the
log-probabilities of every token of some texts, and the weights after merging.
"""

import json
import os
import subprocess
import tempfile
import unittest
import warnings
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

CHECKPOINT = Path(os.environ["TS_TOKENIZER"]).resolve().parent
TEXTS = [torch.randint(5, 600, (n,), generator=torch.Generator().manual_seed(n)).tolist() for n in (2, 30, 200)]

# A run of seconds, with every projection adapted.
RUN = ["problems.max_train=12", "problems.max_heldout=2", "sample.n_samples=8", "refine.enabled=false", "train.batch_size=2"]
RUN += ["train.epochs=2", "eval.n_runs=1", "report.bootstrap_resamples=100", "train.learning_rate=0.002", "train.lora.rank=4"]
RUN += ["train.lora.alpha=12", "train.lora.target_modules=all-linear", "train.lora.dropout=0.1"]

SMALL = {
    "vocab_size": 612, "hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 512, "eos_token_id": 0, "bos_token_id": None, "pad_token_id": None,
}
CASES = [
    ("qwen2", {"tie_word_embeddings": True}, {"target_modules": "all-linear", "r": 8, "lora_alpha": 16}),
    ("llama", {"attention_bias": True}, {"target_modules": ["q_proj", "down_proj"], "r": 3, "lora_alpha": 4, "use_rslora": True}),
    ("qwen3", {"head_dim": 16}, {"target_modules": r"model\.layers\.[02]\..*(v|o|up)_proj", "r": 1, "lora_dropout": 0.5}),
    ("mistral", {"sliding_window": 16}, {"r": 64, "lora_alpha": 1, "init_lora_weights": "gaussian"}),
]


def host(*args, input=None):
    return subprocess.run([os.environ["TS_HOST"], *map(str, args)], input=input, capture_output=True, text=True)


class Adapters(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_host(self, *args, input=None):
        done = host(*args, input=input)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def load(self, folder, dtype=torch.float32):
        return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="eager").eval()

    def assert_scores(self, folder, model):
        """The log-probabilities of ts-host's `model score` are the model's."""
        lines = "".join(json.dumps({"tokens": tokens}) + "\n" for tokens in TEXTS)
        scored = [json.loads(line) for line in self.run_host("model", "score", folder, input=lines).splitlines()]
        for tokens, line in zip(TEXTS, scored, strict=True):
            with torch.no_grad():
                log_probs = torch.log_softmax(model(torch.tensor([tokens])).logits[0, :-1].double(), -1)
            expected = log_probs.gather(1, torch.tensor(tokens[1:])[:, None])[:, 0]
            difference = (torch.tensor(line["log_probs"]).double() - expected).abs().max().item()
            self.assertLess(difference, 1e-4)

    def assert_merges(self, adapter, base):
        """`model merge` writes what PEFT's `merge_and_unload` gives, in the number format of the base."""
        merged = self.folder / "merged"
        self.run_host("model", "merge", adapter, merged)
        dtype = AutoConfig.from_pretrained(base).dtype
        self.assertEqual(AutoConfig.from_pretrained(merged).dtype, dtype)
        ours = self.load(merged, dtype).state_dict()
        theirs = PeftModel.from_pretrained(self.load(base), adapter).merge_and_unload().state_dict()
        self.assertEqual(ours.keys(), theirs.keys())
        for name, weight in theirs.items():
            # A sum that is rounded to half a format may fall to either side.
            tolerance = {torch.float32: 1e-6, torch.bfloat16: 2**-8}[dtype]
            torch.testing.assert_close(ours[name].float(), weight, rtol=tolerance, atol=1e-6, msg=name)
        again = host("model", "merge", adapter, merged)
        self.assertIn("exists already", again.stderr)

    def test_what_a_run_trains_is_an_adapter_of_peft_s(self):
        settings = [part for setting in RUN for part in ("--set", setting)]
        self.run_host("run", "--model", CHECKPOINT, "--out", self.folder / "run", *settings)
        adapter = self.folder / "run/model"
        base = self.load(CHECKPOINT)
        with warnings.catch_warnings():
            # PEFT only warns of keys that are missing.
            warnings.simplefilter("error")
            model = PeftModel.from_pretrained(base, adapter).eval()
        self.assertEqual(model.peft_config["default"].r, 4)
        moved = [p for name, p in model.named_parameters() if "lora_B" in name and p.abs().max() > 0]
        self.assertEqual(len(moved), 7 * base.config.num_hidden_layers)
        self.assert_scores(adapter, model)
        self.assert_merges(adapter, CHECKPOINT)

    def test_what_peft_writes_is_an_adapter_of_ours(self):
        for index, (family, fields, settings) in enumerate(CASES):
            with self.subTest(family=family):
                torch.manual_seed(index)
                base, adapter = self.folder / f"{family}-base", self.folder / f"{family}-adapter"
                model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **SMALL, **fields))
                for parameter in model.parameters():
                    parameter.data.add_(0.1 * torch.randn(parameter.shape))
                model.save_pretrained(base)
                (base / "tokenizer.json").write_bytes(Path(os.environ["TS_TOKENIZER"]).read_bytes())
                model = get_peft_model(self.load(base), LoraConfig(task_type="CAUSAL_LM", **settings)).eval()
                for name, parameter in model.named_parameters():
                    if "lora_B" in name:
                        parameter.data.normal_(0, 0.05)
                model.save_pretrained(adapter)
                self.assert_scores(adapter, model)
                self.assert_merges(adapter, base)
                (self.folder / "merged").rename(self.folder / f"{family}-merged")

    def test_what_is_not_plain_lora_is_refused_by_its_name(self):
        for settings, reason in [
            ({"use_dora": True}, "use_dora: true is not implemented"),
            ({"rank_pattern": {"q_proj": 2}}, "rank_pattern: an object is not implemented"),
            ({"modules_to_save": ["lm_head"]}, "modules_to_save: a list is not implemented"),
            ({"layers_to_transform": [1]}, "layers_to_transform: a list is not implemented"),
            ({"bias": "all"}, 'bias: "all" is not implemented'),
            ({"target_modules": ["q_proj", "embed_tokens"]}, "is none that the base has room for"),
        ]:
            with self.subTest(reason=reason):
                adapter = self.folder / "adapter"
                config = LoraConfig(task_type="CAUSAL_LM", **({"target_modules": ["q_proj"]} | settings))
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    get_peft_model(self.load(CHECKPOINT), config).save_pretrained(adapter)
                done = host("model", "inspect", adapter)
                self.assertEqual(done.returncode, 1)
                self.assertIn(reason, done.stderr)
                self.assertIn("hint: ", done.stderr)


if __name__ == "__main__":
    unittest.main()
