"""Regions of DS9, written by the package regions: the boxes of detections on the sky, or in pixels of their image.

A region is the polygon of a box on the sky where its corners are known there, otherwise a box in pixels. Its text is
the class and the score, its tag the image, its colour that of the class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from skysure.extras import import_extra

from .detections import Detections
from .lines import SOURCE, Line, LineWriter
from .writers import Form, Task

COLOURS = ("green", "red", "cyan", "magenta", "yellow", "blue", "orange", "white")
"""Of the classes, in the words of DS9."""


def shapes_of(prediction: Detections) -> list[Any]:
    """Give the region of each source as an object of the package regions."""
    regions = import_extra("regions", "radio", "regions of DS9", "write a table")
    centres, sizes, corners = prediction.position, prediction.size, prediction.corners
    shapes = []
    for k, best in enumerate(prediction.best.tolist()):
        text, image = f"{prediction.classes[best]} {prediction.score[k]:.2f}", str(prediction.rows["id"][k])
        about = {
            "meta": regions.RegionMeta({"text": _without_braces(text), "tag": [_without_braces(image)]}),
            "visual": regions.RegionVisual({"color": COLOURS[best % len(COLOURS)]}),
        }
        if corners is not None and np.isfinite(corners[k]).all():
            vertices = SkyCoord(corners[k, :, 0] * u.deg, corners[k, :, 1] * u.deg)
            shapes.append(regions.PolygonSkyRegion(vertices, **about))
        else:
            centre = regions.PixCoord(float(centres[k, 0]), float(centres[k, 1]))
            shapes.append(regions.RectanglePixelRegion(centre, float(sizes[k, 0]), float(sizes[k, 1]), **about))
    return shapes


def lines_of(prediction: Detections) -> Iterator[Line]:
    """Give a line of DS9 for each source."""
    regions = import_extra("regions", "radio", "regions of DS9", "write a table")
    shapes = shapes_of(prediction)
    text = regions.Regions(shapes).serialize(format="ds9") if shapes else ""
    for image, line in zip(prediction.rows["id"], _with_frame(text.splitlines()), strict=True):
        yield Line(SOURCE, str(image), line)


def write(file: IO[bytes], lines: Callable[[], Iterable[Line]], about: Mapping[str, Any]) -> None:
    """Write a file of regions."""
    file.write(b"# Region file format: DS9\n")
    file.writelines(f"{line.text}\n".encode() for line in lines())


def writer(paths: Sequence[Path], task: Task) -> LineWriter:
    """Open files of regions; raises InputError where the package regions is not installed."""
    import_extra("regions", "radio", f"{paths[0]} is a file of regions", "write a table")
    return LineWriter(paths, task, prefix="regions-", lines=lines_of, content=write)


def _with_frame(lines: Iterable[str]) -> Iterator[str]:
    """Begin each region with its frame, which stands once above all regions that share it."""
    frame = ""
    for line in lines:
        if not line or line.startswith("#"):
            continue
        if "(" in line:
            yield f"{frame}{line}"
        else:
            frame = f"{line}; "


def _without_braces(text: str) -> str:
    """Text between the braces of DS9 has none itself, and no line break."""
    return " ".join(text.replace("{", "(").replace("}", ")").split())


FORM = Form("file of regions", (".reg",), writer, (Detections,))
