#!/usr/bin/env python3
"""Drops the least informative words of a run's correct responses, as TokenSkip (arXiv 2502.12067) does before it imitates them.

In: a run's folder with samples and grades, and a model. Out: its samples as `ts-host import samples --format jsonl` reads them, the
reasoning of the correct ones shortened to a share of its tokens; what ends the reasoning, the answer behind it, and wrong responses stay.

How informative a word is: the mean surprisal of its tokens, in nats, under the model, given the text before (Selective Context, arXiv
2310.06201). TokenSkip has LLMLingua-2 instead, a classifier, and states the share in the prompt; here there is one share for all.
"""

import argparse
import json
import re
import sys
from pathlib import Path

from run_folder import as_it_was, is_correct, reasoning_end, samples, split, ts_host, write

WORD_STARTS = ("Ġ", "▁", "Ċ")  # a space or a newline, as vocabularies of bytes and of SentencePiece write them


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a run's folder, sampled and graded")
    parser.add_argument("--out", type=Path, required=True, help="file for the responses")
    parser.add_argument("--model", type=Path, required=True, help="the folder of the model that the run sampled from")
    parser.add_argument("--keep", type=float, default=0.6, help="share of the reasoning's tokens that stays")
    parser.add_argument("--dtype", default="f32")
    args = parser.parse_args()
    if not 0 < args.keep <= 1:
        parser.error("--keep must be above 0 and at most 1")

    drawn, end, pieces = samples(args.run), reasoning_end(args.run), pieces_of(args.model)
    sizes = sizes_of(pieces)
    correct = [sample for sample in drawn if is_correct(sample)]
    n_before = n_after = 0
    for sample, surprisals in zip(correct, surprisals_of(args, correct), strict=True):
        tokens = sample["tokens"]
        n = n_reasoning_tokens(sample, sizes, end)
        kept = kept_of(words(tokens[:n], pieces), surprisals[:n], args.keep)
        n_before, n_after = n_before + n, n_after + len(kept)
        sample["tokens"] = [tokens[i] for i in kept] + tokens[n:]
    write(args.out, [as_it_was(sample) for sample in drawn])
    print(f"{len(correct)} correct responses, of {len(drawn)}: {n_before} to {n_after} tokens of reasoning", file=sys.stderr)


def words(tokens: list[int], pieces: dict[int, str]) -> list[range]:
    """The places of each word's tokens."""
    starts = [i for i, token in enumerate(tokens) if i == 0 or pieces[token].startswith(WORD_STARTS)]
    return [range(start, stop) for start, stop in zip(starts, [*starts[1:], len(tokens)], strict=True)]


def kept_of(words: list[range], surprisals: list[float], share: float) -> list[int]:
    """The places of the most informative words, in order: as many as have this share of the tokens, the first word among equals."""
    informative = sorted(words, key=lambda word: (-sum(surprisals[i] for i in word) / len(word), word.start))
    left, kept = share * sum(map(len, words)), []
    for word in informative:
        if len(word) <= left:
            left -= len(word)
            kept.extend(word)
    return sorted(kept)


def n_reasoning_tokens(sample: dict, sizes: dict[int, int], end: str) -> int:
    """How many tokens spell the reasoning; of bytes, where one token may be part of a character."""
    reasoning, rest = split(sample["text"], end)
    if not rest:
        return len(sample["tokens"]) if not sample["finished"] else len(sample["tokens"]) - 1
    left = len(reasoning.encode())
    for i, token in enumerate(sample["tokens"]):
        if left <= 0:
            return i
        left -= sizes[token]
    return len(sample["tokens"])


def sizes_of(pieces: dict[int, str]) -> dict[int, int]:
    """The bytes that each piece stands for: in a vocabulary of bytes one a character; in one of characters, where `<0x0A>` is a byte, as it is written."""

    def of_characters(piece: str) -> int:
        return 1 if re.fullmatch("<0x[0-9A-F]{2}>", piece) else len(piece.replace("▁", " ").encode())

    size = len if "Ġ" in pieces.values() else of_characters
    return {token: size(piece) for token, piece in pieces.items()}


def pieces_of(model: Path) -> dict[int, str]:
    tokenizer = json.loads((model / "tokenizer.json").read_text(encoding="utf-8"))
    pieces = {id: piece for piece, id in tokenizer["model"]["vocab"].items()}
    return pieces | {token["id"]: token["content"] for token in tokenizer["added_tokens"]}


def surprisals_of(args: argparse.Namespace, correct: list[dict]) -> list[list[float]]:
    """Of each token of each sample; the first, of which there is no saying, counts as the most informative."""
    command = ["model", "score", str(args.model), "--dtype", args.dtype]
    texts = [{"id": str(i), "tokens": sample["tokens"]} for i, sample in enumerate(correct)]
    scored = {line["id"]: line["log_probs"] for line in ts_host(command, texts)}
    return [[float("inf"), *(-log_prob for log_prob in scored[str(i)])] for i in range(len(correct))]


if __name__ == "__main__":
    main()
