"""Tables as Arrow tables, and the layout that a fixed-width format needs before its first row."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from astropy import units as u
from astropy.table import Column as AstropyColumn
from astropy.table import Table

from skysure.errors import InputError

from . import percent

# Types that not every format has, and the next one that holds their values.
WIDER = {"int8": "int16", "uint8": "int16", "uint16": "int32", "uint32": "int64", "uint64": "int64",
         "float16": "float32", "float128": "float64"}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """One column: its type, unit, description, and UCD (what it is, in the vocabulary of the IVOA).

    For text also whether it is printable ASCII (`plain`), and the length of the longest value: in characters, in UTF-16
    code units (for VOTable), and percent-encoded (for FITS).
    """

    name: str
    type: pa.DataType
    unit: str = ""
    description: str = ""
    ucd: str = ""
    nullable: bool = False
    plain: bool = True
    chars: int = 0
    utf16: int = 0
    encoded: int = 0

    @property
    def text(self) -> bool:
        """Whether the column holds text."""
        return pa.types.is_string(self.type)

    @property
    def dtype(self) -> np.dtype:
        """The NumPy type of the column in memory."""
        return np.dtype(f"U{max(self.chars, 1)}") if self.text else np.dtype(self.type.to_pandas_dtype())


@dataclass(frozen=True)
class Layout:
    """The columns, the number of rows and the metadata of a whole table."""

    columns: tuple[Column, ...]
    rows: int
    metadata: dict[str, Any]

    def template(self) -> Table:
        """Return an astropy table of these columns without rows, to write headers as astropy does."""
        columns = [
            AstropyColumn(np.empty(0, c.dtype), c.name, meta={"ucd": c.ucd} if c.ucd else None) for c in self.columns
        ]
        for column, c in zip(columns, self.columns, strict=True):
            column.unit, column.description = c.unit or None, c.description or None
        return Table(columns, meta=self.metadata)


def arrow_table(table: Table, like: pa.Schema | None = None) -> pa.Table:
    """Convert a table of scalar columns to Arrow, with `unit`, `description` and `ucd` as metadata of each field.

    Missing values become NaN in columns of floats, "" in text, and null elsewhere.

    Parameters
    ----------
    table : Table or QTable
    like : pyarrow.Schema, optional
        The columns of an earlier chunk: names must be the same, and values are converted to its units.
    """
    if like is not None and list(table.colnames) != like.names:
        odd = sorted(set(table.colnames) ^ set(like.names)) or list(table.colnames)
        raise InputError(
            f"a chunk with the columns {', '.join(table.colnames)}",
            f"the columns of the chunks before it: {', '.join(like.names)}",
            f"not in both or in another order: {', '.join(odd)}",
            "give every chunk the same columns",
        )
    arrays, fields = [], []
    for name in table.colnames:
        array, unit = _array(name, table[name], None if like is None else _text(like.field(name), b"unit"))
        info = table[name].info
        facts = {"unit": unit, "description": info.description, "ucd": (info.meta or {}).get("ucd")}
        metadata = {k: str(v) for k, v in facts.items() if v} or None
        fields.append(pa.field(name, array.type, nullable=array.null_count > 0, metadata=metadata))
        arrays.append(array)
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _array(name: str, column: Any, unit: str | None) -> tuple[pa.Array, str]:
    values, mask, own_unit = _values(name, column)
    if unit is not None and own_unit != unit:
        try:
            values = u.Unit(own_unit).to(u.Unit(unit), values)
        except (u.UnitConversionError, TypeError) as error:
            raise InputError(
                f"column {name} in {own_unit or 'no unit'}",
                f"{unit or 'no unit'}, as in the chunks before",
                str(error),
                "give every chunk the same units",
            ) from None
        own_unit = unit
    if values.dtype.kind == "f" and mask is not None:
        values, mask = np.where(mask, np.nan, values), None
    array = pa.array(values, mask=mask, from_pandas=False)
    if pa.types.is_null(array.type) or pa.types.is_large_string(array.type):
        array = array.cast(pa.string())
    return (pc.fill_null(array, "") if pa.types.is_string(array.type) else array), own_unit


def _values(name: str, column: Any) -> tuple[np.ndarray, np.ndarray | None, str]:
    """Split a column into plain values, its mask, and its unit as text."""
    if not isinstance(column, AstropyColumn | u.Quantity) or column.ndim != 1:
        raise _unwritable(name, f"{type(column).__name__} of shape {column.shape}")
    mask = getattr(column, "mask", None)
    values = column.value if isinstance(column, u.Quantity) else np.ma.getdata(column.data)
    values = np.asarray(getattr(values, "unmasked", values))
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8")
    elif values.dtype.kind == "O":
        if not all(v is None or isinstance(v, str) for v in values):
            raise _unwritable(name, "Python objects")
    elif values.dtype.kind not in "biufU":
        raise _unwritable(name, str(values.dtype))
    wider = WIDER.get(values.dtype.name, values.dtype.name)
    if values.dtype == np.uint64 and len(values) and values.max() > np.iinfo(np.int64).max:
        raise _unwritable(name, "integers beyond 2**63")
    values = values.astype(wider) if values.dtype.kind in "iuf" else values
    unit = getattr(column, "unit", None)
    return values, None if mask is None or not np.any(mask) else np.asarray(mask), _generic(unit)


def _unwritable(name: str, content: str) -> InputError:
    return InputError(
        f"column {name}: {content}",
        "one number, boolean or text per row",
        "tables in these formats have scalar columns only",
        "split the column, or drop it",
    )


def _generic(unit: Any) -> str:
    return "" if unit is None else u.Unit(unit).to_string()


def _text(field: pa.Field, key: bytes) -> str:
    return (field.metadata or {}).get(key, b"").decode()


def measure(schema: pa.Schema, batches: Iterable[pa.Table], metadata: Mapping[str, Any]) -> Layout:
    """Measure the text of a table and return its layout.

    Parameters
    ----------
    schema : pyarrow.Schema
        All columns, as `arrow_table` describes them.
    batches : iterable of pyarrow.Table
        The columns of text; others are not needed.
    metadata : mapping
        Metadata of the table; nested values become JSON text, None is left out.
    """
    rows, lengths = 0, {f.name: Counter() for f in schema}
    for batch in batches:
        rows += batch.num_rows
        for name in batch.column_names:
            if pa.types.is_string(batch[name].type) and batch.num_rows:
                lengths[name] |= _longest(batch[name])
    columns = []
    for f in schema:
        longest = lengths[f.name]
        text = {"plain": not longest["odd"], **{k: longest[k] for k in ("chars", "utf16", "encoded")}}
        facts = (_text(f, key) for key in (b"unit", b"description", b"ucd"))
        columns.append(Column(f.name, f.type, *facts, nullable=f.nullable, **text))
    return Layout(tuple(columns), rows, flatten(metadata))


def _longest(values: pa.ChunkedArray) -> Counter[str]:
    chars = pc.utf8_length(values)
    utf16 = pc.add(chars, pc.count_substring_regex(values, r"[\x{10000}-\x{10FFFF}]"))
    encoded = pc.utf8_length(percent.encoded(values))
    lengths = {"chars": chars, "utf16": utf16, "encoded": encoded}
    return Counter({k: pc.max(v).as_py() for k, v in lengths.items()}) + Counter(odd=not percent.plain(values))


def flatten(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata as numbers and text: nested values become JSON, None is left out."""

    def scalar(value: Any) -> Any:
        value = value.item() if isinstance(value, np.generic) else value
        return value if isinstance(value, str | int | float | bool) else json.dumps(value, default=str)

    return {str(key): scalar(value) for key, value in metadata.items() if value is not None}
