"""Figures of `sine`: the function with both bands, and the learned rate beside a grid of fixed rates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from skysure.evaluation import Evaluation
from skysure.report import Figure, standard_figures, style


def figures(evaluation: Evaluation) -> Iterator[Figure]:
    """The figures of an evaluation."""
    yield function(evaluation.curve("functions"))
    if rates := evaluation.curve("grid"):
        yield choice(rates)
        yield cost(rates)
    yield from standard_figures(evaluation.metrics)


def function(curve: dict[str, Any]) -> Figure:
    """The learned function inside the range of the training data and outside."""

    def draw(canvas: Canvas) -> None:
        axes, errors = canvas.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        x, mean = np.array(curve["x"]), np.array(curve["mean"])
        noise, epistemic = np.array(curve["aleatoric"]), np.array(curve["epistemic"])
        total = np.hypot(noise, epistemic)
        axes.plot(curve["points"]["x"], curve["points"]["y"], ".", ms=2, color=style.GREY, label="training points")
        axes.fill_between(x, mean - total, mean + total, color=style.ORANGE, alpha=0.4, lw=0, label="predictive")
        axes.fill_between(x, mean - epistemic, mean + epistemic, color=style.BLUE, alpha=0.4, lw=0, label="epistemic")
        axes.plot(x, np.transpose(curve["draws"]), color=style.BLUE, alpha=0.3, lw=0.5)
        axes.plot(x, mean, color=style.BLUE, label="mean")
        axes.plot(x, curve["truth"], color=style.BLACK, ls="--", lw=1, label="truth")
        errors.plot(x, noise, color=style.ORANGE, ls="-.", label="aleatoric")
        errors.plot(x, epistemic, color=style.BLUE, label="epistemic")
        for panel in (axes, errors):
            for edge in curve["range"]:
                panel.axvline(edge, color=style.GREY, lw=0.8, ls=":")
        inside = (x >= curve["range"][0]) & (x <= curve["range"][1])
        low, high = (mean - 2 * total)[inside].min(), (mean + 2 * total)[inside].max()
        axes.set(ylabel="y", ylim=(low - 0.5 * (high - low), high + 0.5 * (high - low)))
        errors.set(xlabel="x", ylabel="Error in y", ylim=(0, 1.7 * max(noise.max(), epistemic.max())))
        errors.xaxis.set_major_formatter("{x:g}")
        errors.legend(loc="upper center", ncols=2)
        canvas.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=3, columnspacing=1.2)

    caption = (
        f"Mean, {len(curve['draws'])} sampled functions, and one standard deviation of each uncertainty; below, the "
        "standard deviations alone. The training data lie between the dotted lines: there the noise dominates. "
        "Outside, the epistemic uncertainty grows, and the predicted noise is meaningless."
    )
    return Figure("function", "The learned function and its uncertainty", caption, draw, width=4.6, height=4.6)


def choice(grid: dict[str, Any]) -> Figure:
    """Fixed rates on the validation part, and the learned rates among them."""

    def draw(canvas: Canvas) -> None:
        likelihood, epistemic = canvas.subplots(2, 1, sharex=True)
        _beside(likelihood, grid, "nll", style.BLUE, "o", "fixed rates")
        best = int(np.argmin(grid["nll"]))
        likelihood.plot(grid["rate"][best], grid["nll"][best], "o", ms=11, mfc="none", color=style.BLACK, label="best")
        likelihood.set(ylabel="Validation NLL [nat]")
        likelihood.legend(loc="upper left")
        _beside(epistemic, grid, "far", style.PURPLE, "^", "beyond the range")
        _beside(epistemic, grid, "epistemic", style.GREEN, "s", "within the range", learned_label="learned rates")
        epistemic.set(xscale="log", xlabel="Dropout rate", ylabel="Epistemic error")
        epistemic.set_ylim(0, 1.5 * max(grid["far"]))
        epistemic.xaxis.set_major_formatter("{x:g}")
        epistemic.legend(loc="upper left")

    caption = (
        f"Above, {len(grid['rate'])} networks, each with one fixed rate, on the validation part: the best one has the "
        "lowest negative log-likelihood. Below, their epistemic uncertainty: it vanishes with the rate, also beyond "
        "the range of the data. Choosing the smallest epistemic uncertainty would choose no dropout. The learned "
        "rates, one per layer, come from one training; they balance the likelihood of the training data and the prior "
        "on the weights."
    )
    return Figure("grid", "Learned rates beside a grid of fixed rates", caption, draw, width=4.6, height=4.6)


def _beside(
    axes: Axes, grid: dict[str, Any], name: str, colour: str, mark: str, label: str, learned_label: str | None = None
) -> None:
    """Draw a value against the fixed rates, and the value of the learned rates at each learned rate."""
    axes.plot(grid["rate"], grid[name], color=colour, marker=mark, label=label)
    at = sorted(grid["learned"]["rates"].values())
    axes.plot(at, [grid["learned"][name]] * len(at), color=style.VERMILLION, marker="D", zorder=3, label=learned_label)


def cost(grid: dict[str, Any]) -> Figure:
    """Seconds of training: the learned rates, and the grid trained in two ways."""
    seconds, count, layers = grid["seconds"], len(grid["rate"]), len(grid["learned"]["rates"])
    bars = {
        "learned rates": seconds["learned"],
        f"grid of {count},\none batched pass": seconds["grid"],
        f"grid of {count},\none by one": count * seconds["learned"],
    }

    def draw(canvas: Canvas) -> None:
        axes = canvas.subplots()
        colours = (style.VERMILLION, style.BLUE, style.SKY)
        patches = axes.barh(list(bars), list(bars.values()), color=colours, height=0.6)
        axes.bar_label(patches, fmt=" {:,.3g} s", padding=2)
        axes.invert_yaxis()
        axes.set(xlabel="Seconds of training", xlim=(0, 1.2 * max(bars.values())))

    caption = (
        f"Measured in this training; the last bar is {count} times the first. The grid has one rate for all layers; "
        f"a grid with a rate for each of the {layers} layers would need {count**layers:,} networks."
    )
    return Figure("cost", "Cost of choosing the rate", caption, draw, width=4.6, height=2.4)
