"""Light curves of many objects as one flat struct of arrays: Parquet's nested lists, without copies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import QTable

from skysure.faults import Fault, nearest

ZERO_POINT = 27.5
"""AB magnitude of a flux of one: the FLUXCAL of SNANA. Readers convert to it."""

NANOJANSKY_PER_FLUX = 3630.780548e9 * 10 ** (-0.4 * ZERO_POINT)
"""A flux of one in nJy; AB magnitude zero is 3630.78 Jy."""


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
        zero_point: float = ZERO_POINT,
    ) -> LightCurves:
        """Build light curves from a long table in memory, one row a point.

        Parameters
        ----------
        table : mapping of str to array-like (dict, astropy Table, pandas DataFrame, pyarrow Table)
            One row a point, in any order; objects are sorted by id, points by time.
        columns : mapping of str to str, optional
            Our name to the table's: "id", "time" (MJD), "band", "flux", "flux_error".
        objects : like `table`, optional
            One row an object with "id" and any of the columns of objects, e.g. "label", "redshift".
        zero_point : float
            AB magnitude of a flux of one in `table`.

        Raises
        ------
        Fault
            Where a column is missing, a number is not finite, an error is not positive, or an object of the
            table has no row in `objects`.

        Examples
        --------
        >>> curves = LightCurves.from_table({"id": ["a", "a"], "time": [2.0, 1.0], "band": ["r", "g"],
        ...                                  "flux": [5.0, 3.0], "flux_error": [1.0, 1.0]})
        >>> len(curves), curves.time.tolist(), curves.bands
        (1, [1.0, 2.0], ('g', 'r'))
        """
        named = {n: _take(table, (columns or {}).get(n, n)) for n in ("id", "time", "band", "flux", "flux_error")}
        time, flux, error = (_numbers(named[n], n) for n in ("time", "flux", "flux_error"))
        if not (error > 0).all():
            raise Fault(
                f"flux_error: row {int(np.argmin(error > 0))} is not positive",
                "a standard error above zero",
                "a missing value written as 0 or -9",
                "drop those rows",
            )
        ids, owner = np.unique(named["id"].astype(str), return_inverse=True)
        bands, band = np.unique(named["band"].astype(str), return_inverse=True)
        order = np.lexsort((time, owner))
        scale = 10 ** (0.4 * (ZERO_POINT - zero_point))
        return LightCurves(
            {"id": ids} | ({} if objects is None else _join(ids, objects)),
            np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(ids)))]).astype(np.int64),
            time[order],
            band[order].astype(np.int16),
            flux[order] * scale,
            error[order] * scale,
            tuple(bands.tolist()),
        )


def _take(table: Any, name: str) -> np.ndarray:
    names = list(getattr(table, "column_names", None) or getattr(table, "colnames", None) or table.keys())
    if name not in names:
        raise Fault(
            f"the table has no column '{name}'",
            f"one of its columns ({nearest(name, names)})",
            "another name for the same thing",
            f"columns={{'{name}': '...'}}",
        )
    return np.asarray(table[name])


def _numbers(values: np.ndarray, name: str) -> np.ndarray:
    try:
        numbers = values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise Fault(f"{name}: {error}", "numbers", "text in a column of numbers", "clean the column") from None
    if not np.isfinite(numbers).all():
        raise Fault(
            f"{name}: row {int(np.argmin(np.isfinite(numbers)))} is not finite",
            "finite numbers",
            "a missing value",
            "drop those rows",
        )
    return numbers


def _join(ids: np.ndarray, objects: Any) -> dict[str, np.ndarray]:
    names = list(getattr(objects, "column_names", None) or getattr(objects, "colnames", None) or objects.keys())
    keys = _take(objects, "id").astype(str)
    order = np.argsort(keys, kind="stable")
    place = np.minimum(np.searchsorted(keys[order], ids), max(len(keys) - 1, 0))
    if len(keys) == 0 or (keys[order][place] != ids).any():
        missing = ids[0] if len(keys) == 0 else ids[keys[order][place] != ids][0]
        raise Fault(f"object '{missing}' has points but no row in `objects`", "a row for every object")
    return {n: np.asarray(objects[n])[order][place] for n in names if n != "id"}


def _column_or_missing(part: LightCurves, name: str, parts: Sequence[LightCurves]) -> np.ndarray:
    if name in part.objects:
        return part.objects[name]
    like = next(p.objects[name] for p in parts if name in p.objects)
    return np.full(
        len(part),
        np.nan if like.dtype.kind == "f" else "",
        np.float64 if like.dtype.kind == "f" else like.dtype,
    )
