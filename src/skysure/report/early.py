"""How early something is known: scores and prediction sets against the time that was observed."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from . import style
from .figure import Figure
from .quantities import number


def known_early(curve: dict[str, Any]) -> Figure:
    """Right answers, completeness and purity of a class, and prediction sets against days since detection.

    Parameters
    ----------
    curve : dict
        `{"of": class or None, "days": [], "n": objects, "wanted": coverage of the sets, "size": [classes in a set],
        "coverage_band_low", "coverage_band_high": [where a calibrated model lies by chance]}`, and `accuracy`,
        `single` (sets of one class) and `coverage`, each a list with `_low` and `_high`; of a class `completeness` and
        `purity` too.
    """
    of = style.short(curve["of"])
    lines = {"accuracy": "accuracy", "completeness": f"completeness of {of}", "purity": f"purity of {of}"}

    def draw(canvas: Canvas) -> None:
        above, middle, below = canvas.subplots(3, 1, sharex=True, height_ratios=[5, 3, 4])
        for i, name in enumerate(name for name in lines if name in curve):
            _line(above, curve, name, lines[name], i)
        middle.fill_between(
            curve["days"], curve["coverage_band_low"], curve["coverage_band_high"], color=style.GREY, alpha=0.25, lw=0
        )
        middle.axhline(curve["wanted"], color=style.VERMILLION, linewidth=1.2)
        _line(middle, curve, "coverage", "", 0)
        _line(below, curve, "single", "sets of one class", 3)
        for axes in (above, middle, below):
            axes.yaxis.set_major_formatter(style.in_percent)
        above.set(ylabel="Share")
        middle.set(ylabel="Truth inside")
        below.set(xlabel="Days since first detection", ylabel="Share", ylim=(0, 1.05))
        for axes in (above, below):
            style.legend(axes, loc="lower right")

    caption = (
        f"What could be said so many days after the first detection of {number(curve['n'])} objects, whether or not "
        f"they were observed again since. Middle: sets that hold the true class, {100 * curve['wanted']:g} % promised; "
        "grey: 95.5 % of calibrated runs of this size. Bands: 68.3 %."
    )
    return Figure("early", "How early is it known?", caption, draw, height=5.4)


def _line(axes: Axes, curve: dict[str, Any], name: str, label: str, position: int) -> None:
    days, *values = (np.array(curve[key], dtype=float) for key in ("days", name, f"{name}_low", f"{name}_high"))
    look = {"color": style.colour(position), "linestyle": style.LINES[position % 7]}
    axes.plot(days, values[0], marker=style.MARKERS[position % 7], label=label, **look)
    axes.fill_between(days, values[1], values[2], color=look["color"], alpha=0.18, linewidth=0)
