"""Scores of values against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from skysure.evaluation.values import coverage_score, root_mean_square_error, score_values, value_coverage


@pytest.fixture(scope="module")
def gaussian() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One Gaussian for each truth, drawn from it."""
    rng = np.random.default_rng(3)
    mean, std = rng.normal(size=(1, 4000)), rng.uniform(0.5, 2, (1, 4000))
    return mean, std, (mean + std * rng.normal(size=(1, 4000)))[0]


def test_scores_are_the_closed_forms(gaussian) -> None:
    mean, std, truth = gaussian
    likelihood, crps, error = score_values(mean, std, truth, (mean, 2 * std), unit="mag")
    z = (truth - mean[0]) / std[0]
    assert likelihood.value == pytest.approx(norm.logpdf(truth, mean[0], std[0]).mean())
    assert likelihood.before == pytest.approx(norm.logpdf(truth, mean[0], 2 * std[0]).mean())
    assert likelihood.change_low > 0  # intervals of twice the width are worse
    closed = std[0] * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - np.pi**-0.5)  # Gneiting & Raftery 2007, eq. 21
    assert crps.value == pytest.approx(closed.mean())
    assert error.value == pytest.approx(np.sqrt(((truth - mean[0]) ** 2).mean()))
    assert (likelihood.unit, crps.unit, error.unit) == ("nat", "mag", "mag")
    assert all(score.low < score.value < score.high for score in (likelihood, crps, error))


def test_coverage_of_true_and_of_wide_intervals(gaussian) -> None:
    mean, std, truth = gaussian
    curve = value_coverage(mean, std, truth, (mean, 2 * std))
    data = curve.data
    for k, level in enumerate(data["nominal"]):
        assert data["band_low"][k] <= data["actual"][k] <= data["band_high"][k]
        wide = 2 * norm.cdf(2 * norm.ppf((1 + level) / 2)) - 1
        assert data["before"][k] == pytest.approx(wide, abs=4 * np.sqrt(wide * (1 - wide) / 4000) + 1e-12)
    score = coverage_score(curve, 0.683)
    assert (score.name, score.unit) == ("coverage_683", "%")
    assert score.value == pytest.approx(100 * (np.abs(truth - mean[0]) < norm.ppf(0.8415) * std[0]).mean())
    assert coverage_score(value_coverage(mean, std, truth), 0.683).before is None


def test_a_weight_repeats_rows() -> None:
    mean, truth = np.array([1.0, 2.0]), np.array([2.0, 4.0])
    repeated = root_mean_square_error(np.array([1.0, 2.0, 2.0]), np.array([2.0, 4.0, 4.0]))
    assert root_mean_square_error(mean, truth, np.array([1.0, 2.0])) == pytest.approx(repeated)
