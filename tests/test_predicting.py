"""Predictions of tables in memory, and columns of objects that reach them: by hand-made sources without a network."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from astropy.table import QTable, Table

import skysure
from skysure.data.results.writer import read_table
from skysure.errors import InputError
from skysure.predictions import Classes
from skysure.verbs.object_columns import ObjectColumns

EXAMPLES = Path(__file__).parents[1] / "examples"


@dataclass
class Chunk:
    """Objects without data, but with columns."""

    objects: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def ids(self) -> np.ndarray:
        return self.objects["id"]

    def __len__(self) -> int:
        return len(self.ids)


def chunk(ids: list[str], **columns: Any) -> Chunk:
    return Chunk({"id": np.array(ids)} | {name: np.array(values) for name, values in columns.items()})


def classes(ids: list[str], **rows: Any) -> Classes:
    p = np.full((len(ids), 2), 0.5)
    rows = {"id": np.array(ids)} | {name: np.array(values) for name, values in rows.items()}
    return Classes(rows, ("Ia", "II"), p, p, p[:, 0], p[:, 0])


def test_columns_follow_the_id_and_repeat_with_it() -> None:
    data = chunk(["b", "a", "c"], ra=[2.0, 1.0, 3.0], host=["NGC 2", "NGC 1", ""])
    prediction = ObjectColumns().add(classes(["c", "a", "a"], mjd=[1.0, 2.0, 3.0]), data)
    table = prediction.to_table()
    assert table.colnames[:5] == ["id", "ra", "host", "mjd", "predicted_class"]
    assert table["ra"].value.tolist() == [3, 1, 1]
    assert table["host"].tolist() == ["", "NGC 1", "NGC 1"]
    assert str(table["ra"].unit) == "deg"
    assert table["host"].info.description == "Copied from the data"


def test_a_chunk_may_say_which_columns() -> None:
    data = chunk(["a"], ra=[2.0], label=["Ia"])
    data.carried = {"ra": data.objects["ra"]}  # type: ignore[attr-defined]
    assert list(ObjectColumns().add(classes(["a"], mjd=[1.0]), data).rows) == ["id", "ra", "mjd"]


def test_a_column_of_the_prediction_is_not_overwritten() -> None:
    data = chunk(["a"], predicted_class=["II?"], mjd=[7.0], p_Ia=[0.1])
    table = ObjectColumns().add(classes(["a"], mjd=[1.0]), data).to_table()
    assert (table["predicted_class"][0], table["data_predicted_class"][0]) == ("Ia", "II?")
    assert (table["mjd"].value[0], table["data_mjd"][0]) == (1, 7)
    assert (table["p_Ia"][0], table["data_p_Ia"][0]) == (0.5, 0.1)


def test_chunks_have_the_columns_of_the_first() -> None:
    columns = ObjectColumns()
    chunks = [chunk(["a"], ra=[1.0], host=["x"]), chunk(["b"], dec=[2.0]), chunk(["c"], host=[7], ra=[3])]
    tables = [columns.add(classes(c.ids.tolist()), c).to_table() for c in chunks]
    assert {tuple(t.colnames) for t in tables} == {tuple(tables[0].colnames)}
    assert [t["host"][0] for t in tables] == ["x", "", "7"]
    np.testing.assert_array_equal([t["ra"].value[0] for t in tables], [1, np.nan, 3])
    with pytest.raises(InputError, match="'ra' holds text"):
        columns.add(classes(["d"]), chunk(["d"], ra=["1h"]))


def test_a_resumed_prediction_takes_the_columns_of_a_chunk_that_is_done() -> None:
    columns = ObjectColumns()
    columns.note(chunk(["a"], ra=[1.0]))
    assert "ra" in columns.add(classes(["b"]), chunk(["b"])).rows


def test_data_without_columns_change_nothing() -> None:
    prediction = classes(["a"])
    assert ObjectColumns().add(prediction, chunk(["a"])) is prediction
    assert ObjectColumns().add(prediction, object()) is prediction


@pytest.fixture(scope="module")
def night() -> Table:
    table = Table.read(EXAMPLES / "night.ecsv")
    return table[np.isin(table["id"], np.unique(table["id"])[:4])]


@pytest.fixture(scope="module")
def run() -> skysure.Run:
    return skysure.load("supernovae-griz")


def as_columns(table: Table) -> dict[str, np.ndarray]:
    names = {"mjd": "time"}
    return {names.get(n, n): np.asarray(table[n]) for n in table.colnames}


def test_a_table_in_memory_is_a_file_in_memory(night: Table, run: skysure.Run, tmp_path: Path) -> None:
    """A dict, an Arrow table and a QTable give what the same rows in a file give."""
    night[["id", "mjd", "band", "flux", "flux_error"]].write(tmp_path / "night.ecsv")
    expected = skysure.predict(run, [tmp_path / "night.ecsv"], samples=3)
    columns = {n: v for n, v in as_columns(night).items() if n in ("id", "time", "band", "flux", "flux_error")}
    tables = [(columns, {"unit": "nJy"}), (pa.table(columns), {"zero_point": 31.4}), (QTable(columns), {"unit": "nJy"})]
    for data, reading in tables:
        prediction = skysure.predict(run, data, samples=3, reading=reading, kind=Classes)
        assert prediction.rows["id"].tolist() == expected.rows["id"].tolist()
        np.testing.assert_allclose(prediction.probability, expected.probability, rtol=1e-4, atol=1e-6)
    with_unit = QTable(night[["id", "mjd", "band", "flux", "flux_error"]])
    with_unit.rename_column("mjd", "time")
    prediction = skysure.predict(run, with_unit, samples=3)
    np.testing.assert_allclose(prediction.probability, expected.probability, rtol=1e-6, atol=1e-9)


def test_a_data_frame_is_a_table(night: Table, run: skysure.Run) -> None:
    pandas = pytest.importorskip("pandas")
    columns = as_columns(night)
    reading = {"unit": "nJy"}
    frame = skysure.predict(run, pandas.DataFrame(columns), samples=3, reading=reading)
    np.testing.assert_array_equal(
        frame.probability, skysure.predict(run, columns, samples=3, reading=reading).probability
    )


def test_a_reading_that_a_table_cannot_follow(night: Table, run: skysure.Run) -> None:
    with pytest.raises(InputError, match="bands"):
        skysure.predict(run, as_columns(night), reading={"bands": {"x": "g"}, "unit": "nJy"})


def test_columns_of_a_file_reach_the_table(night: Table, run: skysure.Run, tmp_path: Path) -> None:
    data = night.copy()
    data["ra"], data["host"] = 150.0, [f"NGC {name[-1]}" for name in data["id"]]
    data.write(tmp_path / "night.ecsv")
    out = tmp_path / "forecast.parquet"
    skysure.predict(run, [tmp_path / "night.ecsv"], out, samples=3, reading={"carry": ["host"]}, forecast="2d")
    table = read_table(out)
    assert {"ra", "host", "days_ahead"} <= set(table.colnames)
    assert table.colnames[0] == "id"
    assert all(host == f"NGC {name[-1]}" for name, host in zip(table["id"], table["host"], strict=True))
    assert str(table["ra"].unit) == "deg"
    assert (table["ra"].value == 150).all()


@pytest.mark.parametrize(
    ("out", "data"), [("a.ecsv", "a.ecsv"), ("b.csv", "b.csv.rejected.csv"), ("link.csv", "a.ecsv")]
)
def test_an_output_does_not_replace_what_is_read(
    out: str, data: str, night: Table, run: skysure.Run, tmp_path: Path
) -> None:
    path = tmp_path / data
    night.write(path, format="ascii.ecsv")
    before = path.read_bytes()
    (tmp_path / "link.csv").symlink_to(path)  # is itself replaced, and not what it points to
    if out == "link.csv":
        skysure.predict(run, [path], tmp_path / out, samples=3, force=True)
    else:
        with pytest.raises(InputError, match="is read"):
            skysure.predict(run, [path], tmp_path / out, samples=3, force=True)
    assert path.read_bytes() == before


def test_points_of_sine_come_from_a_table() -> None:
    from skysure.applications import sine

    points = sine.from_table(pa.table({"x": [0.5, 1.0], "id": [7, 8]}))
    assert (points.x.tolist(), points.ids.tolist()) == ([0.5, 1.0], ["7", "8"])
    for bad in ({"y": [1.0]}, {"x": [np.nan]}, {"x": []}):
        with pytest.raises(InputError):
            sine.from_table(bad)
