"""Training and sampling speed beside PyTorch: both sides in one script, the same model shapes, on the CPU in f32.

Needs torch and transformers. From the repository's root: python tests/python/bench_torch.py [rounds] [threads]
Builds and runs `bench_train` and `bench_generate` of host/model/examples in turns with PyTorch's side; prints the
best of all rounds for each, and the ratio. A training step is forward, backward and AdamW on 16 sequences of 128 random
tokens; sampling draws 64 responses of 128 tokens from one prompt of 32.
"""

import re
import subprocess
import sys
import time

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

SEQUENCES, LENGTH = 16, 128
DRAWS, PROMPT, NEW_TOKENS = 64, 32, 128
# hidden size, feed-forward size, layers, heads, key-value heads: those of the two examples
TRAIN_VOCAB, TRAIN_SIZES = 512, [(128, 512, 4, 4, 2), (192, 640, 6, 6, 2)]
SAMPLE_VOCAB, SAMPLE_SIZES = 384, [(128, 384, 6, 4, 2), (192, 512, 7, 6, 3), (320, 960, 8, 10, 5)]
STEPS_A_ROUND = 6


def model(size, vocab_size):
    hidden, feed_forward, n_layers, n_heads, n_kv_heads = size
    torch.manual_seed(0)
    return Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=vocab_size,
            hidden_size=hidden,
            intermediate_size=feed_forward,
            num_hidden_layers=n_layers,
            num_attention_heads=n_heads,
            num_key_value_heads=n_kv_heads,
            max_position_embeddings=1024,
            tie_word_embeddings=True,
            eos_token_id=None,
            bos_token_id=None,
        )
    )


def torch_training(size):
    """Returns the tokens per second of the best step."""
    net = model(size, TRAIN_VOCAB)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, fused=True)
    ids = torch.randint(0, TRAIN_VOCAB, (SEQUENCES, LENGTH))
    targets = torch.randint(0, TRAIN_VOCAB, (SEQUENCES * LENGTH,))
    best = float("inf")
    for _ in range(STEPS_A_ROUND):
        start = time.perf_counter()
        logits = net(ids).logits.view(-1, TRAIN_VOCAB)
        torch.nn.functional.cross_entropy(logits, targets).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        best = min(best, time.perf_counter() - start)
    return SEQUENCES * LENGTH / best


def torch_sampling(size):
    """Returns tokens per second of one call of `generate`, which keeps keys and values."""
    net = model(size, SAMPLE_VOCAB).eval()
    prompt = torch.arange(PROMPT).mul(7).remainder(SAMPLE_VOCAB).expand(DRAWS, PROMPT).contiguous()
    start = time.perf_counter()
    with torch.inference_mode():
        out = net.generate(
            prompt, attention_mask=torch.ones_like(prompt), do_sample=True, max_new_tokens=NEW_TOKENS,
            min_new_tokens=NEW_TOKENS, top_k=0, pad_token_id=0,
        )
    assert out.shape == (DRAWS, PROMPT + NEW_TOKENS)
    return DRAWS * NEW_TOKENS / (time.perf_counter() - start)


def example(name, *args):
    done = subprocess.run([f"target/release/examples/{name}", *args], check=True, capture_output=True, text=True)
    return done.stdout


def our_training(n_threads):
    """Tokens per second of each size, from `bench_train`."""
    text = example("bench_train", str(STEPS_A_ROUND), str(n_threads))
    return [float(speed) for speed in re.findall(r"fused (\d+) tokens/s", text)]


def our_sampling(n_threads):
    """Tokens per second of each size, from the rows of `bench_generate` with this prompt and so many workers."""
    rows = [line.split() for line in example("bench_generate").splitlines()[1:]]
    return [float(speed) for _, prompt, workers, speed in rows if (int(prompt), int(workers)) == (PROMPT, n_threads)]


def best(rounds):
    return [max(column) for column in zip(*rounds)]


def main():
    n_rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    n_threads = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    torch.set_num_threads(n_threads)
    subprocess.run(
        ["cargo", "build", "--quiet", "--release", "--workspace", "--example", "bench_train", "--example", "bench_generate"],
        check=True,
    )
    print(f"PyTorch {torch.__version__}, {n_threads} threads, best of {n_rounds} rounds\n")
    sides = {
        "training": (TRAIN_SIZES, TRAIN_VOCAB, our_training, torch_training),
        "sampling": (SAMPLE_SIZES, SAMPLE_VOCAB, our_sampling, torch_sampling),
    }
    print("|          | parameters | ts-host, tokens/s | PyTorch, tokens/s | ratio |")
    print("|----------|-----------:|------------------:|------------------:|------:|")
    for what, (sizes, vocab_size, ours, theirs) in sides.items():
        our_rounds, their_rounds = [], []
        for _ in range(n_rounds):
            our_rounds.append(ours(n_threads))
            their_rounds.append([theirs(size) for size in sizes])
        for size, our, their in zip(sizes, best(our_rounds), best(their_rounds)):
            n_params = sum(parameter.numel() for parameter in model(size, vocab_size).parameters())
            print(f"| {what} | {n_params / 1e6:8.2f} M | {our:17.0f} | {their:17.0f} | {our / their:5.2f} |")


if __name__ == "__main__":
    main()
