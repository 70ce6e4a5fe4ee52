"""CSV (RFC 4180) for spreadsheets and scripts: names in the first line, no units, no types, empty where missing.

NaN is written as an empty field, which readers understand as missing. When read back, a column `id` stays text ("007"
keeps its zeros); the types of other columns are inferred. Text that a spreadsheet would compute has an apostrophe in
front, see `formulas`. A carriage return within a text is read as a line feed.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
from astropy.table import Column, MaskedColumn, QTable, Table

from . import formulas
from .layout import Layout

TRUTH = pa.array(["False", "True"])


def write(file: IO[bytes], layout: Layout, batches: Iterable[pa.Table]) -> None:
    """Write a line of names, then the rows."""
    file.write(names_line([formulas.neutralise(c.name) for c in layout.columns]))
    for batch in batches:
        write_rows(file, _neutralised(_nan_to_null(batch)))


def names_line(names: Iterable[str]) -> bytes:
    """Return the first line: the names of the columns, quoted where necessary."""
    quoted = ['"' + name.replace('"', '""') + '"' if set(name) & set(',"\n\r #') else name for name in names]
    return (",".join(quoted) + "\n").encode()


def _neutralised(batch: pa.Table) -> pa.Table:
    for i, field in enumerate(batch.schema):
        if pa.types.is_string(field.type):
            batch = batch.set_column(i, field.name, formulas.neutralise_column(batch.column(i)))
    return batch


def write_rows(file: IO[bytes], batch: pa.Table) -> None:
    """Write rows: text in quotes, True and False as Python and astropy spell them."""
    for i, field in enumerate(batch.schema):
        if pa.types.is_boolean(field.type):
            truth = TRUTH.take(batch.column(i).cast(pa.int8()).combine_chunks())
            batch = batch.set_column(i, field.name, truth)
    arrow_csv.write_csv(batch, file, arrow_csv.WriteOptions(include_header=False, quoting_style="needed"))


def _nan_to_null(batch: pa.Table) -> pa.Table:
    for i, field in enumerate(batch.schema):
        if pa.types.is_floating(field.type):
            values = batch.column(i)
            values = pc.if_else(pc.is_nan(values), pa.scalar(None, field.type), values)
            batch = batch.set_column(i, field.name, values)
    return batch


def count(file: IO[bytes]) -> int:
    """Return the number of rows: line ends outside quotes, without that of the names."""
    lines, inside = 0, False
    while len(block := np.frombuffer(file.read(1 << 18), "u1")):
        quoted = np.logical_xor.accumulate(block == ord('"')) ^ inside
        lines += np.count_nonzero((block == ord("\n")) & ~quoted)
        inside = quoted[-1]
    return lines - 1


def read(path: Path) -> QTable:
    """Read a table; missing values are NaN in columns of floats, "" in text and masked elsewhere."""
    _refuse_doubled(path)
    table = Table.read(path, format="ascii.csv", converters={"id": str})
    return QTable({formulas.restore(name): _column(table[name]) for name in table.colnames}, copy=False)


def _refuse_doubled(path: Path) -> None:
    """Raise ValueError where two columns have one name: astropy would rename them, in a time quadratic in them."""
    opener = gzip.open if path.suffix.lower() == ".gz" else open
    with opener(path, "rt", encoding="utf-8", errors="replace", newline="") as file:
        names = next(csv.reader(file), [])
    seen: set[str] = set()
    if doubled := next((name for name in names if name in seen or seen.add(name)), ""):
        raise ValueError(f"two columns have the name {doubled}")


def _column(column: Column) -> Column:
    if isinstance(column, MaskedColumn):
        if column.mask.all():
            return Column(np.full(len(column), np.nan), column.name)
        if column.dtype.kind in "fU":
            column = column.filled(np.nan if column.dtype.kind == "f" else "")
    if column.dtype.kind == "U" and {"True", "False"} >= (texts := set(np.unique(column))) - {""} != set():
        truth = MaskedColumn(column == "True", column.name, mask=column == "")
        return truth if "" in texts else truth.filled()
    if column.dtype.kind == "U" and np.any(np.char.startswith(column, "'")):
        return Column([formulas.restore(text) for text in column], column.name, dtype=str)
    return column
