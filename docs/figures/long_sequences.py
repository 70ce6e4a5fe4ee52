"""Draw `long_sequences.png`: accuracy, time and memory against length, from `benchmarks/results/long_sequences.json`.

python docs/figures/long_sequences.py
"""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib.figure import Figure

from skysure.report import style

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "long_sequences.json"
METHODS = {
    "truncate_last": ("truncate", style.BLACK, "o", "-"),
    "carried": ("truncate, state carried", style.BLACK, "o", "--"),
    "thin": ("subsample evenly", style.SKY, "s", "-"),
    "binned": ("in time bins", style.SKY, "s", "--"),
    "informative": ("by information", style.BLUE, "s", "-"),
    "patches": ("embed patches", style.VERMILLION, "^", "-"),
    "autoencoder": ("autoencode", style.GREEN, "D", "-"),
    "resnet": ("ResNet, all observations", style.GREY, "X", ":"),
}
PANELS = {"accuracy": "accuracy, six classes of stars", "epoch_seconds": "seconds per epoch (750 stars)",
          "peak_memory": "peak memory of a step [MiB]"}  # fmt: skip
LENGTHS = (1000, 5000, 20_000)


def draw() -> Figure:
    """Draw one panel per measure and one line per method."""
    rows = {row["measure"]: row["value"] for row in json.loads(RESULTS.read_text())["rows"]}
    figure = Figure(figsize=(11.0, 4.4), layout="constrained")
    panels = figure.subplots(1, 3)
    for axes, (measure, label) in zip(panels, PANELS.items(), strict=True):
        for name, (title, color, marker, line) in METHODS.items():
            values = {points: rows.get(f"{points}_{name}_{measure}") for points in LENGTHS}
            values = {points: value for points, value in values.items() if value is not None}
            axes.plot([*values], [*values.values()], line, marker=marker, ms=5, color=color, label=title)
        axes.set(xscale="log", xlabel="observations", title=label)
        axes.set_xticks(LENGTHS, ["1,000", "5,000", "20,000"])
        axes.set_xticks([], minor=True)
        if measure != "accuracy":
            axes.set_yscale("log")
    panels[0].axhline(1 / 6, color=style.BLACK, lw=0.7)
    panels[0].text(1000, 1 / 6 + 0.012, "chance level", fontsize=8)
    panels[0].set_ylim(0, 1)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


if __name__ == "__main__":
    with style.applied():
        draw().savefig(Path(__file__).with_suffix(".png"), dpi=110)
