"""Training speed of PyTorch on the models of host/model/examples/bench_train.rs, for comparison.

Needs torch and transformers. Run: python tests/python/bench_torch.py [steps] [threads]
Prints the best step's tokens per second for each size of model; a step is forward, backward and AdamW on
16 sequences of 128 random tokens, on the CPU in f32.
"""

import sys
import time

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

VOCAB_SIZE, SEQUENCES, LENGTH = 512, 16, 128
# hidden size, feed-forward size, layers, heads, key-value heads
SIZES = [(128, 512, 4, 4, 2), (192, 640, 6, 6, 2)]


def tokens_per_second(size, n_steps):
    """Returns (parameters, tokens per second of the best step)."""
    hidden, feed_forward, n_layers, n_heads, n_kv_heads = size
    config = Qwen2Config(
        vocab_size=VOCAB_SIZE,
        hidden_size=hidden,
        intermediate_size=feed_forward,
        num_hidden_layers=n_layers,
        num_attention_heads=n_heads,
        num_key_value_heads=n_kv_heads,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    ids = torch.randint(0, VOCAB_SIZE, (SEQUENCES, LENGTH))
    targets = torch.randint(0, VOCAB_SIZE, (SEQUENCES * LENGTH,))
    best = float("inf")
    for _ in range(n_steps):
        start = time.perf_counter()
        logits = model(ids).logits.view(-1, VOCAB_SIZE)
        torch.nn.functional.cross_entropy(logits, targets).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        best = min(best, time.perf_counter() - start)
    n_params = sum(parameter.numel() for parameter in model.parameters())
    return n_params, SEQUENCES * LENGTH / best


def main():
    n_steps = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    n_threads = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    torch.set_num_threads(n_threads)
    print(f"PyTorch {torch.__version__}, {SEQUENCES} x {LENGTH} tokens a step, best of {n_steps} steps, {n_threads} threads")
    for size in SIZES:
        n_params, speed = tokens_per_second(size, n_steps)
        print(f"{n_params / 1e6:.2f} M parameters: {speed:.0f} tokens/s")


if __name__ == "__main__":
    main()
