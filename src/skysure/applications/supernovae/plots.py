"""Figures of a supernova classifier: those of all classifiers, scores against time, forecasts, and light curves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from skysure.data.lightcurves import LightCurves
from skysure.evaluation import Evaluation, Example
from skysure.report import Figure, bins, standard_figures, style
from skysure.report.quantities import measured, number

from .examples import describe
from .networks import Classifier
from .settings import Query

MOST = 5
"""Classes drawn beside the true one: those whose probability is highest at any time."""
FEW = 20
"""Points below which a bin of forecasts is not drawn beside others."""
SHOWN = 6
"""Examples in each group."""
SECTION = {"example": "examples", "uncertain": "uncertain", "novel": "novel"}


def figures(evaluation: Evaluation) -> Iterator[Figure]:
    """The figures of an evaluation."""
    yield from standard_figures(evaluation.metrics)
    if early := evaluation.curve("early"):
        yield scores_in_time(early)
    if ahead := evaluation.curve("forecast"):
        yield forecasts(ahead)
    counts: Counter[str] = Counter()
    for example in evaluation.examples:
        if counts[example.group] < SHOWN:
            yield probability_in_time(example, counts[example.group])
            counts[example.group] += 1


def draw(model: Classifier, chunk: LightCurves, query: Query) -> Iterator[Figure]:
    """One figure per light curve, with its probabilities at every night, and its forecast where the query asks for it.

    All have the same name: the page numbers them.
    """
    for k in range(len(chunk)):
        light_curve = chunk[np.array([k])]
        yield probability_in_time(describe("example", light_curve, model, query, query if query.forecast else None))


def scores_in_time(curve: dict[str, Any]) -> Figure:
    """Accuracy, completeness and purity of a class, coverage, and share of sets with one class, against time.

    Parameters
    ----------
    curve : dict
        `{"of": class or None, "days": [], "n": objects, "wanted": nominal coverage, "size": [mean set size],
        "coverage_band_low", "coverage_band_high": [band of a calibrated model]}`, and `accuracy`, `single` (share of
        sets of one class) and `coverage`, each a list with `_low` and `_high`; of a class `completeness` and `purity`
        too.
    """
    of = style.short(curve["of"])
    lines = {"accuracy": "accuracy", "completeness": f"completeness of {of}", "purity": f"purity of {of}"}

    def draw(canvas: Canvas) -> None:
        above, middle, below = canvas.subplots(3, 1, sharex=True, height_ratios=[5, 3, 4])
        for i, name in enumerate(name for name in lines if name in curve):
            _line(above, curve, name, lines[name], i)
        band = curve["coverage_band_low"], curve["coverage_band_high"]
        middle.fill_between(curve["days"], *band, color=style.GREY, alpha=0.25, lw=0)
        middle.axhline(curve["wanted"], color=style.VERMILLION, linewidth=1.2)
        _line(middle, curve, "coverage", "", 0)
        _line(below, curve, "single", "sets of one class", 3)
        for axes in (above, middle, below):
            axes.yaxis.set_major_formatter(style.in_percent)
        above.set(ylabel="Score")
        middle.set(ylabel="Coverage")
        below.set(xlabel="Days since first detection", ylabel="Share", ylim=(0, 1.05))
        for axes in (above, below):
            style.legend(axes, loc="lower right")

    caption = (
        f"Classification of {number(curve['n'])} objects from the points up to each day after the first detection. "
        f"Middle: empirical coverage of the prediction sets, nominal {100 * curve['wanted']:g} %; grey: 95.5 % of "
        "calibrated models lie inside. Bands: 68.3 %."
    )
    return Figure("early", "Classification against time", caption, draw, height=5.4)


def forecasts(rows: Sequence[dict[str, Any]]) -> Figure:
    """Coverage of intervals and error of forecasts, by days ahead.

    Parameters
    ----------
    rows : sequence of dict
        `{"low": days or None, "high": days or None, "n": points}` with `coverage`, `coverage_low`, `coverage_high`,
        `wanted`, and `crps`, `crps_low`, `crps_high` in units of the error of each point.
    """
    frequent = [row for row in rows if row["n"] >= FEW] or rows

    def draw(canvas: Canvas) -> None:
        above, below = canvas.subplots(2, 1, sharex=True)
        bins.draw_panel(above, frequent, "coverage", "Coverage", "wanted")
        bins.draw_panel(below, frequent, "crps", "CRPS [errors]")
        above.yaxis.set_major_formatter(style.in_percent)
        below.axhline(np.pi**-0.5, color=style.GREY, linewidth=0.8, linestyle=":")
        below.set_ylim(0, None)
        bins.label_edges(below, frequent)
        bins.label_counts(above, frequent)
        above.margins(y=0.3)
        style.legend(above, loc="upper center", ncols=2)
        below.set_xlabel("Days ahead")

    caption = (
        f"Above, empirical coverage of the {100 * frequent[0]['wanted']:.3g} % intervals for the next points, with the "
        "number of points; below, the continuous ranked probability score (CRPS) in units of the error of each point. "
        "Dotted: a forecast of the true flux. Errors are 68.3 % intervals."
    )
    if len(frequent) < len(rows):
        caption += f" Days with fewer than {FEW} points are left out."
    return Figure("forecast", "Forecasts by days ahead", caption, draw, height=3.8, section="trust")


def probability_in_time(example: Example, position: int = 0) -> Figure:
    """One object: fluxes in their bands above, class probabilities against time below.

    Parameters
    ----------
    example : Example
        Its data: `{"class": that of the truth where its name is another, "time_label", "flux_label", "bands": [name],
        "points": {"time": [], "band": [index or name], "flux": [], "flux_error": []}, "epochs": {"time": [],
        "classes": [name], "probability": [[epoch, class]], "error": [[epoch, class]] or None}, "forecast": {"time": [],
        "from": time, "coverage", "flux": [[band, time]], "low", "high"}}`; all but `points` optional.
    position : int
        Number of the figure in its group, for its name.
    """
    data, epochs = example.data, example.data.get("epochs")

    def draw(canvas: Canvas) -> None:
        if not epochs:
            _light_curve(axes := canvas.subplots(), data)
        else:
            above, axes = canvas.subplots(2, 1, sharex=True, height_ratios=[1.25, 1])
            _light_curve(above, data)
            _probabilities(axes, epochs, data.get("class") or example.truth)
        axes.set_xlabel(style.short(data.get("time_label", "Time [d]"), 48), parse_math=False)

    name, section = f"{example.group}-{position + 1}", SECTION[example.group]
    height = 3.9 if epochs else 2.6
    return Figure(name, example.title or example.id, _caption(example), draw, height=height, section=section)


def _line(axes: Axes, curve: dict[str, Any], name: str, label: str, position: int) -> None:
    days, *values = (np.array(curve[key], dtype=float) for key in ("days", name, f"{name}_low", f"{name}_high"))
    look = {"color": style.colour(position), "linestyle": style.LINES[position % 7]}
    axes.plot(days, values[0], marker=style.MARKERS[position % 7], label=label, **look)
    axes.fill_between(days, values[1], values[2], color=look["color"], alpha=0.18, linewidth=0)


def _caption(example: Example) -> str:
    """Truth, final classification, forecast and flags in a few short sentences."""
    parts = [f"Truth: {example.truth}." if example.truth else "Truth unknown."]
    epochs = example.data.get("epochs")
    if epochs and epochs["probability"]:
        last = np.asarray(epochs["probability"][-1], dtype=float)
        best = int(np.argmax(last))
        error = epochs["error"][-1][best] if epochs.get("error") else None
        p = measured(last[best], last[best] - error, last[best] + error) if error else f"{last[best]:.2f}"
        day, end = epochs["time"][-1], max(example.data["points"]["time"], default=-np.inf)
        heading = "Final classification" if end < day + 1 else f"Classification on day {round(day)}"
        parts.append(f"{heading}: {epochs['classes'][best]}, P = {p}.")
    if forecast := example.data.get("forecast"):
        coverage = f"{100 * forecast['coverage']:.3g} %"
        day = round(forecast["from"])
        parts.append(f"Shaded: {coverage} interval of the flux as forecast on day {day} (dotted line).")
    parts += [f"{flag[:1].upper()}{flag[1:]}." for flag in map(str, example.flags)]
    return " ".join(parts)


def _light_curve(axes: Axes, data: Any) -> None:
    points = data["points"]
    time, flux, error = (np.asarray(points[key], dtype=float) for key in ("time", "flux", "flux_error"))
    bands = data.get("bands") or sorted({str(band) for band in points["band"]})
    names = np.array([band if isinstance(band, str) else bands[band] for band in points["band"]], dtype=str)
    axes.axhline(0, color=style.GREY, linewidth=0.6)
    for i, band in enumerate(bands):
        mask, colour = names == band, style.band_colour(band, i)
        if data.get("forecast"):
            _forecast(axes, data["forecast"], i, colour)
        if mask.any():
            look = {"fmt": style.MARKERS[i % 7], "markersize": 3.5, "elinewidth": 0.8, "color": colour}
            axes.errorbar(time[mask], flux[mask], error[mask], label=style.short(band), **look)
    axes.set_ylabel(style.short(data.get("flux_label", "Flux")), parse_math=False)
    _legend_above(axes)


def _forecast(axes: Axes, forecast: dict[str, Any], band: int, colour: str) -> None:
    """Shade the interval of the forecast flux of a band."""
    time = np.asarray(forecast["time"], dtype=float)
    flux, low, high = (np.asarray(forecast[name][band], dtype=float) for name in ("flux", "low", "high"))
    axes.fill_between(time, low, high, color=colour, alpha=0.2, linewidth=0)
    axes.plot(time, flux, color=colour, linewidth=1.0)
    axes.axvline(forecast["from"], color=style.GREY, linewidth=0.6, linestyle=":")


def _probabilities(axes: Axes, epochs: dict[str, Any], truth: str | None) -> None:
    time = np.asarray(epochs["time"], dtype=float)
    probability = np.asarray(epochs["probability"], dtype=float)
    error = np.asarray(epochs["error"], dtype=float) if epochs.get("error") else None
    highest = set(np.argsort(-probability.max(axis=0), kind="stable")[:MOST].tolist()) if len(time) else set()
    for i, name in enumerate(epochs["classes"]):
        if i not in highest and name != truth:
            continue
        y, true = probability[:, i], name == truth
        label = style.short(name) + (" (truth)" if true else "")
        look = {"color": style.colour(i), "linestyle": style.LINES[(i + i // 7) % 7], "linewidth": 2.2 if true else 1.3}
        axes.plot(time, y, marker=style.MARKERS[i % 7] if len(time) == 1 else None, label=label, **look)
        if error is not None:
            low, high = np.clip(y - error[:, i], 0, 1), np.clip(y + error[:, i], 0, 1)
            axes.fill_between(time, low, high, color=style.colour(i), alpha=0.15, linewidth=0)
    axes.set(ylabel="Probability", ylim=(-0.03, 1.03))
    _legend_above(axes)


def _legend_above(axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    columns = min(len(labels), 6 if sum(map(len, labels)) < 40 else 2)
    place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.1}
    legend = axes.legend(handles, labels, ncols=columns, columnspacing=1.1, handletextpad=0.4, **place)
    for text in legend.get_texts():
        text.set_parse_math(False)
