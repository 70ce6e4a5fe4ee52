"""Light curves from tables in memory: masks, nulls, units, ids and times of the libraries that people use."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from astropy import units as u
from astropy.table import MaskedColumn, QTable, Table
from astropy.time import Time

from skysure.data.lightcurves import LightCurves
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


@pytest.mark.parametrize("ids", [[7, 8, 7, 8], [7.0, 8.0, 7.0, 8.0], [b"7", b"8", b"7", b"8"], ["7 ", "8", " 7", "8"]])
def test_ids_of_any_type_meet_those_of_the_objects(ids: list[Any]) -> None:
    objects = {"id": np.array([8, 7]), "redshift": [0.8, np.nan], "label": ["Ia", None]}
    curves = LightCurves.from_table(rows(id=np.array(ids)), objects=objects)
    assert curves.ids.tolist() == ["7", "8"]
    assert curves.objects["label"].tolist() == ["", "Ia"]
    np.testing.assert_array_equal(curves.objects["redshift"], [np.nan, 0.8])
    assert curves.flux.tolist() == WANTED


@pytest.mark.parametrize("make", [dict, Table, pa.table, lambda table: {n: list(v) for n, v in table.items()}])
def test_tables_of_any_library_give_the_same(make: Any) -> None:
    curves = LightCurves.from_table(make(rows()))
    assert curves.flux.tolist() == WANTED
    assert curves.bands == ("g", "r")


def test_swapped_bytes_are_read() -> None:
    curves = LightCurves.from_table(rows(flux=np.array([1.0, 2.0, 3.0, 4.0], ">f8")))
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
    again = LightCurves.from_table(curves.to_table())
    np.testing.assert_allclose(again.flux, curves.flux, rtol=1e-9)
    assert LightCurves.from_table(table, zero_point=23.9).flux.tolist() == curves.flux.tolist()
    with pytest.raises(InputError, match="two that agree"):
        LightCurves.from_table(table, zero_point=25.0)


def test_times_with_a_unit_and_dates_are_read() -> None:
    wanted = [59000.0, 59002.0, 59001.0, 59003.0]
    for time in (rows()["time"] * 24 * u.h, Time(rows()["time"], format="mjd")):
        np.testing.assert_allclose(LightCurves.from_table(rows(time=time)).time, wanted)
    with pytest.raises(InputError, match="look like JD"):
        LightCurves.from_table(rows(time=rows()["time"] + 2400000.5))


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
        LightCurves.from_table(rows(**change))


def test_masked_facts_of_objects_are_unknown() -> None:
    objects = Table({"id": [7, 8], "redshift": MaskedColumn([0.5, 0.9], mask=[True, False])})
    objects["redshift_error"] = [0.1, -9.0]
    objects["label"] = MaskedColumn(["Ia", "II"], mask=[True, False])
    objects["group"] = [np.nan, 3.0]
    curves = LightCurves.from_table(rows(), objects=objects)
    np.testing.assert_array_equal(curves.objects["redshift"], [np.nan, 0.9])
    np.testing.assert_array_equal(curves.objects["redshift_error"], [0.1, np.nan])
    assert curves.objects["label"].tolist() == ["", "II"]
    assert curves.groups.tolist() == ["", "3"]


@pytest.mark.parametrize(
    ("objects", "said"),
    [({"id": [7, 8, 8], "redshift": [0.1, 0.2, 0.3]}, "several rows"), ({"id": [7]}, "no row")],
)
def test_objects_must_be_there_once(objects: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        LightCurves.from_table(rows(), objects=objects)


def test_columns_must_be_of_one_length_and_kind() -> None:
    with pytest.raises(InputError, match="different lengths"):
        LightCurves.from_table(rows(flux=[1.0, 2.0]))
    with pytest.raises(InputError, match="one value a row"):
        LightCurves.from_table(rows(flux=np.ones((4, 1))))
