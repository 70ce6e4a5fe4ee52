"""Figures of what was claimed and found, in bins of a column.

Fractions are between 0 and 1; `low` and `high` are ends of 68.3 % intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from . import style
from .figure import Figure
from .quantities import number

Bin = dict[str, Any]
PANELS = {
    "accuracy": ("confidence", "Right answers"),
    "coverage": ("wanted", "Truth inside"),
    "crps": (None, "Error (CRPS)"),
}
"""What is drawn of a bin: what claims it, and its label."""
FEW = 20
"""Points below which a bin of forecasts says too little to be drawn beside others."""


def by_column(column: str, bins: Sequence[Bin], position: int = 0) -> Figure:
    """Accuracy beside confidence, and coverage, in bins of a column.

    Parameters
    ----------
    column : str
        What is binned, as the label of the axis.
    bins : sequence of dict
        `{"low": edge or None, "high": edge or None, "n": count}` with `accuracy`, `accuracy_low`,
        `accuracy_high`, `confidence` or `coverage`, `coverage_low`, `coverage_high`, `wanted`, or both; and where
        chance alone would put them, `accuracy_band_low`, ..., optional.
    position : int
        Number of the figure, for its name.
    """
    panels = [name for name in ("accuracy", "coverage") if any(bin.get(name) is not None for bin in bins)]

    def draw(canvas: Canvas) -> None:
        grid = canvas.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for axes, panel in zip(grid, panels, strict=True):
            _panel(axes, bins, panel)
            axes.yaxis.set_major_formatter(style.in_percent)
        _ticks(grid[-1], bins)
        _counts(grid[0], bins)
        style.legend(grid[0], loc="best")
        grid[-1].set_xlabel(style.short(column, 48), parse_math=False)

    caption = "Points are what was found, lines what was claimed; above, the objects in each bin."
    if any(bin.get(f"{panel}_band_low") is not None for bin in bins for panel in panels):
        caption += " Grey: 95.5 % of calibrated runs lie inside in all bins."
    height = 2.6 if len(panels) == 1 else 3.8
    return Figure(f"by-{position + 1}", f"{column}: claimed and found", caption, draw, height=height, section="trust")


def forecasts(bins: Sequence[Bin]) -> Figure:
    """Coverage of intervals and error of forecasts, by days ahead.

    Parameters
    ----------
    bins : sequence of dict
        `{"low": days or None, "high": days or None, "n": points}` with `coverage`, `coverage_low`, `coverage_high`,
        `wanted`, and `crps`, `crps_low`, `crps_high` in units of the error of each point.
    """
    shown = [bin for bin in bins if bin["n"] >= FEW] or bins

    def draw(canvas: Canvas) -> None:
        above, below = canvas.subplots(2, 1, sharex=True)
        _panel(above, shown, "coverage")
        _panel(below, shown, "crps")
        above.yaxis.set_major_formatter(style.in_percent)
        below.axhline(np.pi**-0.5, color=style.GREY, linewidth=0.8, linestyle=":")
        below.set_ylim(0, None)
        _ticks(below, shown)
        _counts(above, shown)
        above.margins(y=0.3)
        style.legend(above, loc="upper center", ncols=2)
        below.set_xlabel("Days ahead")

    caption = (
        f"Above, how often the {100 * shown[0]['wanted']:.3g} % intervals held the next points measured, with their "
        "number; below, how far off forecasts were (CRPS), in units of the error of each point. Dotted: were the "
        "true flux known. Errors are 68.3 % intervals."
    )
    if len(shown) < len(bins):
        caption += f" Left out: days of fewer than {FEW} points."
    return Figure("forecast", "Do forecasts hold?", caption, draw, height=3.8, section="trust")


def _panel(axes: Axes, bins: Sequence[Bin], name: str) -> None:
    claimed, label = PANELS[name]
    claims = [(i, bin[claimed]) for i, bin in enumerate(bins) if bin.get(claimed) is not None]
    if claims:
        places, values = map(np.asarray, zip(*claims, strict=True))
        axes.hlines(values, places - 0.42, places + 0.42, color=style.VERMILLION, linewidth=1.8, label="claimed")
    filled = [(i, bin) for i, bin in enumerate(bins) if bin.get(name) is not None]
    for i, bin in filled:
        if bin.get(f"{name}_band_low") is not None:
            ends = bin[f"{name}_band_low"], bin[f"{name}_band_high"]
            axes.fill_between([i - 0.42, i + 0.42], *ends, color=style.GREY, alpha=0.25, linewidth=0)
    value = np.array([bin[name] for _, bin in filled], dtype=float)
    low = np.array([bin.get(f"{name}_low", bin[name]) for _, bin in filled], dtype=float)
    high = np.array([bin.get(f"{name}_high", bin[name]) for _, bin in filled], dtype=float)
    errors = np.clip([value - low, high - value], 0, None)
    axes.errorbar([i for i, _ in filled], value, errors, fmt="o", color=style.BLUE, label="found")
    axes.set_ylabel(label)


def _counts(axes: Axes, bins: Sequence[Bin]) -> None:
    for i, bin in enumerate(bins):
        place = {"xycoords": ("data", "axes fraction"), "ha": "center", "va": "bottom"}
        axes.annotate(number(bin["n"]), (i, 1.01), fontsize=8.5, color="#55534f", **place)


def _ticks(axes: Axes, bins: Sequence[Bin]) -> None:
    edges = [bin.get("low") for bin in bins] + [bins[-1].get("high")]
    known = [edge for edge in edges if edge is not None]
    digits = next((d for d in (2, 3, 4) if len({f"{edge:.{d}g}" for edge in known}) == len(known)), 6)
    shown = ["" if edge is None else f"{float(f'{edge:.{digits}g}'):g}".replace("-", "−") for edge in edges]
    axes.set_xticks(np.arange(len(edges)) - 0.5, shown)
    axes.set_xlim(-0.6, len(bins) - 0.4)
