"""Nested tables, one row per object: lists of structs, structs of lists, or several columns of lists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skysure.data.files.parquet import unit_of
from skysure.data.files.tables import Table
from skysure.data.files.types import is_list
from skysure.data.files.values import arrow
from skysure.errors import InputError

from .blocks import Block
from .columns import Columns, find, resolve_points
from .conversion import convert_objects, convert_points
from .cures import quoted
from .identifiers import identifiers
from .per_object import changes, missing, reduce_rows
from .reading import FILE_NAME, OBJECT_COLUMNS, POINT_COLUMNS, Reading


def nested_columns(schema: Mapping[str, pa.DataType]) -> dict[str, dict[str, pa.DataType]]:
    """Nested columns and their fields; under "" the columns that are lists themselves."""
    out: dict[str, dict[str, pa.DataType]] = {}
    for name, kind in schema.items():
        if is_list(kind) and pa.types.is_struct(kind.value_type):
            out[name] = {f.name: f.type for f in kind.value_type}
        elif pa.types.is_struct(kind) and kind.num_fields and all(is_list(f.type) for f in kind):
            out[name] = {f.name: f.type.value_type for f in kind}
        elif is_list(kind):
            out.setdefault("", {})[name] = kind.value_type
    return out


def units_inside(kind: pa.DataType) -> dict[str, str]:
    """Units of the fields of a nested column, by their metadata."""
    struct = kind if pa.types.is_struct(kind) else kind.value_type
    return {field.name: unit_of(field) for field in struct}


def choose(file: str, table: Table, reading: Reading) -> str | None:
    """Choose the nested column that holds light curves; None where none does."""
    fields = nested_columns(table.schema)
    if reading.nested:
        if reading.nested not in fields:
            raise InputError(
                f"{file}: no nested column '{reading.nested}'", f"one of {', '.join(n for n in fields if n) or 'none'}",
                "another name for it", 'correct in [reading]: nested = "..."',
            )  # fmt: skip
        return reading.nested
    fitting = [
        name for name, inner in fields.items()
        if find(reading, dict.fromkeys(inner, ""), "time")
        and (find(reading, dict.fromkeys(inner, ""), "flux") or find(reading, dict.fromkeys(inner, ""), "mag"))
    ]  # fmt: skip
    if len(fitting) > 1:
        raise InputError(
            f"{file}: nested columns {', '.join(fitting)}", "the one that holds the light curves", "each may be meant",
            f'add to [reading]: nested = "...", one of {", ".join(map(quoted, fitting))}',
        )  # fmt: skip
    return fitting[0] if fitting else None


def resolve(file: str, table: Table, nested: str, reading: Reading, user: Reading) -> Columns:
    """Find the columns of points in the nested column and those of objects beside it."""
    inner = nested_columns(table.schema)[nested]
    units = {n: u for n, u in table.units.items() if n not in inner or nested}
    units |= {n: table.units.get(n, "") if not nested else "" for n in inner}
    if nested:
        units |= units_inside(table.schema[nested])
    return resolve_points(file, reading, user, units)


def blocks(table: Table, columns: Columns, nested: str) -> Iterator[Block]:
    """Read a nested table; the lists of a batch are its flat points, without a copy where Arrow allows."""
    inner = nested_columns(table.schema)[nested]
    outer = _outer_columns(table, columns, inner, nested)
    lists = [nested] if nested else [c for c in columns.to_read if c in inner]
    read = 0
    for batch in table.batches(list(dict.fromkeys(outer + lists))):
        values = dict(zip(batch.schema.names, batch.columns, strict=True))
        flat, counts, reasons = _flatten(values, nested, [c for c in columns.to_read if c in inner])
        rows = np.arange(read + 1, read + batch.num_rows + 1)
        read += batch.num_rows
        owner = np.repeat(np.arange(batch.num_rows), counts)
        spread = {n: values[n].take(pa.array(owner)) for n in _point_columns(columns) if n in outer and n not in inner}
        points, keep = convert_points(columns, flat | spread, rows[owner])
        offsets = np.concatenate([[0], np.cumsum(keep)])[np.concatenate([[0], np.cumsum(counts)])].astype(np.int64)
        beside = {n: values[n] for n in outer}
        objects, more = convert_objects(columns, beside)
        ids, written, several = _ids(table, columns, beside, flat, counts)
        block = Block(
            ids, offsets, points if keep.all() else points[keep], objects, np.full(len(ids), columns.file),
            several | more | reasons, rows, written,
        )  # fmt: skip
        _set_inner_objects(block, columns, {n: v for n, v in flat.items() if n not in outer}, counts)
        yield block


def _outer_columns(table: Table, columns: Columns, inner: Mapping[str, pa.DataType], nested: str) -> list[str]:
    """Columns to read beside the nested one; of a name that is in both, the points are in the nested one."""
    of_points = _point_columns(columns)
    names = [c for c in columns.to_read if c in table.schema]
    return [c for c in names if c not in inner or (nested and c not in of_points)]


def _point_columns(columns: Columns) -> set[str]:
    """Columns with a value for every point: all but the id and those of objects."""
    names = {n for c in POINT_COLUMNS if c != "id" for n in columns.of.get(c, ())}
    return names | {n for n in (*columns.reading.keep, *columns.reading.reject_bits) if n in columns.available}


def _ids(
    table: Table, columns: Columns, beside: Mapping[str, pa.Array], flat: Mapping[str, pa.Array], counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:  # fmt: skip
    """Ids of the rows, as text and as written; of ids inside of nested rows the first, and which rows have several."""
    name = columns.of["id"][0]
    if name == FILE_NAME:
        ids = np.full(len(counts), table.entry.leaf.split(".")[0])
        return ids, ids, {}
    if name in beside:
        return *identifiers(columns.file, name, beside[name]), {}
    ids, written = identifiers(columns.file, name, flat[name])
    rows = np.flatnonzero(counts)
    starts = (np.cumsum(counts) - counts)[rows]
    owner = np.repeat(np.arange(len(starts)), counts[rows])
    differing = rows[owner[np.flatnonzero(ids != ids[starts][owner])]]
    out = [np.full(len(counts), "", dtype=v.dtype) for v in (ids, written)]
    for whole, v in zip(out, (ids, written), strict=True):
        whole[rows] = v[starts]
    return out[0], out[1], {int(k): "the id changes within the object" for k in differing}


def _set_inner_objects(block: Block, columns: Columns, flat: Mapping[str, pa.Array], counts: np.ndarray) -> None:
    """Set the columns of objects that are inside of the nested rows alone: the first value that is not missing."""
    names = {n for c in OBJECT_COLUMNS if c not in block.objects for n in columns.of.get(c, ())}
    own = {n: arrow(v) for n, v in flat.items() if n in names or n in columns.reading.carry}
    converted, reasons = convert_objects(columns, own)
    rows = np.flatnonzero(counts)
    if not converted or not len(rows):
        return
    reduced, differing = reduce_rows(converted, (np.cumsum(counts) - counts)[rows], int(counts.sum()))
    for name, values in reduced.items():
        block.objects[name] = missing(values, len(block))
        block.objects[name][rows] = values
    owner = np.repeat(np.arange(len(block)), counts)
    for problems in (reasons, changes(differing)):
        block.set_aside(problems, owner, block.rows[owner])
    block.mark_varying(differing, owner)


def _flatten(
    values: Mapping[str, pa.Array], nested: str, names: list[str]
) -> tuple[dict[str, pa.Array], np.ndarray, dict[int, str]]:
    """Flatten lists to points; objects whose lists differ in length have none, and a reason."""
    if nested and is_list(values[nested].type):
        column = values[nested]
        flat = column.flatten()
        inner = dict(zip([f.name for f in flat.type], flat.flatten(), strict=True))
        return {n: inner[n] for n in names}, _lengths(column), {}
    if nested:
        struct = values[nested]
        inner = dict(zip([f.name for f in struct.type], struct.flatten(), strict=True))
        lists = {n: inner[n] for n in names}
    else:
        lists = {n: values[n] for n in names}
    lengths = np.array([_lengths(v) for v in lists.values()])
    unequal = (lengths != lengths[0]).any(0)
    reasons = {int(k): "its lists differ in length" for k in np.flatnonzero(unequal)}
    if reasons:
        equal = pa.array(~unequal)
        lists = {n: pc.if_else(equal, v, pa.scalar(None, v.type)) for n, v in lists.items()}
    return {n: v.flatten() for n, v in lists.items()}, np.where(unequal, 0, lengths[0]), reasons


def _lengths(column: pa.Array) -> np.ndarray:
    return pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False).astype(np.int64)
