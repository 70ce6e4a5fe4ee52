"""Names of bands: ours, those of surveys, and those that occur in a table."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from skysure.data.files.tables import Table
from skysure.data.files.types import is_plain_scalar, plain_type
from skysure.data.files.values import texts
from skysure.errors import InputError

from .cures import key, quoted
from .passbands import BANDS, code, guess_band, is_colour
from .reading import Reading
from .selection import points_to_keep

SNANA = ("snana", "des", "spcc")
"""Survey formats whose files may name bands by letters that only the survey's own filter file explains."""

FIRST_ROWS = 100_000
"""Rows of a table whose bands are looked at when something else is wrong with it."""


class UnknownBands(InputError):
    """Bands that are neither ours nor mapped: `names`, as the file has them, and the line that drops the colours."""

    names: tuple[str, ...] = ()
    keep: str = ""


def band_names(reading: Reading) -> tuple[str, ...]:
    """Our names of the bands that may occur, in order of wavelength, then as mapped."""
    return tuple(dict.fromkeys((*BANDS, *reading.bands.values())))


def band_of(name: str, reading: Reading) -> str:
    """Return our name of a band in a file; of one that is not mapped its own name, and 1.0 is 1."""
    return reading.bands.get(name, reading.bands.get(code(name), name))


def unknown_bands(names: Iterable[str], reading: Reading) -> list[str]:
    """Names that are neither ours nor mapped by the reading, sorted.

    SNANA files may name bands by arbitrary letters. Where one of them cannot be a band, none is taken for one
    unless the reading maps it.
    """
    names, allowed = sorted({name for name in names if name}), band_names(reading)
    unknown = [name for name in names if band_of(name, reading) not in allowed]
    if reading.dialect in SNANA and any(len(name) == 1 for name in names if name not in BANDS):
        unknown += [name for name in names if len(name) == 1 and name in BANDS and name not in reading.bands]
    return sorted(unknown)


def check_bands(file: str, names: Iterable[str], reading: Reading, column: str = "band") -> None:
    """Refuse bands that are neither ours nor mapped by the reading, all of them in one UnknownBands.

    Parameters
    ----------
    file : str
    names : iterable of str
        All bands of the file, or as many as are known.
    reading : Reading
    column : str
        The file's column of bands.
    """
    names = set(names) - {""}
    unknown = unknown_bands(names, reading)
    if not unknown:
        return
    colours = [name for name in unknown if is_colour(name)]
    others = [name for name in unknown if name not in colours]
    problem, cause, fix, keep = [], [], [], ""
    if others:
        problem.append(", ".join(f"band '{name}'" for name in others))
        cause.append("the survey's own names of its bands")
        fix.append(f"add to [reading.bands]: {', '.join(_line(name, others, reading) for name in others)}")
    if colours:
        problem.append(", ".join(f"'{name}' in the column of bands looks like a colour" for name in colours))
        cause.append("a colour is a difference of two magnitudes, and no measurement in a band")
        bands = ", ".join(quoted(name) for name in sorted(names - set(colours)))
        keep = f"keep.{key(column)} = [{bands}]"
        fix.append(f"to drop those rows add to [reading]: {keep}")
    error = UnknownBands(
        f"{file}: {'; '.join(problem)}", f"known bands ({', '.join(BANDS)})", "; ".join(cause), "; ".join(fix)
    )
    error.names, error.keep = tuple(unknown), keep
    raise error


def _line(name: str, others: list[str], reading: Reading) -> str:
    """Line of [reading.bands]: what the survey's name is known to mean, else open."""
    return f"{quoted(name)} = {quoted(known_band(name, others, reading) or '...')}"


def known_band(name: str, others: Collection[str], reading: Reading) -> str:
    """Return the band that a survey's name is known to mean; "" where it is not, such as for letters of SNANA."""
    letters = reading.dialect in SNANA and any(len(other) == 1 and other not in BANDS for other in others)
    return "" if letters and len(name) == 1 else guess_band(name)


def band_names_in(
    table: Table, name: str, nested: str | None = None, rows: int | None = None, reading: Reading | None = None
) -> set[str]:
    """Return the names of bands in a table, in a column of its own or in a nested one.

    Parameters
    ----------
    table : Table
    name : str
        The column of bands.
    nested : str, optional
        The nested column that it is a field of; "" where the column itself holds lists.
    rows : int, optional
        Number of rows after which to stop.
    reading : Reading, optional
        Rows that it does not keep are left out, where the columns of that lie beside the bands.
    """
    if nested and name not in _field_names(table.schema[nested]):
        nested = None
    reading = reading or Reading()
    wanted = [n for n in (*reading.keep, *reading.drop, *reading.reject_bits) if n != name]
    names: set[str] = set()
    read = 0
    for batch in table.batches([nested] if nested else [name, *(n for n in wanted if n in table.schema)]):
        values = {n: _flat(v) for n, v in _fields(batch, nested).items() if n in (name, *wanted)}
        if not all(is_plain_scalar(plain_type(v.type)) for v in values.values()):
            return set()
        beside = {n: v for n, v in values.items() if len(v) == len(values[name])}
        codes, present = texts(values[name])
        mask = points_to_keep(reading, beside, len(codes))
        names |= set(present[np.unique(codes[mask])].tolist())
        read += batch.num_rows
        if rows is not None and read >= rows:
            break
    return names - {""}


def _fields(batch: pa.RecordBatch, nested: str | None) -> Mapping[str, Any]:
    """Columns of a batch, or the fields of its nested column."""
    if not nested:
        return dict(zip(batch.schema.names, batch.columns, strict=True))
    values = batch.column(0)
    values = values if pa.types.is_struct(values.type) else values.flatten()
    return dict(zip([field.name for field in values.type], values.flatten(), strict=True))


def _flat(values: Any) -> Any:
    while pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        values = values.flatten()
    return values


def _field_names(kind: pa.DataType) -> set[str]:
    """Names of the fields of a struct or of lists of structs."""
    return {field.name for field in (kind if pa.types.is_struct(kind) else kind.value_type)}
