"""What ts-host costs beside a server's own benchmark.

    python bench_server.py --model FOLDER --vllm PROGRAM [--ts-host PROGRAM] [--rounds 3] [--concurrency 32] [--dtype bfloat16]

Starts vLLM with the model in FOLDER, one that does not end its texts, and has both sides draw the same number of responses of the same length to
the same prompts, in turns: `vllm bench serve`, which only measures, without and with seeds, and `ts-host sample`, which checks, orders and writes what came. Out: for each
side tokens a second, and processor seconds of the client, the server's apart. Needs vLLM with its extra `bench`.
"""

import argparse
import json
import os
import pathlib
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

N_PROMPTS, N_SAMPLES, N_TOKENS = 32, 4, 128

OURS = "ts-host sample"

# As it is, and with what ts-host asks for besides: a seed for each request, and token ids.
BENCHES = {"vllm bench serve": [], "the same, with seeds and ids": ["--extra-body", '{"seed": 7, "return_token_ids": true}']}


def prompts() -> list[str]:
    """Prompts of about 40 tokens, no two with a beginning in common."""
    words = ["river", "stone", "seven", "yellow", "market", "forty", "window", "sugar", "train", "quiet", "nine"]
    return [
        f"Problem {place}: " + " ".join(words[(place * 7 + step * (place % 5 + 1)) % len(words)] for step in range(30))
        for place in range(N_PROMPTS)
    ]


def client(command: list[str], **more) -> tuple[float, float]:
    """Wall and processor seconds of a command."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, **more)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - begun
    if done.returncode != 0:
        sys.exit(f"{command} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def wait_for(url: str, server: subprocess.Popen) -> None:
    while True:
        if server.poll() is not None:
            sys.exit("vLLM ended before it answered")
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(1)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--model", required=True)
    arguments.add_argument("--vllm", required=True)
    arguments.add_argument("--ts-host", default="target/release/ts-host")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--concurrency", type=int, default=32)
    arguments.add_argument("--dtype", default="bfloat16")
    args = arguments.parse_args()
    model, ts_host = os.path.abspath(args.model), os.path.abspath(args.ts_host)
    environment = {"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1", **os.environ}
    work = pathlib.Path(tempfile.mkdtemp())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    serve = [args.vllm, "serve", model, "--port", str(port), "--dtype", args.dtype, "--max-model-len", "1024"]
    serve += ["--max-num-batched-tokens", "16384", "--generation-config", "vllm", "--served-model-name", "served"]
    with open(work / "server.log", "w") as log:
        server = subprocess.Popen(serve, stdout=log, stderr=log, env=environment, start_new_session=True)
    try:
        wait_for(f"{url}/v1/models", server)
        with open(work / "bench.jsonl", "w") as out:
            for text in [text for text in prompts() for _ in range(N_SAMPLES)]:
                out.write(json.dumps({"prompt": text}) + "\n")
        for name, texts in {"train": prompts(), "heldout": ["Nothing of this is drawn."]}.items():
            with open(work / f"{name}.jsonl", "w") as out:
                for place, text in enumerate(texts):
                    out.write(json.dumps({"id": f"{name}{place}", "prompt": text, "reference": "1"}) + "\n")
        sides: dict[str, list[tuple[float, float]]] = {}
        for turn in range(args.rounds + 1):
            bench = [args.vllm, "bench", "serve", "--backend", "openai", "--base-url", url, "--model", "served"]
            bench += ["--tokenizer", model, "--dataset-name", "custom", "--dataset-path", str(work / "bench.jsonl")]
            bench += ["--custom-output-len", str(N_TOKENS), "--num-prompts", str(N_PROMPTS * N_SAMPLES)]
            bench += ["--max-concurrency", str(args.concurrency), "--ignore-eos", "--disable-shuffle"]
            bench += ["--save-result", "--result-dir", str(work)]
            speeds = {}
            for name, more in BENCHES.items():
                result = f"{turn} {name}.json"
                _, processor = client([*bench, "--result-filename", result, *more], env=environment)
                speeds[name] = json.loads((work / result).read_text())["output_throughput"], processor
            run = work / f"run{turn}"
            sample = [ts_host, "sample", "--out", str(run), "--model", model, "--train-problems", str(work / "train.jsonl")]
            sample += ["--heldout-problems", str(work / "heldout.jsonl"), "--seed", str(turn + 1)]
            for key, value in {
                "sampler.kind": "openai",
                "sampler.urls": json.dumps([f"{url}/v1"]),
                "sampler.concurrency": args.concurrency,
                "sample.n_samples": N_SAMPLES,
                "sample.max_new_tokens": N_TOKENS,
                "eval.max_new_tokens": N_TOKENS,
            }.items():
                sample += ["--set", f"{key}={value}"]
            _, own = client(sample, env=environment)
            records = [json.loads(line) for line in open(run / "samples.jsonl")]
            n_tokens = sum(len(record["tokens"]) for record in records)
            seconds = json.loads((run / "manifest.json").read_text())["stages"]["sample"]["seconds"]
            speeds[OURS] = n_tokens / seconds, own
            print(f"{turn}: " + ", ".join(f"{name} {speed:.0f} tokens/s" for name, (speed, _) in speeds.items()), flush=True)
            for name, measured in speeds.items() if turn > 0 else []:  # the first warms the server
                sides.setdefault(name, []).append(measured)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()
    print("\n| client | tokens a second | processor seconds of the client |\n|---|---:|---:|")
    for name, turns in sides.items():
        speed, processor = (statistics.median(column) for column in zip(*turns))
        print(f"| {name} | {speed:.0f} | {processor:.2f} |")


if __name__ == "__main__":
    main()
