"""Small random checkpoints of real configurations, and what `transformers` computes with them; and the way back.

Run from this crate's folder, with torch and transformers 5 installed (5.10.4 and 2.11 wrote what is committed):

    python tests/python/families.py write [NAME ...]
    cargo run --release -p ts-model --example write_checkpoint -- FOLDER tests/data/families
    python tests/python/families.py check FOLDER

`write` makes tests/data/families, a folder a configuration: weights in bf16, so that f32 has them exactly, and `expected.json`
with logits, the log-probability of a response, and 256 tokens of greedy decoding (f32, eager attention). `tests/families.rs`
compares. A seed is taken whose greedy decoding is never in doubt: no step has its two likeliest tokens closer than MARGIN.
The example reads these folders with this crate, writes them again, and puts logits beside them; `check` loads what it wrote and
exits with 1 if a key is missing or unexpected, the number format is another, or a logit differs by more than 1e-4.
"""

import json
import pathlib
import shutil
import sys

import torch
from transformers import AutoConfig, AutoModelForCausalLM

DATA = pathlib.Path("tests/data/families")
MARGIN = 2e-3
GREEDY_TOKENS = 256

SHAPE = {
    "vocab_size": 48,
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "hidden_act": "silu",
    "initializer_range": 0.02,
    "use_cache": True,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "torch_dtype": "bfloat16",
}
QWEN2 = {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "rms_norm_eps": 1e-6, "rope_theta": 1e6}
LLAMA = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "rms_norm_eps": 1e-5, "attention_bias": False}
QWEN3 = {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "rms_norm_eps": 1e-6, "rope_theta": 1e6}
MISTRAL = {"architectures": ["MistralForCausalLM"], "model_type": "mistral", "rms_norm_eps": 1e-5}

# Real configurations but for their sizes. Windows and original lengths are shorter than the sequences; fields are spelt as
# transformers 4 writes them or, where there are `rope_parameters`, as 5 does.
CONFIGS = {
    "qwen2": QWEN2 | {"use_sliding_window": False, "sliding_window": 4096, "max_window_layers": 21},
    "qwen2-tied": QWEN2 | {"tie_word_embeddings": True},
    "qwen2-window": QWEN2 | {"use_sliding_window": True, "sliding_window": 24, "max_window_layers": 1},
    "qwen2-yarn": QWEN2
    | {
        "max_position_embeddings": 64,
        "rope_scaling": {"factor": 8.0, "original_max_position_embeddings": 64, "type": "yarn"},
    },
    "llama2": LLAMA | {"num_key_value_heads": 4, "pretraining_tp": 1},
    "llama3": LLAMA
    | {
        "head_dim": 8,
        "mlp_bias": False,
        "rope_theta": 500000.0,
        "tie_word_embeddings": True,
        "rope_scaling": {
            "factor": 8.0,
            "high_freq_factor": 4.0,
            "low_freq_factor": 1.0,
            "original_max_position_embeddings": 64,
            "rope_type": "llama3",
        },
    },
    "llama-linear": LLAMA | {"rope_scaling": {"type": "linear", "factor": 4.0}},
    "llama-dynamic": LLAMA | {"max_position_embeddings": 128, "rope_scaling": {"type": "dynamic", "factor": 4.0}},
    "llama-biases": LLAMA | {"attention_bias": True, "mlp_bias": True},
    "qwen3": QWEN3
    | {
        "head_dim": 12,
        "attention_bias": False,
        "tie_word_embeddings": True,
        "use_sliding_window": True,
        "sliding_window": 24,
        "max_window_layers": 2,
        "layer_types": ["sliding_attention", "full_attention"],
        "rope_parameters": {"rope_theta": 1e6, "rope_type": "default"},
    },
    "mistral": MISTRAL | {"head_dim": 12, "sliding_window": 24, "rope_parameters": {"rope_theta": 1e6, "rope_type": "default"}},
}


def load(folder):
    """The model in f32, with nothing of an earlier sequence in it."""
    return AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )


def reset(model):
    """Dynamic scaling as of a model that was just loaded: transformers keeps the frequencies of the longest sequence so far."""
    rotary = model.model.rotary_emb
    rotary.inv_freq = rotary.original_inv_freq.clone()


def write_checkpoint(folder, fields, seed):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(SHAPE | fields, indent=1) + "\n")
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            center = 1.0 if name.endswith("norm.weight") else 0.0
            parameter.copy_(center + 0.3 * torch.randn(parameter.shape))
    model.to(torch.bfloat16).save_pretrained(folder)
    # The configuration in the spelling that it was given in.
    (folder / "config.json").write_text(json.dumps(SHAPE | fields, indent=1) + "\n")
    (folder / "generation_config.json").unlink(missing_ok=True)


def expected(model, tokens, prompt_len):
    ids = torch.tensor([tokens])
    reset(model)
    with torch.no_grad():
        logits = model(ids).logits[0]
        log_probs = torch.log_softmax(logits.double(), -1)
        reset(model)
        greedy = model.generate(
            ids,
            do_sample=False,
            max_new_tokens=GREEDY_TOKENS,
            eos_token_id=None,
            pad_token_id=0,
            return_dict_in_generate=True,
            output_scores=True,
        )
    top = torch.cat(greedy.scores).topk(2).values
    margin = (top[:, 0] - top[:, 1]).min().item()
    positions = sorted({*range(0, len(tokens), 24), len(tokens) - 1})
    continuation = greedy.sequences[0, len(tokens) :].tolist()
    assert len(continuation) == GREEDY_TOKENS
    case = {
        "tokens": tokens,
        "prompt_len": prompt_len,
        "positions": positions,
        "logits": [[round(x, 6) for x in logits[i].tolist()] for i in positions],
        "response_log_prob": sum(log_probs[t - 1, tokens[t]].item() for t in range(prompt_len, len(tokens))),
        "greedy": continuation,
    }
    return case, margin, len(set(continuation))


def write(names):
    for name in names or CONFIGS:
        folder = DATA / name
        for seed in range(100):
            write_checkpoint(folder, CONFIGS[name], seed)
            model, info = load(folder)
            assert not any(info.values()), info
            generator = torch.Generator().manual_seed(seed)
            results = []
            for length, prompt_len in [(3, 1), (40, 11), (150, 60)]:
                tokens = torch.randint(3, SHAPE["vocab_size"], (length,), generator=generator).tolist()
                results.append(expected(model, tokens, prompt_len))
            margin = min(margin for _, margin, _ in results)
            variety = min(variety for _, _, variety in results)
            if margin > MARGIN and variety > 4:
                break
        else:
            raise SystemExit(f"{name}: no seed keeps greedy decoding out of doubt")
        (folder / "expected.json").write_text(json.dumps([case for case, _, _ in results]) + "\n")
        print(f"{name}: seed {seed}, margin {margin:.4f}, {variety} tokens", flush=True)


def check(parent):
    failed = False
    for folder in sorted(pathlib.Path(parent).iterdir()):
        model, info = load(folder)
        problems = {key: value for key, value in info.items() if value}
        stored = AutoConfig.from_pretrained(folder).dtype
        written = json.loads((folder / "logits.json").read_text())
        reset(model)
        with torch.no_grad():
            logits = model(torch.tensor([written["tokens"]])).logits[0]
        difference = (logits - torch.tensor(written["logits"])).abs().max().item()
        print(f"{folder.name}: {type(model).__name__}, {stored}, largest difference {difference:.1e}, problems {problems}")
        failed |= bool(problems) or difference > 1e-4 or stored != torch.bfloat16
    return int(failed)


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    sys.exit(write(rest) if command == "write" else check(*rest))
