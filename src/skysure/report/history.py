"""The history of a training, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Canvas

from . import style
from .figure import Figure
from .quantities import number

_LEFT_OUT = ("epoch", "seconds", "learning_rate")
_PANELS = {"Loss": ("loss", "nll"), "Dropout rate": ("dropout", "rate_"), "Return": ("return", "reward")}


def training_history(rows: Sequence[dict[str, Any]]) -> Figure | None:
    """Losses, dropout rates, returns and other records against the epoch; None without values.

    Parameters
    ----------
    rows : sequence of dict
        One row per epoch, as `history.csv` holds them. Columns with "loss" or "nll" in their name share a panel,
        so do those with "dropout" or "rate_", and those with "return" or "reward"; `seconds*` and `learning_rate*` are
        left out; any other column has its own panel.
    """
    panels = _panels(rows)
    if not panels:
        return None
    epochs = [_value(row.get("epoch", i)) for i, row in enumerate(rows)]

    def draw(canvas: Canvas) -> None:
        grid = canvas.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (label, columns) in zip(grid, panels.items(), strict=True):
            for i, column in enumerate(columns):
                values = [_value(row.get(column)) for row in rows]
                name = style.short(column.replace("_", " "))
                mark = "o" if len(rows) == 1 else None
                axes.plot(
                    epochs,
                    values,
                    color=style.colour(i),
                    linestyle=style.LINES[i % 7],
                    marker=mark,
                    label=name,
                )
            axes.set_ylabel(style.short(label), parse_math=False)
            if len(columns) > 1:
                for text in axes.legend(ncols=2 if len(columns) > 3 else 1).get_texts():
                    text.set_parse_math(False)
        grid[-1].set_xlabel("Epoch")

    count = len(rows)
    caption = f"{count} epoch{'s' if count != 1 else ''}.{_best(rows, epochs)}"
    return Figure("history", "Training", caption, draw, height=1.3 + 1.7 * len(panels), section="training")


def _panels(rows: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    names = dict.fromkeys(name for row in rows for name in row)
    panels: dict[str, list[str]] = {}
    for name in names:
        values = [_value(row.get(name)) for row in rows]
        if name.startswith(_LEFT_OUT) or not np.isfinite(values).any():
            continue
        shared = next((label for label, words in _PANELS.items() if any(word in name for word in words)), None)
        panels.setdefault(shared or name.replace("_", " ").capitalize(), []).append(name)
    return dict(sorted(panels.items(), key=lambda panel: panel[0] not in _PANELS))


def _best(rows: Sequence[dict[str, Any]], epochs: Sequence[float]) -> str:
    for name in ("validation_nll", "validation_loss"):
        values = np.array([_value(row.get(name)) for row in rows])
        if np.isfinite(values).any():
            best = int(np.nanargmin(values))
            return f" Lowest {name.replace('_', ' ')} {number(values[best])} in epoch {epochs[best]:g}."
    return ""


def _value(cell: Any) -> float:
    """A number, or NaN for an empty cell or text."""
    try:
        return float(cell)
    except (TypeError, ValueError):
        return math.nan
