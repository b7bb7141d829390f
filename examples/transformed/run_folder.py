"""A run's samples with their grades, and responses made of them as lines that `ts-host import samples --format jsonl` reads."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path


def samples(run: Path) -> list[dict]:
    """The run's samples in order, each with its `prompt` and `outcome`. A run that has not been graded whole ends the program."""
    if not (run / "grades.jsonl").exists():
        sys.exit(f"{run}: no grades; run `ts-host grade --out {run}` first")
    prompts = {problem["id"]: problem["prompt"] for problem in lines(run / "problems-train.jsonl")}
    outcomes = {(grade["problem"], grade["draw"]): grade["outcome"] for grade in lines(run / "grades.jsonl")}
    drawn = lines(run / "samples.jsonl")
    for sample in drawn:
        outcome = outcomes.get((sample["problem"], sample["draw"]))
        if outcome is None:
            sys.exit(f"{run}: no grade of draw {sample['draw']} of {sample['problem']}; run `ts-host grade --out {run}` first")
        sample["prompt"], sample["outcome"] = prompts[sample["problem"]], outcome
    return drawn


def is_correct(sample: dict) -> bool:
    return sample["outcome"] == "correct"


def reasoning_end(run: Path) -> str:
    """The text that ends the reasoning, of the run's recipe; empty if it names none."""
    return tomllib.loads((run / "recipe.toml").read_text(encoding="utf-8"))["prompt"]["reasoning_end"]


def split(text: str, end: str) -> tuple[str, str]:
    """Reasoning and the rest, which begins with what ends the reasoning; a text without it is reasoning alone."""
    at = text.find(end) if end else -1
    return (text, "") if at < 0 else (text[:at], text[at:])


def as_it_was(sample: dict) -> dict:
    return {name: sample[name] for name in ("problem", "tokens", "finished")}


def ts_host(command: list[str], rows: list[dict]) -> list[dict]:
    """What a command that reads and writes JSON lines answers. Its failure, of which it has told, ends the program."""
    asked = "".join(json.dumps(row) + "\n" for row in rows)
    ended = subprocess.run(["ts-host", *command], input=asked, stdout=subprocess.PIPE, encoding="utf-8")
    if ended.returncode != 0:
        sys.exit(ended.returncode)
    return parsed(ended.stdout)


def write(out: Path, rows: list[dict]) -> None:
    out.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def lines(path: Path) -> list[dict]:
    return parsed(path.read_text(encoding="utf-8"))


def parsed(text: str) -> list[dict]:
    """JSON lines. `splitlines` would end a line at other characters too, such as U+2028, which may stand in a text."""
    return [json.loads(line) for line in text.split("\n") if line]
