"""Long tables, one row a point: rows of an object that follow one another become a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa

from skysure.data.files.tables import Table
from skysure.data.files.values import run_starts, texts

from .blocks import LABEL, Block
from .columns import Columns
from .conversion import convert_objects, convert_points
from .reading import FILE_NAME


def blocks(table: Table, columns: Columns) -> Iterator[Block]:
    """Read a long table as blocks of runs; a run that a batch cuts is completed before it is given."""
    waiting: list[Block] = []
    read = 0
    for batch in table.batches(columns.wanted):
        if batch.num_rows == 0:
            continue
        block = _runs(table, columns, batch, read)
        read += batch.num_rows
        if waiting and waiting[0].ids[0] == block.ids[0]:
            if len(block) == 1:
                waiting.append(block)
                continue
            waiting.append(block.take(np.array([0])))
            block = block.take(np.arange(1, len(block)))
        if waiting:
            yield _joined(waiting)
        if len(block) > 1:
            yield block.take(np.arange(len(block) - 1))
        waiting = [block.take(np.array([len(block) - 1]))]
    if waiting:
        yield _joined(waiting)


def id_runs(table: Table, columns: Columns, told: Callable[[int], None]) -> Iterator[np.ndarray]:
    """Ids of the runs of a long table; `told` hears the number of rows of every batch."""
    if columns.of["id"][0] == FILE_NAME:
        yield np.array([_file_id(table)])
        return
    last = None
    for batch in table.batches([columns.of["id"][0]]):
        told(batch.num_rows)
        if batch.num_rows:
            codes, names = texts(batch.column(0).take(pa.array(run_starts(batch.column(0)))))
            ids = names[codes]
            yield ids[1:] if ids[0] == last else ids
            last = ids[-1]


def _runs(table: Table, columns: Columns, batch: pa.RecordBatch, read: int) -> Block:
    values = dict(zip(batch.schema.names, batch.columns, strict=True))
    name = columns.of["id"][0]
    starts = np.zeros(1, np.int64) if name == FILE_NAME else run_starts(values[name])
    points, kept = convert_points(columns, values, np.arange(read + 1, read + batch.num_rows + 1))
    firsts = pa.array(starts)
    heads = {n: v.take(firsts) for n, v in values.items()}
    if name == FILE_NAME:
        ids = np.array([_file_id(table)])
    else:
        codes, names = texts(heads[name])
        ids = names[codes]
    _flag_labels(columns, values, starts, points.flaw)
    objects, faults = convert_objects(columns, heads)
    counted = np.concatenate([[0], np.cumsum(kept)])
    offsets = counted[np.append(starts, batch.num_rows)].astype(np.int64)
    if not kept.all():
        points = points[kept]
    return Block(ids, offsets, points, objects, np.full(len(ids), columns.file), faults)


def _flag_labels(columns: Columns, values: dict[str, pa.Array], starts: np.ndarray, flaw: np.ndarray) -> None:
    """Mark points whose label is not that of the point before, in the same object."""
    for name in columns.of.get("label", ())[:1]:
        changes = run_starts(values[name])
        flaw[np.setdiff1d(changes, starts)] = LABEL


def _joined(parts: list[Block]) -> Block:
    return Block.concat(parts).regrouped() if len(parts) > 1 else parts[0]


def _file_id(table: Table) -> str:
    return table.entry.leaf.split(".")[0]
