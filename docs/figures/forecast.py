"""Draw `forecast.png`: forecasts of three supernovae of the SPCC, ten days after detection.

    python docs/figures/forecast.py RUN

RUN: a run with forecasts, trained on the SPCC (runs/forecasting_spcc, from `python benchmarks/forecasting.py`). Shows
the objects of its test part with the highest signal-to-noise ratio, one per class.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import matplotlib
import numpy as np

import skysure

matplotlib.use("Agg")
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skysure.applications.supernovae.evaluation import best_point_snr
from skysure.applications.supernovae.examples import describe, early_forecast
from skysure.data.sources import SplitSource
from skysure.data.split import read_parts
from skysure.report import style

HERE = Path(__file__).parent
DATA = Path(os.environ.get("SKYSURE_DATA", HERE.parents[2] / "shared" / "data")) / "spcc"
CLASSES = ("Ia", "II", "Ibc")


def draw(axes: Axes, example: dict) -> None:
    points, ahead = example["points"], example["forecast"]
    time, flux, error = (np.array(points[name]) for name in ("time", "flux", "flux_error"))
    band, observed = np.array(points["band"]), time <= ahead["from"] + 0.5
    for k, name in enumerate(example["bands"]):
        color, mark = style.band_colour(name, k), style.MARKERS[k]
        axes.fill_between(ahead["time"], ahead["low"][k], ahead["high"][k], color=color, alpha=0.2, lw=0)
        axes.plot(ahead["time"], ahead["flux"][k], color=color, lw=1)
        for selection, fill, label in ((observed, color, name), (~observed, "white", None)):
            mask = (band == k) & selection
            axes.errorbar(
                time[mask], flux[mask], error[mask], fmt=mark, ms=3.5, mfc=fill, color=color, lw=0.8, label=label
            )
    axes.axvline(ahead["from"], color=style.GREY, lw=0.7, ls=":")
    axes.set(xlim=(-15, ahead["time"][-1] + 3), title=example["truth"], xlabel="days since first detection")


def main() -> None:
    run = skysure.load(sys.argv[1])
    source = skysure.read("supernovae", [str(DATA / f"{name}.parquet") for name in ("lightcurves", "objects")])
    curves = skysure.LightCurves.concat(
        list(SplitSource(source, read_parts(run.path / "split.parquet")).chunks("test"))
    )
    order = np.argsort(-best_point_snr(curves), kind="stable")
    query = run.verbs.Query()
    canvas = Figure(figsize=(9.6, 3.2), layout="constrained")
    for axes, name in zip(canvas.subplots(1, 3), CLASSES, strict=True):
        for k in order[[curves.objects["label"][k] == name for k in order]]:
            example = describe("example", curves[np.array([k])], run.model, query, early_forecast(query)).data
            if example["forecast"] and example["forecast"]["from"] > 5:
                draw(axes, example)
                break
    canvas.axes[0].set_ylabel("flux")
    canvas.axes[0].legend(fontsize=8)
    canvas.savefig(HERE / "forecast.png", dpi=150)


if __name__ == "__main__":
    main()
