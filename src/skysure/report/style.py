"""Colours, markers and matplotlib settings of every figure.

The colours are those of Okabe and Ito (2008, "Color Universal Design"), told apart with any kind of colour
vision; a line style or a marker says the same a second time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib.style
from matplotlib.axes import Axes

BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK, GREY = "#E69F00", "#56B4E9", "#222222", "#8A8A86"

COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

BANDS = {"u": PURPLE, "g": GREEN, "r": VERMILLION, "i": ORANGE, "z": BLUE, "y": BLACK, "Y": BLACK}

SETTINGS = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "axes.labelsize": 10,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "figure.facecolor": "white",
    "axes.facecolor": "none",
    "axes.edgecolor": "#55534f",
    "axes.labelcolor": "#222222",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": "#55534f",
    "ytick.color": "#55534f",
    "xtick.labelcolor": "#222222",
    "ytick.labelcolor": "#222222",
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "axes.prop_cycle": matplotlib.rcsetup.cycler(color=list(COLOURS)),
    "axes.formatter.useoffset": False,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "skysure",
}


@contextmanager
def applied() -> Iterator[None]:
    """The style of the report while the block runs, whatever the user's own settings are."""
    with matplotlib.style.context(SETTINGS, after_reset=True):
        yield


def in_percent(fraction: float, position: int | None = None) -> str:
    """A tick of an axis that shows fractions, in per cent with the decimals it needs.

    >>> in_percent(0.925), in_percent(0.1)
    ('92.5 %', '10 %')
    """
    return f"{100 * fraction:.4g} %".replace("-", "−")


def short(name: object, letters: int = 24) -> str:
    """A name that leaves room for the figure.

    >>> short("Ia"), short("a very long name of a class", 12)
    ('Ia', 'a very long…')
    """
    text = str(name)
    return text if len(text) <= letters else text[: letters - 1].rstrip() + "…"


def colour(position: int) -> str:
    """Colour of the class or series at this position; they repeat after seven."""
    return COLOURS[position % len(COLOURS)]


def band_colour(band: str, position: int) -> str:
    """Colour of a photometric band: by its last letter where that is one of ugrizy, else by position."""
    return BANDS.get(band[-1:], colour(position))


def legend(axes: Axes, **settings: Any) -> None:
    """A legend where something is labelled; names of classes are not mathematics."""
    if axes.get_legend_handles_labels()[1]:
        for text in axes.legend(**settings).get_texts():
            text.set_parse_math(False)
