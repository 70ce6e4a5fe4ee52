"""The common figures, drawn from the arrays under `curves` in `metrics.json`.

Fractions are between 0 and 1; `low` and `high` are ends of 68.3 % intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure as Canvas
from scipy.stats import binom

from . import style
from .figure import Figure
from .quantities import measured, number
from .sentences import expected_error

Curve = dict[str, Any]
MANY = 6
"""Classes beyond which a figure spans the page."""
_PAPER_TO_BLUE = LinearSegmentedColormap.from_list("paper to blue", ["#ffffff", "#9cc7e0", style.BLUE])


def confusion(curve: Curve) -> Figure:
    """Confusion matrix with counts and the share of each true class.

    Parameters
    ----------
    curve : dict
        `{"classes": [name], "counts": [[count]]}`, one row per true class, one column per predicted class.
    """
    classes = [style.short(name) for name in curve["classes"]]
    counts = np.asarray(curve["counts"], dtype=float)
    totals = counts.sum(axis=1, keepdims=True)
    share = counts / np.where(totals > 0, totals, 1)
    many = len(classes) > MANY
    size = 5.8 if many else max(3.2, min(0.62 * len(classes) + 1.2, 5.0))

    def draw(canvas: Canvas) -> None:
        axes = canvas.subplots()
        axes.imshow(share, cmap=_PAPER_TO_BLUE, vmin=0, vmax=1)
        for (row, column), count in np.ndenumerate(counts):
            ink = "white" if share[row, column] > 0.6 else style.BLACK
            if many and not count:
                continue
            text = number(count) + (f"\n{100 * share[row, column]:.1f} %" if not many else "")
            axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=9)
        axes.set_xticks(range(len(classes)), classes, parse_math=False)
        axes.set_yticks(range(len(classes)), classes, parse_math=False)
        if len(classes) > 4:
            axes.tick_params(axis="x", rotation=45)
            for text in axes.get_xticklabels():
                text.set(ha="right", rotation_mode="anchor")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set(xlabel="Predicted class", ylabel="True class")

    caption = f"{number(counts.sum())} objects; shares are those of a row. Correct classifications lie on the diagonal."
    return Figure("confusion", "Confusion matrix", caption, draw, width=6.6 if many else 4.2, height=size)


def roc(curves: Sequence[Curve]) -> Figure:
    """ROC curves: true-positive rate against false-positive rate as the threshold moves.

    Parameters
    ----------
    curves : sequence of dict
        `{"of": class, "false_positive": [rate], "true_positive": [rate], "area": area under the curve,
        "area_low", "area_high"}`, rates rising; the areas are optional.
    """
    areas = [curve["area"] for curve in curves if curve.get("area") is not None]
    logarithmic, many = bool(areas) and min(areas) > 0.95, len(curves) > MANY

    def draw(canvas: Canvas) -> None:
        axes = canvas.subplots()
        chance = np.geomspace(1e-3, 1, 200) if logarithmic else np.array([0, 1])
        axes.plot(chance, chance, color=style.GREY, linewidth=0.8, linestyle=":")
        for i, curve in enumerate(curves):
            x = np.asarray(curve["false_positive"], dtype=float)
            y = np.asarray(curve["true_positive"], dtype=float)
            x = np.maximum(x, 1e-6) if logarithmic else x  # the logarithm of zero is not finite
            line = style.LINES[(i + i // 7) % 7]
            axes.plot(x, y, color=style.colour(i), linestyle=line, label=_area_label(curve))
        if logarithmic:
            axes.set_xscale("log")
            axes.set_xlim(1e-3, 1)
            axes.set_xticks([0.001, 0.01, 0.1, 1], ["0.1 %", "1 %", "10 %", "100 %"])
        else:
            axes.xaxis.set_major_formatter(style.in_percent)
        axes.yaxis.set_major_formatter(style.in_percent)
        axes.set(xlabel="False-positive rate", ylabel="True-positive rate", ylim=(0, 1.02))
        beside = {"loc": "center left", "bbox_to_anchor": (1.02, 0.5)}
        style.legend(axes, **(beside if many else {"loc": "lower left" if logarithmic else "lower right"}))

    caption = "Each class against the rest, with the area under its curve; dotted: a random classifier."
    title, width = "ROC curves", 6.6 if many else Figure.width
    return Figure("roc", title, caption, draw, width=width)


def reliability(curve: Curve) -> Figure:
    """Reliability diagram: observed frequency against predicted probability, before and after calibration.

    Parameters
    ----------
    curve : dict
        `{"of": class or None, "before": bins or None, "after": bins}` with bins
        `{"predicted": [mean probability], "observed": [fraction], "low", "high", "n": [count]}`;
        `of` None: the probability of the most probable class.
    """
    subject = f"P({style.short(curve['of'])})" if curve.get("of") else "Probability of the most probable class"

    def draw(canvas: Canvas) -> None:
        axes, below = canvas.subplots(2, 1, sharex=True, height_ratios=[4, 1])
        axes.plot([0, 1], [0, 1], color=style.GREY, linewidth=0.8, linestyle=":")
        if curve.get("before"):
            bins = curve["before"]
            axes.plot(
                bins["predicted"],
                bins["observed"],
                "s--",
                color=style.VERMILLION,
                markerfacecolor="white",
                label="before",
            )
        bins = curve["after"]
        axes.fill_between(bins["predicted"], bins["low"], bins["high"], color=style.BLUE, alpha=0.18, linewidth=0)
        axes.plot(bins["predicted"], bins["observed"], "o-", color=style.BLUE, label="after calibration")
        axes.set(ylabel="Observed frequency", xlim=(0, 1), ylim=(0, 1))
        style.legend(axes, loc="upper left")
        below.vlines(bins["predicted"], 0.5, bins["n"], color=style.BLUE, linewidth=5, alpha=0.75)
        below.set_yscale("log")
        below.yaxis.set_major_formatter(lambda count, _: number(count))
        below.set(ylim=(0.7, None), ylabel="Count")
        below.set_xlabel(subject, parse_math=False)

    error = f"after {100 * expected_error(curve['after']):.2g} %"
    if curve.get("before"):
        error = f"before {100 * expected_error(curve['before']):.2g} %, {error}"
    quantity = subject if curve.get("of") else "the most probable class"
    caption = (
        f"Dotted: perfect calibration. Expected calibration error of {quantity} in these bins: {error}. Band: 68.3 %."
    )
    return Figure("reliability", "Reliability diagram", caption, draw, height=3.8, section="trust")


def coverage(curve: Curve) -> Figure:
    """Empirical against nominal coverage of the intervals.

    Parameters
    ----------
    curve : dict
        `{"nominal": [], "actual": [], "low": [], "high": [], "n": count, "before": [] or None}`.
    """
    draw = _against_nominal(curve, "Empirical coverage")
    caption = (
        f"Share of {number(curve['n'])} truths inside the central intervals, and its difference from the nominal "
        "coverage. Grey: 95.5 % of perfectly calibrated models lie inside for as many objects."
    )
    return Figure("coverage", "Coverage of the intervals", caption, draw, height=3.8, section="trust")


def prediction_sets(curve: Curve) -> Figure:
    """Empirical against nominal coverage of prediction sets, and their mean size.

    Parameters
    ----------
    curve : dict
        As for `coverage`, with `"size": [mean number of classes] or None`.
    """
    sizes = curve.get("size")
    draw = _against_nominal(curve, "Empirical coverage", sizes)
    mean = " Beside the points: mean set size." if sizes else ""
    caption = (
        f"Share of {number(curve['n'])} prediction sets that hold the true class, against their nominal coverage. "
        f"Grey: 95.5 % of perfectly calibrated models lie inside for as many objects.{mean}"
    )
    title = "Coverage of the prediction sets"
    return Figure("sets", title, caption, draw, height=3.8, section="trust")


def _against_nominal(curve: Curve, label: str, sizes: Sequence[float] | None = None) -> Callable[[Canvas], None]:
    lowest = min(curve["nominal"])
    start = 0.0 if lowest < 0.4 else lowest - 0.05

    def draw(canvas: Canvas) -> None:
        axes, below = canvas.subplots(2, 1, sharex=True, height_ratios=[3, 2])
        _coverage_panel(axes, curve, start, difference=False)
        _coverage_panel(below, curve, start, difference=True)
        for x, y, size in zip(curve["nominal"], curve["actual"], sizes, strict=True) if sizes else ():
            axes.annotate(f"{size:.2f}", (x, y), (4, -11), textcoords="offset points", fontsize=8.5)
        axes.set(ylabel=label, xlim=(start, 1.005), ylim=(start, 1.02))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(style.in_percent)
        style.legend(axes, loc="upper left")
        below.set(xlabel="Nominal coverage", ylabel="Difference [%]")

    return draw


def _coverage_panel(axes: Axes, curve: Curve, start: float, difference: bool) -> None:
    """Coverage as a fraction, or its difference from the nominal one in per cent."""
    scale, offset = (100.0, 1.0) if difference else (1.0, 0.0)
    nominal, actual, low, high = (np.asarray(curve[key], dtype=float) for key in ("nominal", "actual", "low", "high"))
    grid = np.linspace(start, 1, 200)
    if curve.get("band_low"):
        at, ends = nominal, [np.asarray(curve[key], dtype=float) for key in ("band_low", "band_high")]
    else:
        at, ends = grid, [end / curve["n"] for end in binom.interval(0.955, int(curve["n"]), grid)]
    band = [scale * (end - offset * at) for end in ends]
    axes.fill_between(at, *band, color=style.GREY, alpha=0.25, linewidth=0)
    axes.plot(grid, scale * (1 - offset) * grid, color=style.GREY, linewidth=0.8, linestyle=":")
    if curve.get("before"):
        before = scale * (np.asarray(curve["before"], dtype=float) - offset * nominal)
        axes.plot(nominal, before, "s--", color=style.VERMILLION, markerfacecolor="white", label="before")
    errors = scale * np.clip([actual - low, high - actual], 0, None)
    after = "after calibration" if curve.get("before") else None
    axes.errorbar(
        nominal, scale * (actual - offset * nominal), errors, fmt="o", color=style.BLUE, elinewidth=1, label=after
    )


def _area_label(curve: Curve) -> str:
    name = style.short(curve["of"])
    if curve.get("area") is None:
        return name
    return f"{name}: {measured(curve['area'], curve.get('area_low'), curve.get('area_high'))}"
