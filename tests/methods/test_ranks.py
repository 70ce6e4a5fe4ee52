import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare, norm

from skysure.errors import InputError
from skysure.methods.calibration import pit, pit_from_ranks, rank_histogram, ranks, uniformity


def test_ranks_count_the_draws_below_value_by_value():
    rng = np.random.default_rng(0)
    draws, truth = rng.normal(size=(7, 20, 3)), rng.normal(size=(20, 3))
    rank = ranks(draws, truth)
    for i in np.ndindex(20, 3):
        assert rank[i] == sum(d < truth[i] for d in draws[:, *i])


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), levels=st.integers(1, 4))
def test_ties_are_broken_evenly_and_by_the_seed_alone(seed, levels):
    """Draws and truth from one law, with few values: all ranks are equally likely, however many are equal."""
    rng = np.random.default_rng(seed)
    draws, truth = rng.integers(levels, size=(4, 5000)).astype(float), rng.integers(levels, size=5000).astype(float)
    rank = ranks(draws, truth, seed)
    assert np.array_equal(rank, ranks(draws, truth, seed))
    assert chisquare(np.bincount(rank, minlength=5)).pvalue > 1e-5
    below, equal = (draws < truth).sum(0), (draws == truth).sum(0)
    assert ((below <= rank) & (rank <= below + equal)).all()


def test_pit_from_ranks_of_many_draws_is_the_transform():
    rng = np.random.default_rng(1)
    mean, std = rng.normal(size=(1, 40)), rng.uniform(0.5, 2, size=(1, 40))
    truth = mean[0] + std[0] * rng.normal(size=40)
    draws = mean + std * rng.normal(size=(20_000, 40))
    np.testing.assert_allclose(pit_from_ranks(ranks(draws, truth), 20_000), pit(mean, std, truth), atol=0.02)


def conjugate(n, samples, rng, width=1.0, shift=0.0):
    """Normal prior and likelihood, whose posterior is known: N(x / 2, 1 / 2); and one that is off."""
    truth = rng.normal(size=n)
    x = truth + rng.normal(size=n)
    return x / 2 + shift + width * np.sqrt(0.5) * rng.normal(size=(samples, n)), truth


def test_ranks_among_other_draws_raise_an_error():
    for rank in (np.arange(100), np.array([-1]), np.array([], int)):
        with pytest.raises(InputError, match="ranks"):
            rank_histogram(rank, 50)
        with pytest.raises(InputError, match="ranks"):
            pit_from_ranks(rank, 50)


def test_ranks_of_a_posterior_are_uniform_and_its_histogram_lies_inside():
    rng = np.random.default_rng(2)
    draws, truth = conjugate(4000, 63, rng)
    rank = ranks(draws, truth)
    histogram = rank_histogram(rank, 63, bins=16)
    assert all(histogram["inside"])
    assert histogram["low"][:2] == [0, 4]
    assert histogram["high"][-1] == 63
    expected = chisquare(np.bincount(rank // 4, minlength=16))
    assert (histogram["statistic"], histogram["p_value"]) == pytest.approx((expected.statistic, expected.pvalue))
    assert json.loads(json.dumps(histogram)) == histogram


def test_p_values_of_a_posterior_are_themselves_uniform():
    rng = np.random.default_rng(6)
    p_values, inside = [], []
    for _ in range(150):
        draws, truth = conjugate(500, 31, rng)
        rank = ranks(draws, truth)
        histogram = rank_histogram(rank, 31, bins=8)
        p_values.append((histogram["p_value"], uniformity(pit_from_ranks(rank, 31))[1]))
        inside.append(all(histogram["inside"]))
    assert uniformity(np.array(p_values)[:, 0])[1] > 0.01
    assert uniformity(np.array(p_values)[:, 1])[1] > 0.01
    assert np.mean(inside) > 0.955 - 3 * np.sqrt(0.045 / 150)


@pytest.mark.parametrize(("width", "shift"), [(0.7, 0), (1.4, 0), (1, 0.3)], ids=["narrow", "wide", "off"])
def test_ranks_of_a_wrong_posterior_are_not(width, shift):
    draws, truth = conjugate(4000, 63, np.random.default_rng(3), width, shift)
    rank = ranks(draws, truth)
    histogram = rank_histogram(rank, 63)
    assert not all(histogram["inside"])
    assert histogram["p_value"] < 1e-6
    assert uniformity(pit_from_ranks(rank, 63))[1] < 1e-6
    outer = (histogram["count"][0] - histogram["expected"][0], histogram["count"][-1] - histogram["expected"][-1])
    if not shift:
        assert np.sign(outer).tolist() == [np.sign(1 - width)] * 2  # a valley where narrow, a hill where wide


def test_bins_that_do_not_divide_the_ranks_keep_their_share():
    rng = np.random.default_rng(4)
    inside = []
    for _ in range(200):
        histogram = rank_histogram(rng.integers(31, size=500), 30, bins=7)
        inside.append(all(histogram["inside"]))
    assert sum(histogram["expected"]) == pytest.approx(500)
    assert len(set(histogram["expected"])) == 2
    assert sum(histogram["count"]) == 500
    assert np.mean(inside) > 0.955 - 3 * np.sqrt(0.045 / 200)
    assert len(rank_histogram(np.array([0, 1, 2]), 2)["count"]) == 3


def test_the_law_of_ranks_under_a_known_width_is_that_of_the_transform():
    """Draws too narrow by a factor: the share of truths below all of them has a closed form for many draws."""
    rng = np.random.default_rng(5)
    truth, draws = rng.normal(size=20_000), 0.5 * rng.normal(size=(400, 20_000))
    u = pit_from_ranks(ranks(draws, truth), 400)
    for level in (0.1, 0.25, 0.4):
        assert (u < level).mean() == pytest.approx(norm.cdf(0.5 * norm.ppf(level)), abs=0.015)


def test_what_is_not_a_number_raises_an_error():
    with pytest.raises(InputError, match="NaN"):
        ranks(np.zeros((3, 2)), np.array([0.0, np.nan]))
