"""Avro, as alerts come, through fastavro; bytes such as pictures are left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from skysure.errors import InputError
from skysure.extras import import_extra

from .damage import file_errors
from .entries import Entry

ROWS = 2048
TYPES = {
    "boolean": pa.bool_(), "int": pa.int64(), "long": pa.int64(), "float": pa.float64(), "double": pa.float64(),
    "string": pa.string(), "enum": pa.string(), "null": pa.null(),
}  # fmt: skip


class AvroTable:
    """Records of an Avro file, a row each; read from its beginning every time."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        with self._reader() as reader:
            kind = arrow_type(reader.writer_schema, {})
            if kind is None or not pa.types.is_struct(kind):
                raise InputError(entry.name, "records as Avro", "its values are no records", "write it as Parquet")
        self.schema = {field.name: field.type for field in kind}
        self.units = dict.fromkeys(self.schema, "")

    def rows(self) -> None:
        """Avro files do not state their number of rows."""

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read some columns."""
        with self._reader() as reader:
            waiting: list[dict[str, Any]] = []
            for record in reader:
                waiting.append({name: record[name] for name in columns})
                if len(waiting) == ROWS:
                    yield self._batch(waiting, columns)
                    waiting = []
            if waiting:
                yield self._batch(waiting, columns)

    def _batch(self, records: list[dict[str, Any]], columns: Sequence[str]) -> pa.RecordBatch:
        arrays = [pa.array([record[c] for record in records], self.schema[c]) for c in columns]
        return pa.record_batch(arrays, names=list(columns))

    @contextmanager
    def _reader(self) -> Iterator[Any]:
        fastavro = import_extra("fastavro", "avro", self.entry.name, "write the alerts as Parquet")
        with self.entry.open() as stream, file_errors(self.entry.name, "a whole Avro file"):
            yield fastavro.reader(stream)


def arrow_type(schema: Any, named: dict[str, Any]) -> pa.DataType | None:
    """Translate an Avro schema; None for bytes, maps and types that contain themselves.

    Parameters
    ----------
    schema : str, list or dict
        As the header of the file has it.
    named : dict
        Types of the records met so far, by name; filled on the way.
    """
    if isinstance(schema, list):
        kinds = [s for s in schema if s != "null"]
        return arrow_type(kinds[0], named) if len(kinds) == 1 else None
    if isinstance(schema, str):
        return TYPES.get(schema, named.get(schema, named.get(schema.rpartition(".")[2])))
    kind = schema["type"]
    if kind == "record":
        return _struct(schema, named)
    if kind == "array":
        item = arrow_type(schema["items"], named)
        return None if item is None else pa.list_(item)
    return arrow_type(kind, named) if isinstance(kind, (dict, list)) else TYPES.get(kind)


def _struct(schema: dict[str, Any], named: dict[str, Any]) -> pa.DataType:
    name, space = schema["name"], schema.get("namespace", "")
    fields = {f["name"]: arrow_type(f["type"], named) for f in schema["fields"]}
    struct = pa.struct([(n, kind) for n, kind in fields.items() if kind is not None])
    named |= dict.fromkeys((name, name.rpartition(".")[2], f"{space}.{name}"), struct)
    return struct
