"""Figures of nominal and observed shares in bins of a column.

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
PANELS = {"accuracy": ("Accuracy", "confidence"), "coverage": ("Coverage", "wanted")}
"""The label of a share, and the key of its nominal value."""


def by_column(column: str, bins: Sequence[Bin], position: int = 0) -> Figure:
    """Accuracy beside confidence, and coverage beside its nominal level, in bins of a column.

    Parameters
    ----------
    column : str
        What is binned, as the label of the axis.
    bins : sequence of dict
        `{"low": edge or None, "high": edge or None, "n": count}` with `accuracy`, `accuracy_low`,
        `accuracy_high`, `confidence` or `coverage`, `coverage_low`, `coverage_high`, `wanted`, or both; and the bands
        of a calibrated model, `accuracy_band_low`, ..., optional.
    position : int
        Number of the figure, for its name.
    """
    panels = [name for name in PANELS if any(bin.get(name) is not None for bin in bins)]

    def draw(canvas: Canvas) -> None:
        grid = canvas.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for axes, panel in zip(grid, panels, strict=True):
            draw_panel(axes, bins, panel, *PANELS[panel])
            axes.yaxis.set_major_formatter(style.in_percent)
        label_edges(grid[-1], bins)
        label_counts(grid[0], bins)
        label_series(canvas, grid[0])
        grid[-1].set_xlabel(style.short(column, 48), parse_math=False)

    caption = "Points: observed, with 68.3 % intervals; lines: nominal; above, the number of objects in each bin."
    if any(bin.get(f"{panel}_band_low") is not None for bin in bins for panel in panels):
        caption += " Grey: 95.5 % of calibrated models lie inside in all bins."
    height = 2.6 if len(panels) == 1 else 3.8
    title = f"{column}: nominal and observed"
    return Figure(f"by-{position + 1}", title, caption, draw, height=height, section="trust")


def draw_panel(axes: Axes, bins: Sequence[Bin], name: str, label: str, nominal: str = "") -> None:
    """Draw a value of each bin with its interval, its nominal value, and the band of a calibrated model.

    Parameters
    ----------
    axes : Axes
    bins : sequence of dict
    name : str
        Key of the value; its interval and band have the suffixes `_low`, `_high`, `_band_low` and `_band_high`.
    label : str
        Of the axis.
    nominal : str
        Key of the nominal value; "": none.
    """
    levels = [(i, bin[nominal]) for i, bin in enumerate(bins) if bin.get(nominal) is not None]
    if levels:
        places, values = map(np.asarray, zip(*levels, strict=True))
        axes.hlines(values, places - 0.42, places + 0.42, color=style.VERMILLION, linewidth=1.8, label="nominal")
    filled = [(i, bin) for i, bin in enumerate(bins) if bin.get(name) is not None]
    for i, bin in filled:
        if bin.get(f"{name}_band_low") is not None:
            ends = bin[f"{name}_band_low"], bin[f"{name}_band_high"]
            axes.fill_between([i - 0.42, i + 0.42], *ends, color=style.GREY, alpha=0.25, linewidth=0)
    value = np.array([bin[name] for _, bin in filled], dtype=float)
    low = np.array([bin.get(f"{name}_low", bin[name]) for _, bin in filled], dtype=float)
    high = np.array([bin.get(f"{name}_high", bin[name]) for _, bin in filled], dtype=float)
    errors = np.clip([value - low, high - value], 0, None)
    axes.errorbar([i for i, _ in filled], value, errors, fmt="o", color=style.BLUE, label="observed")
    axes.set_ylabel(label)


def label_series(canvas: Canvas, axes: Axes, names: Sequence[str] = ()) -> None:
    """Say beside the panels what points and lines are; `names`, where they have others than `draw_panel` gives."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        canvas.legend(handles, names or labels, loc="outside upper right", ncols=len(handles))


def label_counts(axes: Axes, bins: Sequence[Bin]) -> None:
    """Write the number of objects above each bin."""
    for i, bin in enumerate(bins):
        place = {"xycoords": ("data", "axes fraction"), "ha": "center", "va": "bottom"}
        axes.annotate(number(bin["n"]), (i, 1.01), fontsize=8.5, color="#55534f", **place)


def label_edges(axes: Axes, bins: Sequence[Bin]) -> None:
    """Write the edges of the bins below the axis, with the digits that tell them apart."""
    edges = [bin.get("low") for bin in bins] + [bins[-1].get("high")]
    values = [edge for edge in edges if edge is not None]
    digits = next((d for d in (2, 3, 4) if len({f"{edge:.{d}g}" for edge in values}) == len(values)), 6)
    labels = ["" if edge is None else f"{float(f'{edge:.{digits}g}'):g}".replace("-", "−") for edge in edges]
    axes.set_xticks(np.arange(len(edges)) - 0.5, labels)
    axes.set_xlim(-0.6, len(bins) - 0.4)
