import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss

from skysure.errors import InputError
from skysure.methods.calibration import (
    accuracy,
    adaptive_ece,
    auc,
    balanced_nll,
    binary_brier,
    binary_ece,
    brier,
    classwise_ece,
    completeness,
    crps,
    crps_of_each,
    ece,
    figure_of_merit,
    gaussian_mixture_nll,
    interval_score,
    nll,
    purity,
)

PEERS = json.loads((Path(__file__).parents[1] / "truths" / "scores.json").read_text())
CLASS_SCORES = [nll, brier, accuracy, ece, classwise_ece]
BINARY_SCORES = [binary_brier, binary_ece, auc]
CHOICE_SCORES = [purity, completeness, figure_of_merit]


def draw(n=500, classes=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.full(classes, 0.4), size=n), rng.integers(classes, size=n)


def test_scores_of_classes_are_those_of_scikit_learn():
    p, y = draw()
    one_hot = np.eye(4)[y]
    assert nll(p, y) == pytest.approx(log_loss(y, p, labels=range(4)), rel=1e-12)
    assert brier(p, y) == pytest.approx(((p - one_hot) ** 2).sum(1).mean(), rel=1e-12)
    assert accuracy(p, y) == accuracy_score(y, p.argmax(1))
    assert binary_brier(p[:, 0], y == 0) == pytest.approx(brier_score_loss(y == 0, p[:, 0]), rel=1e-12)


def test_balanced_nll_by_hand():
    p = np.array([[0.5, 0.25, 0.25], [0.8, 0.1, 0.1], [0.2, 0.4, 0.4]])
    y = np.array([0, 0, 1])  # none of class 2, whose share then counts for nothing
    nlls = -(np.log(0.5) + np.log(0.8)) / 2, -np.log(0.4)
    assert balanced_nll(p, y) == pytest.approx((nlls[0] + nlls[1]) / 2)
    assert balanced_nll(p, y, share=np.array([1.0, 2.0, 2.0])) == pytest.approx((nlls[0] + 2 * nlls[1]) / 3)


def test_balanced_nll_is_that_of_scikit_learn_with_balanced_weights():
    p, y = draw()
    share = np.array([1.0, 2.0, 1.0, 0.5])
    weight = (share / np.bincount(y))[y]
    assert balanced_nll(p, y, share=share) == pytest.approx(log_loss(y, p, labels=range(4), sample_weight=weight))
    twice = np.random.default_rng(3).integers(0, 3, size=(5, len(y)))
    repeated = [balanced_nll(np.repeat(p, w, axis=0), np.repeat(y, w), share=share) for w in twice]
    np.testing.assert_allclose(balanced_nll(p, y, twice.astype(float), share=share), repeated)


def test_a_probability_of_zero_costs_much_but_not_everything():
    certain = np.array([[1.0, 0.0]])
    assert nll(certain, np.array([1])) == pytest.approx(log_loss([1], certain, labels=[0, 1]))


def test_ece_by_hand():
    p = np.array([[0.95, 0.05], [0.92, 0.08], [0.3, 0.7], [0.4, 0.6], [0.35, 0.65]])
    y = np.array([0, 1, 1, 0, 1])
    # of width 0.2: (0.8, 1] holds 0.95 right and 0.92 wrong, (0.6, 0.8] 0.7 and 0.65 right, (0.4, 0.6] 0.6 wrong
    expected = (abs(1 - 1.87) + abs(2 - 1.35) + abs(0 - 0.6)) / 5
    assert ece(p, y, bins=5) == pytest.approx(expected, abs=1e-12)
    # two bins of equal count: 0.6, 0.65, 0.7 with two right; 0.92, 0.95 with one right
    assert adaptive_ece(p, y, bins=2) == pytest.approx((abs(2 - 1.95) + abs(1 - 1.87)) / 5, abs=1e-12)


def test_scores_are_those_of_scoringrules_torchmetrics_and_netcal():
    values = {name: np.array(PEERS[name]) for name in ("mean", "std", "share", "truth", "low", "high")}
    mean, std, share, truth, low, high = values.values()
    for i in range(len(truth)):
        row = slice(i, i + 1)
        arguments = mean[:, row], std[:, row], truth[row]
        assert crps(*arguments, share=share[:, row]) == pytest.approx(PEERS["crps"][i], rel=1e-9)
        assert gaussian_mixture_nll(*arguments, share=share[:, row]) == pytest.approx(PEERS["log_score"][i], rel=1e-9)
        value = interval_score(low[row], high[row], truth[row], coverage=0.683)
        assert value == pytest.approx(PEERS["interval"][i], rel=1e-12)
    assert crps(mean, std, truth, share=share) == pytest.approx(np.mean(PEERS["crps"]), rel=1e-9)
    p, y = np.array(PEERS["probability"]), np.array(PEERS["label"])
    assert ece(p, y, bins=10) == pytest.approx(PEERS["ece"], abs=1e-7)
    assert ece(p, y, bins=10) == pytest.approx(PEERS["ece_netcal"], abs=1e-12)
    assert brier(p, y) == pytest.approx(PEERS["brier"], rel=1e-12)


def test_unknown_classes_and_percentages_raise_errors():
    p = np.array([[0.2, 0.8], [0.7, 0.3]])
    for score in (nll, brier):
        for bad in ([0, -1], [0, 2]):
            with pytest.raises(InputError, match="class numbers 0 to 1"):
                score(p, np.array(bad))
    for bad in (68.3, 1.0, -0.1):
        with pytest.raises(InputError, match="coverage"):
            interval_score(p[:, 0], p[:, 1], p[:, 0], coverage=bad)


def test_a_share_counts_a_component_as_often():
    rng = np.random.default_rng(5)
    mean, std, truth = rng.normal(size=(3, 8)), rng.uniform(0.2, 2, size=(3, 8)), rng.normal(size=8)
    share, often = np.repeat([[0.5], [0.25], [0.25]], 8, 1), np.array([0, 0, 1, 2])
    for score in (crps, gaussian_mixture_nll):
        assert score(mean, std, truth, share=share) == pytest.approx(score(mean[often], std[often], truth), rel=1e-12)


def test_the_interval_score_is_least_at_the_true_quantiles():
    truth, n = np.random.default_rng(6).normal(size=200_000), 200_000
    scores = [interval_score(np.full(n, -w), np.full(n, w), truth, coverage=0.683) for w in (0.8, 1.0, 1.25)]
    assert np.argmin(scores) == 1
    assert interval_score(np.full(n, -np.inf), np.ones(n), truth, coverage=0.683) == np.inf


def slow_calibration_error(p, outcome, edges):
    total = 0.0
    for low, high in pairwise(edges):
        rows = (p > low) & (p <= high)
        if rows.any():
            total += rows.mean() * abs(outcome[rows].mean() - p[rows].mean())
    return total


def test_calibration_errors_are_those_of_a_slow_loop():
    p, y = draw(seed=1)
    edges = np.linspace(0, 1, 16)
    top, right = p.max(1), p.argmax(1) == y
    assert ece(p, y) == pytest.approx(slow_calibration_error(top, right, edges), rel=1e-12)
    assert binary_ece(p[:, 2], y == 2) == pytest.approx(slow_calibration_error(p[:, 2], y == 2, edges), rel=1e-12)
    errors = [slow_calibration_error(p[:, k], y == k, edges) for k in range(4)]
    assert classwise_ece(p, y) == pytest.approx(np.mean(errors), rel=1e-12)
    masses = np.r_[0, np.sort(top)[np.arange(1, 10) * 50 - 1], 1]
    assert adaptive_ece(p, y, bins=10) == pytest.approx(slow_calibration_error(top, right, masses), rel=1e-12)


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6))
def test_a_whole_weight_counts_a_row_as_often(seed):
    rng = np.random.default_rng(seed)
    p, y = draw(n=30, classes=3, seed=seed)
    weight = rng.integers(0, 4, size=(2, 30)).astype(float)
    weight[:, :3] = 1
    y[:3] = [0, 1, 2]
    selected = p[:, 0] > 0.4
    calls = [(s, (p, y)) for s in CLASS_SCORES] + [(s, (p[:, 0].round(1), y == 0)) for s in BINARY_SCORES]
    calls += [(s, (selected, y == 0)) for s in CHOICE_SCORES]
    for score, arrays in calls:
        values = score(*arrays, weight=weight)
        for i in (0, 1):
            repeated = [np.repeat(a, weight[i].astype(int), axis=0) for a in arrays]
            assert values[i] == pytest.approx(score(*repeated), abs=1e-9, nan_ok=True)
            assert score(*arrays, weight=weight[i]) == pytest.approx(values[i], abs=1e-12, nan_ok=True)


def points_and_widths(seed=8):
    """Mixtures of points, some twice at one place, and of normals; some truths lie on a point."""
    rng = np.random.default_rng(seed)
    mean, std, truth = rng.normal(size=(5, 7)), rng.uniform(0.2, 2, size=(5, 7)), rng.normal(size=7)
    std[rng.random(size=std.shape) < 0.6] = 0.0
    mean[1], std[:2], truth[:3] = mean[0], 0.0, mean[0, :3]
    return mean, std, truth, rng.dirichlet(np.ones(5), size=7).T


def test_crps_of_a_point_is_the_absolute_error():
    point, truth = np.array([[1.5, -2.0, 0.0, 3.0]]), np.array([1.5, 4.0, -7.0, 2.0])
    assert np.array_equal(crps_of_each(point, np.zeros((1, 4)), truth), np.abs(point[0] - truth))
    assert crps_of_each(point, np.full((1, 4), 5e-324), truth) == pytest.approx(np.abs(point[0] - truth), abs=1e-300)
    assert np.isnan(crps_of_each(np.full((1, 1), np.nan), np.zeros((1, 1)), np.zeros(1))).all()
    assert np.isnan(crps_of_each(np.zeros((1, 1)), np.full((1, 1), np.nan), np.zeros(1))).all()


def test_crps_of_points_is_that_of_the_empirical_distribution():
    """E|X - y| - E|X - X'| / 2 as sums over equally likely draws, which are points themselves."""
    mean, _, truth, _ = points_and_widths()
    to_truth = np.abs(mean - truth).mean(0)
    between = np.abs(mean[:, None] - mean[None]).mean((0, 1))
    assert crps_of_each(mean, np.zeros_like(mean), truth) == pytest.approx(to_truth - between / 2, rel=1e-12)


def test_crps_of_points_among_normals_is_the_limit_of_narrow_ones():
    mean, std, truth, share = points_and_widths()
    values = crps_of_each(mean, std, truth, share=share)
    for narrow in (1e-3, 1e-6):
        limit = crps_of_each(mean, np.where(std == 0, narrow, std), truth, share=share)
        assert np.abs(values - limit).max() < 2 * narrow


def test_crps_of_points_among_normals_is_that_of_draws():
    mean, std, truth, share = points_and_widths()
    rng, n = np.random.default_rng(9), 200_000
    for k, value in enumerate(crps_of_each(mean, std, truth, share=share)):
        component = rng.choice(5, size=(2, n), p=share[:, k])
        x, other = mean[component, k] + std[component, k] * rng.normal(size=(2, n))
        terms = np.abs(x - truth[k]) - np.abs(x - other) / 2
        assert value == pytest.approx(terms.mean(), abs=5 * terms.std() / np.sqrt(n))


def test_crps_is_the_integral_over_squared_distance():
    rng = np.random.default_rng(2)
    mean, std, truth = rng.normal(size=(4, 5)), rng.uniform(0.2, 2, size=(4, 5)), 2 * rng.normal(size=5)
    values = []
    for m, s, y in zip(mean.T, std.T, truth, strict=True):

        def square(x, m=m, s=s, y=y):
            return (norm.cdf(x, m, s).mean() - (x >= y)) ** 2

        values.append(quad(square, -25, y, limit=200)[0] + quad(square, y, 25, limit=200)[0])
    assert crps(mean, std, truth) == pytest.approx(np.mean(values), rel=1e-7)
    weight = np.array([1.0, 0, 2, 0, 1])
    assert crps(mean, std, truth, weight) == pytest.approx(np.average(values, weights=weight), rel=1e-7)


def test_crps_of_one_gaussian_is_the_closed_form_in_blocks_too():
    n, expected = 3000, (np.sqrt(2) - 1) / np.sqrt(np.pi)
    assert crps(np.zeros((50, n)), np.ones((50, n)), np.zeros(n)) == pytest.approx(expected, rel=1e-12)
    assert crps(np.full((1, n), 2.4e6), np.full((1, n), 1e-3), np.full(n, 2.4e6)) == pytest.approx(1e-3 * expected)


def test_likelihood_of_a_mixture():
    rng = np.random.default_rng(3)
    mean, std, truth = rng.normal(size=(4, 50)), rng.uniform(0.2, 2, size=(4, 50)), rng.normal(size=50)
    expected = -np.log(norm.pdf(truth, mean, std).mean(0))
    assert gaussian_mixture_nll(mean, std, truth) == pytest.approx(expected.mean(), rel=1e-12)
    assert np.isfinite(gaussian_mixture_nll(mean, std, truth + 1e4))
