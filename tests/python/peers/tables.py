"""Tables of what `bench_peers.py` measured.

In: its record, `{"machine", "draws", "rows", "skipped"}`. Out: printed, for each figure the median of the rounds and, in brackets, how far
ts-host is ahead at the same precision.
"""

import collections
import statistics

SAMPLERS = [
    ("ts-host", "f32"), ("ts-host", "bf16"), ("transformers", "f32"), ("transformers", "bf16"),
    ("llama.cpp", "bf16"), ("llama.cpp", "q8_0"), ("vllm", "bf16"),
]
TRAINERS = [("ts-host", "f32"), ("ts-host", "bf16"), ("torch", "f32"), ("torch", "bf16"), ("trl", "f32"), ("trl", "bf16")]
NAMES = {"vllm": "vLLM", "torch": "PyTorch", "trl": "TRL"}


class Figures:
    """Medians of the rounds."""

    def __init__(self, rows):
        self.rows = rows

    def median(self, field, what, size, engine, dtype, n):
        key = (what, size, engine, dtype, n)
        found = [row[field] for row in self.rows if tuple(row[k] for k in ("what", "size", "engine", "dtype", "n")) == key and field in row]
        return statistics.median(found) if found else None

    def cell(self, field, key, inverse=False, digits=0):
        """The figure, and ts-host's by it at the same precision: more than 1 is where ts-host is ahead."""
        what, size, engine, dtype, n = key
        theirs = self.median(field, *key)
        if theirs is None:
            return "–"
        shown = f"{theirs:.{digits if theirs >= 20 else max(digits, 1)}f}"
        ours = self.median(field, what, size, "ts-host", "f32" if dtype == "f32" else "bf16", n)
        if engine == "ts-host" or not ours:
            return shown
        return f"{shown} ({theirs / ours if inverse else ours / theirs:.2f})"


def together(records):
    """The rounds of several runs as those of one."""
    first = records[0]
    rows = [row | {"round": (at, row["round"])} for at, record in enumerate(records) for row in record["rows"]]
    return first | {"rows": rows, "skipped": [each for record in records for each in record["skipped"]]}


def show(record):
    rows, draws = record["rows"], record["draws"]
    figures = Figures(rows)
    counts = collections.Counter(tuple(row[k] for k in ("what", "size", "engine", "dtype", "n")) for row in rows)
    few, many = min(counts.values()), max(counts.values())
    rounds = f"{many} round{'s' * (many > 1)}" if few == many else f"{few} to {many} rounds"
    print(f"{record['machine']}; one thread, median of {rounds}, load average {min(r['load'] for r in rows)} to {max(r['load'] for r in rows)}")
    present = lambda what, order: [side for side in order if any((what, *side) == (r["what"], r["engine"], r["dtype"]) for r in rows)]
    for size in dict.fromkeys(row["size"] for row in rows if row["what"] == "sampling"):
        print(f"\n| {size}, tokens a CPU second | " + " | ".join(f"n = {n}" for n in draws) + f" | peak MiB, n = {draws[-1]} |")
        print("|---|" + "---:|" * (len(draws) + 1))
        for engine, dtype in present("sampling", SAMPLERS):
            key = lambda n: ("sampling", size, engine, dtype, n)
            cells = [figures.cell("tokens_per_cpu_second", key(n)) for n in draws]
            cells.append(figures.cell("peak_rss_mib", key(draws[-1]), inverse=True))
            print(f"| {NAMES.get(engine, engine)} {dtype} | " + " | ".join(cells) + " |")
            if engine == "llama.cpp":
                alone = [without_sampler(rows, figures, key(n)) for n in draws]
                print(f"| {engine} {dtype}, without its sampler | " + " | ".join(alone) + " | |")
    if any(row["what"] == "training" for row in rows):
        print("\n| training, a pair of 2 × 256 tokens, 135 M | CPU s a step | peak MiB |\n|---|---:|---:|")
        for engine, dtype in present("training", TRAINERS):
            key = ("training", "135 M", engine, dtype, None)
            cells = [figures.cell("cpu_seconds_per_step", key, True, 2), figures.cell("peak_rss_mib", key, True)]
            print(f"| {NAMES.get(engine, engine)} {dtype}{' autocast' if dtype == 'bf16' and engine != 'ts-host' else ''} | " + " | ".join(cells) + " |")
    versions = {row["engine"]: row["version"] for row in rows if "version" in row}
    print("\n" + "\n".join(f"{NAMES.get(engine, engine)}: {version}" for engine, version in versions.items()))
    for what, size, engine, dtype, n, why in record["skipped"]:
        print(f"skipped: {what}, {size}, {NAMES.get(engine, engine)} {dtype}{f', n = {n}' if n else ''}: {why}")


def without_sampler(rows, figures, key):
    """llama.cpp's products alone: its sampler sorts out one token after the other, which others may do better."""
    what, size, engine, dtype, n = key
    fields = ("what", "size", "engine", "dtype", "n")
    speeds = [r["tokens"] / (r["cpu_seconds"] - r["sampler_seconds"]) for r in rows if tuple(r[f] for f in fields) == key]
    ours = figures.median("tokens_per_cpu_second", what, size, "ts-host", "bf16", n)
    return f"{statistics.median(speeds):.0f} ({ours / statistics.median(speeds):.2f})" if speeds and ours else "–"
