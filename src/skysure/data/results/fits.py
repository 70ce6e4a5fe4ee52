"""FITS binary tables (FITS Standard 4.0, section 7.3): the header first, then row by row.

Text in FITS is printable ASCII. Where any text of a table is not (a name such as "η Car", a line break, a blank
at the end), the text of the whole table is percent-encoded as in a web address, "%CE%B7 Car", and the card
`PCTENC = T` says so; `read` decodes it. A name of a column that is longer than the 68 characters of a card, or differs
from another one in case only, is `column_n`, and stands in full in TFULLn. Descriptions are TCOMMn and UCDs TUCDn;
metadata are one card, `SKYSURE`, with JSON. A missing float is NaN, a missing integer TNULL, a missing boolean
undefined, which astropy reads as False.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import IO
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
from astropy import units as u
from astropy.io import fits
from astropy.table import Column as TableColumn
from astropy.table import MaskedColumn, QTable, Table

from skysure.data.files.fits_headers import check_headers

from . import percent, records
from .layout import Column, Layout

BLOCK = 2880
LONGEST_NAME = 68
CODES = {"bool": "L", "int16": "I", "int32": "J", "int64": "K", "float": "E", "double": "D"}


def write(file: IO[bytes], layout: Layout, batches: Iterable[pa.Table]) -> None:
    """Write a primary header without data and one table extension."""
    encoded = not all(c.plain and percent.encode(c.name) == c.name for c in layout.columns)
    widths = [max(c.encoded if encoded else c.chars, 1) for c in layout.columns]
    kinds = [f"S{w}" if c.text else records.big_endian(c) for c, w in zip(layout.columns, widths, strict=True)]
    dtype = np.dtype([(f"f{i}", kind) for i, kind in enumerate(kinds)])
    file.write(fits.PrimaryHDU().header.tostring().encode("ascii"))
    file.write(_header(layout, dtype, encoded).tostring().encode("ascii"))
    for batch in batches:
        packed = np.empty(len(batch), dtype)
        for i, c in enumerate(layout.columns):
            values = percent.encoded(batch[c.name]) if c.text and encoded else batch[c.name]
            packed[f"f{i}"] = records.cells(c, values, width=widths[i], missing=_null(c))
        file.write(packed.tobytes())
    file.write(bytes(-layout.rows * dtype.itemsize % BLOCK))


def _header(layout: Layout, dtype: np.dtype, encoded: bool) -> fits.Header:
    header = fits.Header()
    header["XTENSION"] = ("BINTABLE", "binary table")
    sizes = {"BITPIX": 8, "NAXIS": 2, "NAXIS1": dtype.itemsize, "NAXIS2": layout.rows, "PCOUNT": 0, "GCOUNT": 1}
    header.update(sizes)
    header["TFIELDS"] = len(layout.columns)
    used: set[str] = set()
    for i, c in enumerate(layout.columns, start=1):
        name = percent.encode(c.name) if encoded else c.name
        if len(name.replace("'", "''")) > LONGEST_NAME or name.lower() in used:
            name, header[f"TFULL{i}"] = f"column_{i}", name
        used.add(name.lower())
        header[f"TTYPE{i}"] = name
        header[f"TFORM{i}"] = f"{dtype[i - 1].itemsize}A" if c.text else CODES[str(c.type)]
        if c.unit:
            header[f"TUNIT{i}"] = _unit(c.unit)
        if pa.types.is_integer(c.type) and c.nullable:
            header[f"TNULL{i}"] = _null(c)
        if c.description:
            header[f"TCOMM{i}"] = percent.encode(c.description)
        if c.ucd:
            header[f"TUCD{i}"] = percent.encode(c.ucd)
    header["EXTNAME"] = "RESULTS"
    header["PCTENC"] = (encoded, "text is percent-encoded (RFC 3986)")
    if layout.metadata:
        header["SKYSURE"] = json.dumps(layout.metadata)
    return header


def _unit(unit: str) -> str:
    """Return the unit as FITS writes it, or as astropy does where FITS has no such unit."""
    try:
        return u.Unit(unit).to_string("fits")
    except ValueError:
        return unit


def _null(column: Column) -> int:
    return int(np.iinfo(column.dtype).min) if pa.types.is_integer(column.type) else 0


def count(file: IO[bytes]) -> int:
    """Return the number of rows, after checking the length of the file against its headers."""
    fits.Header.fromfile(file)
    header = fits.Header.fromfile(file)
    expected = -(-header["NAXIS1"] * header["NAXIS2"] // BLOCK) * BLOCK
    length = sum(len(block) for block in iter(lambda: file.read(1 << 20), b""))
    if length != expected:
        raise ValueError(f"{length} bytes of data instead of {expected}")
    return header["NAXIS2"]


def read(path: Path) -> QTable:
    """Read the first table of a file; missing integers are masked, missing floats NaN."""
    with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
        check_headers(file)
    table = Table.read(path, format="fits", hdu=1, mask_invalid=False, unit_parse_strict="silent")
    table.convert_bytestring_to_unicode()
    encoded = bool(table.meta.pop("PCTENC", False))
    full = [table.meta.pop(f"TFULL{i}", name) for i, name in enumerate(table.colnames, start=1)]
    table.rename_columns(table.colnames, full)
    for i, name in enumerate(table.colnames, start=1):
        column = table[name]
        column.description = unquote(table.meta.pop(f"TCOMM{i}", "")) or None
        if ucd := table.meta.pop(f"TUCD{i}", ""):
            column.meta["ucd"] = unquote(ucd)
        if isinstance(column.unit, u.UnrecognizedUnit):
            column.unit = u.Unit(column.unit.name, parse_strict="silent")
        if column.dtype.kind == "U" and encoded:
            table.replace_column(name, _decoded(column))
        elif isinstance(column, MaskedColumn) and not np.any(column.mask):
            table.replace_column(name, column.filled())
    if encoded:
        table.rename_columns(table.colnames, [unquote(name) for name in table.colnames])
    table.meta.pop("EXTNAME", None)
    table.meta = json.loads(table.meta.pop("SKYSURE", "{}")) | dict(table.meta)
    return QTable(table, copy=False)


def _decoded(column: TableColumn) -> TableColumn:
    texts = [unquote(text) for text in column]
    return TableColumn(texts, column.name, dtype=str, description=column.description, meta=column.meta)
