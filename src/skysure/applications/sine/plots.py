"""Figures of `sine`: the function with both bands, and the learned rate beside a grid of fixed ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from skysure.evaluation import Evaluation
from skysure.report import Figure, standard_figures, style


def figures(evaluation: Evaluation) -> Iterator[Figure]:
    """Give the figures of an evaluation."""
    curves = evaluation.metrics["curves"]
    yield function(curves["functions"])
    if "grid" in curves:
        yield choice(curves["grid"])
        yield cost(curves["grid"])
    yield from standard_figures(evaluation.metrics)


def function(curve: dict[str, Any]) -> Figure:
    """What was learned, inside the range of the data and outside."""

    def draw(canvas: Canvas) -> None:
        axes, errors = canvas.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        x, mean = np.array(curve["x"]), np.array(curve["mean"])
        noise, ignorance = np.array(curve["aleatoric"]), np.array(curve["epistemic"])
        both = np.hypot(noise, ignorance)
        axes.plot(curve["points"]["x"], curve["points"]["y"], ".", ms=2, color=style.GREY, label="training points")
        axes.fill_between(x, mean - both, mean + both, color=style.ORANGE, alpha=0.4, lw=0, label="predictive")
        axes.fill_between(x, mean - ignorance, mean + ignorance, color=style.BLUE, alpha=0.4, lw=0, label="epistemic")
        axes.plot(x, np.transpose(curve["draws"]), color=style.BLUE, alpha=0.3, lw=0.5)
        axes.plot(x, mean, color=style.BLUE, label="mean")
        axes.plot(x, curve["truth"], color=style.BLACK, ls="--", lw=1, label="truth")
        errors.plot(x, noise, color=style.ORANGE, ls="-.", label="noise (aleatoric)")
        errors.plot(x, ignorance, color=style.BLUE, label="ignorance (epistemic)")
        for panel in (axes, errors):
            for edge in curve["range"]:
                panel.axvline(edge, color=style.GREY, lw=0.8, ls=":")
        seen = (x >= curve["range"][0]) & (x <= curve["range"][1])
        low, high = (mean - 2 * both)[seen].min(), (mean + 2 * both)[seen].max()
        axes.set(ylabel="y", ylim=(low - 0.5 * (high - low), high + 0.5 * (high - low)))
        errors.set(xlabel="x", ylabel="Error in y", ylim=(0, 1.7 * max(noise.max(), ignorance.max())))
        errors.xaxis.set_major_formatter("{x:g}")
        errors.legend(loc="upper center", ncols=2)
        canvas.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=3, columnspacing=1.2)

    caption = (
        f"Mean, {len(curve['draws'])} functions drawn, and one standard deviation of each kind, below once more by "
        "themselves. Between the dotted lines there were data: the noise dominates. Beyond there were none: "
        "ignorance grows, and the noise said there means nothing."
    )
    return Figure("function", "What was learned, and where it ends", caption, draw, width=4.6, height=4.6)


def choice(grid: dict[str, Any]) -> Figure:
    """Fixed rates on the validation part, and the learned ones among them."""

    def draw(canvas: Canvas) -> None:
        likelihood, ignorance = canvas.subplots(2, 1, sharex=True)
        _beside(likelihood, grid, "nll", style.BLUE, "o", "fixed rates")
        best = int(np.argmin(grid["nll"]))
        likelihood.plot(grid["rate"][best], grid["nll"][best], "o", ms=11, mfc="none", color=style.BLACK, label="best")
        likelihood.set(ylabel="Validation NLL [nat]")
        likelihood.legend(loc="upper left")
        _beside(ignorance, grid, "far", style.PURPLE, "^", "beyond the range")
        _beside(ignorance, grid, "epistemic", style.GREEN, "s", "within the range", learned="learned rates")
        ignorance.set(xscale="log", xlabel="Dropout rate", ylabel="Epistemic error")
        ignorance.set_ylim(0, 1.5 * max(grid["far"]))
        ignorance.xaxis.set_major_formatter("{x:g}")
        ignorance.legend(loc="upper left")

    caption = (
        f"Above, {len(grid['rate'])} networks, each with one fixed rate, on the points that they may be chosen by: "
        "choose where the negative log-likelihood is least. Below, their ignorance: it falls to nothing with the "
        "rate, also beyond the range, where there were no data. Who chooses the smallest ignorance chooses no "
        "dropout, and a network that knows of no limit. The learned rates, one a layer, come from one training; "
        "they weigh the likelihood against the prior on the weights, not against these points."
    )
    return Figure("grid", "Learned rates beside a grid of fixed ones", caption, draw, width=4.6, height=4.6)


def _beside(
    axes: Axes, grid: dict[str, Any], name: str, colour: str, mark: str, label: str, learned: str | None = None
) -> None:
    """Draw a value against the fixed rates, and that of the learned ones at each of them."""
    axes.plot(grid["rate"], grid[name], color=colour, marker=mark, label=label)
    at = sorted(grid["learned"]["rates"].values())
    axes.plot(at, [grid["learned"][name]] * len(at), color=style.VERMILLION, marker="D", zorder=3, label=learned)


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
        drawn = axes.barh(list(bars), list(bars.values()), color=colours, height=0.6)
        axes.bar_label(drawn, fmt=" {:,.3g} s", padding=2)
        axes.invert_yaxis()
        axes.set(xlabel="Seconds of training", xlim=(0, 1.2 * max(bars.values())))

    caption = (
        f"Measured in this training; the last bar is {count} times the first. The grid has one rate for all layers: "
        f"with a rate for each of the {layers}, as they are learned, it would be {count**layers:,} networks."
    )
    return Figure("cost", "What the choice costs", caption, draw, width=4.6, height=2.4)
