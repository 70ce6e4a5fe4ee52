"""Joining predictions and selecting rows: every array moves along its own axis of rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from skysure.errors import InputError
from skysure.predictions import Actions, Classes, Detections, Prediction, Values, concat, take
from skysure.predictions.rows import axes_of

COLUMNS = ("rows", "catalogue")
"""Fields that hold several arrays by name."""


def every_kind(n: int = 6) -> list[Prediction]:
    """Predictions of each kind in which every optional array is given, with as many samples as rows, classes, ..."""
    r = np.random.default_rng(n)
    shared = {
        "ood_percentile": r.random(n), "is_ood": r.random(n) > 0.5, "quality_flags": r.random(n).astype(str),
    }  # fmt: skip
    rows = {"id": np.arange(n).astype(str), "mjd": r.random(n)}
    square, cube = r.random((n, n)), r.random((n, n, n))
    names = tuple(f"c{k}" for k in range(n))
    detected = {
        "score_error": r.random(n), "probability_error": square, "class_aleatoric": r.random(n),
        "class_epistemic": r.random(n), "prediction_set": square > 0.5, "coverage": 0.9, "host": r.random((n, 2)),
        "host_aleatoric": r.random((n, 2, 2)), "host_epistemic": r.random((n, 2, 2)), "corners": r.random((n, 4, 2)),
        "catalogue": {"flux": r.random(n)}, "image_shape": r.integers(9, 99, (n, 2)),
    }  # fmt: skip
    box, covariance = r.random((n, 4)), r.random((n, 4, 4))
    return [
        Classes(rows, names, square, square + 1, r.random(n), r.random(n), square > 0.5, 0.9, samples=cube, **shared),
        Values(
            rows, names, ("",) * n, square, cube, cube + 1, cube + 2, low=square, high=square + 1,
            measured_low=square - 1, measured_high=square + 2, coverage=0.9, **shared,
        ),
        Actions(rows, names, square, square + 1, square > 0.5, r.random(n), aleatoric=square + 2, **shared),
        Detections(rows, names, rows["id"], box, covariance, covariance + 1, r.random(n), square, **detected, **shared),
    ]  # fmt: skip


def arrays_of(prediction: Prediction) -> dict[str, np.ndarray]:
    return {name: getattr(prediction, name) for name in axes_of(prediction) if name not in COLUMNS}


@pytest.mark.parametrize("whole", every_kind(), ids=lambda p: type(p).__name__)
def test_parts_join_to_the_whole(whole: Prediction) -> None:
    """Every array is square: one that is cut along another axis than its rows does not come back."""
    assert all(array is not None for array in arrays_of(whole).values())
    joined = concat([whole[:2], whole[2:2], whole[2:]])
    for name, array in arrays_of(whole).items():
        np.testing.assert_array_equal(getattr(joined, name), array, err_msg=name)
    for name in set(COLUMNS) & axes_of(whole).keys():
        expected = {k: v.tolist() for k, v in getattr(whole, name).items()}
        assert {k: v.tolist() for k, v in getattr(joined, name).items()} == expected


@pytest.mark.parametrize("whole", every_kind(), ids=lambda p: type(p).__name__)
@pytest.mark.parametrize(
    "indices", [slice(1, None, 2), [4, 0, 0], np.array([True, False] * 3), [], np.array([-1])], ids=str
)
def test_selected_rows_have_the_table_of_these_rows(whole: Prediction, indices: object) -> None:
    table, expected = take(whole, indices).to_table(), whole.to_table()[indices]
    assert table.colnames == expected.colnames
    for name in expected.colnames:
        np.testing.assert_array_equal(table[name], expected[name], err_msg=name)


def test_the_fields_name_their_axes() -> None:
    kinds = every_kind()
    for prediction in kinds:
        for name, names in axes_of(prediction).items():
            assert "row" in names or names[0] == "image", name
            if name not in COLUMNS:
                assert getattr(prediction, name).ndim == len(names), name
    assert axes_of(kinds[0])["samples"].index("sample") == 0
    assert axes_of(kinds[1])["samples"] == ("sample", "row", "value")


def test_what_one_lacks_the_whole_lacks() -> None:
    classes = every_kind()[0]
    for order in (1, -1):
        joined = concat([classes, replace(classes, is_ood=None, samples=None)][::order])
        assert joined.is_ood is None
        assert joined.samples is None
        assert "is_ood" not in joined.to_table().colnames


def test_what_cannot_be_joined() -> None:
    classes, values, *_ = every_kind()
    other = replace(classes, classes=tuple("abcdef"))
    less = replace(classes, rows={"id": classes.rows["id"]})
    for parts, text in [
        ([], "no predictions"), ([classes, values], "Classes and Values"), ([classes, other], "different classes"),
        ([classes, replace(classes, coverage=0.5)], "different coverage"), ([classes, less], "mjd"),
    ]:  # fmt: skip
        with pytest.raises(InputError, match=text):
            concat(parts)
