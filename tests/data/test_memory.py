"""Light curves from tables in memory: masks, nulls, units, ids and times of the libraries that people use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from astropy import units as u
from astropy.table import MaskedColumn, QTable, Table
from astropy.time import Time

from skysure.data.lightcurves import LightCurves, open_lightcurves
from skysure.errors import InputError


def rows(**changed: Any) -> dict[str, Any]:
    return {
        "id": np.array([7, 8, 7, 8]),
        "time": np.array([59002.0, 59001.0, 59000.0, 59003.0]),
        "band": np.array(["g", "r", "r", "g"]),
        "flux": np.array([1.0, 2.0, 3.0, 4.0]),
        "flux_error": np.array([0.5, 0.5, 0.5, 1.0]),
    } | changed


WANTED = [3.0, 1.0, 2.0, 4.0]
"""The fluxes by object and time."""


@pytest.mark.parametrize("ids", [[7, 8, 7, 8], [7.0, 8.0, 7.0, 8.0], [b"7", b"8", b"7", b"8"], ["7 ", "8", "7 ", "8"]])
def test_ids_of_any_type_meet_those_of_the_objects(ids: list[Any]) -> None:
    objects = {"id": np.array([8, 7]), "redshift": [0.8, np.nan], "label": ["Ia", None]}
    curves = LightCurves.from_table(rows(id=np.array(ids)), objects=objects, zero_point=27.5)
    assert curves.ids.tolist() == ["7", "8"]
    assert curves.objects["label"].tolist() == ["", "Ia"]
    np.testing.assert_array_equal(curves.objects["redshift"], [np.nan, 0.8])
    assert curves.flux.tolist() == WANTED


@pytest.mark.parametrize("make", [dict, Table, pa.table, lambda table: {n: list(v) for n, v in table.items()}])
def test_tables_of_any_library_give_the_same(make: Any) -> None:
    curves = LightCurves.from_table(make(rows()), zero_point=27.5)
    assert curves.flux.tolist() == WANTED
    assert curves.bands == ("g", "r")


def test_swapped_bytes_are_read() -> None:
    curves = LightCurves.from_table(rows(flux=np.array([1.0, 2.0, 3.0, 4.0], ">f8")), zero_point=27.5)
    assert curves.flux.tolist() == WANTED


def test_units_are_kept() -> None:
    table = QTable(rows())
    table["flux"], table["flux_error"] = table["flux"] * u.uJy, table["flux_error"] * 1000 * u.nJy
    curves = LightCurves.from_table(table)
    # an AB magnitude of 23.9 is one microjansky
    np.testing.assert_allclose(curves.flux, np.array(WANTED) * 10 ** (0.4 * (27.5 - 23.9)), rtol=1e-4)
    np.testing.assert_allclose(
        curves.flux_error, 10 ** (0.4 * (27.5 - 23.9)) * np.array([0.5, 0.5, 0.5, 1.0]), rtol=1e-4
    )
    reread = LightCurves.from_table(curves.to_table())
    np.testing.assert_allclose(reread.flux, curves.flux, rtol=1e-9)
    assert LightCurves.from_table(table, zero_point=23.9).flux.tolist() == curves.flux.tolist()
    with pytest.raises(InputError, match="two that agree"):
        LightCurves.from_table(table, zero_point=25.0)


def test_counts_need_a_zero_point() -> None:
    counts = rows(flux=rows()["flux"] * u.ct, flux_error=rows()["flux_error"] * u.ct)
    assert LightCurves.from_table(counts, zero_point=25.0).flux.tolist() == pytest.approx([10 * f for f in WANTED])
    with pytest.raises(InputError, match="zero_point="):
        LightCurves.from_table(counts)


def test_times_with_a_unit_and_dates_are_read() -> None:
    expected = [59000.0, 59002.0, 59001.0, 59003.0]
    for time in (rows()["time"] * 24 * u.h, Time(rows()["time"], format="mjd")):
        np.testing.assert_allclose(LightCurves.from_table(rows(time=time), zero_point=27.5).time, expected)
    with pytest.raises(InputError, match="look like JD"):
        LightCurves.from_table(rows(time=rows()["time"] + 2400000.5), zero_point=27.5)


@pytest.mark.parametrize(
    "change",
    [
        {"flux": MaskedColumn([1.0, 2.0, 3.0, 4.0], mask=[False, True, False, False])},
        {"flux": pa.array([1.0, None, 3.0, 4.0])},
        {"band": MaskedColumn(["g", "r", "r", "g"], mask=[False, True, False, False])},
        {"band": ["g", None, "r", "g"]},
        {"id": ["a", "", "a", "b"]},
    ],
)
def test_what_is_missing_is_told(change: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"row 1 is (missing|not finite)"):
        LightCurves.from_table(rows(**change), zero_point=27.5)


def test_masked_facts_of_objects_are_unknown() -> None:
    objects = Table({"id": [7, 8], "redshift": MaskedColumn([0.5, 0.9], mask=[True, False])})
    objects["redshift_error"] = [0.1, -9.0]
    objects["label"] = MaskedColumn(["Ia", "II"], mask=[True, False])
    objects["group"] = [np.nan, 3.0]
    curves = LightCurves.from_table(rows(), objects=objects, zero_point=27.5)
    np.testing.assert_array_equal(curves.objects["redshift"], [np.nan, 0.9])
    np.testing.assert_array_equal(curves.objects["redshift_error"], [0.1, np.nan])
    assert curves.objects["label"].tolist() == ["", "II"]
    assert curves.groups.tolist() == ["", "3"]


@pytest.mark.parametrize(
    ("objects", "message"),
    [({"id": [7, 8, 8], "redshift": [0.1, 0.2, 0.3]}, "several rows"), ({"id": [7]}, "no row")],
)
def test_objects_must_be_there_once(objects: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        LightCurves.from_table(rows(), objects=objects, zero_point=27.5)


def test_columns_must_be_of_one_length_and_kind() -> None:
    with pytest.raises(InputError, match="different lengths"):
        LightCurves.from_table(rows(flux=[1.0, 2.0]), zero_point=27.5)
    with pytest.raises(InputError, match="one value per row"):
        LightCurves.from_table(rows(flux=np.ones((4, 1))), zero_point=27.5)


# columns of objects in a table of observations


def test_constants_of_an_object_become_its_columns() -> None:
    table = rows(redshift=[0.5, 0.8, 0.5, 0.8], label=["Ia", "II", "Ia", "II"], group=[3, 0, 3, 0], mwebv=[0.1] * 4)
    curves = LightCurves.from_table(table, zero_point=27.5)
    assert curves.objects["redshift"].tolist() == [0.5, 0.8]
    assert curves.objects["label"].tolist() == ["Ia", "II"]
    assert curves.objects["mwebv"].tolist() == [0.1, 0.1]
    assert curves.groups.tolist() == ["3", "0"]


def test_missing_values_of_a_constant_are_unknown() -> None:
    table = rows(redshift=[np.nan, np.nan, 0.5, -9.0], label=["", None, "Ia", None])
    curves = LightCurves.from_table(table, zero_point=27.5)
    np.testing.assert_array_equal(curves.objects["redshift"], [0.5, np.nan])
    assert curves.objects["label"].tolist() == ["Ia", ""]


@pytest.mark.parametrize(
    ("column", "values"),
    [("redshift", [0.5, 0.8, 0.6, 0.8]), ("label", ["Ia", "II", "II", "II"]), ("ra", [10.0, 20.0, 10.5, 20.0])],
)
def test_a_column_of_objects_that_varies_is_refused(column: str, values: list[Any]) -> None:
    with pytest.raises(InputError, match=f"column '{column}' varies within object '7'"):
        LightCurves.from_table(rows(**{column: values}), zero_point=27.5)
    curves = LightCurves.from_table(rows(**{column: values}), {column: ""}, zero_point=27.5)
    assert column not in curves.objects


def test_columns_of_objects_have_their_usual_names_or_the_given_one() -> None:
    table = rows(photoz=[0.5, 0.8, 0.5, 0.8], z=[0.1, 0.2, 0.1, 0.2])
    assert LightCurves.from_table(table, zero_point=27.5).objects["redshift"].tolist() == [0.5, 0.8]
    curves = LightCurves.from_table(table, {"redshift": "z"}, zero_point=27.5)
    assert curves.objects["redshift"].tolist() == [0.1, 0.2]
    with pytest.raises(InputError, match="each may be meant"):
        LightCurves.from_table(rows(photoz=[0.5] * 4, host_redshift=[0.6] * 4), zero_point=27.5)
    with pytest.raises(InputError, match="no column 'z_host'"):
        LightCurves.from_table(rows(), {"redshift": "z_host"}, zero_point=27.5)


def test_the_table_of_objects_fills_what_the_observations_do_not_know() -> None:
    table = rows(redshift=[np.nan, 0.8, np.nan, 0.8])
    objects = {"id": [7, 8], "redshift": [0.5, 0.9], "host": ["NGC 1", "NGC 2"]}
    curves = LightCurves.from_table(table, objects=objects, zero_point=27.5)
    assert curves.objects["redshift"].tolist() == [0.5, 0.8]
    assert curves.objects["host"].tolist() == ["NGC 1", "NGC 2"]


def test_positions_come_in_degrees() -> None:
    table = QTable(rows(flux=rows()["flux"] * u.nJy))
    table["ra"] = [1.0, 2.0, 1.0, 2.0] * u.hourangle
    np.testing.assert_allclose(LightCurves.from_table(table).objects["ra"], [15.0, 30.0])


def test_further_columns_are_carried_where_asked_for() -> None:
    table = rows(host=["NGC 1", "M 31", "NGC 1", "M 31"], seeing=[1.0, 2.0, 3.0, 4.0])
    curves = LightCurves.from_table(table, zero_point=27.5, carry=("host",))
    assert curves.objects["host"].tolist() == ["NGC 1", "M 31"]
    assert "seeing" not in curves.objects
    with pytest.raises(InputError, match="varies"):
        LightCurves.from_table(table, zero_point=27.5, carry=("seeing",))
    with pytest.raises(InputError, match="no column 'hosts'"):
        LightCurves.from_table(table, zero_point=27.5, carry=("hosts",))


def test_a_flux_without_unit_needs_a_zero_point() -> None:
    with pytest.raises(InputError) as refused:
        LightCurves.from_table(rows())
    assert "zero_point=..." in refused.value.fix
    assert "'flux'" in refused.value.problem


def test_all_missing_columns_are_told_at_once() -> None:
    table = {name: values for name, values in rows().items() if name not in ("time", "band")}
    with pytest.raises(InputError, match=r"no column 'time', 'band'"):
        LightCurves.from_table(table, zero_point=27.5)


def test_a_table_read_from_a_file_is_what_the_file_reads() -> None:
    path = Path(__file__).parents[2] / "examples" / "night.ecsv"
    (of_file,) = open_lightcurves([path]).chunks()
    of_table = LightCurves.from_table(Table.read(path))
    of_file = of_file[np.argsort(of_file.ids)]
    assert of_table.ids.tolist() == of_file.ids.tolist()
    for name in ("time", "flux", "flux_error"):
        np.testing.assert_allclose(getattr(of_table, name), getattr(of_file, name), rtol=1e-12)
    assert set(of_file.objects) <= set(of_table.objects)
    for name, values in of_file.objects.items():
        np.testing.assert_array_equal(of_table.objects[name], values)


@pytest.mark.parametrize("zero_point", [float("nan"), 1e300, -1e300, 101, float("inf")])
def test_a_zero_point_that_is_none(zero_point):
    table = {"id": ["a", "a"], "mjd": [1.0, 2.0], "band": ["r", "g"], "flux": [1.0, 2.0], "flux_error": [1.0, 1.0]}
    with pytest.raises(InputError, match="zero_point"):
        LightCurves.from_table(table, zero_point=zero_point)


@pytest.mark.parametrize("column", [[[1.0], [2.0]], [{"a": 1}, {"a": 2}]], ids=["lists", "structs"])
@pytest.mark.parametrize("name", ["id", "band", "flux", "mjd", "label"])
def test_a_column_of_lists(name, column):
    plain = {"id": ["a", "a"], "mjd": [1.0, 2.0], "band": ["r", "g"], "flux": [1.0, 2.0], "flux_error": [1.0, 1.0]}
    table = pa.table(plain | {"label": ["Ia", "Ia"]} | {name: pa.array(column)})
    with pytest.raises(InputError, match="values of the type"):
        LightCurves.from_table(table, zero_point=27.5)
