import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import binom, binomtest, norm

from skysure.errors import InputError
from skysure.methods.calibration import (
    LEVELS,
    calibrated_band,
    coverage_by,
    coverage_curve,
    coverage_of,
    effective_size,
    pit,
    pit_hits,
    reliability_curve,
    uniformity,
    wilson_interval,
)
from skysure.methods.calibration.bins import bin_index, equal_count_edges
from skysure.methods.calibration.coverage import poisson_binomial

WILSON = json.loads((Path(__file__).parents[1] / "truths" / "wilson_intervals.json").read_text())


@pytest.mark.parametrize("row", WILSON["rows"], ids=lambda row: f"{row['hits']} of {row['n']}")
def test_wilson_intervals_are_the_published_ones(row):
    interval = wilson_interval(row["hits"], row["n"], WILSON["confidence"])
    assert interval == pytest.approx((row["low"], row["high"]), abs=5.1e-5)


@given(n=st.integers(1, 500), part=st.floats(0, 1), confidence=st.floats(0.1, 0.999))
def test_wilson_intervals_are_those_of_scipy(n, part, confidence):
    hits = round(part * n)
    ours = wilson_interval(hits, n, confidence)
    theirs = binomtest(hits, n).proportion_ci(confidence, "wilson")
    assert ours == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_poisson_binomial_is_the_binomial_where_all_are_alike():
    for n in (1, 2, 7, 1000):
        np.testing.assert_allclose(poisson_binomial(np.full(n, 0.3)), binom(n, 0.3).pmf(np.arange(n + 1)), atol=1e-13)


@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_poisson_binomial_is_the_convolution_of_its_trials(p):
    direct = np.ones(1)
    for q in p:
        direct = np.convolve(direct, [1 - q, q])
    np.testing.assert_allclose(poisson_binomial(np.array(p)), direct, atol=1e-13)


@given(n=st.integers(1, 3000), nominal=st.sampled_from(LEVELS), confidence=st.sampled_from([0.683, 0.955, 0.997]))
def test_the_band_holds_a_calibrated_coverage_and_is_no_wider_than_needed(n, nominal, confidence):
    low, high = (round(end * n) for end in calibrated_band(nominal, n, confidence))
    law, tail = binom(n, nominal), (1 - confidence) / 2
    assert law.cdf(high) - law.cdf(low - 1) >= confidence - 1e-9
    assert law.cdf(low) >= tail - 1e-9
    assert law.sf(high - 1) > tail - 1e-9
    assert calibrated_band(np.full(n, nominal), n, confidence) == pytest.approx((low / n, high / n), abs=1.01 / n)


def test_the_band_of_mixed_probabilities_is_narrower_than_the_binomial():
    p = np.r_[np.full(900, 0.99), np.full(100, 0.5)]
    shares = (np.random.default_rng(0).random((4000, 1000)) < p).mean(1)
    low, high = calibrated_band(p, 1000, 0.955)
    assert np.mean((shares >= low) & (shares <= high)) == pytest.approx(0.96, abs=0.015)
    wide = calibrated_band(float(p.mean()), 1000, 0.955)
    assert high - low < 0.85 * (wide[1] - wide[0])


def test_the_band_of_a_conformal_level_counts_the_calibration_objects():
    rng = np.random.default_rng(1)
    n, m = 200, 500
    bound = np.sort(rng.random((2000, n)))[:, int(np.ceil((n + 1) * 0.9)) - 1]
    actual = rng.binomial(m, bound) / m
    low, high = calibrated_band(0.9, m, 0.955, calibrated_on=n)
    assert np.mean((actual >= low) & (actual <= high)) == pytest.approx(0.958, abs=0.012)
    alone = calibrated_band(0.9, m, 0.955)
    assert np.mean((actual >= alone[0]) & (actual <= alone[1])) < 0.9
    assert calibrated_band(0.9, m, calibrated_on=5) == (1.0, 1.0)


def test_the_band_of_a_conformal_level_by_counting():
    # nine calibration scores bound 90 % by their largest: all of 91 new ones lie below with probability 9 / 100
    assert calibrated_band(0.9, 91, 0.81, calibrated_on=9)[1] == 90 / 91
    assert calibrated_band(0.9, 91, 0.83, calibrated_on=9)[1] == 1.0


def test_bins_of_a_column_share_the_rows_and_leave_out_what_is_missing():
    rng = np.random.default_rng(2)
    column = np.r_[rng.lognormal(size=1000), np.nan, np.inf]
    bins = coverage_by(column, np.ones(1002, bool), 0.9, bins=8)
    assert [b.coverage.n for b in bins] == [125] * 8
    assert bins[0].low == column[:1000].min()
    assert bins[-1].high == column[:1000].max()
    assert all(a.high < b.low for a, b in pairwise(bins))


@given(column=st.lists(st.integers(0, 6), min_size=1, max_size=60), bins=st.integers(1, 10))
def test_equal_values_share_a_bin_and_no_row_is_lost(column, bins):
    column = np.array(column, float)
    index = bin_index(column, equal_count_edges(column, bins))
    assert (index >= 0).all()
    assert len(np.unique(index)) <= bins
    for value in np.unique(column):
        assert len(np.unique(index[column == value])) == 1
    if len(np.unique(column)) <= bins:
        assert len(np.unique(index)) == len(np.unique(column))


def test_calibrated_bins_lie_inside_together_and_a_wrong_one_does_not():
    rng = np.random.default_rng(3)
    column = rng.random(2000)
    inside = [all(b.coverage.inside for b in coverage_by(column, rng.random(2000) < 0.9, 0.9)) for _ in range(200)]
    assert np.mean(inside) > 0.955 - 3 * np.sqrt(0.045 / 200)
    hits = rng.random(2000) < np.where(column > 0.9, 0.7, 0.9)
    verdicts = [b.coverage.inside for b in coverage_by(column, hits, 0.9)]
    assert verdicts == [True] * 9 + [False]


def test_records_are_plain_and_named_as_asked():
    bins = coverage_by(np.arange(100), np.arange(100) % 10 < 9, 0.9, bins=4)
    record = json.loads(json.dumps(bins[1].record()))
    assert record["n"] == 25
    assert record["wanted"] == 0.9
    assert record["coverage_low"] < record["coverage"] < record["coverage_high"]
    assert record["inside"] is True
    confidence = np.full(100, 0.8)
    record = coverage_by(np.arange(100), np.ones(100, bool), confidence)[0].record("accuracy", "confidence")
    assert (record["confidence"], record["accuracy"]) == (pytest.approx(0.8), 1.0)


def test_reliability_of_true_probabilities_lies_inside_and_of_overconfident_ones_does_not():
    rng = np.random.default_rng(4)
    p = rng.beta(0.5, 0.5, size=20_000)
    outcome = rng.random(20_000) < p
    for adaptive in (False, True):
        curve = reliability_curve(p, outcome, bins=10, adaptive=adaptive)
        assert all(curve["inside"])
        assert sum(curve["n"]) == 20_000
        odds = (p / (1 - p)) ** 1.5
        assert not all(reliability_curve(odds / (1 + odds), outcome, bins=10, adaptive=adaptive)["inside"])
    assert json.loads(json.dumps(curve)) == curve


def test_pit_of_a_mixture_finds_its_central_intervals():
    mean, std = np.array([0.0, 0.5, 6.0]), np.array([1.0, 0.3, 2.0])

    def cumulative(y):
        return norm.cdf(y, mean, std).mean()

    for level in LEVELS:
        low, high = (brentq(lambda y, q=q: cumulative(y) - q, -50, 50) for q in ((1 - level) / 2, (1 + level) / 2))
        truth = np.array([low - 1e-6, low + 1e-6, high - 1e-6, high + 1e-6])
        u = pit(np.repeat(mean[:, None], 4, 1), np.repeat(std[:, None], 4, 1), truth)
        assert pit_hits(u, level).tolist() == [False, True, True, False]


def test_uniformity_and_coverage_tell_a_calibrated_mixture_from_a_narrow_one():
    rng = np.random.default_rng(5)
    mean, std = rng.normal(size=(7, 5000)), rng.uniform(0.5, 2, size=(7, 5000))
    pick = rng.integers(7, size=5000)
    truth = mean[pick, np.arange(5000)] + std[pick, np.arange(5000)] * rng.normal(size=5000)
    right, narrow = pit(mean, std, truth), pit(mean, 0.6 * std, truth)
    assert uniformity(right)[1] > 0.01
    assert uniformity(narrow)[1] < 1e-6
    for u, verdict in ((right, True), (narrow, False)):
        curve = coverage_curve(np.stack([pit_hits(u, level) for level in LEVELS]))
        assert curve["inside"] == [verdict] * 3
        assert curve["n"] == 5000


def test_percentages_raise_an_error():
    for nominal in (68.3, -0.1, np.nan, np.array([0.5, 68.3])):
        with pytest.raises(InputError, match="between 0 and 1"):
            coverage_of(np.ones(2, bool), nominal)


def test_coverage_of_nothing_raises_an_error():
    with pytest.raises(InputError, match="no rows"):
        coverage_of(np.zeros(0, bool), 0.9)


def test_levels_set_group_by_group_vary_as_those_of_the_pooled_size():
    rng, rows, objects = np.random.default_rng(0), np.array([500, 300, 200, 0]), np.array([60, 200, 90, 0])
    levels = np.stack([rng.beta(0.9 * (m + 1), 0.1 * (m + 1), 100_000) for m in objects[:3]])
    mean = rows[:3] @ levels / rows.sum()
    size = effective_size(rows, objects)
    assert mean.var() * (size + 2) == pytest.approx(0.9 * 0.1, rel=0.03)  # of Beta(0.9 (m + 1), 0.1 (m + 1))
    assert effective_size(rows, np.array([60, 200, 0, 5])) is None
    assert effective_size(np.zeros(2, int), np.array([5, 5])) is None


def test_the_band_of_probabilities_that_were_set_on_few_objects():
    rng, inside, n, m = np.random.default_rng(2), {True: 0, False: 0}, 2000, 500
    for _ in range(400):
        odds = rng.normal(1.5, 1.5, n + m)
        true = rng.random(n + m) < 1 / (1 + np.exp(-odds))
        on = 1 / (1 + np.exp(-odds[:m]))
        shift = (true[:m].mean() - on.mean()) / np.mean(
            on * (1 - on)
        )  # one step of Newton to the intercept of m objects
        p = 1 / (1 + np.exp(-odds[m:] - shift))
        for corrected in inside:
            inside[corrected] += coverage_of(true[m:], p, calibrated_on=m if corrected else None).inside
    assert 0.93 <= inside[True] / 400 <= 0.985  # 95.5 %
    assert inside[False] / 400 < 0.75
    assert calibrated_band(np.full(100, 0.99), 100, calibrated_on=20)[1] == 1.0
