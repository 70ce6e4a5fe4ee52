"""Alerts: the newest detection, a struct of its own, joined to the list of the earlier ones.

Alerts of ZTF hold it in `candidate` and the history in `prv_candidates`; those of Rubin in `diaSource` and
`prvDiaSources`. What they say of the object (`diaObject`) becomes columns of the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skysure.data.files.tables import Table
from skysure.errors import InputError

NEWEST = {"candidate": ("prv_candidates",), "diaSource": ("prvDiaSources", "prvDiaForcedSources")}
"""Structs that hold the newest detection, and the lists of earlier measurements of the same kind."""
OBJECT = ("diaObject",)
"""Structs that describe the object."""
TIMES = ("midpointMjdTai", "midPointTai", "jd", "mjd")


def join_newest(table: Table) -> Table:
    """Return a table of alerts with whole light curves and columns of objects; other tables as they are."""
    newest = [name for name in NEWEST if _is_record(table.schema.get(name))]
    return AlertTable(table, newest) if newest else table


class AlertTable:
    """A table of alerts as one with a list of detections in each row, the newest among them.

    Parameters
    ----------
    table : Table
    newest : list of str
        Its structs that hold the newest detection.
    """

    def __init__(self, table: Table, newest: list[str]) -> None:
        self.entry, self._table = table.entry, table
        self._newest: dict[str, str] = {}
        for name in newest:
            lists = [n for n in NEWEST[name] if n in table.schema]
            self._newest |= dict.fromkeys(lists or NEWEST[name][:1], name)
        for column in self._newest:
            _require_list(self.entry.name, column, table.schema.get(column, pa.null()))
        objects = [name for name in OBJECT if _is_record(table.schema.get(name))]
        self._lifted = {f.name: name for name in objects for f in table.schema[name] if f.name not in table.schema}
        self.schema = {n: kind for n, kind in table.schema.items() if n not in (*newest, *objects)}
        for column, name in self._newest.items():
            self.schema[column] = _joined_type(table.schema.get(column, pa.null()), table.schema[name])
        self.schema |= {n: table.schema[parent].field(n).type for n, parent in self._lifted.items()}
        self.units = {n: table.units.get(n, "") for n in self.schema}

    def rows(self) -> int | None:
        """Number of rows."""
        return self._table.rows()

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read some columns; lists of detections have the newest at their end."""
        for batch in self._table.batches(self._to_read(columns)):
            values = dict(zip(batch.schema.names, batch.columns, strict=True))
            yield pa.record_batch([self._column(c, values) for c in columns], names=list(columns))

    def _to_read(self, columns: Sequence[str]) -> list[str]:
        """Names, in the table itself, of what some columns are made of."""
        names: dict[str, None] = {}
        for column in columns:
            own = [column] if column in self._table.schema else []
            names |= dict.fromkeys(own + [d[column] for d in (self._newest, self._lifted) if column in d])
        return list(names)

    def _column(self, name: str, values: dict[str, pa.Array]) -> pa.Array:
        if name in self._newest:
            newest = values[self._newest[name]]
            return append(values.get(name, pa.nulls(len(newest))), newest, self.schema[name])
        if name in self._lifted:
            return pc.struct_field(values[self._lifted[name]], name)
        return values[name]


def append(earlier: pa.Array, newest: pa.StructArray, kind: pa.DataType) -> pa.Array:
    """Append the struct of each row to its list: not where it is null, nor where the list has its time already.

    Parameters
    ----------
    earlier : array of lists of structs
    newest : array of structs
    kind : DataType
        Of the result: lists of structs.
    """
    if pa.types.is_null(earlier.type):
        earlier = pa.nulls(len(newest), kind)
    counts = pc.fill_null(pc.list_value_length(earlier), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    old, new = _fields(earlier.flatten(), kind), _fields(newest, kind)
    is_new = newest.is_valid().to_numpy(zero_copy_only=False) & ~_has_time(old, new, counts)
    rows, total = np.flatnonzero(is_new), int(counts.sum())
    order = pa.array(np.insert(np.arange(total), np.cumsum(counts)[rows], total + rows))
    joined = [pa.concat_arrays([old[f.name], new[f.name]]).take(order) for f in kind.value_type]
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts + is_new)]), pa.int64())
    struct = pa.StructArray.from_arrays(joined, fields=list(kind.value_type))
    return pa.LargeListArray.from_arrays(offsets, struct)


def _fields(structs: pa.Array, kind: pa.DataType) -> dict[str, pa.Array]:
    """Fields of an array of structs, those it lacks as nulls, all as the result has them."""
    own = {f.name for f in structs.type} if pa.types.is_struct(structs.type) else set()
    return {
        f.name: _cast(pc.struct_field(structs, f.name), f.type) if f.name in own else pa.nulls(len(structs), f.type)
        for f in kind.value_type
    }


def _has_time(old: dict[str, pa.Array], new: dict[str, pa.Array], counts: np.ndarray) -> np.ndarray:
    """Whether the list of a row has a measurement at the time of its newest one."""
    for name in (n for n in TIMES if n in old and _is_number(old[n].type)):
        earlier, newest = (pc.cast(times[name], pa.float64(), safe=False) for times in (old, new))
        owner = np.repeat(np.arange(len(counts)), counts)
        same = pc.fill_null(pc.equal(earlier, newest.take(pa.array(owner))), False)
        return np.bincount(owner, same.to_numpy(zero_copy_only=False), len(counts)) > 0
    return np.zeros(len(counts), bool)


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)


def _is_record(kind: pa.DataType | None) -> bool:
    """Whether a type is a struct of single values."""
    return kind is not None and pa.types.is_struct(kind) and not all(pa.types.is_nested(f.type) for f in kind)


def _require_list(file: str, column: str, kind: pa.DataType) -> None:
    """Raise InputError unless a column of earlier detections is one of lists of structs, or has no value."""
    is_list = any(test(kind) for test in (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list))
    if not pa.types.is_null(kind) and not (is_list and _holds_structs(kind.value_type)):
        raise InputError(
            f"{file}: column '{column}' of type {kind}", "a list of earlier detections in every row",
            "a damaged file, or a column of another meaning", "write it as lists of structs, or leave it out",
        )  # fmt: skip


def _holds_structs(kind: pa.DataType) -> bool:
    return pa.types.is_struct(kind) or pa.types.is_null(kind)


def _joined_type(earlier: pa.DataType, newest: pa.DataType) -> pa.DataType:
    """Type of lists of detections: the fields of the earlier ones, each wide enough for both."""
    is_list = pa.types.is_list(earlier) or pa.types.is_large_list(earlier)
    if not is_list or not pa.types.is_struct(earlier.value_type):
        return pa.large_list(pa.struct(list(newest)))
    theirs = {f.name: f.type for f in newest}
    fields = [f.with_type(_wider(f.type, theirs.get(f.name, f.type))) for f in earlier.value_type]
    return pa.large_list(pa.struct(fields))


def _wider(first: pa.DataType, second: pa.DataType) -> pa.DataType:
    if first == second or pa.types.is_null(second) or pa.types.is_nested(first):
        return first
    if pa.types.is_null(first):
        return second
    if all(pa.types.is_integer(kind) for kind in (first, second)):
        return pa.int64()
    return pa.float64() if all(map(_is_number, (first, second))) else pa.string()


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)


def _cast(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Cast to a type; what is nested in another way is left out."""
    if values.type == kind:
        return values
    if pa.types.is_nested(kind) or pa.types.is_nested(values.type):
        return pa.nulls(len(values), kind)
    return values.cast(kind)
