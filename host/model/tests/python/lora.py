"""Adapters that PEFT wrote, what PEFT and PyTorch compute with them, and the way back.

Run from this crate's folder, with torch, transformers 5 and peft installed (2.11, 5.10.4 and 0.21.2 wrote what is committed):

    python tests/python/lora.py write
    cargo run --release -p ts-model --example write_checkpoint -- FOLDER adapters
    python tests/python/lora.py check FOLDER

`write` makes tests/data/lora, a folder a case: an adapter to the checkpoint of the same name in tests/data/families, as PEFT saves
it, and what is expected of it: `expected.json` with logits and with a batch of examples, their reference log-probabilities and the
batch's loss, DPO-L + SFT, computed here from its formula; `merged.safetensors`, the adapted weights after `merge_and_unload`;
`gradients.safetensors`, of that loss in the adapters, and for some cases `gradients-full.safetensors`, in the base's own weights.
All in f64, rounded to f32. `tests/lora.rs` and the tests of `ts-pipeline`'s objective compare.

The example writes adapters with this crate and puts logits beside them; `check` loads them with PEFT and exits with 1 if a key is
missing or unexpected, or a logit differs by more than 1e-4.
"""

import json
import math
import pathlib
import shutil
import sys
import warnings

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

BASES = pathlib.Path("tests/data/families")
DATA = pathlib.Path("tests/data/lora")
VOCABULARY = 48

# What PEFT is asked for, and whether gradients of the whole base are wanted too.
CASES = {
    "qwen2-tied": (dict(r=4, lora_alpha=16, target_modules=["q_proj", "v_proj"], lora_dropout=0.1), True),
    "llama-biases": (dict(r=3, lora_alpha=5, target_modules="all-linear", use_rslora=True), True),
    "qwen3": (dict(r=2, lora_alpha=3, target_modules=r".*\.(q_proj|o_proj|down_proj)"), False),
}

BETA, LAMBDA, ETA = 0.3, 0.7, 0.4


def load(name):
    return AutoModelForCausalLM.from_pretrained(BASES / name, dtype=torch.float32, attn_implementation="eager").double()


def tokens(n, seed):
    return torch.randint(3, VOCABULARY, (n,), generator=torch.Generator().manual_seed(seed)).tolist()


def examples():
    """Two pairs of unequal weight, one of whose chosen responses is the longer one, and a response that is only imitated."""
    pair = lambda seed, n, m, weight: {
        "prompt": tokens(4, seed),
        "chosen": tokens(n, seed + 1),
        "rejected": tokens(m, seed + 2),
        "lengths": [n, m],
        "pair_weight": weight,
        "sft_weight": 1.0,
    }
    alone = {"prompt": tokens(3, 70), "chosen": tokens(9, 71), "rejected": None, "pair_weight": 0.0, "sft_weight": 0.5}
    return [pair(10, 7, 15, 1.0), alone, pair(40, 11, 8, 2.0)]


def log_prob(model, prompt, response):
    """log pi(response | prompt), the sum over its tokens."""
    logits = model(torch.tensor([prompt + response])).logits[0, len(prompt) - 1 : -1]
    return torch.log_softmax(logits, -1).gather(1, torch.tensor(response)[:, None]).sum()


def with_references(model, batch, offsets=(0.0, 0.0)):
    for example in batch:
        if example["rejected"] is not None:
            with torch.no_grad():
                sides = [log_prob(model, example["prompt"], example[side]).item() for side in ("chosen", "rejected")]
            example["reference_logp"] = [side + offset for side, offset in zip(sides, offsets)]
    return batch


def loss(model, batch):
    """eta * DPO-L + (1 - eta) * SFT, each the weighted mean over the batch."""
    pair_weight = sum(example["pair_weight"] for example in batch)
    sft_weight = sum(example["sft_weight"] for example in batch)
    dpo_l = sft = 0.0
    for example in batch:
        chosen = log_prob(model, example["prompt"], example["chosen"])
        sft = sft - example["sft_weight"] * chosen / len(example["chosen"])
        if example["rejected"] is not None:
            rejected = log_prob(model, example["prompt"], example["rejected"])
            ref_chosen, ref_rejected = example["reference_logp"]
            len_chosen, len_rejected = example["lengths"]
            logit = BETA * ((chosen - ref_chosen) - (rejected - ref_rejected)) + LAMBDA * math.log(len_rejected / len_chosen)
            dpo_l = dpo_l - example["pair_weight"] * torch.nn.functional.logsigmoid(logit)
    return ETA * dpo_l / pair_weight + (1 - ETA) * sft / sft_weight


def save_gradients(model, path, rename=lambda name: name):
    gradients = {rename(name): p.grad for name, p in model.named_parameters() if p.requires_grad}
    assert all(gradient is not None for gradient in gradients.values())
    save_file({name: gradient.float().contiguous() for name, gradient in gradients.items()}, path)


def write():
    for index, (name, (settings, is_full)) in enumerate(CASES.items()):
        folder = DATA / name
        shutil.rmtree(folder, ignore_errors=True)
        torch.manual_seed(index)
        model = get_peft_model(load(name), LoraConfig(task_type="CAUSAL_LM", **settings)).double().eval()
        with torch.no_grad():
            for key, parameter in model.named_parameters():
                if "lora_B" in key:
                    parameter.copy_(0.05 * torch.randn(parameter.shape))
                # As it is saved.
                parameter.copy_(parameter.float())
        model.float().save_pretrained(folder)
        model.double()
        (folder / "README.md").unlink()
        config = folder / "adapter_config.json"
        fields = json.loads(config.read_text())
        if isinstance(fields["target_modules"], list):
            # PEFT writes a set, in any order.
            fields["target_modules"].sort()
        config.write_text(json.dumps(fields, indent=2) + "\n")

        sequence = tokens(40, 100 + index)
        with torch.no_grad():
            logits = model(torch.tensor([sequence])).logits[0]
            with model.disable_adapter():
                assert (model(torch.tensor([sequence])).logits[0] - logits).abs().max() > 0.1
        with model.disable_adapter():
            batch = with_references(model, examples())
        total = loss(model, batch)
        total.backward()
        peft_name = lambda key: key.replace(".default", "")
        save_gradients(model, folder / "gradients.safetensors", peft_name)
        expected = {
            "tokens": sequence,
            "positions": [0, 11, 39],
            "logits": [[round(x, 7) for x in logits[i].tolist()] for i in (0, 11, 39)],
            "beta": BETA,
            "lambda": LAMBDA,
            "eta": ETA,
            "examples": batch,
            "loss": total.item(),
        }
        if is_full:
            base = load(name)
            batch = with_references(base, examples(), (0.8, -0.9))
            total = loss(base, batch)
            total.backward()
            save_gradients(base, folder / "gradients-full.safetensors")
            expected["full"] = {"examples": batch, "loss": total.item()}
        (folder / "expected.json").write_text(json.dumps(expected) + "\n")
        merged = model.merge_and_unload()
        adapted = {key.split(".lora_")[0].removeprefix("base_model.model.") for key in adapter_names(folder)}
        weights = {key: p.float().contiguous() for key, p in merged.state_dict().items() if key.removesuffix(".weight") in adapted}
        assert len(weights) == len(adapted)
        save_file(weights, folder / "merged.safetensors")
        print(f"{name}: {len(adapted)} projections, loss {expected['loss']:.4f}")


def adapter_names(folder):
    from safetensors import safe_open

    return list(safe_open(folder / "adapter_model.safetensors", "pt").keys())


def check(parent):
    # PEFT only warns of keys that are missing.
    warnings.simplefilter("error")
    failed = False
    for folder in sorted(pathlib.Path(parent).iterdir()):
        base = AutoModelForCausalLM.from_pretrained(
            json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"],
            dtype=torch.float32,
            attn_implementation="eager",
        )
        model = PeftModel.from_pretrained(base, folder)
        loaded = {key.replace(".default", "") for key, _ in model.named_parameters() if "lora_" in key}
        written = json.loads((folder / "logits.json").read_text())
        with torch.no_grad():
            logits = model(torch.tensor([written["tokens"]])).logits[0]
        difference = (logits - torch.tensor(written["logits"])).abs().max().item()
        is_complete = loaded == set(adapter_names(folder))
        print(f"{folder.name}: {len(loaded)} matrices, all there: {is_complete}, largest difference {difference:.1e}")
        failed |= difference > 1e-4 or not is_complete
    return int(failed)


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    sys.exit(write() if command == "write" else check(*rest))
