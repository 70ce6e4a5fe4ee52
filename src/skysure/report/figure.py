"""A figure: how to draw it, what it is called, and what it becomes."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import matplotlib.figure
from matplotlib.collections import Collection, PathCollection
from matplotlib.lines import Line2D

from skysure.errors import InputError

from . import style

Format = Literal["svg", "png", "pdf"]
SECTIONS = ("results", "trust", "examples", "uncertain", "novel", "training")
DENSE = 3_000  # points above which an artist is drawn as pixels, so that the page stays small


@dataclass(frozen=True)
class Figure:
    """A figure of the report.

    Parameters
    ----------
    name : str
        Lower-case letters, digits, `-` and `_`: the name of its PDF.
    title, caption : str
        Heading above and explanation below; together they are the alternative text.
    draw : callable
        Draws into the `matplotlib.figure.Figure` it is given.
    width, height : float
        Size [inch]. Up to 5 is one column of the page and readable on a phone; wider spans the page.
    section : str
        Where on the page it stands, one of `SECTIONS`.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[matplotlib.figure.Figure], None]
    width: float = 4.2
    height: float = 3.2
    section: str = "results"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", self.name):
            raise InputError(f"figure name {self.name!r}", "lower-case letters, digits, - and _", "", "rename it")
        if self.section not in SECTIONS:
            raise InputError(f"section {self.section!r} of figure {self.name}", "one of " + ", ".join(SECTIONS))


def render(figure: Figure, format: Format = "svg") -> bytes:
    """The bytes of an SVG, PNG or PDF file: the same figure gives the same bytes."""
    return renderings(figure, (format,))[format]


def renderings(figure: Figure, formats: Sequence[Format]) -> dict[str, bytes]:
    """The bytes of several files of one figure, which is drawn and laid out once."""
    with style.applied():
        canvas = matplotlib.figure.Figure(figsize=(figure.width, figure.height), layout="constrained")
        figure.draw(canvas)
        for artist in (child for axes in canvas.axes for child in axes.get_children()):
            if _is_dense(artist):
                artist.set_rasterized(True)
        canvas.get_layout_engine().execute(canvas)
        canvas.set_layout_engine(None)  # with one, savefig draws twice: to lay out, and to write
        return {format: _saved(canvas, format) for format in formats}


def _saved(canvas: matplotlib.figure.Figure, format: Format) -> bytes:
    stream = io.BytesIO()
    paper = "none" if format == "svg" else "white"  # an SVG lies on the paper of its page
    canvas.savefig(stream, format=format, dpi=200, metadata=_UNDATED[format], facecolor=paper)
    return stream.getvalue()


_UNDATED: dict[str, dict[str, str | None]] = {
    "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
    "pdf": {"CreationDate": None},
    "png": {"Software": None},
}


def _is_dense(artist: object) -> bool:
    if isinstance(artist, Line2D):
        return len(artist.get_xydata()) > DENSE
    if isinstance(artist, PathCollection):
        return len(artist.get_offsets()) > DENSE
    return isinstance(artist, Collection) and sum(len(path.vertices) for path in artist.get_paths()) > DENSE
