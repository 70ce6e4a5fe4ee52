import json
from pathlib import Path

import numpy as np
import pytest

from skysure.errors import InputError
from skysure.methods.calibration import (
    LEVELS,
    expected_coverage,
    pit_from_ranks,
    ranks,
    reference_points,
    tarp,
    uniformity,
)

SBI = json.loads((Path(__file__).parents[1] / "truths" / "tarp_sbi.json").read_text())


def golden():
    return tuple(np.array(SBI[name]) for name in ("draws", "truth", "references"))


def coverage_at(alpha, draws, truth, references):
    """The curve of the paper's algorithm 2: the share of rows with fewer than alpha of their draws nearer."""
    rank = np.floor(tarp(draws, truth, references=references) * (len(draws) + 1))
    return [(rank / len(draws) < a).mean() for a in alpha]


def test_expected_coverage_is_that_of_sbi():
    # the lowest and the highest edge hold nothing and everything by construction
    assert coverage_at(SBI["alpha"][1:-1], *golden()) == pytest.approx(SBI["coverage"][1:-1], abs=1e-6)


def test_expected_coverage_is_that_of_sbi_where_it_is_installed():
    tarp_of_sbi = pytest.importorskip("sbi.diagnostics.tarp")
    torch = pytest.importorskip("torch")
    draws, truth, references = (torch.from_numpy(x) for x in golden())
    coverage, alpha = tarp_of_sbi._run_tarp(draws, truth, references, num_bins=12, z_score_theta=True)
    estimate = coverage_at(alpha.tolist()[1:-1], *golden())
    assert estimate == pytest.approx(coverage.tolist()[1:-1], abs=1e-6)


def linear(n, samples, rng, width=1.0, correlated=True):
    """Two values seen through a linear map with noise: draws of the exact posterior, or of one that is off."""
    design, units = np.array([[2.0, 1.8], [0.3, 0.5]]), np.array([1.0, 1e4])
    covariance = np.linalg.inv(np.eye(2) + design.T @ design)
    truth = rng.normal(size=(n, 2))
    x = truth @ design.T + rng.normal(size=(n, 2))
    spread = covariance if correlated else np.diag(np.diag(covariance))
    draws = x @ design @ covariance + width * rng.normal(size=(samples, n, 2)) @ np.linalg.cholesky(spread).T
    return draws * units, truth * units, x


def test_the_exact_posterior_has_its_expected_coverage():
    rng = np.random.default_rng(0)
    p_values, inside = [], []
    for seed in range(40):
        draws, truth, _ = linear(300, 100, rng)
        curve = expected_coverage(tarp(draws, truth, seed=seed), tuple(np.arange(1, 20) / 20))
        p_values.append(curve["p_value"])
        inside += curve["inside"]
    assert uniformity(np.array(p_values))[1] > 0.01
    assert np.mean(inside) > 0.94
    assert json.loads(json.dumps(curve)) == curve
    assert curve["n"] == 300


@pytest.mark.parametrize(("n", "values"), [(2, 1), (3, 1), (3, 3), (10, 2)])
def test_the_exact_posterior_passes_with_few_objects_too(n, values):
    """A reference from a box that its own truth spans would know too much: p < 1e-9 for 2 objects."""
    rng = np.random.default_rng(7)
    u = []
    for seed in range(2000 // n):
        truth = rng.normal(size=(n, values))
        draws = (truth + rng.normal(size=(n, values))) / 2 + np.sqrt(0.5) * rng.normal(size=(50, n, values))
        u.append(tarp(draws, truth, seed=seed))
    assert uniformity(np.concatenate(u))[1] > 0.01


def test_one_object_has_no_references_but_those_given():
    draws, truth, x = linear(1, 10, np.random.default_rng(8))
    with pytest.raises(InputError, match="references"):
        tarp(draws, truth)
    assert 0 <= tarp(draws, truth, references=x)[0] <= 1


@pytest.mark.parametrize(("width", "sign"), [(0.6, -1), (1.6, 1)], ids=["narrow", "wide"])
def test_a_wrong_width_is_found_with_its_sign(width, sign):
    draws, truth, _ = linear(3000, 100, np.random.default_rng(1), width)
    curve = expected_coverage(tarp(draws, truth))
    assert curve["p_value"] < 1e-6
    assert curve["inside"] == [False] * len(LEVELS)
    assert np.sign(curve["excess"]) == sign


def test_a_lost_correlation_is_found_where_each_value_by_itself_is_right():
    draws, truth, _ = linear(4000, 100, np.random.default_rng(2), correlated=False)
    for k in range(2):
        assert uniformity(pit_from_ranks(ranks(draws[..., k], truth[:, k]), 100))[1] > 0.01
    assert expected_coverage(tarp(draws, truth))["p_value"] < 1e-4


def test_the_prior_passes_unless_references_know_the_data():
    """The known blind spot: draws that ignore the data are calibrated, on average over them."""
    rng = np.random.default_rng(3)
    _, truth, x = linear(3000, 2, rng)
    prior = rng.normal(size=(100, 3000, 2)) * [1.0, 1e4]
    assert expected_coverage(tarp(prior, truth))["p_value"] > 0.01
    assert expected_coverage(tarp(prior, truth, references=x * [1.0, 1e4]))["p_value"] < 1e-6


def test_units_and_seeds():
    draws, truth, _ = linear(200, 50, np.random.default_rng(4))
    u = tarp(draws, truth, seed=5)
    np.testing.assert_array_equal(u, tarp(draws, truth, seed=5))
    np.testing.assert_allclose(u, tarp(draws * [1e6, 1e-3], truth * [1e6, 1e-3], seed=5), atol=1e-12)
    assert (u != tarp(draws, truth, seed=6)).any()
    points = reference_points(truth, 0)
    assert ((truth.min(0) <= points) & (points <= truth.max(0))).all()
    shift = np.array([2_460_000.5, 0.0])  # dates: float64 keeps the order of the distances, but for a few
    np.testing.assert_allclose(u, tarp(draws + shift, truth + shift, seed=5), atol=0.021)


def test_the_excess_is_the_area_between_coverage_and_credibility():
    u = np.random.default_rng(6).beta(0.5, 0.7, size=500)
    grid = np.linspace(0.5, 1, 20_001)
    area = np.trapezoid([(u <= a).mean() - a for a in grid], grid)
    assert expected_coverage(u)["excess"] == pytest.approx(2 * area, abs=1e-4)
