"""Light curves of many objects as one flat struct of arrays: Parquet's nested lists, without copies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import QTable

from skysure.display import html_table

ZERO_POINT = 27.5
"""AB magnitude of a flux of one: the FLUXCAL of SNANA. Readers convert to it."""

NANOJANSKY_PER_FLUX = 3630.780548e9 * 10 ** (-0.4 * ZERO_POINT)
"""A flux of one in nJy; AB magnitude zero is 3630.78 Jy."""

SHOWN = 10
"""Objects that a notebook shows."""


@dataclass(frozen=True)
class LightCurves:
    """Light curves of many objects; the points of object k are `offsets[k]:offsets[k + 1]`, in time order.

    Parameters
    ----------
    objects : dict of str to ndarray, shape (object,)
        One row an object. "id" (str) is always there. Optional: "label" (str, "" where unknown), "redshift"
        and "redshift_error" (of the host; NaN where missing), "ra", "dec" [deg], "mwebv" [mag], "group" (str;
        relatives share it, so that no two parts share them).
    offsets : ndarray of int64, shape (object + 1,)
    time : ndarray of float64, shape (point,)
        Modified Julian date [d].
    band : ndarray of int16, shape (point,)
        Index into `bands`.
    flux, flux_error : ndarray of float64, shape (point,)
        Flux at zero point 27.5 (AB) and its standard error.
    bands : tuple of str
    """

    objects: dict[str, np.ndarray]
    offsets: np.ndarray
    time: np.ndarray
    band: np.ndarray
    flux: np.ndarray
    flux_error: np.ndarray
    bands: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def ids(self) -> np.ndarray:
        """Identifiers of the objects, shape (object,)."""
        return self.objects["id"]

    @property
    def groups(self) -> np.ndarray:
        """Group of each object, "" where it has none, shape (object,)."""
        return self.objects.get("group", np.full(len(self), ""))

    @property
    def counts(self) -> np.ndarray:
        """Number of points of each object, shape (object,)."""
        return np.diff(self.offsets)

    @property
    def owner(self) -> np.ndarray:
        """Index of the object to which each point belongs, shape (point,)."""
        return np.repeat(np.arange(len(self)), self.counts)

    def __repr__(self) -> str:
        return f"<LightCurves: {self._summary()}>"

    def _repr_html_(self) -> str:
        columns = {"id": self.ids[:SHOWN], "observations": self.counts[:SHOWN]}
        columns |= {n: values[:SHOWN] for n, values in self.objects.items() if n != "id"}
        more = f", the first {SHOWN}" if len(self) > SHOWN else ""
        return html_table(f"LightCurves: {self._summary()}{more}", columns)

    def _summary(self) -> str:
        objects = f"{len(self):,} object{'' if len(self) == 1 else 's'}"
        return f"{objects}, {len(self.time):,} observations in {', '.join(self.bands) or 'no band'}"

    def column(self, name: str) -> np.ndarray:
        """Give a column of objects as float64, NaN where the column or its value is missing."""
        return np.asarray(self.objects.get(name, np.full(len(self), np.nan)), np.float64)

    def __getitem__(self, which: slice | np.ndarray) -> LightCurves:
        """Take some of the objects: a slice, a mask, or an array of indices (in that order)."""
        if isinstance(which, slice) and which.step in (None, 1):
            start, stop, _ = which.indices(len(self))
            stop = max(start, stop)
            points = slice(self.offsets[start], self.offsets[stop])
            offsets = self.offsets[start : stop + 1] - self.offsets[start]
        else:
            which = np.arange(len(self))[which]
            counts = self.counts[which]
            offsets = np.concatenate([[0], np.cumsum(counts)])
            points = np.repeat(self.offsets[which] - offsets[:-1], counts) + np.arange(offsets[-1])
        return LightCurves(
            {name: values[which] for name, values in self.objects.items()},
            offsets,
            self.time[points],
            self.band[points],
            self.flux[points],
            self.flux_error[points],
            self.bands,
        )

    def select_points(self, keep: np.ndarray) -> LightCurves:
        """Keep the points of a mask of shape (point,); objects stay, also those left without points."""
        kept = np.concatenate([[0], np.cumsum(keep)])
        return LightCurves(
            self.objects,
            kept[self.offsets].astype(np.int64),
            self.time[keep],
            self.band[keep],
            self.flux[keep],
            self.flux_error[keep],
            self.bands,
        )

    def in_bands(self, bands: Sequence[str]) -> LightCurves:
        """Index the bands as `bands` does, dropping the points taken in any other band."""
        if tuple(bands) == self.bands:
            return self
        place = np.array([bands.index(b) if b in bands else -1 for b in self.bands] or [-1], np.int16)
        new = place[self.band]
        kept = self.select_points(new >= 0)
        return LightCurves(
            kept.objects, kept.offsets, kept.time, new[new >= 0], kept.flux, kept.flux_error, tuple(bands)
        )

    def to_table(self) -> QTable:
        """Give a long table, one row a point, fluxes in nJy, with the columns of its object beside each."""
        njy = NANOJANSKY_PER_FLUX * u.nJy
        table = QTable({"id": self.ids[self.owner], "time": self.time * u.d})
        table["band"] = np.asarray(self.bands)[self.band]
        table["flux"], table["flux_error"] = self.flux * njy, self.flux_error * njy
        for name in (n for n in self.objects if n != "id"):
            table[name] = self.objects[name][self.owner]
        return table

    @staticmethod
    def concat(parts: Sequence[LightCurves]) -> LightCurves:
        """Join several; columns that only some have are filled with NaN or ""."""
        bands = tuple(dict.fromkeys(b for p in parts for b in p.bands))
        parts = [p.in_bands(bands) for p in parts]
        names = dict.fromkeys(n for p in parts for n in p.objects)
        starts = np.cumsum([0] + [len(p.time) for p in parts])
        return LightCurves(
            {n: np.concatenate([_column_or_missing(p, n, parts) for p in parts]) for n in names},
            np.concatenate([[0]] + [p.offsets[1:] + s for p, s in zip(parts, starts, strict=False)]),
            *(np.concatenate([getattr(p, n) for p in parts]) for n in ("time", "band", "flux", "flux_error")),
            bands,
        )

    @staticmethod
    def from_table(
        table: Any,
        columns: Mapping[str, str] | None = None,
        objects: Any = None,
        *,
        zero_point: float | None = None,
    ) -> LightCurves:
        """Build light curves from a long table in memory, one row a point.

        Parameters
        ----------
        table : mapping of str to array-like (dict, astropy Table, pandas DataFrame, pyarrow Table)
            One row a point, in any order; objects are sorted by id, points by time.
        columns : mapping of str to str, optional
            Our name to the table's: "id", "time" (MJD, or astropy's Time), "band", "flux", "flux_error".
        objects : like `table`, optional
            One row an object, in any order, with "id" and any of the columns of objects, e.g. "label", "redshift";
            what is missing, masked, None or NaN is unknown. Ids may be numbers: 7, 7.0 and "7" are one object.
        zero_point : float, optional
            AB magnitude of a flux of one in `table`; 27.5 by default. Where the fluxes have a unit, that is kept.

        Raises
        ------
        Fault
            Where a column is missing, a number is masked or not finite, an error is not positive, a unit is no flux
            density, times are Julian dates, or an object of the table has no row in `objects`, or several.

        Examples
        --------
        >>> curves = LightCurves.from_table({"id": ["a", "a"], "time": [2.0, 1.0], "band": ["r", "g"],
        ...                                  "flux": [5.0, 3.0], "flux_error": [1.0, 1.0]})
        >>> len(curves), curves.time.tolist(), curves.bands
        (1, [1.0, 2.0], ('g', 'r'))
        """
        from .memory import from_table

        return from_table(table, columns, objects, zero_point)


def _column_or_missing(part: LightCurves, name: str, parts: Sequence[LightCurves]) -> np.ndarray:
    if name in part.objects:
        return part.objects[name]
    like = next(p.objects[name] for p in parts if name in p.objects)
    return np.full(
        len(part),
        np.nan if like.dtype.kind == "f" else "",
        np.float64 if like.dtype.kind == "f" else like.dtype,
    )
