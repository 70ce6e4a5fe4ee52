"""The flat container of light curves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skysure.data.lightcurves import LightCurves
from skysure.errors import InputError


def table(rows: list[tuple[str, float, str, float]]) -> dict[str, list[object]]:
    names, times, bands, fluxes = (list(column) for column in zip(*rows, strict=True))
    return {"id": names, "time": times, "band": bands, "flux": fluxes, "flux_error": [1.0] * len(rows)}


ROWS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.floats(5e4, 6e4), st.sampled_from("griz"), st.floats(-1e6, 1e6)),
    min_size=1, max_size=30,
)  # fmt: skip


@given(ROWS, st.randoms())
def test_order_of_rows_does_not_matter(rows: list[tuple[str, float, str, float]], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    curves, shuffled_curves = (LightCurves.from_table(table(r), zero_point=27.5) for r in (rows, shuffled))
    assert curves.ids.tolist() == shuffled_curves.ids.tolist() == sorted({r[0] for r in rows})
    for k in range(len(curves)):
        points = curves[k : k + 1]
        assert (np.diff(points.time) >= 0).all()
        expected = sorted((t, f) for i, t, _, f in rows if i == curves.ids[k])
        assert sorted(zip(points.time, points.flux, strict=True)) == expected
    np.testing.assert_array_equal(curves.offsets, shuffled_curves.offsets)


@given(ROWS, st.data())
def test_taking_and_joining_give_back_the_same(rows: list[tuple[str, float, str, float]], data: st.DataObject) -> None:
    objects = {"id": list("abcd"), "redshift": [0.1, 0.2, np.nan, 0.4]}
    curves = LightCurves.from_table(table(rows), objects=objects, zero_point=27.5)
    index = np.array(data.draw(st.lists(st.integers(0, len(curves) - 1), max_size=6)), int)
    subset = curves[index]
    assert subset.ids.tolist() == curves.ids[index].tolist()
    for k, i in enumerate(index):
        np.testing.assert_array_equal(subset[k : k + 1].flux, curves[i : i + 1].flux)
    cut = data.draw(st.integers(0, len(curves)))
    joined = LightCurves.concat([curves[:cut], curves[cut:]])
    np.testing.assert_array_equal(joined.flux, curves.flux)
    np.testing.assert_array_equal(joined.offsets, curves.offsets)
    np.testing.assert_array_equal(joined.objects["redshift"], curves.objects["redshift"])


def test_bands_are_renumbered_and_others_dropped() -> None:
    points = table([("a", 1.0, "g", 1.0), ("a", 2.0, "Y", 2.0), ("b", 3.0, "r", 3.0)])
    curves = LightCurves.from_table(points, zero_point=27.5)
    renumbered = curves.in_bands(("r", "g"))
    assert renumbered.flux.tolist() == [1.0, 3.0]
    assert renumbered.band.tolist() == [1, 0]
    assert renumbered.counts.tolist() == [1, 1]


def test_zero_point_scales_fluxes() -> None:
    rows = {"id": ["a"], "time": [1.0], "band": ["g"], "flux": [1.0], "flux_error": [0.5]}
    curves = LightCurves.from_table(rows, zero_point=25.0)
    assert curves.flux[0] == pytest.approx(10.0)
    assert curves.flux_error[0] == pytest.approx(5.0)
    njy = curves.to_table()["flux"].to_value("nJy")[0]
    assert njy == pytest.approx(3630.78e9 * 10 ** (-0.4 * 25.0), rel=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"flux_error": [0.0]}, "flux_error: row 0 is not positive"),
        ({"flux": [np.nan]}, "flux: row 0 is not finite"),
        ({"time": ["yesterday"]}, "numbers"),
    ],
)
def test_bad_numbers_are_told(change: dict[str, list[object]], message: str) -> None:
    rows = {"id": ["a"], "time": [1.0], "band": ["g"], "flux": [1.0], "flux_error": [1.0]} | change
    with pytest.raises(InputError, match=message):
        LightCurves.from_table(rows, zero_point=27.5)


def test_a_missing_column_offers_the_nearest() -> None:
    with pytest.raises(InputError, match="nearest: flux_errors"):
        LightCurves.from_table({"id": ["a"], "time": [1.0], "band": ["g"], "flux": [1.0], "flux_errors": [1.0]})
