"""Figures of posteriors of several values: coverage, ranks, joint coverage, predicted against true values.

Fractions are between 0 and 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from scipy.stats import kstwo

from . import style
from .figure import Figure
from .quantities import number

Curve = dict[str, Any]
COLUMNS = 4
"""Panels in a row."""
BAND = 0.955
HOLDING = ((style.BLUE, "68.3 %"), (style.ORANGE, "95.5 %"), (style.VERMILLION, "99.7 %"), (style.BLACK, "none"))
"""Colour and name of the smallest interval that holds the truth."""


def posterior_coverage(curves: Sequence[Curve]) -> Figure:
    """Empirical minus nominal coverage of the central intervals of each value.

    Parameters
    ----------
    curves : sequence of dict
        `{"of": name, "nominal": [], "actual": [], "low": [], "high": [], "n": count, "before": [] or None}`.
    """
    n = int(np.max(curves[0]["n"]))
    half = 100 * float(kstwo.ppf(BAND, n))
    largest = max(100 * float(np.abs(_difference(curve, "actual")).max()) for curve in curves)

    def draw_panel(axes: Axes, curve: Curve, first: bool) -> None:
        axes.axhspan(-half, half, color=style.GREY, alpha=0.25, linewidth=0)
        axes.axhline(0, color=style.GREY, linewidth=0.8, linestyle=":")
        if curve.get("before"):
            axes.plot(*_ordered(curve, "before"), "--", color=style.VERMILLION, label="before" if first else None)
        after = ("after calibration" if curve.get("before") else "observed") if first else None
        axes.plot(*_ordered(curve, "actual"), ".-", color=style.BLUE, label=after)
        axes.set(ylim=(-limit, limit), xlim=(0, 1), xticks=[0, 0.5, 1])
        axes.xaxis.set_major_formatter(style.in_percent)

    limit = max(1.25 * max(largest, half), min(_largest_before(curves), 4 * max(largest, half)))
    earlier = f", before calibration {_largest_before(curves) / 1.05:.2g} %" if _largest_before(curves) else ""
    caption = (
        f"Share of {number(n)} true values inside the central intervals, minus their nominal coverage; at most "
        f"{largest:.2g} %{earlier}. Grey: {100 * BAND:g} % of calibrated posteriors of a value lie inside at all "
        "levels."
    )
    draw = _panels(curves, draw_panel, "Nominal coverage", "Difference [%]")
    return _wide("posterior-coverage", "Coverage of each value", caption, draw, curves)


def posterior_ranks(histograms: Sequence[Curve]) -> Figure:
    """Histograms of the rank of the truth among the draws, for each value.

    Parameters
    ----------
    histograms : sequence of dict
        `{"of": name, "low", "high": [rank], "count", "expected", "band_low", "band_high": [count]}`.
    """

    def draw_panel(axes: Axes, histogram: Curve, first: bool) -> None:
        expected = np.asarray(histogram["expected"], float)
        edges = np.append(histogram["low"], histogram["high"][-1] + 1) / (histogram["high"][-1] + 1)
        band = [np.append(end, end[-1]) / np.append(expected, expected[-1])
                for end in (histogram["band_low"], histogram["band_high"])]  # fmt: skip
        axes.fill_between(edges, *band, step="post", color=style.GREY, alpha=0.25, linewidth=0)
        axes.stairs(np.asarray(histogram["count"]) / expected, edges, baseline=None, color=style.BLUE, linewidth=1.6)
        axes.set(xlim=(0, 1), xticks=[0, 0.5, 1])
        spread = max(np.abs(np.concatenate([*band, np.asarray(histogram["count"]) / expected]) - 1))
        axes.set_ylim(max(1 - 1.3 * spread, 0), 1 + 1.3 * spread)

    caption = (
        "Count in each bin over that of a calibrated posterior. Grey: 95.5 % of calibrated posteriors of a value lie "
        "inside in all bins. A hump is too wide a posterior, a bowl too narrow a one, a slope a bias."
    )
    draw = _panels(histograms, draw_panel, "Rank of the truth among the draws", "Count / expected")
    return _wide("posterior-ranks", "Ranks of the truth", caption, draw, histograms)


def joint_coverage(curve: Curve) -> Figure:
    """Expected coverage of all values jointly (TARP), minus the credibility.

    Parameters
    ----------
    curve : dict
        `{"nominal": [], "actual": [], "band_low": [], "band_high": [], "inside": [], "n": count, "before": []}`; the
        band is that of 99 % of calibrated posteriors at all levels.
    """

    def draw(canvas: Canvas) -> None:
        axes = canvas.subplots()
        nominal = np.asarray(curve["nominal"], float)
        band = [100 * (np.asarray(curve[end], float) - nominal) for end in ("band_low", "band_high")]
        axes.fill_between(nominal, *band, color=style.GREY, alpha=0.25, linewidth=0)
        axes.axhline(0, color=style.GREY, linewidth=0.8, linestyle=":")
        if curve.get("before"):
            axes.plot(*_ordered(curve, "before"), "--", color=style.VERMILLION, label="before")
        after = "after calibration" if curve.get("before") else "observed"
        axes.plot(*_ordered(curve, "actual"), ".-", color=style.BLUE, label=after)
        axes.set(xlabel="Credibility", ylabel="Expected coverage − credibility [%]", xlim=(0, 1))
        axes.xaxis.set_major_formatter(style.in_percent)
        handles, names = axes.get_legend_handles_labels()
        canvas.legend(handles, names, loc="outside upper right", ncols=len(names))

    inside = "inside" if all(curve["inside"]) else "not everywhere inside"
    caption = (
        f"All values jointly, by distances from random points (TARP, Lemos et al. 2023), of {number(curve['n'])} "
        f"objects: {inside} the grey band, where 99 % of calibrated posteriors lie at all levels."
    )
    return Figure("joint-coverage", "Joint coverage", caption, draw, section="trust")


def predicted(curves: Sequence[Curve]) -> Figure:
    """Predicted against true values, with 68.3 % intervals coloured by the smallest interval that holds the truth.

    Figure 1 of Perreault Levasseur, Hezaveh & Wechsler 2017 (arXiv:1708.08843), for any values.

    Parameters
    ----------
    curves : sequence of dict
        `{"of": name, "unit", "truth": [], "mean": [], "low": [], "high": [], "level": [0 to 3]}`; level 0 is held by
        the interval of 68.3 %, 3 by none of those of 68.3, 95.5 and 99.7 %.
    """
    shares = [np.bincount(curve["level"], minlength=4)[:3].cumsum() / len(curve["level"]) for curve in curves]
    mean = 100 * np.mean(shares, 0)

    def draw_panel(axes: Axes, curve: Curve, first: bool) -> None:
        truth, centre, low, high = (np.asarray(curve[key], float) for key in ("truth", "mean", "low", "high"))
        level = np.asarray(curve["level"])
        ends = truth.min(), truth.max()
        axes.plot(ends, ends, color=style.GREY, linewidth=0.8, linestyle=":")
        for k, (colour, name) in enumerate(HOLDING):
            rows = level == k
            errors = np.clip([(centre - low)[rows], (high - centre)[rows]], 0, None)
            axes.errorbar(truth[rows], centre[rows], errors, fmt=".", ms=3, elinewidth=0.7, color=colour, zorder=2 + k,
                          label=name if first else None)  # fmt: skip

    objects = len(curves[0]["level"])
    caption = (
        f"Posterior means of {number(objects)} objects with 68.3 % intervals against their true values; colour: the "
        f"smallest central interval that holds the truth. Of all values, {mean[0]:.0f}, {mean[1]:.0f} and "
        f"{mean[2]:.1f} % lie in those of 68.3, 95.5 and 99.7 %."
    )
    labels = [_with_unit(curve) for curve in curves]
    draw = _panels(curves, draw_panel, "True value", "Predicted value", labels)
    return _wide("predicted", "Predicted and true values", caption, draw, curves, section="results")


def _panels(
    curves: Sequence[Curve],
    draw_panel: Callable[[Axes, Curve, bool], None],
    x_label: str,
    y_label: str,
    titles: Sequence[str] | None = None,
) -> Callable[[Canvas], None]:
    """Draw a panel for each value, with shared labels and one legend."""

    def draw(canvas: Canvas) -> None:
        columns = min(COLUMNS, len(curves))
        grid = canvas.subplots(-(-len(curves) // columns), columns, squeeze=False)
        for k, axes in enumerate(grid.flat):
            if k >= len(curves):
                axes.set_visible(False)
                continue
            draw_panel(axes, curves[k], k == 0)
            axes.set_title(titles[k] if titles else style.short(curves[k]["of"]), parse_math=False)
        canvas.supxlabel(x_label, fontsize=10, color="#222222")
        canvas.supylabel(y_label, fontsize=10, color="#222222")
        handles, names = grid.flat[0].get_legend_handles_labels()
        if names:
            canvas.legend(handles, names, loc="outside upper right", ncols=len(names))

    return draw


def _wide(
    name: str,
    title: str,
    caption: str,
    draw: Callable[[Canvas], None],
    curves: Sequence[Curve],
    section: str = "trust",
) -> Figure:
    rows = -(-len(curves) // COLUMNS)
    width = 8.4 if len(curves) > 2 else 4.2
    return Figure(name, title, caption, draw, width=width, height=0.9 + 1.9 * rows, section=section)


def _difference(curve: Curve, key: str) -> np.ndarray:
    return np.asarray(curve[key], float) - np.asarray(curve["nominal"], float)


def _ordered(curve: Curve, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Nominal levels in rising order, and the differences from them in per cent."""
    order = np.argsort(curve["nominal"])
    return np.asarray(curve["nominal"], float)[order], 100 * _difference(curve, key)[order]


def _largest_before(curves: Sequence[Curve]) -> float:
    earlier = [np.abs(_difference(curve, "before")).max() for curve in curves if curve.get("before")]
    return 105 * float(max(earlier, default=0.0))


def _with_unit(curve: Curve) -> str:
    name = style.short(curve["of"])
    return f"{name} [{curve['unit']}]" if curve.get("unit") else name
