"""Draw `gap.png`: how far back recurrent cells learn to remember, from `benchmarks/results/gap.json`.

python docs/figures/gap.py
"""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skysure.report import style

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "gap.json"
CELLS = {"rnn": ("RNN", style.ORANGE, "s"), "lstm": ("LSTM", style.BLUE, "o"), "gru": ("GRU", style.GREEN, "^")}
MOST_COMMON = 6 / 40
"""Accuracy of the most frequent language: six of forty countries speak Spanish."""


def points(rows: dict[str, dict], prefix: str) -> tuple[list[int], list[float], list[float]]:
    """Numbers at the end of the measures with a prefix, and the values and errors of their rows."""
    numbered = sorted((int(name.removeprefix(prefix)), row) for name, row in rows.items() if name.startswith(prefix))
    return [x for x, _ in numbered], [r["value"] for _, r in numbered], [r["error"] or 0.0 for _, r in numbered]


def draw_accuracy(axes: Axes, rows: dict[str, dict]) -> None:
    for cell, (name, color, marker) in CELLS.items():
        for gap_range, line, label in (("accuracy", "-", name), ("only", ":", None)):
            x, y, error = points(rows, f"{cell}_{gap_range}_")
            fill = color if gap_range == "accuracy" else "white"
            axes.errorbar(x, y, error, ls=line, marker=marker, ms=5, mfc=fill, color=color, label=label)
    axes.plot([], [], "-", color=style.BLACK, label="up to this gap")
    axes.plot([], [], ":", color=style.BLACK, label="only this gap")
    axes.axhline(MOST_COMMON, color=style.BLACK, lw=0.7)
    axes.text(1000, MOST_COMMON + 0.015, "always Spanish", ha="right", fontsize=8)
    axes.set(xscale="log", ylim=(0, 1.04), xlabel="words between country and language", ylabel="accuracy")
    axes.set_xticks([5, 10, 20, 50, 100, 200, 500, 1000], ["5", "10", "20", "50", "100", "200", "500", "1000"])
    axes.set_xticks([], minor=True)
    axes.legend(loc="center right")


def draw_gradients(axes: Axes, rows: dict[str, dict]) -> None:
    for cell, (name, color, marker) in CELLS.items():
        for stage, line, label in (("torch", ":", None), ("start", "--", None), ("trained", "-", name)):
            x, y, _ = points(rows, f"{cell}_gradient_{stage}_")
            axes.plot([0, *x[:-1]], [1.0, *y[:-1]], line, color=color, label=label)
        axes.plot(x[-1], y[-1], marker, color=color, clip_on=True)
    axes.annotate("the country,\nafter training", (200, 0.3), (168, 1e-3), ha="center", fontsize=8,
                  arrowprops={"arrowstyle": "-", "lw": 0.7})  # fmt: skip
    for line, label in (("-", "after training"), ("--", "initial weights"), (":", "torch's initial weights")):
        axes.plot([], [], line, color=style.BLACK, label=label)
    axes.set(yscale="log", ylim=(1e-12, 30), xlim=(0, 207), xlabel="lag in words", ylabel="gradient (last word: 1)")
    axes.legend(loc="lower right")


def draw() -> Figure:
    """Draw accuracy against gap, and gradient against lag."""
    rows = {row["measure"]: row for row in json.loads(RESULTS.read_text())["rows"]}
    figure = Figure(figsize=(10.0, 3.7), layout="constrained")
    left, right = figure.subplots(1, 2)
    draw_accuracy(left, rows)
    draw_gradients(right, rows)
    return figure


if __name__ == "__main__":
    with style.applied():
        draw().savefig(Path(__file__).with_suffix(".png"), dpi=110)
