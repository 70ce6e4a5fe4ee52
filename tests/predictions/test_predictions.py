"""Predictions: rows, scalar columns, and joining."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u

from skysure.predictions import Actions, Classes, Values, concat


def classes(n: int, *, samples: bool = False, seed: int = 0) -> Classes:
    draws = np.random.default_rng(seed).dirichlet(np.ones(3), (5, n))
    return Classes(
        {"id": np.arange(n).astype(str)}, ("Ia", "II", "Ibc"), draws.mean(0), draws.std(0), np.full(n, 0.2),
        np.full(n, 0.1), prediction_set=draws.mean(0) > 0.3, coverage=0.9, samples=draws if samples else None,
    )  # fmt: skip


def test_classes_become_scalar_columns() -> None:
    table = classes(4).to_table()
    assert table.colnames[:3] == ["id", "predicted_class", "p_Ia"]
    assert {"p_Ibc_error", "in_set_II", "aleatoric", "epistemic", "predictive"} <= set(table.colnames)
    assert all(table[name].ndim == 1 for name in table.colnames)
    best = table["predicted_class"][0]
    assert table[f"p_{best}"][0] == max(table[f"p_{c}"][0] for c in ("Ia", "II", "Ibc"))
    np.testing.assert_allclose(table["predictive"], 0.3)


def test_joined_chunks_are_the_whole() -> None:
    whole, parts = classes(7, samples=True), classes(7, samples=True)
    cut = [
        Classes({"id": parts.rows["id"][s]}, parts.classes, parts.probability[s], parts.probability_error[s],
                parts.aleatoric[s], parts.epistemic[s], prediction_set=parts.prediction_set[s], coverage=0.9,
                samples=parts.samples[:, s])
        for s in (slice(0, 3), slice(3, 7))
    ]  # fmt: skip
    joined = concat(cut)
    np.testing.assert_array_equal(joined.samples, whole.samples)
    np.testing.assert_array_equal(joined.probability, whole.probability)
    assert joined.rows["id"].tolist() == whole.rows["id"].tolist()
    assert joined.ood_percentile is None
    assert joined.coverage == 0.9


def test_values_carry_units_and_covariances() -> None:
    aleatoric = np.array([[[4.0, 1.0], [1.0, 9.0]]])
    epistemic = np.array([[[12.0, -0.5], [-0.5, 7.0]]])
    table = Values(
        {"id": np.array(["a"])}, ("x", "y"), ("arcsec", ""), np.ones((1, 2)), aleatoric, epistemic
    ).to_table()
    assert table["x"].unit == u.arcsec
    assert table["x_error"][0] == 4 * u.arcsec
    assert table["y_aleatoric"][0] == 3
    assert table["y_epistemic"][0] == pytest.approx(np.sqrt(7))
    assert table["cov_x_y"][0] == 0.5 * u.arcsec


def test_an_infeasible_action_is_never_best() -> None:
    actions = Actions(
        {"state": np.arange(2)}, ("forward", "backward"), np.array([[1.0, 5.0], [3.0, 2.0]]), np.zeros((2, 2)),
        np.array([[True, False], [True, True]]), np.ones(2),
    )  # fmt: skip
    table = actions.to_table()
    assert table["best"].tolist() == ["forward", "forward"]
    assert table["runner_up"].tolist() == ["", "backward"]
