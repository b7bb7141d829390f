"""Writes tests/data/tiny-qwen2: a random Qwen2 checkpoint and what `transformers` computes with it.

Run from this crate's folder, with torch and transformers 5 installed:

    python tests/python/reference_logits.py

The checkpoint is untied, its biases and norms are random, and its rotary base is not the default, so that an error in any of
them changes the logits. `tests/reference.rs` compares. bf16 is not compared: its rounding differs between libraries.
"""

import json
import pathlib

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

FOLDER = pathlib.Path("tests/data/tiny-qwen2")


def random_model():
    torch.manual_seed(7)
    config = Qwen2Config(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        rope_theta=5000.0,
        tie_word_embeddings=False,
        eos_token_id=[1, 2],
        bos_token_id=None,
        pad_token_id=None,
    )
    model = Qwen2ForCausalLM(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1:
                center = 1.0 if name.endswith("norm.weight") else 0.0
                parameter.copy_(center + 0.3 * torch.randn_like(parameter))
            else:
                parameter.copy_(0.3 * torch.randn_like(parameter))
    return model


def expected(model, tokens, prompt_len):
    ids = torch.tensor([tokens])
    with torch.no_grad():
        logits = model(ids).logits[0]
        log_probs = torch.log_softmax(logits.double(), -1)
        # Ended by the limit alone, so that the continuation is long.
        greedy = model.generate(ids, do_sample=False, max_new_tokens=20, eos_token_id=None, pad_token_id=0)
    response = sum(log_probs[t - 1, tokens[t]].item() for t in range(prompt_len, len(tokens)))
    positions = list(range(0, len(tokens), 7)) + [len(tokens) - 1]
    return {
        "tokens": tokens,
        "prompt_len": prompt_len,
        "positions": positions,
        "logits": [[round(x, 6) for x in logits[i].tolist()] for i in positions],
        "response_log_prob": response,
        "greedy": greedy[0, len(tokens) :].tolist(),
    }


def main():
    model = random_model()
    model.save_pretrained(FOLDER)
    generator = torch.Generator().manual_seed(3)
    cases = []
    for length, prompt_len in [(3, 1), (40, 11), (90, 50)]:
        tokens = torch.randint(3, 64, (length,), generator=generator).tolist()
        cases.append(expected(model, tokens, prompt_len))
    (FOLDER / "expected.json").write_text(json.dumps(cases) + "\n")


if __name__ == "__main__":
    main()
