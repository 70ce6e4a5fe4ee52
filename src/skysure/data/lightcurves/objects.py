"""Tables with one row per object, joined to the light curves by id."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa

from skysure.data.files.tables import Table
from skysure.data.problems import Problems

from .blocks import Block
from .column_types import check_types
from .columns import Columns, find, set_factors
from .conversion import convert_objects
from .identifiers import identifiers
from .per_object import NAMES, is_missing, missing, rows_that_differ
from .reading import OBJECT_COLUMNS, Reading


class Objects:
    """A table of objects in memory: the columns that the reading names, sorted by id."""

    def __init__(self, table: Table, reading: Reading, notes: Callable[[str, int], None]) -> None:
        self.name = table.entry.name
        of = {c: names for c in ("id", *OBJECT_COLUMNS) if (names := find(reading, table.units, c))}
        columns = Columns(self.name, reading, of, available=tuple(table.units), notes=notes)
        set_factors(columns, table.units, problems := Problems())
        problems.raise_all()
        self._notes = notes
        check_types(columns, table.schema)
        ids, parts, self._reasons = [], [], {}
        read = 0
        for batch in table.batches(columns.to_read):
            values = dict(zip(batch.schema.names, batch.columns, strict=True))
            ids.append(identifiers(self.name, of["id"][0], values[of["id"][0]])[0])
            objects, reasons = convert_objects(columns, values)
            parts.append(objects)
            self._reasons |= {read + k: why for k, why in reasons.items()}
            read += batch.num_rows
        keys = np.char.encode(np.concatenate(ids) if ids else np.zeros(0, str), "utf-8")
        self._order = np.argsort(keys, kind="stable")
        self._keys = keys[self._order]
        self.columns = {n: np.concatenate([p[n] for p in parts]) for n in (parts[0] if parts else {})}
        self.matched = 0

    def __len__(self) -> int:
        return len(self._keys)

    def join(self, block: Block) -> Block:
        """Fill columns of a block from this table; an object with two rows here cannot be used."""
        ids = np.char.encode(block.ids.astype(str), "utf-8")
        place = np.searchsorted(self._keys, ids)
        inside = np.minimum(place, max(len(self) - 1, 0))
        is_here = (self._keys[inside] == ids) if len(self) else np.zeros(len(ids), bool)
        repeated = is_here & (np.searchsorted(self._keys, ids, side="right") - place > 1)
        self.matched += int(is_here.sum())
        rows = self._order[inside] if len(self) else inside
        reasons = dict(block.reasons)
        for k in np.flatnonzero(repeated):
            reasons.setdefault(int(k), f"{self.name} has more than one row of this id")
        for k in np.flatnonzero(is_here) if self._reasons else ():
            if int(rows[k]) in self._reasons:
                reasons.setdefault(int(k), f"{self.name}: {self._reasons[int(rows[k])]}")
        objects = dict(block.objects)
        for name, values in self.columns.items():
            own = objects.get(name, missing(values, len(ids)))
            joined = values[rows] if len(self) else missing(values, len(ids))
            different = self._differences(name, np.where(is_here, joined, missing(joined, 1)), own)
            for k in different if name == "label" else ():
                reasons.setdefault(int(k), f"its label is another one in {self.name}")
            objects[name] = np.where(is_here & is_missing(own), joined, own)
        return replace(block, objects=objects, reasons=reasons)

    def _differences(self, name: str, joined: np.ndarray, own: np.ndarray) -> np.ndarray:
        """Find objects that have another value here than beside their points, beyond rounding, and note how many."""
        if (joined.dtype.kind in "UO") != (own.dtype.kind in "UO"):
            return np.zeros(0, np.int64)
        different = rows_that_differ(name, joined, own)
        if joined.dtype.kind == "f":
            different = different[~np.isclose(joined[different], own[different], rtol=1e-5)]
        if name != "label":
            text = f"objects have another {NAMES.get(name, name)} in {self.name}; that beside the points was taken"
            self._notes(text, len(different))
        return different


def joinable(table: Table, reading: Reading) -> bool:
    """Whether a table has an id that is one value a row."""
    names = find(reading, table.units, "id")
    return bool(names) and names[0] in table.schema and not pa.types.is_nested(table.schema[names[0]])
