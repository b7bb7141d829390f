"""What `bench_cost.py` measures: a list of points, each a process of its own, and how the lines that it prints become rows.

A point is a dictionary: `what` it is about, `model`, `dtype`, what else names it, and `command`, the program and its arguments. A row is a
point without its command, with figures. Cheap points come first, so that a run that is ended early has a whole if shorter plot.
"""

import json

PROMPT = DRAWN = 64  # tokens of a prompt, and of a response where its length is not what grows


def lengths(model, dtype, quick):
    """Sampling as responses grow: 8 draws of one prompt, and one."""
    longest = 256 if quick else 8192
    for draws in 1, 8:
        yield {"what": "length", "model": model, "dtype": dtype, "draws": draws, "command": ["bench_draw", dtype, 1, draws, longest, draws]}


def draws(model, dtype, quick):
    """Sampling as draws of one prompt become more: all in one batch, and in batches of 64, the default."""
    for n in (1, 2, 4) if quick else (1, 2, 4, 8, 16, 32, 64, 128, 256):
        for rows in {n, min(n, 64)}:
            yield {"what": "draws", "model": model, "dtype": dtype, "draws": n, "rows": rows, "command": ["bench_draw", dtype, 1, n, DRAWN, rows]}


def problems(model, dtype, quick):
    """Sampling as problems become more, 8 draws of each: lengths from half the mean to one and a half, and 64 rows that are refilled."""
    for n in (1, 4) if quick else (1, 2, 4, 8, 16, 32, 64):
        command = ["bench_draw", dtype, n, 8, DRAWN, 64, "varied"]
        yield {"what": "problems", "model": model, "dtype": dtype, "problems": n, "command": command}


def contexts(model, dtype, quick):
    """A training step as its context grows; with every activation kept only where that fits into a usual machine. Long ones are
    measured in the first step, which also touches all memory for the first time."""
    for n in (256, 512) if quick else (256, 512, 1024, 2048, 4096, 9000):
        for checkpointing in (False, True) if n <= 1024 or model == "embedded" and n <= 4096 else (True,):
            command = ["bench_step", dtype, n, 3 if n <= 512 else 2 if n <= 1024 or model == "embedded" and n <= 4096 else 1] + ["checkpointed"] * checkpointing
            yield {"what": "context", "model": model, "dtype": dtype, "context": n, "checkpointing": checkpointing, "command": command}


def steps(model, dtype, quick):
    """Stage 2 as steps grow: 64 rewrites of a step, and divergences over a window of 512 tokens."""
    for n in (16, 32) if quick else (16, 32, 64, 128, 256, 512):
        command = ["bench_rewrite", dtype, n, 128 if quick else 512, 512, 64, 4]
        yield {"what": "step", "model": model, "dtype": dtype, "step": n, "command": command}


KINDS = {"length": lengths, "draws": draws, "problems": problems, "context": contexts, "step": steps}
MODELS = {
    "length": [("embedded", "f32"), ("smollm2", "bf16")],
    "draws": [("embedded", "f32"), ("smollm2", "bf16")],
    "problems": [("embedded", "f32"), ("smollm2", "bf16")],
    "context": [("embedded", "f32"), ("smollm2", "bf16"), ("smollm2", "f32")],
    "step": [("embedded", "f32"), ("smollm2", "bf16")],
}


def points(kinds, models, quick):
    return [point for kind in kinds for model, dtype in MODELS[kind] if model in models for point in KINDS[kind](model, dtype, quick)]


def name(point):
    """What a point is, in words that fit on a line."""
    return " ".join(str(value) if key in ("what", "model", "dtype") else f"{key}={value}" for key, value in point.items() if key != "command")


def rows(point, text):
    """Rows of what a point's process printed. Drawing counts from the first token: the prompt, and loading, are before."""
    lines = [json.loads(line) for line in text.splitlines()]
    about = {key: value for key, value in point.items() if key != "command"}
    if point["what"] not in ("length", "draws", "problems"):
        return [about | lines[0]] if lines else []
    if point["what"] == "problems":  # every problem's prompt is part of what it costs
        return [about | line for line in lines if line["length"] != 1]
    first = lines[0]
    since = lambda line: {"tokens": line["tokens"] - first["tokens"], "cpu_seconds": round(line["cpu_seconds"] - first["cpu_seconds"], 4)}
    return [about | line | since(line) for line in lines[1:]]
