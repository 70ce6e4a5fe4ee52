"""Figures of `sine`: the function with both bands, and the learned rate beside a grid of fixed ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from skysure.predictions import Evaluation
from skysure.report import Figure, standard_figures, style


def figures(evaluation: Evaluation) -> Iterator[Figure]:
    """Give the figures of an evaluation."""
    curves = evaluation.metrics["curves"]
    yield function(curves["functions"])
    if "grid" in curves:
        yield choice(curves["grid"])
        yield cost(curves["grid"]["seconds"], len(curves["grid"]["rate"]))
    yield from standard_figures(evaluation.metrics)


def function(curve: dict[str, Any]) -> Figure:
    """What was learned, inside the range of the data and outside."""

    def draw(canvas: Canvas) -> None:
        axes = canvas.subplots()
        x, mean = np.array(curve["x"]), np.array(curve["mean"])
        noise, ignorance = np.array(curve["aleatoric"]), np.array(curve["epistemic"])
        both = np.hypot(noise, ignorance)
        axes.fill_between(x, mean - both, mean + both, color=style.SKY, alpha=0.35, lw=0, label="predictive")
        axes.fill_between(x, mean - ignorance, mean + ignorance, color=style.BLUE, alpha=0.35, lw=0, label="epistemic")
        axes.plot(x, np.transpose(curve["draws"]), color=style.BLUE, alpha=0.3, lw=0.5)
        axes.plot(x, mean, color=style.BLUE, label="mean")
        axes.plot(x, curve["truth"], color=style.BLACK, ls="--", lw=1, label="truth")
        axes.plot(curve["points"]["x"], curve["points"]["y"], ".", ms=2, color=style.ORANGE, label="training points")
        for edge in curve["range"]:
            axes.axvline(edge, color=style.GREY, lw=0.8, ls=":")
        low, high = min(curve["points"]["y"]), max(curve["points"]["y"])
        axes.set(xlabel="x", ylabel="y", ylim=(low - 0.8 * (high - low), high + 0.8 * (high - low)))
        canvas.legend(loc="outside upper center", ncols=3, columnspacing=1.2, handletextpad=0.5)

    caption = (
        f"Mean, {len(curve['draws'])} functions drawn, and one standard deviation of each kind. Between the dotted "
        "lines there were data: the noise dominates. Outside there were none: ignorance grows."
    )
    return Figure("function", "What was learned, and where it ends", caption, draw, width=4.6, height=3.6)


def choice(grid: dict[str, Any]) -> Figure:
    """Fixed rates on the validation part, and the learned ones among them."""
    learned = grid["learned"]

    def draw(canvas: Canvas) -> None:
        likelihood, ignorance = canvas.subplots(2, 1, sharex=True)
        _beside(likelihood, grid["rate"], grid["nll"], learned["nll"], learned["rates"], style.BLUE, "o", "fixed")
        best = int(np.argmin(grid["nll"]))
        likelihood.plot(grid["rate"][best], grid["nll"][best], "o", ms=11, mfc="none", color=style.BLACK, label="best")
        likelihood.set(ylabel="Validation NLL [nat]")
        likelihood.legend(loc="upper left")
        kinds = (("far", style.PURPLE, "^", "beyond the range"), ("epistemic", style.GREEN, "s", "within the range"))
        for name, colour, mark, label in kinds:
            _beside(ignorance, grid["rate"], grid[name], learned[name], learned["rates"], colour, mark, label)
        ignorance.set(xscale="log", yscale="log", xlabel="Dropout rate", ylabel="Epistemic error")
        ignorance.legend(loc="upper left")

    caption = (
        f"Above, {len(grid['rate'])} networks, each with one fixed rate, on the points that they may be chosen by: "
        "choose where the negative log-likelihood is least. Below, their ignorance: it falls to nothing with the "
        "rate, also where there are no data. Who chooses the smallest ignorance chooses no dropout, and a network "
        "that knows of no limit. Diamonds: the learned rates, one a layer, from one training."
    )
    return Figure("grid", "A learned rate beside a grid of fixed ones", caption, draw, width=4.6, height=4.6)


def _beside(
    axes: Axes, rate: list[float], fixed: list[float], learned: float, rates: dict[str, float],
    colour: str, mark: str, label: str,
) -> None:  # fmt: skip
    """Draw a value against the fixed rates, and that of the learned ones at each of them."""
    axes.plot(rate, fixed, color=colour, marker=mark, label=label)
    at = sorted(rates.values())
    axes.plot(at, [learned] * len(at), color=style.VERMILLION, marker="D", zorder=3)


def cost(seconds: dict[str, float], count: int) -> Figure:
    """Seconds of training: the learned rate, and the grid trained in two ways."""
    bars = {
        "learned rate": seconds["learned"],
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
        "Measured in this training; the last bar is the first, taken once for each rate. What the grid found holds "
        "for one rate common to all layers: a grid with a rate for each layer would be that long to the power of "
        "the layers."
    )
    return Figure("cost", "What the choice costs", caption, draw, width=4.6, height=2.4)
