"""Light curves of many objects as one flat struct of arrays: Parquet's nested lists, without copies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import QTable

from skysure.display import html_table

from . import memory
from .fluxes import NANOJANSKY_PER_FLUX

NOT_CARRIED = ("id", "label", "redshift", "redshift_error", "mwebv", "group")
"""Columns of objects that have a meaning of their own for an application."""

SHOWN = 10
"""Objects that a notebook shows."""


@dataclass(frozen=True)
class LightCurves:
    """Light curves of many objects; the points of object k are `offsets[k]:offsets[k + 1]`, in time order.

    Parameters
    ----------
    objects : dict of str to ndarray, shape (object,)
        One row per object. "id" (str) is always there. Optional: "label" (str, "" where unknown), "redshift" and
        "redshift_error" (of the host; NaN where missing), "ra", "dec" [deg], "mwebv" [mag], "group" (str; objects
        of one group belong to the same part), and any others, see `carried`.
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
    def carried(self) -> dict[str, np.ndarray]:
        """Columns of objects that a result table repeats beside the prediction, each of shape (object,).

        These are the position, "ra" and "dec" [deg], and what is of no use to a network: the columns named in `carry`
        of the reading or of `from_table`, and further columns of a table of objects in memory.
        """
        return {name: values for name, values in self.objects.items() if name not in NOT_CARRIED}

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
        """Return a column of objects as float64, NaN where the column or its value is missing."""
        return np.asarray(self.objects.get(name, np.full(len(self), np.nan)), np.float64)

    def __getitem__(self, selection: slice | np.ndarray) -> LightCurves:
        """Select objects by a slice, a mask, or an array of indices (in that order)."""
        if isinstance(selection, slice) and selection.step in (None, 1):
            start, stop, _ = selection.indices(len(self))
            stop = max(start, stop)
            points = slice(self.offsets[start], self.offsets[stop])
            offsets = self.offsets[start : stop + 1] - self.offsets[start]
        else:
            selection = np.arange(len(self))[selection]
            counts = self.counts[selection]
            offsets = np.concatenate([[0], np.cumsum(counts)])
            points = np.repeat(self.offsets[selection] - offsets[:-1], counts) + np.arange(offsets[-1])
        return LightCurves(
            {name: values[selection] for name, values in self.objects.items()},
            offsets,
            self.time[points],
            self.band[points],
            self.flux[points],
            self.flux_error[points],
            self.bands,
        )

    def select_points(self, keep: np.ndarray) -> LightCurves:
        """Keep the points of a mask of shape (point,); objects without points stay."""
        n_kept = np.concatenate([[0], np.cumsum(keep)])
        return LightCurves(
            self.objects,
            n_kept[self.offsets].astype(np.int64),
            self.time[keep],
            self.band[keep],
            self.flux[keep],
            self.flux_error[keep],
            self.bands,
        )

    def in_bands(self, bands: Sequence[str]) -> LightCurves:
        """Index the bands as `bands` does; points in other bands are dropped."""
        if tuple(bands) == self.bands:
            return self
        place = np.array([bands.index(b) if b in bands else -1 for b in self.bands] or [-1], np.int16)
        new = place[self.band]
        curves = self.select_points(new >= 0)
        return LightCurves(
            curves.objects, curves.offsets, curves.time, new[new >= 0], curves.flux, curves.flux_error, tuple(bands)
        )

    def to_table(self) -> QTable:
        """Return a long table, one row per observation, with fluxes in nJy and the columns of objects repeated."""
        njy = NANOJANSKY_PER_FLUX * u.nJy
        table = QTable({"id": self.ids[self.owner], "time": self.time * u.d})
        table["band"] = np.asarray(self.bands)[self.band]
        table["flux"], table["flux_error"] = self.flux * njy, self.flux_error * njy
        for name in (n for n in self.objects if n != "id"):
            table[name] = self.objects[name][self.owner]
        return table

    @staticmethod
    def concat(parts: Sequence[LightCurves]) -> LightCurves:
        """Concatenate light curves; columns that only some have are filled with NaN or ""."""
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
        carry: Sequence[str] = (),
    ) -> LightCurves:
        """Build light curves from a long table in memory, one row per observation.

        Parameters
        ----------
        table : mapping of str to array-like (dict, astropy Table or QTable, pandas DataFrame, pyarrow Table)
            One row per observation, in any order; objects are sorted by id, observations by time. Columns are found
            by their usual names, as in files (`mjd` is the time). Columns of objects ("label", "redshift",
            "redshift_error", "ra", "dec", "mwebv", "group") must have one value per object; missing values count as
            unknown. Units of astropy columns and quantities are converted.
        columns : mapping of str to str, optional
            Our name to the table's: "id", "time" (MJD, or astropy's Time), "band", "flux", "flux_error",
            "zero_point" (AB magnitude of a flux of one in each row), or that of a column of objects; "" where there is
            none.
        objects : like `table`, optional
            One row per object, in any order, with "id" and any columns of objects. What is missing, masked, None or
            NaN is unknown. Ids may be numbers: 7, 7.0 and "7" are one object.
        zero_point : float, optional
            AB magnitude of a flux of one in `table`; required where the flux has no unit.
        carry : sequence of str
            Further columns of `table` with one value per object, kept under their own name in `objects`.

        Raises
        ------
        InputError
            A column is missing or two could be meant, the flux has neither unit nor zero point, a number is masked
            or not finite, an error is not positive, a unit is not a flux density, times are Julian dates, a column
            of objects varies within an object, or an object has no row in `objects`, or several.

        Examples
        --------
        >>> curves = LightCurves.from_table({"id": ["a", "a"], "mjd": [2.0, 1.0], "band": ["r", "g"],
        ...                                  "flux": [5.0, 3.0], "flux_error": [1.0, 1.0]}, zero_point=27.5)
        >>> len(curves), curves.time.tolist(), curves.bands
        (1, [1.0, 2.0], ('g', 'r'))
        """
        return LightCurves(**memory.arrays_of_table(table, columns, objects, zero_point, carry))


def _column_or_missing(part: LightCurves, name: str, parts: Sequence[LightCurves]) -> np.ndarray:
    if name in part.objects:
        return part.objects[name]
    like = next(p.objects[name] for p in parts if name in p.objects)
    return np.full(
        len(part),
        np.nan if like.dtype.kind == "f" else "",
        np.float64 if like.dtype.kind == "f" else like.dtype,
    )
