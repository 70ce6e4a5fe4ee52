"""Columns as Arrow tables and Parquet: long, nested in four ways, and with types of every kind."""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable
from datetime import date, time, timedelta
from decimal import Decimal
from functools import cache
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from . import columns as tables
from .columns import Columns
from .mutations import mutate_bytes
from .vocabulary import TEXTS

POINTS = ("mjd", "band", "flux", "flux_error")


def long_table(columns: Columns) -> pa.Table:
    """One row per observation, or whatever the columns are; names may occur twice."""
    arrays = [_array(values) for values in columns.values]
    fields = [
        pa.field(name, array.type, metadata={"unit": unit} if unit else None)
        for name, array, unit in zip(columns.names, arrays, columns.units, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields, metadata=columns.metadata or None))


def _array(values: np.ndarray) -> pa.Array:
    if values.ndim > 1 or values.dtype.kind == "c":
        return pa.array([np.atleast_1d(np.real(v)).tolist() for v in values], pa.list_(pa.float64()))
    if values.dtype.kind == "S":
        return pa.array(values.tolist(), pa.binary())
    return pa.array(values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("=")))


def nested_table(columns: Columns, random: Random) -> pa.Table:
    """One row per object: lists of structs, structs of lists, lists, or lists of which one is none."""
    table = long_table(columns)
    inner = [name for name in POINTS if table.column_names.count(name) == 1]
    outer = [name for name in dict.fromkeys(table.column_names) if name not in POINTS]
    counts = [random.randrange(6) for _ in range(4)]
    offsets = np.minimum(np.concatenate([[0], np.cumsum(counts)]), table.num_rows).astype(np.int32)
    heads = {name: table.column(name).slice(0, 4) for name in outer if table.column_names.count(name) == 1}
    flat = {name: table[name].combine_chunks() for name in inner}
    lists = {name: pa.ListArray.from_arrays(pa.array(offsets), values) for name, values in flat.items()}
    if random.random() < 0.2 and lists:
        del lists[random.choice(list(lists))]
    match random.randrange(5):
        case 0:
            points = {"lc": pa.ListArray.from_arrays(pa.array(offsets), _struct(flat))}
        case 1:
            points = {"lc": _struct(lists)}
        case 2:
            points = dict(lists)
        case 3:
            points = {"lc": _struct(lists), "other": _struct(lists)}
        case _:
            points = lists | {name: flat[name].slice(0, 4) for name in list(lists)[:1]}
    rows = min([4, *(len(v) for v in heads.values()), *(len(v) for v in points.values())])
    return pa.table({name: values.slice(0, rows) for name, values in (heads | points).items()})


def _struct(fields: dict[str, pa.Array]) -> pa.Array:
    return pa.StructArray.from_arrays(list(fields.values()), list(fields)) if fields else pa.nulls(0, pa.struct([]))


def _uuids(n: int) -> pa.Array:
    plain = pa.array([uuid.UUID(int=k).bytes for k in range(n)], pa.binary(16))
    return pa.ExtensionArray.from_storage(pa.uuid(), plain)


KINDS: tuple[Callable[[int, Random], pa.Array], ...] = (
    lambda n, r: pa.nulls(n),
    lambda n, r: pa.array([Decimal(f"{k}.25") for k in range(n)], pa.decimal128(9, 2)),
    lambda n, r: pa.array([Decimal(10) ** 50] * n, pa.decimal256(60, 2)),
    lambda n, r: pa.array([date(2021, 1, 1 + k % 28) for k in range(n)]),
    lambda n, r: pa.array([time(1, 2, 3)] * n),
    lambda n, r: pa.array([timedelta(days=59000 + k) for k in range(n)]),
    lambda n, r: pa.array([1_600_000_000 + 86400 * k for k in range(n)], pa.timestamp("s", r.choice((None, "UTC")))),
    lambda n, r: pa.array([2**62] * n, pa.timestamp("ns")),
    lambda n, r: pa.array([r.choice(("g", "r", None)) for _ in range(n)]).dictionary_encode(),
    lambda n, r: pa.array([59000.0 + k for k in range(n)], pa.float32()).dictionary_encode(),
    lambda n, r: pa.array([b"\xff\xfe"] * n, pa.binary()),
    lambda n, r: pa.array([b"ab"] * n, pa.binary(2)),
    lambda n, r: pa.array([f"sn{k}" for k in range(n)], pa.string_view()),
    lambda n, r: pa.array([b"sn"] * n, pa.binary_view()),
    lambda n, r: pa.array([r.choice(TEXTS).replace("\udcff", "") for _ in range(n)], pa.large_string()),
    lambda n, r: pa.array([[1.0, None]] * n),
    lambda n, r: pa.array([[1.0, 2.0]] * n, pa.list_(pa.float64(), 2)),
    lambda n, r: pa.array([[[1.0], []]] * n),
    lambda n, r: pa.array([{"a": 1, "b": None}] * n),
    lambda n, r: pa.array([[("a", 1)]] * n, pa.map_(pa.string(), pa.int64())),
    lambda n, r: pa.array([None] * n, pa.list_(pa.string())),
    lambda n, r: pa.array([1.5] * n, pa.float16()),
    lambda n, r: pa.array([2**64 - 1] * n, pa.uint64()),
    lambda n, r: _uuids(n),
    lambda n, r: pa.array([True, None] * n)[:n],
)  # fmt: skip
"""Columns of types that a reader may not expect: (rows, random) to array."""

METADATA = (
    b"", b"datatype:", b"datatype:\n- {name: 1}", b"\xff\xfe", b"[" * 300, b"datatype: 3", b"meta: !!omap []",
    b"datatype:\n- {name: mjd, unit: 3}\n- {name: mjd.mask}", b"&a [*a, *a]", b"- 1", b"!!python/name:os.system",
    b"datatype:\n- {name: flux, datatype: float64, unit: [nJy]}\nmeta: 5", b"datatype: [{unit: Jy}]",
)  # fmt: skip
"""What `table_meta_yaml` of astropy may hold."""


def damage_table(table: pa.Table, random: Random) -> pa.Table:
    """Give a column another type, or fields other metadata."""
    if table.num_columns and random.random() < 0.6:
        k = random.randrange(table.num_columns)
        values = random.choice(KINDS)(table.num_rows, random)
        table = table.set_column(k, pa.field(table.schema.names[k], values.type), values)
    if table.num_columns and random.random() < 0.3:
        k = random.randrange(table.num_columns)
        field = table.schema.field(k).with_metadata({b"unit": random.choice((b"\xff", b"nJy", b"[", b"mag"))})
        table = pa.Table.from_arrays(table.columns, schema=table.schema.set(k, field))
    if random.random() < 0.2:
        table = table.replace_schema_metadata({b"table_meta_yaml": random.choice(METADATA)})
    return table


def parquet(table: pa.Table, random: Random) -> bytes:
    """Content of a Parquet file; raises what Arrow raises for what it cannot write."""
    content = io.BytesIO()
    compression = random.choice(("snappy", "zstd", "gzip", "none"))
    pq.write_table(table, content, row_group_size=random.choice((3, 100)), compression=compression)
    return content.getvalue()


Build = Callable[[Random, bool], pa.Table]
"""A table, sound or of damaged columns."""


def long(random: Random, damaged: bool) -> pa.Table:
    columns = tables.light_curves(random)
    return long_table(tables.mutate(columns, random) if damaged and random.random() < 0.6 else columns)


def nested(random: Random, damaged: bool) -> pa.Table:
    columns = tables.light_curves(random)
    return nested_table(tables.mutate(columns, random) if damaged and random.random() < 0.6 else columns, random)


def damaged(build: Build, random: Random) -> bytes:
    """Content of a Parquet file whose table is damaged, or whose bytes are."""
    if random.random() < 0.7:
        try:
            return parquet(damage_table(build(random, True), random), random)
        except (pa.ArrowException, ValueError, TypeError, KeyError, AttributeError, OverflowError):
            pass  # Arrow cannot make or write such a table
    return mutate_bytes(seed(build, random.randrange(6)), random)


@cache
def seed(build: Build, number: int) -> bytes:
    """Sound content of a Parquet file."""
    return parquet(build(Random(number), False), Random(number))
