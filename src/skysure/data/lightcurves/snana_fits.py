"""SNANA FITS: a HEAD table with one row per object, and a PHOT table with the points."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from skysure.data.files.astropy_tables import arrow_column
from skysure.data.files.damage import file_errors
from skysure.data.files.entries import Entry
from skysure.data.files.fits_headers import check_headers
from skysure.data.files.names import refuse_doubled
from skysure.data.files.packing import open_regular
from skysure.data.files.values import texts
from skysure.errors import InputError

from .blocks import Block
from .column_types import check_types
from .columns import resolve_points
from .conversion import convert_objects, convert_points
from .identifiers import identifiers
from .ignore_lists import NOTE, Ignored, points_to_ignore
from .reading import OBJECT_COLUMNS, Reading
from .snana_text import Notes

OBJECTS = 2048


def kind_of(entry: Entry) -> str:
    """Return the kind of a FITS file: "head", "phot", "table" or "image"."""
    with _open(entry) as file:
        names = {n for hdu in file if getattr(hdu, "columns", None) is not None for n in _names(hdu)}
    if {"SNID", "PTROBS_MIN", "PTROBS_MAX"} <= names:
        return "head"
    if {"MJD", "FLUXCAL"} <= names and "SNID" not in names:
        return "phot"
    return "table" if names else "image"


def head_columns(entry: Entry) -> tuple[str, ...]:
    """Columns of a HEAD table."""
    with _open(entry) as file:
        return tuple(_names(_table(file, entry)))


def band_names_in(phot: Entry, columns: tuple[str, ...]) -> set[str]:
    """Names of bands in a PHOT table, without the mark of the rows that separate objects."""
    with _open(phot) as file:
        rows = _table(file, phot)
        name = next((name for name in columns if name in rows.columns.names), None)
        return set() if name is None else set(texts(_arrow(rows.data[name]))[1].tolist()) - {"", "-"}


def partner(head: Entry, entries: Mapping[str, Entry]) -> Entry:
    """Find the PHOT file of a HEAD file: the one it names, else the one of the same name."""
    with _open(head) as file:
        named = str(file[0].header.get("PHOTFILE", "")).strip()
    guessed = re.sub("HEAD", "PHOT", head.leaf)
    for name in (n for base in (named, guessed) if base for n in (base, base.removesuffix(".gz"), base + ".gz")):
        if name in entries:
            return entries[name]
        if not head.member and (head.path.parent / name).exists():
            return Entry(Path(head.path.parent / name))
    raise InputError(
        head.name, f"its PHOT file beside it ({named or guessed})", "only the HEAD file was given", "give both files"
    )


def blocks(
    head: Entry, phot: Entry, reading: Reading, user: Reading, ignored: Ignored, notes: Notes
) -> Iterator[Block]:
    """Read a pair of files, some thousand objects at a time."""
    with _open(head) as headers, _open(phot) as photometry:
        table, rows = _table(headers, head), _table(photometry, phot)
        units = _units(head, table) | _units(phot, rows)
        inner, outer = _types(rows), _types(table)
        columns = resolve_points(phot.name, reading, user, units)
        check_types(columns, outer | inner)
        columns.notes = notes
        first, last = _row_ranges(table, len(rows.data), head, phot)
        inner = [n for n in columns.to_read if n in inner]
        about = {n for c in OBJECT_COLUMNS for n in columns.of.get(c, ())} | set(reading.carry)
        for start in range(0, len(first), OBJECTS):
            part = slice(start, start + OBJECTS)
            counts = last[part] - first[part] + 1
            offsets = np.concatenate([[0], np.cumsum(counts)])
            index = np.repeat(first[part] - 1 - offsets[:-1], counts) + np.arange(offsets[-1])
            values = {n: _arrow(rows.data[n][index]) for n in inner}
            points, keep = convert_points(columns, values, index + 1)
            name = columns.of["id"][0]
            ids, _ = identifiers(head.name, name, _arrow(table.data[name][part]))
            ignore = points_to_ignore([head.folder] * len(ids), ids, counts, points, ignored, reading)
            notes(NOTE, int((keep & ignore).sum()))
            keep &= ~ignore
            objects, reasons = convert_objects(columns, {n: _arrow(table.data[n][part]) for n in about if n in outer})
            new = np.concatenate([[0], np.cumsum(keep)])[offsets].astype(np.int64)
            files = np.full(len(ids), head.name)
            object_rows = np.arange(start + 1, start + 1 + len(ids))
            yield Block(ids, new, points if keep.all() else points[keep], objects, files, reasons, object_rows)


def _row_ranges(table, rows: int, head: Entry, phot: Entry) -> tuple[np.ndarray, np.ndarray]:
    """First and last row of each object in the table of points, counted from one."""
    first, last = (_native(table.data[n]).astype(np.int64) for n in ("PTROBS_MIN", "PTROBS_MAX"))
    last = np.where(last < first, first - 1, last)
    if len(last) and last.max() > rows:
        raise InputError(
            phot.name, f"{last.max()} rows, as {head.leaf} says", f"it has {rows}: truncated, or another pair's",
            "give the files that belong together",
        )  # fmt: skip
    counts = last - first + 1
    if (first[counts > 0] < 1).any() or counts.sum() > rows:
        raise InputError(
            f"{head.name}: PTROBS_MIN and PTROBS_MAX", f"rows 1 to {rows} of {phot.leaf}, each of one object",
            "a damaged file", "fetch it again",
        )  # fmt: skip
    return first, last


@contextmanager
def _open(entry: Entry):
    from astropy.io import fits

    with ExitStack() as stack:
        stack.enter_context(file_errors(entry.name, "a whole FITS file"))
        raw: Any = stack.enter_context(open_regular(entry.path)) if entry.plain else io.BytesIO(entry.read())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.filterwarnings("error", message=".*may have been truncated.*")
            check_headers(raw)
            file = stack.enter_context(fits.open(raw, memmap=entry.plain))
            for hdu in file:  # parsed now, so that errors in them are raised here
                _ = [card.value for card in hdu.header.cards], getattr(hdu, "columns", None)
        yield file


def _names(hdu) -> list[str]:
    """Names of the columns of a table; one without a name cannot be asked for."""
    return [name for name in hdu.columns.names if isinstance(name, str)]


def _table(file, entry: Entry):
    for hdu in file:
        if getattr(hdu, "columns", None) is not None:
            return hdu
    raise InputError(entry.name, "a FITS table", "it holds only images", "give a table")


def _units(entry: Entry, table: Any) -> dict[str, str]:
    """Units of the columns of a table; each name occurs once."""
    refuse_doubled(entry.name, _names(table))
    return {name: str(table.columns[name].unit or "") for name in _names(table)}


def _types(hdu) -> dict[str, pa.DataType]:
    """Columns of a table with the types that they are read as."""
    return {name: _arrow(hdu.data[name][:1]).type for name in _names(hdu)}


def _native(values: np.ndarray) -> np.ndarray:
    return values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))


def _arrow(values: np.ndarray) -> pa.Array:
    return arrow_column(np.asarray(values))
