"""Long tables, one row per observation: consecutive rows of an object become a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa

from skysure.data.files.tables import Table
from skysure.data.files.values import run_starts, texts

from . import passbands
from .blocks import Block
from .columns import Columns
from .conversion import convert_objects, convert_points
from .identifiers import identifiers
from .per_object import changes, reduce_rows
from .reading import FILE_NAME, OBJECT_COLUMNS
from .selection import dropped_by_value

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
            column = batch[columns.of["id"][0]]
            ids, _ = identifiers(columns.file, columns.of["id"][0], column.take(pa.array(run_starts(column))))
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
    if name == FILE_NAME:
        ids = written = np.array([_file_id(table)])
    else:
        ids, written = identifiers(columns.file, name, values[name].take(pa.array(starts)))
    counted = np.concatenate([[0], np.cumsum(keep)])
    offsets = counted[np.append(starts, batch.num_rows)].astype(np.int64)
    block = Block(
        ids, offsets, points if keep.all() else points[keep], {}, np.full(len(ids), columns.file),
        rows=rows[starts], written=written,
    )  # fmt: skip
    _set_objects(block, columns, values, starts, rows)
    return block


def _set_objects(
    block: Block, columns: Columns, values: dict[str, pa.Array], starts: np.ndarray, rows: np.ndarray
) -> None:  # fmt: skip
    """Set the columns of objects from all rows of each; only rows where one of them changes are converted."""
    names = {n for column in OBJECT_COLUMNS for n in columns.of.get(column, ())} | set(columns.reading.carry)
    own = {name: values[name] for name in columns.to_read if name in names}
    picked = np.unique(np.concatenate([starts, *map(run_starts, own.values())]))
    converted, reasons = convert_objects(columns, {n: column.take(pa.array(picked)) for n, column in own.items()})
    owner = np.searchsorted(starts, picked, side="right") - 1
    block.objects, differing = reduce_rows(converted, np.searchsorted(picked, starts), len(picked))
    block.set_aside(reasons, owner, rows[picked])
    block.set_aside(changes(differing), owner, rows[picked])
    block.mark_varying(differing, owner)


def _join(parts: list[Block]) -> Block:
    return Block.concat(parts).regroup() if len(parts) > 1 else parts[0]


def _file_id(table: Table) -> str:
    return table.entry.leaf.split(".")[0]
