"""ECSV (astropy's APE 6): text with a header of types, units, descriptions, UCDs and metadata.

Blanks at either end of a text are written, but astropy drops them when it reads.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import IO

import pyarrow as pa
from astropy.table import MaskedColumn, QTable, meta

from . import csv
from .layout import Layout


def write(file: IO[bytes], layout: Layout, batches: Iterable[pa.Table]) -> None:
    """Write the header, then the rows."""
    table = layout.template()
    header = {"cols": list(table.itercols()), "delimiter": ",", "schema": "astropy-2.0"}
    if table.meta:
        header["meta"] = dict(table.meta)
    lines = ["%ECSV 1.0", "---", *meta.get_yaml_from_header(header)]
    file.write("".join(f"# {line}\n" for line in lines).encode() + csv.names_line(c.name for c in layout.columns))
    for batch in batches:
        csv.write_rows(file, batch)


def count(file: IO[bytes]) -> int:
    """Return the number of rows below the header."""
    start = 0
    while (line := file.readline()).startswith(b"# "):
        start += len(line)
    file.seek(start)
    return csv.count(file)


def read(path: Path) -> QTable:
    """Read a table with units; missing text is ""."""
    table = QTable.read(path, format="ascii.ecsv")
    for name in table.colnames:
        if table[name].dtype.kind == "U" and isinstance(table[name], MaskedColumn):
            table.replace_column(name, table[name].filled(""))
    return table
