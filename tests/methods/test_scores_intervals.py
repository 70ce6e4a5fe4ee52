from functools import partial

import numpy as np
import pytest

from skysure.methods.calibration import accuracy, auc, calibrated_resample, ece, nll, with_interval


def drawn(n, classes, rng):
    p = rng.dirichlet(np.full(classes, 0.5), size=n)
    return p, (rng.random(n)[:, None] >= np.cumsum(p, 1)[:, :-1]).sum(1)


def test_the_bootstrap_of_a_fraction_is_the_binomial():
    n, hits = 2000, 1700
    p, y = np.tile([0.9, 0.1], (n, 1)), (np.arange(n) >= hits).astype(int)
    found = with_interval(accuracy, p, y, resamples=4000)
    sd = np.sqrt(0.85 * 0.15 / n)
    assert found.value == 0.85
    assert found.high - found.low == pytest.approx(2 * sd, rel=0.05)
    wide = with_interval(accuracy, p, y, resamples=4000, level=0.955)
    assert wide.high - wide.low == pytest.approx(4 * sd, rel=0.05)


def test_the_bootstrap_of_a_mean_is_its_standard_error():
    p, y = drawn(3000, 3, np.random.default_rng(0))
    terms = -np.log(p[np.arange(3000), y])
    found = with_interval(nll, p, y, resamples=3000)
    assert (found.high - found.low) / 2 == pytest.approx(terms.std() / np.sqrt(3000), rel=0.06)


def test_the_bootstrap_of_auc_is_that_of_hanley_and_mcneil():
    rng = np.random.default_rng(1)
    positive = np.arange(2000) < 500
    score = rng.exponential(size=2000) * np.where(positive, 3.0, 1.0)
    found = with_interval(auc, score, positive)
    a = 0.75  # exponentials of rates 1 and 1/3
    first, second = a / (2 - a), 2 * a**2 / (1 + a)
    variance = (a * (1 - a) + 499 * (first - a**2) + 1499 * (second - a**2)) / (500 * 1500)
    assert found.value == pytest.approx(a, abs=4 * np.sqrt(variance))
    assert (found.high - found.low) / 2 == pytest.approx(np.sqrt(variance), rel=0.1)


def test_intervals_hold_the_value_and_do_not_depend_on_blocks_of_work():
    p, y = drawn(1000, 4, np.random.default_rng(2))
    for score in (ece, partial(ece, bins=30)):
        found = with_interval(score, p, y, resamples=300)
        assert found.low <= found.value <= found.high
        assert found == with_interval(score, p, y, resamples=300)
        assert found != with_interval(score, p, y, resamples=300, seed=1)


def test_intervals_cover_as_often_as_they_say():
    rng = np.random.default_rng(3)
    inside = []
    for i in range(200):
        right = (rng.random(400) >= 0.8).astype(int)
        found = with_interval(accuracy, np.tile([1.0, 0.0], (400, 1)), right, resamples=200, seed=i)
        inside.append(found.low <= 0.8 <= found.high)
    assert np.mean(inside) == pytest.approx(0.683, abs=4 * np.sqrt(0.683 * 0.317 / 200))


def test_a_score_that_is_not_a_number_has_no_interval():
    found = with_interval(auc, np.arange(5.0), np.ones(5, bool), resamples=10)
    assert np.isnan([found.value, found.low, found.high]).all()


def test_calibrated_labels_score_as_calibrated_ones_do():
    rng = np.random.default_rng(4)
    p, y = drawn(2000, 3, rng)
    band = calibrated_resample(ece, p)
    inside = [band.low <= ece(p, drawn_again) <= band.high for drawn_again in (relabel(p, rng) for _ in range(200))]
    assert np.mean(inside) == pytest.approx(0.955, abs=0.06)
    assert band.value > 0.003
    overconfident = p**2 / (p**2).sum(1, keepdims=True)
    assert ece(overconfident, y) > calibrated_resample(ece, overconfident).high


def relabel(p, rng):
    return np.argmax(np.log(p) + rng.gumbel(size=p.shape), 1)


def test_calibrated_resample_of_a_yes_or_no():
    p = np.full(1000, 0.3)

    def fraction(probability, outcome):
        return outcome.mean()

    band = calibrated_resample(fraction, p, resamples=2000)
    assert band.value == pytest.approx(0.3, abs=0.003)
    assert band.high - band.low == pytest.approx(4 * np.sqrt(0.21 / 1000), rel=0.1)
