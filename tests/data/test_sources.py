"""Sources in parts."""

from __future__ import annotations

import numpy as np

from skysure.data.lightcurves import LightCurves
from skysure.data.sources import InMemorySource, SplitSource
from skysure.data.split import Split


def curves(names: str) -> LightCurves:
    n = len(names)
    table = {"id": list(names), "time": np.arange(n), "band": ["r"] * n, "flux": np.ones(n), "flux_error": np.ones(n)}
    return LightCurves.from_table(table, zero_point=27.5)


def test_parts_hold_their_objects_and_no_others() -> None:
    source = InMemorySource("schema", [curves("abc"), curves("de"), curves("xf")])
    ids = np.array(list("fedcba"))
    parted = SplitSource(source, Split(ids, np.full(6, ""), np.where(ids < "d", "train", "test")))
    assert [c.ids.tolist() for c in parted.chunks("train")] == [["a", "b", "c"]]
    assert [c.ids.tolist() for c in parted.chunks("test")] == [["d", "e"], ["f"]]
    assert [len(c) for c in parted.chunks()] == [3, 2, 2]
    assert parted.counts == {"train": 3, "test": 3}
    assert parted.part_of(np.array(["x", "a"])).tolist() == ["", "train"]
