"""Parquet, which astropy, pyarrow, pandas, polars and TOPCAT open.

The keys `table_meta_yaml` and `table::len::NAME` are those of astropy's own writer; the metadata of each field repeat
unit, description and UCD for readers of Arrow. A missing float is NaN.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.table import Column as AstropyColumn
from astropy.table import MaskedColumn, QTable, Table, meta

from .layout import Layout

ROW_GROUP = 32_768


def write(file: IO[bytes], layout: Layout, batches: Iterable[pa.Table]) -> None:
    """Write the batches, several to a row group."""
    fields = []
    for c in layout.columns:
        facts = {k: v for k, v in (("unit", c.unit), ("description", c.description), ("ucd", c.ucd)) if v}
        fields.append(pa.field(c.name, c.type, metadata=facts or None))
    keys = {f"table::len::{c.name}": str(max(c.chars, 1)) for c in layout.columns if c.text}
    keys["table_meta_yaml"] = "\n".join(meta.get_yaml_from_table(layout.template()))
    schema = pa.schema(fields, metadata=keys)
    waiting: list[pa.Table] = []
    repeated = [c.name for c in layout.columns if not pa.types.is_floating(c.type)]
    with pq.ParquetWriter(file, schema, use_dictionary=repeated) as writer:
        for batch in batches:
            waiting.append(batch.cast(schema))
            if sum(map(len, waiting)) >= ROW_GROUP:
                writer.write_table(pa.concat_tables(waiting))
                waiting = []
        if waiting:
            writer.write_table(pa.concat_tables(waiting))


def count(file: IO[bytes]) -> int:
    """Return the number of rows."""
    return pq.ParquetFile(file).metadata.num_rows


def read(path: Path) -> QTable:
    """Read a table with units; missing integers and booleans are masked."""
    with path.open("rb") as file:
        table = pq.read_table(file)
    yaml = (table.schema.metadata or {}).get(b"table_meta_yaml")
    header = meta.get_header_from_yaml(yaml.decode().split("\n")) if yaml else {"datatype": []}
    facts = {column["name"]: column for column in header["datatype"]}
    columns = [_column(name, table[name], facts.get(name, {})) for name in table.column_names]
    return QTable(Table(columns, meta=dict(header.get("meta", {}))), copy=False)


def _column(name: str, values: pa.ChunkedArray, facts: dict[str, Any]) -> AstropyColumn:
    labels = {"name": name} | {key: facts.get(key) for key in ("unit", "description", "meta")}
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        return AstropyColumn(values.fill_null("").to_numpy().astype(str), **labels)
    if pa.types.is_floating(values.type) or not values.null_count:
        return AstropyColumn(values.to_numpy(), **labels)
    empty = np.zeros(1, values.type.to_pandas_dtype())[0]
    return MaskedColumn(values.fill_null(empty).to_numpy(), mask=values.is_null().to_numpy(), **labels)
