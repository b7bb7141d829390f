#!/usr/bin/env python3
"""Has another model rewrite the reasoning of a run's correct responses: a checkpoint, or a server that speaks OpenAI's chat.

In: a run's folder with samples and grades. Out: its samples as `ts-host import samples --format jsonl` reads them, the reasoning of the correct
ones rewritten; the answer behind it, and wrong responses, stay as they were. Nothing is believed of a rewrite: the run that imports it grades it.
"""

import argparse
import http.client
import json
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from run_folder import as_it_was, is_correct, reasoning_end, samples, split, ts_host, write

INSTRUCTION = """Below are a problem and a solution. Rewrite the solution as briefly as possible: keep every step that the answer needs, in order, and leave \
out repetitions, checks and remarks. Write the shorter solution and nothing else.

Problem: {problem}

Solution: {solution}"""

WAITS = (1, 2, 4, 8, 16, 32)  # seconds before an answer is asked for again


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a run's folder, sampled and graded")
    parser.add_argument("--out", type=Path, required=True, help="file for the responses")
    parser.add_argument("--by", required=True, help="a model for `ts-host model generate`, or a server's address such as http://10.0.0.7:8000/v1")
    parser.add_argument("--instruction", default=INSTRUCTION, help="what it is asked, with {problem} and {solution}")
    parser.add_argument("--max-new-tokens", type=int, default=1024)
    parser.add_argument("--dtype", default="f32", help="of a model")
    parser.add_argument("--served-model", default="", help="what a server calls the model")
    parser.add_argument("--concurrency", type=int, default=32, help="requests at a server at once")
    args = parser.parse_args()

    drawn, end = samples(args.run), reasoning_end(args.run)
    correct = [sample for sample in drawn if is_correct(sample)]
    asked = [ask(args.instruction, sample, end) for sample in correct]
    rewritten = by_server(args, asked) if args.by.startswith(("http://", "https://")) else by_model(args, asked)
    for sample, text in zip(correct, rewritten, strict=True):
        # One that was cut off is none.
        if text is not None and (reasoning := text.strip()):
            sample["rewritten"] = joined(reasoning, sample, end)
    write(args.out, [row(sample) for sample in drawn])
    n = sum("rewritten" in sample for sample in drawn)
    print(f"{n} of {len(correct)} correct responses rewritten, of {len(drawn)}", file=sys.stderr)


def ask(instruction: str, sample: dict, end: str) -> str:
    reasoning, _ = split(sample["text"], end)
    prompt = sample["prompt"]
    problem = prompt if isinstance(prompt, str) else "\n\n".join(message["content"] for message in prompt)
    return instruction.replace("{problem}", problem).replace("{solution}", reasoning.strip())


def joined(reasoning: str, sample: dict, end: str) -> str:
    """A reasoning in the place of the sample's, with the white space that stood around that."""
    before, rest = split(sample["text"], end)
    lead = before[: len(before) - len(before.lstrip())]
    trail = before[len(before.rstrip()) :]
    return lead + split(reasoning, end)[0].rstrip() + trail + rest


def row(sample: dict) -> dict:
    if "rewritten" not in sample:
        return as_it_was(sample)
    return {"problem": sample["problem"], "text": sample["rewritten"], "finished": sample["finished"]}


def by_model(args: argparse.Namespace, asked: list[str]) -> list[str | None]:
    """The likeliest answer of a checkpoint to each; none for one that has no end."""
    command = ["model", "generate", args.by, "--dtype", args.dtype, "--max-new-tokens", str(args.max_new_tokens)]
    prompts = [{"id": str(i), "messages": [{"role": "user", "content": text}]} for i, text in enumerate(asked)]
    answers = {answer["id"]: answer for answer in ts_host(command, prompts)}
    return [answers[str(i)]["text"] if answers[str(i)]["finished"] else None for i in range(len(asked))]


def by_server(args: argparse.Namespace, asked: list[str]) -> list[str | None]:
    """The likeliest answer of a server to each; none for one that has no end."""
    model = args.served_model or only_model(args.by)

    def answer(text: str) -> str | None:
        body = {"model": model, "messages": [{"role": "user", "content": text}], "temperature": 0, "max_tokens": args.max_new_tokens}
        choice = fetched(args.by, "chat/completions", body)["choices"][0]
        return choice["message"]["content"] if choice["finish_reason"] == "stop" else None

    with ThreadPoolExecutor(args.concurrency) as threads:
        return list(threads.map(answer, asked))


def only_model(address: str) -> str:
    names = [model["id"] for model in fetched(address, "models")["data"]]
    if len(names) != 1:
        sys.exit(f"{address} has {len(names)} models: say which with --served-model, one of {', '.join(names)}")
    return names[0]


def fetched(address: str, path: str, body: dict | None = None) -> dict:
    """A server's answer, asked for again where the server is busy or gone; what stands in its way at last ends the program with a line."""
    url, waits = f"{address.rstrip('/')}/{path}", iter(WAITS)
    data = None if body is None else json.dumps(body).encode()
    while True:
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=1800) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            told, passes = f"{error}: {error.read(500).decode(errors='replace')!r}", error.code == 429 or error.code >= 500
        except (OSError, http.client.HTTPException) as error:
            told, passes = str(error), True
        except ValueError as error:
            told, passes = f"not JSON: {error}", False
        wait = next(waits, None)
        if wait is None or not passes:
            sys.exit(f"{url}: {told}")
        time.sleep(wait)


if __name__ == "__main__":
    main()
