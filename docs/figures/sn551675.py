"""Draw `sn551675.png`: object 551675 of the challenge SPCC, and the predictions of two models night by night.

    python docs/figures/sn551675.py [RUN]

RUN: a run trained on other objects of the challenge (runs/spcc_10660_z, from `python benchmarks/supernovae.py spcc`).
SKYSURE_DATA names the folder of the data.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import skysure
from skysure.data.split import read_parts
from skysure.report import style

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("SKYSURE_DATA", ROOT.parent / "shared" / "data")) / "spcc"
OBJECT = "551675"


def draw_light_curve(axes: Axes, curves: skysure.LightCurves, trigger: float) -> None:
    time = curves.time - trigger
    for k, band in enumerate(curves.bands):
        mask = curves.band == k
        axes.errorbar(time[mask], curves.flux[mask], curves.flux_error[mask], fmt=style.MARKERS[k], ms=3.5, lw=0.8,
                      color=style.band_colour(band, k), label=band)  # fmt: skip
    axes.axhline(0, color=style.GREY, lw=0.6)
    axes.set(ylabel="flux (zero point 27.5)")
    axes.legend(loc="upper right", ncols=4)


def draw_probabilities(axes: Axes, classes: skysure.Classes, title: str) -> None:
    """Draw probabilities with one standard deviation; bars below mark the nights with a class in the 90 % set."""
    days = classes.rows["days_since_trigger"]
    assert classes.prediction_set is not None
    assert classes.probability_error is not None
    for k, name in enumerate(classes.classes):
        p, error, color = classes.probability[:, k], classes.probability_error[:, k], style.colour(k)
        axes.plot(days, p, style.LINES[k], color=color, lw=2.2 if name == "Ia" else 1.3, label=f"P({name})")
        axes.fill_between(days, (p - error).clip(0), (p + error).clip(max=1), color=color, alpha=0.2, lw=0)
        bar = np.where(classes.prediction_set[:, k], -0.07 - 0.055 * k, np.nan)
        axes.plot(days, bar, "s-", color=color, ms=2.5, lw=2.2)
    axes.axhline(0, color=style.GREY, lw=0.6)
    axes.set(ylim=(-0.24, 1.03), yticks=[0, 0.25, 0.5, 0.75, 1], ylabel="probability")
    axes.text(-3, -0.13, "in the 90 % set", ha="right", va="center", fontsize=8)
    axes.text(0.99, 0.5, title, transform=axes.transAxes, ha="right", fontsize=9)


def draw(runs: dict[str, str | Path]) -> Figure:
    """Draw the light curve, and below it the probabilities of each run."""
    paths = [str(DATA / name) for name in ("lightcurves.parquet", "objects.parquet")]
    curves = skysure.LightCurves.concat([c[c.ids == OBJECT] for c in skysure.read("supernovae", paths).chunks()])
    figure = Figure(figsize=(7.5, 7.0), layout="constrained")
    above, *below = figure.subplots(1 + len(runs), 1, sharex=True, height_ratios=[1.1, *[1] * len(runs)])
    for axes, (title, run) in zip(below, runs.items(), strict=True):
        classes = skysure.predict(run, curves, at_epoch="all")
        draw_probabilities(axes, classes, title)
    draw_light_curve(above, curves, float((classes.rows["mjd"] - classes.rows["days_since_trigger"])[0]))
    below[0].legend(loc="center left", bbox_to_anchor=(0.0, 0.55))
    below[-1].set_xlabel("days since the first point with S/N > 4")
    return figure


if __name__ == "__main__":
    run = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "runs" / "spcc_10660_z")
    split = read_parts(run / "split.parquet")
    assert split.parts[split.ids == OBJECT].tolist() == ["test"], f"{run} was trained on {OBJECT}"
    with style.applied():
        figure = draw({"trained on the challenge": run, "trained on our simulator": "supernovae-griz"})
        figure.savefig(Path(__file__).with_suffix(".png"), dpi=110)
