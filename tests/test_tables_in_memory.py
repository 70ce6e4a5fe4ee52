"""Tables in memory, where a verb takes files: every verb gives what it gives on a file of the same rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

import skysure
from skysure.errors import InputError

SMALL = {"epochs": 2, "hidden": 8, "validation": 20, "calibration": 20, "test": 20}


@pytest.fixture(scope="module")
def table() -> Table:
    x = np.linspace(-3, 3, 120)
    return Table({"id": [f"p{k}" for k in range(len(x))], "x": x, "y": np.sin(x)})


def test_verbs_take_tables_as_they_take_files(tmp_path: Path, table: Table) -> None:
    file = tmp_path / "points.ecsv"
    table.write(file)
    for name, data in (("file", file), ("table", table), ("dict", {n: np.asarray(table[n]) for n in table.colnames})):
        run = skysure.train("sine", data, tmp_path / name, **SMALL)
        new = {"x": table["x"] + 0.001, "y": table["y"]}
        assert skysure.evaluate(run, new).metrics["objects"] == len(table)
        skysure.calibrate(run, new, tmp_path / f"{name}_new")
    scores = [skysure.load(tmp_path / name).model.state_dict() for name in ("file", "table", "dict")]
    for key, tensor in scores[0].items():
        assert all(np.allclose(tensor, other[key]) for other in scores[1:]), key


def test_evaluation_of_a_table_is_that_of_its_file() -> None:
    night = Path(__file__).parents[1] / "examples" / "night.ecsv"
    values = []
    for data in (night, Table.read(night)):
        scores = skysure.evaluate("supernovae-griz", data).metrics["scores"]
        values.append([s["value"] for s in scores if "forecast" not in s["name"]])  # their cuts depend on the order
    assert values[0] == pytest.approx(values[1], rel=1e-5)


def test_agents_take_no_table() -> None:
    with pytest.raises(InputError, match="reads no data"):
        skysure.train("chain", {"x": [1.0]}, "never", episodes=1)
