"""Sources of the supernova classifier: one walk through files for a training; simulations endless or fixed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skysure import verbs
from skysure.applications import supernovae
from skysure.applications.supernovae.settings import Settings
from skysure.applications.supernovae.simulator import simulate, simulate_lightcurves
from skysure.applications.supernovae.source import LightCurveFiles
from skysure.data.lightcurves import LightCurves, open_lightcurves
from skysure.data.lightcurves.source import LightCurveSource
from skysure.data.results.writer import ResultWriter
from skysure.data.sources import PARTS, ChunkCache, InMemorySource
from skysure.errors import InputError
from skysure.verbs.split import in_parts

SIZES = {"train": None, "validation": 5, "calibration": 5, "test": 5}


@pytest.fixture(scope="module")
def curves() -> LightCurves:
    return simulate_lightcurves(40, seed=5)


@pytest.fixture(scope="module")
def path(curves: LightCurves, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files") / "night.parquet"
    with ResultWriter([path]) as writer:
        writer.write(curves.to_table())
    return path


@pytest.fixture
def walks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Number of walks through files."""
    count = [0]
    read = LightCurveSource.chunks

    def counted(self: LightCurveSource, *args: Any) -> Iterator[LightCurves]:
        count[0] += 1
        return read(self, *args)

    monkeypatch.setattr(LightCurveSource, "chunks", counted)
    return count


def test_index_schema_and_parts_need_one_walk(path: Path, curves: LightCurves, walks: list[int]) -> None:
    source = in_parts(verbs.read("supernovae", [path]), SIZES, 0, lambda *_: None)
    assert source.schema.bands == ("g", "r", "i", "z")
    parts = {part: [i for c in source.chunks(part) for i in c.ids.tolist()] for part in (*PARTS, *PARTS)}
    assert walks == [1]
    assert {part: len(ids) for part, ids in parts.items()} == {
        "train": 25,
        "validation": 5,
        "calibration": 5,
        "test": 5,
    }
    assert sorted(i for ids in parts.values() for i in ids) == sorted(curves.ids.tolist())


def test_what_does_not_fit_into_memory_is_read_again(path: Path, walks: list[int]) -> None:
    small = LightCurveFiles(open_lightcurves([path]), ChunkCache(limit=100))
    source = in_parts(small, SIZES, 0, lambda *_: None)
    for part in PARTS:
        assert sum(map(len, source.chunks(part))) == (25 if part == "train" else 5)
    assert walks == [5]


def test_a_walk_alone_keeps_nothing_in_memory(path: Path, walks: list[int]) -> None:
    source = verbs.read("supernovae", [path])
    assert sum(map(len, source.chunks())) == sum(map(len, source.chunks())) == 40
    assert walks == [2]


def test_groups_of_the_files_stay_together(curves: LightCurves) -> None:
    groups = np.repeat([f"host {k}" for k in range(10)], 4)
    grouped = curves[np.arange(40)]
    grouped.objects["group"] = groups
    source = in_parts(LightCurveFiles(InMemorySource(None, [grouped])), SIZES, 0, lambda *_: None)
    assert source.index().groups.tolist() == groups.tolist()
    parts = [set(np.concatenate([c.groups for c in source.chunks(part)])) for part in PARTS]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 10


def test_an_endless_simulation_has_fixed_parts_for_all_but_training() -> None:
    source = simulate(Settings(validation=30, calibration=20, test=2000), None, seed=1)
    assert in_parts(source, SIZES, 0, lambda *_: None) is source
    first = next(source.chunks("train"))
    assert first.ids.tolist() == simulate(Settings(), len(first), seed=1).index().ids.tolist()
    tests = list(source.chunks("test"))
    assert sum(map(len, tests)) == 2000
    assert sum(map(len, source.chunks("validation"))) == 30
    assert not set(first.ids) & {i for c in tests for i in c.ids}


def test_a_table_in_memory_is_read_by_a_reading() -> None:
    table = {"name": ["a", "a"], "mjd": [1.0, 2.0], "band": ["g", "r"], "f": [3.0, 4.0], "f_err": [1.0, 1.0],
             "z_phot": [0.5, 0.5], "host": ["M 31", "M 31"]}  # fmt: skip
    columns = {"id": "name", "flux": "f", "flux_error": "f_err", "redshift": ["z_spec", "z_phot"]}
    curves = supernovae.from_table(table, {"columns": columns, "unit": "uJy", "carry": ["host"]})
    np.testing.assert_allclose(curves.flux, np.array([3.0, 4.0]) * 10 ** (0.4 * (27.5 - 23.9)), rtol=1e-4)
    assert (curves.column("redshift").tolist(), curves.carried["host"].tolist()) == ([0.5], ["M 31"])
    with pytest.raises(InputError, match="bands, of a table in memory"):
        supernovae.from_table(table, {"columns": columns, "zero_point": 27.5, "bands": {"lsst_g": "g"}})
