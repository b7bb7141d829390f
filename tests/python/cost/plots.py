"""The plots of `bench_cost.py`: one SVG for each thing that grows, of its record.

Every panel is a list of curves over the same axis. Where cost grows, the legend has the power of what grows that fits best, and a thin line is
proportional to it from the first point. Colours and the transparent ground are for light and dark pages alike. The same record gives the same bytes.
"""

from dataclasses import dataclass, field
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from cost.fit import power

INK, BLUE, ORANGE, GREEN, PURPLE = "#737b86", "#3d7fe0", "#d9730d", "#2e9e5b", "#a25ddc"
MODELS = {"smollm2": "135 M", "embedded": "1 M"}
STYLE = {
    "svg.hashsalt": "ts-host", "svg.fonttype": "none", "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9, "axes.titlesize": 9.5, "legend.fontsize": 8,
    "axes.edgecolor": INK, "axes.labelcolor": INK, "text.color": INK, "xtick.color": INK, "ytick.color": INK, "grid.color": INK,
    "axes.facecolor": "none", "figure.facecolor": "none", "axes.spines.top": False, "axes.spines.right": False,
    "grid.alpha": 0.25, "grid.linewidth": 0.5, "legend.frameon": False,
}


@dataclass
class Curve:
    label: str
    color: str
    points: list
    style: str = "-"
    marker: str = "o"
    fitted: bool = False


@dataclass
class Panel:
    title: str
    x: str
    curves: list = field(default_factory=list)

    def add(self, label, color, rows, x, y, **options):
        points = sorted((row[x], y(row) if callable(y) else row[y]) for row in rows)
        if points:
            self.curves.append(Curve(label, color, points, **options))


def chosen(record, **wanted):
    """The rows that have these values."""
    return [row for row in record["rows"] if all(row.get(key) == value for key, value in wanted.items())]


def memory(panel, label, color, rows, x, **look):
    """Taken, and planned."""
    panel.add(label, color, rows, x, "peak_rss_mib", **look)
    panel.add("", color, rows, x, "planned_mib", style=":", marker="")


def speed(row):
    return row["tokens"] / row["cpu_seconds"]


def panels(x, *titles):
    """Panels over the same axis, the last of them of memory."""
    return [Panel(title, x) for title in (*titles, "memory, MiB (dotted: planned)")]


def length(record):
    total, fast, took = panels("response length, tokens", "CPU seconds", "tokens a CPU second")
    for model, draws, color in ("smollm2", 8, BLUE), ("smollm2", 1, ORANGE), ("embedded", 8, GREEN), ("embedded", 1, PURPLE):
        rows = chosen(record, what="length", model=model, draws=draws)
        label = f"{MODELS[model]}, {draws} draw{'s' * (draws > 1)}"
        total.add(label, color, rows, "length", "cpu_seconds", fitted=True)
        fast.add(label, color, rows, "length", speed)
        memory(took, label, color, rows, "length")
    return [total, fast, took]


def draws(record):
    total, fast, took = panels("draws of one prompt", "CPU seconds", "tokens a CPU second")
    for model, color in ("smollm2", BLUE), ("embedded", GREEN):
        all_rows = chosen(record, what="draws", model=model)
        together = [row for row in all_rows if row["rows"] == row["draws"]]
        batched = [row for row in all_rows if row["rows"] == 64 and row["draws"] >= 64]
        total.add(f"{MODELS[model]}, in one batch", color, together, "draws", "cpu_seconds")
        fast.add(f"{MODELS[model]}, in one batch", color, together, "draws", speed)
        fast.add(f"{MODELS[model]}, 64 rows", color, batched, "draws", speed, style="--", marker="s")
        memory(took, f"{MODELS[model]}, in one batch", color, together, "draws")
        took.add(f"{MODELS[model]}, 64 rows", color, batched, "draws", "peak_rss_mib", style="--", marker="s")
    return [total, fast, took]


def problems(record):
    each, fast, took = panels("problems, 8 draws of each", "CPU seconds a problem", "tokens a CPU second")
    for model, color in ("smollm2", BLUE), ("embedded", GREEN):
        rows = chosen(record, what="problems", model=model)
        each.add(MODELS[model], color, rows, "problems", lambda row: row["cpu_seconds"] / row["problems"])
        fast.add(MODELS[model], color, rows, "problems", speed)
        memory(took, MODELS[model], color, rows, "problems")
    return [each, fast, took]


def context(record):
    total, each, took = panels("context, tokens", "CPU seconds a step", "CPU milliseconds a token")
    for model, dtype, again, color in [
        ("smollm2", "f32", False, ORANGE), ("smollm2", "f32", True, ORANGE), ("smollm2", "bf16", False, BLUE), ("smollm2", "bf16", True, BLUE),
        ("embedded", "f32", False, GREEN), ("embedded", "f32", True, GREEN),
    ]:
        rows = chosen(record, what="context", model=model, dtype=dtype, checkpointing=again)
        label = f"{MODELS[model]} {dtype}{', recomputing' * again}"
        look = {"style": "-" if again else "--", "marker": "o" if again else "s"}
        total.add(label, color, rows, "context", "cpu_seconds_per_step", fitted=True, **look)
        each.add(label, color, rows, "context", lambda row: 1e3 * row["cpu_seconds_per_step"] / (2 * row["context"]), **look)
        memory(took, label, color, rows, "context", **look)
    return [total, each, took]


def step(record):
    total, each, took = panels("step, tokens", "CPU seconds", "CPU milliseconds a drawn token")
    for model, colors in ("smollm2", (BLUE, ORANGE)), ("embedded", (GREEN, PURPLE)):
        rows, name = chosen(record, what="step", model=model), MODELS[model]
        total.add(f"{name}, 64 rewrites drawn", colors[0], rows, "step", "drawing_seconds", fitted=True)
        total.add(f"{name}, one divergence", colors[1], rows, "step", divergence, marker="s")
        each.add(f"{name}, 64 rewrites drawn", colors[0], rows, "step", lambda row: 1e3 * row["drawing_seconds"] / row["tokens"])
        each.add(f"{name}, every candidate compared", colors[1], rows, "step", lambda row: 1e3 * whole(row) / row["tokens"], style="--")
        memory(took, f"{name}, 64 rewrites drawn", colors[0], rows, "step")
    return [total, each, took]


def divergence(row):
    """Seconds of one rewrite's divergence."""
    return row["scoring_seconds"] / row["scored"]


def whole(row):
    """Seconds of the step if no candidate passes: the original read, everything drawn, every candidate compared."""
    return row["original_seconds"] + row["drawing_seconds"] + row["candidates"] * divergence(row)


FIGURES = {"length": length, "draws": draws, "problems": problems, "context": context, "step": step}


def number(value, _=None):
    """0.25, 5, 4,096: no more digits than it takes."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"


def show(axes, panel):
    axes.set_title(panel.title)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    ys = [y for curve in panel.curves for _, y in curve.points]
    axes.yaxis.set_major_locator(LogLocator(subs=(1,) if max(ys) > 50 * min(ys) else (1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(number))
    places = sorted({x for curve in panel.curves for x, _ in curve.points})
    every = max(1, -(-len(places) // 6))
    axes.xaxis.set_major_locator(FixedLocator(places[::-1][::every]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(number))
    axes.set_xlabel(panel.x)
    axes.grid(True, which="major")
    for curve in panel.curves:
        xs, ys = zip(*curve.points)
        axes.plot(xs, ys, curve.style, color=curve.color, marker=curve.marker, markersize=3.5, linewidth=1.4)
        if curve.fitted:
            axes.plot(xs, [ys[0] * x / xs[0] for x in xs], color=curve.color, linewidth=0.6, alpha=0.7, zorder=0)


def legend(figure, panels):
    """One for all panels: a curve of the same name looks the same in each."""
    names, handles = [], []
    for curve in [curve for panel in panels for curve in panel.curves if curve.label]:
        if curve.label not in names:
            names.append(curve.label)
            handles.append(Line2D([], [], color=curve.color, linestyle=curve.style, marker=curve.marker, markersize=3.5, linewidth=1.4))
    powers = {curve.label: power(curve.points) for panel in panels for curve in panel.curves if curve.fitted and len(curve.points) > 2}
    if any(curve.fitted for panel in panels for curve in panel.curves):
        names.append("proportional")
        handles.append(Line2D([], [], color=INK, linewidth=0.6))
    texts = [f"{name} (power {powers[name]:.2f})" if name in powers else name for name in names]
    figure.legend(handles, texts, loc="outside lower center", ncols=3)


def draw(record, folder):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with plt.rc_context(STYLE):
        for name, panels_of in FIGURES.items():
            shown = [panel for panel in panels_of(record) if panel.curves]
            if not shown:
                continue
            figure, all_axes = plt.subplots(1, len(shown), figsize=(3.3 * len(shown), 3.6), layout="constrained")
            for axes, panel in zip(all_axes, shown):
                show(axes, panel)
            legend(figure, shown)
            figure.savefig(folder / f"{name}.svg", transparent=True, metadata={"Date": None, "Creator": "bench_cost.py"})
            plt.close(figure)
