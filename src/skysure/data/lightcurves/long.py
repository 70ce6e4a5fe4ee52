"""Long tables, one row per observation: consecutive rows of an object become a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa

from skysure.data.files.tables import Table
from skysure.data.files.values import numbers, run_starts, texts

from . import passbands
from .blocks import CHANGES, Block
from .columns import Columns
from .conversion import convert_objects, convert_points
from .reading import FILE_NAME
from .selection import dropped_by_value

NUMERIC = ("redshift", "redshift_error")
NO_ID = ("", "-", "-9", "-777")
"""What stands for the id in rows that separate objects."""


def blocks(table: Table, columns: Columns) -> Iterator[Block]:
    """Read a long table as blocks of runs; a run that is cut by a batch is completed first."""
    waiting: list[Block] = []
    read = 0
    for batch in table.batches(columns.to_read):
        rows = np.arange(read + 1, read + batch.num_rows + 1)
        read += batch.num_rows
        batch, rows = _without_separators(columns, batch, rows)
        if batch.num_rows == 0:
            continue
        block = _runs(table, columns, batch, rows)
        if waiting and waiting[0].ids[0] == block.ids[0]:
            if len(block) == 1:
                waiting.append(block)
                continue
            waiting.append(block.take(np.array([0])))
            block = block.take(np.arange(1, len(block)))
        if waiting:
            yield _join(waiting)
        if len(block) > 1:
            yield block.take(np.arange(len(block) - 1))
        waiting = [block.take(np.array([len(block) - 1]))]
    if waiting:
        yield _join(waiting)


def id_runs(table: Table, columns: Columns, count_rows: Callable[[int], None]) -> Iterator[np.ndarray]:
    """Ids of the runs of a long table; `count_rows` is called with the number of rows of every batch."""
    if columns.of["id"][0] == FILE_NAME:
        yield np.array([_file_id(table)])
        return
    last = None
    beside = [name for name in columns.reading.drop if name in columns.available]
    for batch in table.batches(list(dict.fromkeys([columns.of["id"][0], *beside]))):
        count_rows(batch.num_rows)
        batch, _ = _without_separators(columns, batch, np.arange(batch.num_rows))
        if batch.num_rows:
            values = batch[columns.of["id"][0]]
            codes, names = texts(values.take(pa.array(run_starts(values))))
            ids = names[codes]
            yield ids[1:] if ids[0] == last else ids
            last = ids[-1]


def _without_separators(
    columns: Columns, batch: pa.RecordBatch, rows: np.ndarray
) -> tuple[pa.RecordBatch, np.ndarray]:  # fmt: skip
    """Leave out rows that `drop` drops; of an object that has no others its first one stays, and is its only trace."""
    values = dict(zip(batch.schema.names, batch.columns, strict=True))
    dropped = dropped_by_value(columns.reading, values, batch.num_rows)
    if not dropped.any():
        return batch, rows
    name = columns.of["id"][0]
    if name != FILE_NAME:
        codes, names = texts(values[name])
        starts = run_starts(values[name])
        has_id = ~np.isin([passbands.code(n) for n in names.tolist()], NO_ID)[codes[starts]]
        dropped[starts[has_id & np.logical_and.reduceat(dropped, starts)]] = False
    return batch.filter(pa.array(~dropped)), rows[~dropped]


def _runs(table: Table, columns: Columns, batch: pa.RecordBatch, rows: np.ndarray) -> Block:
    values = dict(zip(batch.schema.names, batch.columns, strict=True))
    name = columns.of["id"][0]
    starts = np.zeros(1, np.int64) if name == FILE_NAME else run_starts(values[name])
    points, keep = convert_points(columns, values, rows)
    heads = _heads(columns, values, starts)
    if name == FILE_NAME:
        ids = np.array([_file_id(table)])
    else:
        codes, names = texts(heads[name])
        ids = names[codes]
    _flag_changes(columns, values, starts, points.flaw)
    objects, reasons = convert_objects(columns, heads)
    counted = np.concatenate([[0], np.cumsum(keep)])
    offsets = counted[np.append(starts, batch.num_rows)].astype(np.int64)
    if not keep.all():
        points = points[keep]
    return Block(ids, offsets, points, objects, np.full(len(ids), columns.file), reasons)


def _flag_changes(columns: Columns, values: dict[str, pa.Array], starts: np.ndarray, flaw: np.ndarray) -> None:
    """Mark points whose label, group or redshift is not that of the point before, in the same object."""
    for column, code in CHANGES.items():
        for name in columns.of.get(column, ())[:1]:
            if column in NUMERIC:
                number, _ = numbers(values[name])
                changes = 1 + np.flatnonzero(np.abs(np.diff(number)) > 0)  # from or to a missing value is no change
            else:
                changes = run_starts(values[name])
            flaw[np.setdiff1d(changes, starts)] = code
    for name in (n for n in columns.reading.carry if n in values):
        changes = np.setdiff1d(run_starts(values[name]), starts)
        varying = len(np.unique(np.searchsorted(starts, changes, side="right")))
        columns.notes(f"objects have several values of '{name}' to carry; the first was taken", varying)


def _heads(columns: Columns, values: dict[str, pa.Array], starts: np.ndarray) -> dict[str, pa.Array]:
    """Take the first row of each run; of redshifts the first that has a value."""
    heads = {name: column.take(pa.array(starts)) for name, column in values.items()}
    for name in (n for column in NUMERIC for n in columns.of.get(column, ())):
        finite = np.flatnonzero(np.isfinite(numbers(values[name])[0]))
        if len(finite) and len(finite) < len(values[name]):
            first = finite[np.minimum(np.searchsorted(finite, starts), len(finite) - 1)]
            ends = np.append(starts[1:], len(values[name]))
            heads[name] = values[name].take(pa.array(np.where((first >= starts) & (first < ends), first, starts)))
    return heads


def _join(parts: list[Block]) -> Block:
    return Block.concat(parts).regroup() if len(parts) > 1 else parts[0]


def _file_id(table: Table) -> str:
    return table.entry.leaf.split(".")[0]
