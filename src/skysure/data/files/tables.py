"""Tables of any format: their columns with units, and their rows as Arrow batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import pyarrow as pa

from .entries import Entry


class Table(Protocol):
    """A table in a file."""

    entry: Entry
    units: dict[str, str]
    schema: dict[str, pa.DataType]

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read some columns piece by piece."""
        ...

    def rows(self) -> int | None:
        """Number of rows, where the format states it."""
        ...


def open_table(entry: Entry, kind: str) -> Table:
    """Open a table; only its header is read."""
    if kind == "parquet":
        from .parquet import ParquetTable

        return ParquetTable(entry)
    if kind == "text":
        from .delimited import DelimitedTable

        return DelimitedTable(entry)
    if kind == "json":
        from .json_records import JsonTable

        return JsonTable(entry)
    if kind == "avro":
        from .avro_records import AvroTable

        return AvroTable(entry)
    from .astropy_tables import AstropyTable

    return AstropyTable(entry, kind)
