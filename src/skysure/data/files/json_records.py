"""JSON as a table: a list of records, a record a line, or one list for each column. What is nested is named."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from skysure.errors import InputError

from .entries import Entry
from .json_cures import lines_to_csv

BATCH = 131_072


class JsonTable:
    """Records of one value a field, read as a whole; the columns are those of all records."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        document, by_line = parse(entry.name, entry.read())
        columns = columns_of(document)
        path = entry.leaf if entry.member else str(entry.path)
        if columns is None:
            raise InputError(
                entry.name, "a table: a list of records, a record a line, or one list for each column",
                "its content is JSON with records inside of others", lines_to_csv(document, by_line, path),
            )  # fmt: skip
        self._table = pa.table({name: _to_arrow(values) for name, values in columns.items()})
        self.schema = {field.name: field.type for field in self._table.schema}
        self.units = dict.fromkeys(self.schema, "")

    def rows(self) -> int:
        """Number of rows."""
        return self._table.num_rows

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read some columns."""
        yield from self._table.select(list(columns)).combine_chunks().to_batches(max_chunksize=BATCH)


def parse(name: str, content: bytes) -> tuple[Any, bool]:
    """Parse a document, or a document a line (then the second value is True).

    Raises
    ------
    InputError
        Where it is neither, has a name twice in one object, or is nested too deep.
    """
    try:
        text = content.decode("utf-8-sig")
        try:
            return _load(text), False
        except json.JSONDecodeError as error:
            if not error.msg.startswith("Extra data"):
                raise
        return [_load(line) for line in text.splitlines() if line.strip()], True
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error).splitlines()[0]
        raise InputError(name, "whole and well-formed JSON", reason, "fetch or write it again") from None


def columns_of(document: Any) -> dict[str, list] | None:
    """Columns of a document that is a table; None where it is something else."""
    if isinstance(document, Mapping) and document:
        return _columns_of_object(document)
    if not isinstance(document, list) or not document or not all(_is_flat(record) for record in document):
        return None
    names = dict.fromkeys(name for record in document for name in record)
    return {name: [record.get(name) for record in document] for name in names}


def _columns_of_object(document: Mapping[str, Any]) -> dict[str, list] | None:
    """One record, a list for each column, or what pandas writes: an object of rows by number for each column."""
    if _is_flat(document):
        return {name: [value] for name, value in document.items()}
    values = list(document.values())
    if all(isinstance(v, Mapping) and _is_flat(v) and all(k.isdigit() for k in v) for v in values):
        rows = dict.fromkeys(row for v in values for row in v)
        return {name: [v.get(row) for row in rows] for name, v in document.items()}
    if all(isinstance(v, list) and len(v) == len(values[0]) and not any(map(_is_nested, v)) for v in values):
        return dict(document)
    return None


def _is_nested(value: Any) -> bool:
    return isinstance(value, (list, Mapping))


def _is_flat(record: Any) -> bool:
    return isinstance(record, Mapping) and not any(map(_is_nested, record.values()))


def _load(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the name '{next(n for n in names if names.count(n) > 1)}' occurs twice in one object")
    return out


def _to_arrow(values: list) -> pa.Array:
    """Convert values of one type; where they are of several, to text, which later shows what is no number."""
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError, TypeError):
        return pa.array([None if v is None else str(v) for v in values], pa.string())
