import json
from functools import partial

import numpy as np
import pytest

from skysure.errors import InputError
from skysure.methods.calibration import (
    accuracy,
    adaptive_ece,
    auc,
    aurc,
    binary_brier,
    binary_ece,
    brier,
    calibrated_resample,
    classwise_ece,
    completeness,
    crps,
    ece,
    excess_aurc,
    figure_of_merit,
    gaussian_mixture_nll,
    interval_score,
    nll,
    purity,
    score_by,
    with_interval,
)


def draw(n, classes, rng):
    p = rng.dirichlet(np.full(classes, 0.5), size=n)
    return p, (rng.random(n)[:, None] >= np.cumsum(p, 1)[:, :-1]).sum(1)


def test_the_bootstrap_of_a_fraction_is_the_binomial():
    n, hits = 2000, 1700
    p, y = np.tile([0.9, 0.1], (n, 1)), (np.arange(n) >= hits).astype(int)
    interval = with_interval(accuracy, p, y, resamples=4000)
    sd = np.sqrt(0.85 * 0.15 / n)
    assert interval.value == 0.85
    assert interval.high - interval.low == pytest.approx(2 * sd, rel=0.05)
    wide = with_interval(accuracy, p, y, resamples=4000, level=0.955)
    assert wide.high - wide.low == pytest.approx(4 * sd, rel=0.05)


def test_the_bootstrap_of_a_mean_is_its_standard_error():
    p, y = draw(3000, 3, np.random.default_rng(0))
    terms = -np.log(p[np.arange(3000), y])
    interval = with_interval(nll, p, y, resamples=3000)
    assert (interval.high - interval.low) / 2 == pytest.approx(terms.std() / np.sqrt(3000), rel=0.06)


def test_the_bootstrap_of_auc_is_that_of_hanley_and_mcneil():
    rng = np.random.default_rng(1)
    positive = np.arange(2000) < 500
    score = rng.exponential(size=2000) * np.where(positive, 3.0, 1.0)
    interval = with_interval(auc, score, positive)
    a = 0.75  # exponentials of rates 1 and 1/3
    first, second = a / (2 - a), 2 * a**2 / (1 + a)
    variance = (a * (1 - a) + 499 * (first - a**2) + 1499 * (second - a**2)) / (500 * 1500)
    assert interval.value == pytest.approx(a, abs=4 * np.sqrt(variance))
    assert (interval.high - interval.low) / 2 == pytest.approx(np.sqrt(variance), rel=0.1)


def every_score():
    rng = np.random.default_rng(7)
    n = 300
    p, y = draw(n, 3, rng)
    mean, std, truth = rng.normal(size=(4, n)), rng.uniform(0.5, 2, size=(4, n)), 2 * rng.normal(size=n)
    share = rng.dirichlet(np.ones(4), size=n).T
    yield from ((score, (p, y)) for score in (nll, brier, accuracy, ece, adaptive_ece, classwise_ece))
    yield from ((score, (p[:, 0], y == 0)) for score in (binary_brier, binary_ece, auc))
    yield from ((score, (p[:, 0] > 0.4, y == 0)) for score in (purity, completeness, figure_of_merit))
    yield from ((score, (p.max(1), p.argmax(1) != y)) for score in (aurc, excess_aurc))
    yield from ((partial(score, share=share), (mean, std, truth)) for score in (crps, gaussian_mixture_nll))
    yield partial(interval_score, coverage=0.683), (mean[0] - std[0], mean[0] + std[0], truth)


@pytest.mark.parametrize(("score", "arrays"), list(every_score()), ids=lambda x: getattr(x, "__name__", None))
def test_every_score_has_an_interval_that_shrinks_with_rows(score, arrays):
    interval = with_interval(score, *arrays, resamples=100)
    assert interval.low < interval.value < interval.high
    if not isinstance(score, partial):
        wide = with_interval(score, *(a[:75] for a in arrays), resamples=100)
        assert interval.high - interval.low < wide.high - wide.low


def test_ece_by_bin_lies_inside_where_calibrated_and_outside_in_the_bin_that_is_not():
    rng = np.random.default_rng(8)
    p, y = draw(1600, 3, rng)
    snr = rng.uniform(size=1600)
    faint = snr < 0.25
    sure = np.where(faint[:, None], p**3 / (p**3).sum(1, keepdims=True), p)
    for probability, verdict in ((p, [True] * 4), (sure, [False, True, True, True])):
        bins = score_by(snr, ece, probability, y, bins=4, resamples=300)
        assert [b["inside"] for b in bins] == verdict
        assert [b["n"] for b in bins] == [400] * 4
        assert all(b["value_low"] <= b["value"] <= b["value_high"] for b in bins)
    small = score_by(snr[:80], ece, p[:80], y[:80], bins=2, resamples=300)
    assert all(b["inside"] for b in small)
    assert max(b["value"] for b in small) > 0.05, "chance alone: a threshold would condemn it"
    assert json.loads(json.dumps(bins)) == bins
    gap = np.r_[snr[:-1], np.nan]
    assert sum(b["n"] for b in score_by(gap, ece, p, y, bins=4, resamples=10)) == 1599


def test_calibrated_bins_lie_inside_together_as_often_as_said():
    rng = np.random.default_rng(9)
    inside = []
    for i in range(40):
        p = rng.uniform(size=100)
        bins = score_by(rng.uniform(size=100), binary_ece, p, rng.uniform(size=100) < p, bins=2, resamples=100, seed=i)
        inside.append(all(b["inside"] for b in bins))
    assert np.mean(inside) > 0.955 - 3 * np.sqrt(0.045 / 40)


def test_intervals_hold_the_value_and_do_not_depend_on_blocks_of_work():
    p, y = draw(1000, 4, np.random.default_rng(2))
    for score in (ece, partial(ece, bins=30)):
        interval = with_interval(score, p, y, resamples=300)
        assert interval.low <= interval.value <= interval.high
        assert interval == with_interval(score, p, y, resamples=300)
        assert interval != with_interval(score, p, y, resamples=300, seed=1)


def test_intervals_cover_as_often_as_they_say():
    rng = np.random.default_rng(3)
    inside = []
    for i in range(200):
        right = (rng.random(400) >= 0.8).astype(int)
        interval = with_interval(accuracy, np.tile([1.0, 0.0], (400, 1)), right, resamples=200, seed=i)
        inside.append(interval.low <= 0.8 <= interval.high)
    assert np.mean(inside) == pytest.approx(0.683, abs=4 * np.sqrt(0.683 * 0.317 / 200))


def test_a_score_that_is_not_a_number_has_no_interval():
    interval = with_interval(auc, np.arange(5.0), np.ones(5, bool), resamples=10)
    assert np.isnan([interval.value, interval.low, interval.high]).all()


def test_calibrated_labels_score_as_calibrated_ones_do():
    rng = np.random.default_rng(4)
    p, y = draw(2000, 3, rng)
    band = calibrated_resample(ece, p)
    inside = [band.low <= ece(p, drawn_again) <= band.high for drawn_again in (relabel(p, rng) for _ in range(200))]
    assert np.mean(inside) == pytest.approx(0.955, abs=0.06)
    assert band.value > 0.003
    overconfident = p**2 / (p**2).sum(1, keepdims=True)
    assert ece(overconfident, y) > calibrated_resample(ece, overconfident).high


def relabel(p, rng):
    return np.argmax(np.log(p) + rng.gumbel(size=p.shape), 1)


def test_bands_hold_what_they_say_however_few_the_draws():
    """A band between the ends of 50 draws would leave out 4 % of calibrated scores, instead of the nominal 2 %."""
    rng = np.random.default_rng(10)
    p, outside = rng.uniform(size=20), 0
    for seed in range(800):
        band = calibrated_resample(binary_brier, p, resamples=50, level=0.98, seed=seed)
        outside += not band.low <= binary_brier(p, rng.uniform(size=20) < p) <= band.high
    assert 0 < outside <= 800 * 0.02 + 3 * np.sqrt(800 * 0.02)


def test_scores_of_nothing_raise_errors():
    with pytest.raises(InputError, match="no rows"):
        with_interval(accuracy, np.zeros((0, 3)), np.zeros(0, int))
    with pytest.raises(InputError, match="column"):
        score_by(np.full(4, np.nan), ece, np.full((4, 2), 0.5), np.zeros(4, int))


def test_calibrated_resample_of_a_yes_or_no():
    p = np.full(1000, 0.3)

    def fraction(probability, outcome):
        return outcome.mean()

    band = calibrated_resample(fraction, p, resamples=2000)
    assert band.value == pytest.approx(0.3, abs=0.003)
    assert band.high - band.low == pytest.approx(4 * np.sqrt(0.21 / 1000), rel=0.1)
