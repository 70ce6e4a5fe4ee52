"""Figures of `sine`: the function with both bands, inside and outside the range of the training."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib.figure
import numpy as np

from skysure import report
from skysure.predictions import Evaluation
from skysure.report.style import BLUE, ORANGE, SKY


def figures(evaluation: Evaluation) -> Iterator[report.Figure]:
    """Give the figures of an evaluation."""
    curve = evaluation.metrics["curves"]["functions"]

    def draw(figure: matplotlib.figure.Figure) -> None:
        axes = figure.subplots()
        x, mean = np.array(curve["x"]), np.array(curve["mean"])
        noise, ignorance = np.array(curve["aleatoric"]), np.array(curve["epistemic"])
        both = np.hypot(noise, ignorance)
        axes.fill_between(x, mean - both, mean + both, color=SKY, alpha=0.35, lw=0, label="predictive")
        axes.fill_between(x, mean - ignorance, mean + ignorance, color=BLUE, alpha=0.35, lw=0, label="epistemic")
        axes.plot(x, np.transpose(curve["draws"]), color=BLUE, alpha=0.25, lw=0.5)
        axes.plot(x, mean, color=BLUE, label="mean")
        axes.plot(x, np.sin(x), color="black", ls="--", lw=1, label="truth")
        axes.plot(*curve["points"].values(), ".", ms=2, color=ORANGE, label="training points")
        for edge in curve["range"]:
            axes.axvline(edge, color="grey", lw=0.6, ls=":")
        axes.set(xlabel="x", ylabel="y", ylim=(-3, 3))
        axes.legend(ncols=3, loc="upper center", frameon=False)

    yield report.Figure(
        name="function", title="What was learned, and where it ends",
        caption="Mean, twenty functions drawn, and one standard deviation of each kind. Between the dotted lines "
        "there were data: the noise dominates. Outside there were none: ignorance grows.",
        draw=draw,
    )  # fmt: skip
    yield from report.standard_figures(evaluation.metrics)
