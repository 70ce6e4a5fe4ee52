"""A light curve, and below it how the probability of each class grows as the points come in."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from . import style
from .figure import Figure
from .quantities import measured

MOST = 5
"""Classes drawn beside the true one: those whose probability is ever highest."""
SECTION = {"example": "examples", "uncertain": "uncertain", "novel": "novel"}


def probability_in_time(example: dict[str, Any], position: int = 0) -> Figure:
    """One object: fluxes in their bands above, class probabilities against time below.

    Parameters
    ----------
    example : dict
        `{"group": "example" | "uncertain" | "novel", "id", "title", "truth": label or None, "class": that of the
        truth where its name is another, "time_label", "flux_label", "bands": [name], "points": {"time": [],
        "band": [index or name], "flux": [], "flux_error": []}, "epochs": {"time": [], "classes": [name],
        "probability": [[epoch, class]], "error": [[epoch, class]] or None}, "flags": [text], "forecast": {"time": [],
        "from": time, "coverage", "flux": [[band, time]], "low", "high"}}`; all but `id` and `points` optional.
    position : int
        Number of the figure in its group, for its name.
    """
    group = example.get("group", "example")

    def draw(canvas: Canvas) -> None:
        if not example.get("epochs"):
            _light_curve(axes := canvas.subplots(), example)
        else:
            above, axes = canvas.subplots(2, 1, sharex=True, height_ratios=[1.25, 1])
            _light_curve(above, example)
            _probabilities(axes, example["epochs"], example.get("class") or example.get("truth"))
        axes.set_xlabel(style.short(example.get("time_label", "Time [d]"), 48), parse_math=False)

    title = str(example.get("title") or example["id"])
    height = 3.9 if example.get("epochs") else 2.6
    return Figure(f"{group}-{position + 1}", title, _caption(example), draw, height=height, section=SECTION[group])


def _caption(example: dict[str, Any]) -> str:
    truth = example.get("truth")
    parts = [f"Truth: {truth}." if truth else "Truth unknown."]
    epochs = example.get("epochs")
    if epochs and epochs["probability"]:
        last = np.asarray(epochs["probability"][-1], dtype=float)
        best = int(np.argmax(last))
        error = epochs["error"][-1][best] if epochs.get("error") else None
        shown = measured(last[best], last[best] - error, last[best] + error) if error else f"{last[best]:.2f}"
        day, end = epochs["time"][-1], max(example["points"]["time"], default=-np.inf)
        when = "at the end" if end < day + 1 else f"on day {round(day)}"
        parts.append(f"Answer {when}: {epochs['classes'][best]}, P = {shown}.")
    if forecast := example.get("forecast"):
        parts.append(
            f"Shaded: where the flux was expected on day {round(forecast['from'])} (dotted), "
            f"with {100 * forecast['coverage']:.3g} % certainty."
        )
    parts += [f"{flag[:1].upper()}{flag[1:]}." for flag in map(str, example.get("flags", ()))]
    return " ".join(parts)


def _light_curve(axes: Axes, example: dict[str, Any]) -> None:
    points = example["points"]
    time, flux, error = (np.asarray(points[key], dtype=float) for key in ("time", "flux", "flux_error"))
    bands = example.get("bands") or sorted({str(band) for band in points["band"]})
    names = np.array([band if isinstance(band, str) else bands[band] for band in points["band"]], dtype=str)
    axes.axhline(0, color=style.GREY, linewidth=0.6)
    for i, band in enumerate(bands):
        mine = names == band
        if example.get("forecast"):
            _forecast(axes, example["forecast"], i, style.band_colour(band, i))
        if mine.any():
            axes.errorbar(
                time[mine],
                flux[mine],
                error[mine],
                fmt=style.MARKERS[i % 7],
                markersize=3.5,
                elinewidth=0.8,
                color=style.band_colour(band, i),
                label=style.short(band),
            )
    axes.set_ylabel(style.short(example.get("flux_label", "Flux")), parse_math=False)
    _legend_above(axes)


def _forecast(axes: Axes, forecast: dict[str, Any], band: int, colour: str) -> None:
    """Shade where the flux of a band was expected."""
    time = np.asarray(forecast["time"], dtype=float)
    flux, low, high = (np.asarray(forecast[name][band], dtype=float) for name in ("flux", "low", "high"))
    axes.fill_between(time, low, high, color=colour, alpha=0.2, linewidth=0)
    axes.plot(time, flux, color=colour, linewidth=1.0)
    axes.axvline(forecast["from"], color=style.GREY, linewidth=0.6, linestyle=":")


def _probabilities(axes: Axes, epochs: dict[str, Any], truth: str | None) -> None:
    time = np.asarray(epochs["time"], dtype=float)
    probability = np.asarray(epochs["probability"], dtype=float)
    error = np.asarray(epochs["error"], dtype=float) if epochs.get("error") else None
    shown = set(np.argsort(-probability.max(axis=0), kind="stable")[:MOST].tolist()) if len(time) else set()
    for i, name in enumerate(epochs["classes"]):
        if i not in shown and name != truth:
            continue
        y = probability[:, i]
        width = 2.2 if name == truth else 1.3
        label = style.short(name) + (" (truth)" if name == truth else "")
        mark = style.MARKERS[i % 7] if len(time) == 1 else None
        line = style.LINES[(i + i // 7) % 7]
        axes.plot(time, y, color=style.colour(i), linestyle=line, linewidth=width, marker=mark, label=label)
        if error is not None:
            low, high = np.clip(y - error[:, i], 0, 1), np.clip(y + error[:, i], 0, 1)
            axes.fill_between(time, low, high, color=style.colour(i), alpha=0.15, linewidth=0)
    axes.set(ylabel="Probability", ylim=(-0.03, 1.03))
    _legend_above(axes)


def _legend_above(axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    legend = axes.legend(
        handles,
        labels,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=min(len(labels), 6 if sum(map(len, labels)) < 40 else 2),
        borderaxespad=0.1,
        columnspacing=1.1,
        handletextpad=0.4,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
