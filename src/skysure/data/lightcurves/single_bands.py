"""Whether every object has one band alone although there are several: then the ids may be those of one filter."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .curves import LightCurves

TEXT = (
    "objects have one band each, though the files have several; where an id stands for one filter (the oid of ZTF's "
    'data releases), columns.id = "<file>" joins what is in one file'
)


class SingleBands:
    """Counts over the chunks of a walk."""

    def __init__(self) -> None:
        self._objects, self._several, self._bands = 0, 0, set[str]()

    def add(self, curves: LightCurves) -> None:
        """Add a chunk, of objects with at least one point."""
        starts = curves.offsets[:-1]
        least, most = (f.reduceat(curves.band, starts) for f in (np.minimum, np.maximum))
        self._objects += len(curves)
        self._several += int((least != most).sum())
        self._bands |= {curves.bands[k] for k in np.unique(curves.band)}

    def report(self, notes: Callable[[str, int], None]) -> None:
        """Note it where no object has points in two bands."""
        if self._objects > 1 and len(self._bands) > 1 and not self._several:
            notes(TEXT, self._objects)
