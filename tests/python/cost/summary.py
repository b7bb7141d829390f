"""What `bench_cost.py` prints of its record: for each curve where it begins and ends, how fast it grows, and how near its memory is to the plan."""

import collections

from cost.fit import power

# What grows, and the figure that grows with it.
GROWS = {
    "length": ("length", "cpu_seconds"), "draws": ("draws", "cpu_seconds"), "problems": ("problems", "cpu_seconds"),
    "context": ("context", "cpu_seconds_per_step"), "step": ("step", "drawing_seconds"),
}
NAMES = ("model", "dtype", "draws", "checkpointing")  # of a curve, as far as they are not what grows


def curves(record):
    """Rows of one curve, in order, by its name. Draws in batches of 64 are left to the plot."""
    found = collections.defaultdict(list)
    for row in record["rows"]:
        grows, _ = GROWS[row["what"]]
        if row["what"] == "draws" and row["rows"] != row["draws"]:
            continue
        name = " ".join(f"{row[key]}" if key in ("model", "dtype") else f"{key}={row[key]}" for key in NAMES if key in row and key != grows)
        found[row["what"], name].append(row)
    return {key: sorted(rows, key=lambda row: row[GROWS[key[0]][0]]) for key, rows in found.items()}


def say(record):
    for (what, name), rows in curves(record).items():
        grows, figure = GROWS[what]
        points = [(row[grows], row[figure]) for row in rows]
        (low, least), (high, most) = points[0], points[-1]
        line = f"{what}, {name}: {least:.3g} s at {low} to {most:.4g} s at {high}"
        if len(points) > 2:
            line += f", power {power(points):.2f}, at the end {power(points[-2:]):.2f}"
        if "tokens" in rows[0] and what != "step":
            speeds = [row["tokens"] / row["cpu_seconds"] for row in rows]
            line += f"; {speeds[0]:.0f} to {speeds[-1]:.0f} tokens a CPU second, at most {max(speeds):.0f}"
        shares = [row["peak_rss_mib"] / row["planned_mib"] for row in rows]
        print(f"{line}; memory {rows[0]['peak_rss_mib']} to {rows[-1]['peak_rss_mib']} MiB, {min(shares):.2f} to {max(shares):.2f} of the plan")
    for point, why in record["skipped"].items():
        print(f"skipped: {point}: {why}")
