"""ECSV, VOTable, IPAC and FITS tables, through astropy, which knows their units and masks."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from skysure.errors import InputError

from .damage import file_errors
from .entries import Entry
from .fits_headers import check_headers, holds_images_alone
from .names import ecsv_names, refuse_doubled, votable_fields
from .types import plain_array, unreadable
from .yaml import check_yaml

BATCH = 131_072
FORMATS = {"fits": "fits", "votable": "votable", "ecsv": "ascii.ecsv", "ipac": "ascii.ipac"}
EXPECTED = {"fits": "a FITS table", "votable": "a VOTable", "ecsv": "an ECSV table", "ipac": "an IPAC table"}


class AstropyTable:
    """A table that astropy reads as a whole."""

    def __init__(self, entry: Entry, kind: str) -> None:
        self.entry, self._kind = entry, kind
        table = self._read()
        with file_errors(entry.name):
            self.units = {c: _unit(table[c]) for c in table.colnames}
            self.schema = {c: arrow_column(_few(table[c])).type for c in table.colnames}
        self._rows = len(table)

    def rows(self) -> int:
        """Number of rows."""
        return self._rows

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read some columns."""
        table = self._read()
        whole = pa.table({c: arrow_column(table[c]) for c in columns})
        yield from whole.to_batches(max_chunksize=BATCH)

    def _require_table(self) -> None:
        """Refuse a FITS file of images alone by its headers: mosaics are larger than memory."""
        if self._kind == "fits" and self.entry.plain:
            with self.entry.open() as stream:
                if holds_images_alone(stream):
                    raise ValueError("it holds images, no table")

    def _read(self):
        from astropy.io import fits
        from astropy.table import Table

        with file_errors(self.entry.name, f"{EXPECTED[self._kind]}, whole and well-formed"):
            self._require_table()
            content = self.entry.read()
            _check_header(self._kind, content, self.entry.name)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                warnings.filterwarnings("error", message=".*may have been truncated.*")
                if self._kind == "fits":
                    check_headers(io.BytesIO(content))
                    with fits.open(io.BytesIO(content), memmap=False) as file:
                        tables = [hdu for hdu in file if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)]
                        if not tables:
                            raise ValueError("it holds images, no table")
                        refuse_doubled(self.entry.name, tables[0].columns.names)
                        _check_fits(file, self.entry.name)
                        return Table.read(file, format="fits", astropy_native=_has_pairs_of_times(tables[0]))
                if self._kind == "votable":
                    names = [name for name, _ in votable_fields(io.BytesIO(content))]
                else:
                    names = ecsv_names(content) if self._kind == "ecsv" else []
                refuse_doubled(self.entry.name, names)
                return Table.read(io.BytesIO(content), format=FORMATS[self._kind])


def arrow_column(column: Any) -> pa.Array:
    """Convert a column of any class of astropy: times to MJD; what cannot be read has the type `Unreadable`."""
    if hasattr(column, "mjd"):
        column = column.mjd
    values = getattr(column, "unmasked", column)
    if hasattr(values, "frame") or (isinstance(values, np.ndarray) and values.dtype.kind in "cVm"):
        return unreadable(_class_of(column), len(column))
    values = np.asarray(values)
    mask = np.broadcast_to(np.asarray(getattr(column, "mask", False)), values.shape)
    try:
        return plain_array(_to_arrow(values, mask))
    except (pa.ArrowException, TypeError, ValueError, AttributeError):
        return unreadable(_class_of(column), len(column))


def _to_arrow(values: np.ndarray, mask: np.ndarray) -> pa.Array:
    if values.dtype.kind == "O" or values.ndim > 1:
        return pa.array([None if v is None else _plain_value(v) for v in values])
    if not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("="))
    if values.dtype.kind == "f" and values.dtype.itemsize > 8:
        values = values.astype(np.float64)
    if values.dtype.kind in "SU":
        values = np.char.strip(np.char.decode(values, "latin-1") if values.dtype.kind == "S" else values)
    return pa.array(values, mask=mask) if mask.any() else pa.array(values)


def _plain_value(value: Any) -> Any:
    """Return a value of a column of arrays or of objects as Arrow takes it."""
    if isinstance(value, np.ma.MaskedArray):
        value = np.ma.filled(value, np.nan) if value.dtype.kind == "f" else np.ma.filled(value)
    return np.asarray(value).tolist() if isinstance(value, (np.ndarray, np.generic, list, tuple)) else value


def _few(column: Any) -> Any:
    """Return as much of a column as tells its type."""
    return column if getattr(getattr(column, "dtype", None), "kind", "") == "O" else column[:1]


def _unit(column: Any) -> str:
    return "d" if hasattr(column, "mjd") else str(getattr(column, "unit", None) or "")


def _class_of(column: Any) -> str:
    kind = getattr(column, "dtype", None)
    return type(column).__name__ if kind is None or kind.kind == "O" else str(kind)


def _check_header(kind: str, content: bytes, name: str) -> None:
    """Refuse an ECSV header of too many values, and a VOTable whose rows lie elsewhere."""
    if kind == "ecsv":
        lines = (line[2:] for line in io.BytesIO(content) if line[:1] == b"#")
        check_yaml(b"".join(lines).decode("utf-8", "replace"), name)
    if kind == "votable" and re.search(rb"<\w*:?STREAM[^>]*\shref", content, re.IGNORECASE):
        raise InputError(name, "a table with its rows in it", "a link to rows elsewhere", "fetch the rows with it")


def _has_pairs_of_times(hdu: Any) -> bool:
    """Whether a FITS table has times as pairs of Julian dates, as astropy writes its own."""
    return any(column.coord_type and column.format.startswith("2D") for column in hdu.columns)


def _check_fits(file: Any, name: str) -> None:
    """Refuse a FITS table whose header in YAML, as astropy writes it, has too many values."""
    for hdu in file:
        comments = "\n".join(str(line) for line in hdu.header.get("COMMENT", ()))
        if "--BEGIN-ASTROPY-SERIALIZED-COLUMNS--" in comments:
            check_yaml(comments.split("--BEGIN-ASTROPY-SERIALIZED-COLUMNS--")[1], name)
