"""Scores of episodes against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, sem

from skysure.evaluation.episodes import central_band, proportion, score_return, score_success


def test_the_mean_return_has_its_standard_error() -> None:
    returns = np.random.default_rng(0).exponential(size=50)
    score = score_return(returns, label="Return", headline=True)
    assert (score.value, score.headline) == (pytest.approx(returns.mean()), True)
    assert [score.low, score.high] == pytest.approx([returns.mean() - sem(returns), returns.mean() + sem(returns)])
    assert score_return(returns[:1]).low is None


def test_the_share_of_successes() -> None:
    score = score_success(np.array([1.0, 5.0, 6.0, 9.0]), 5.0)
    assert (score.value, score.label, score.unit) == (75, "Returns of at least 5", "%")
    assert score.low < 75 < score.high


def test_the_band_holds_the_central_agents() -> None:
    returns = np.tile(norm.ppf((np.arange(9999) + 0.5) / 9999), (2, 1))
    band = central_band(returns)
    assert band["high"] == pytest.approx([norm.ppf(0.8415)] * 2, abs=1e-3)
    assert band["low"] == pytest.approx([-norm.ppf(0.8415)] * 2, abs=1e-3)
    assert band["mean"] == pytest.approx([0, 0], abs=1e-12)


def test_the_interval_of_a_share_covers_as_it_says() -> None:
    """Mean coverage of the interval over a uniform prior is its posterior probability, 68.3 %."""
    n, draws = 100, np.random.default_rng(0)
    truth = draws.beta(0.5, 0.5, size=4000)
    ends = np.array([proportion(hits, n)[1:] for hits in range(n + 1)])
    low, high = ends[draws.binomial(n, truth)].T
    assert abs(((low <= truth) & (truth <= high)).mean() - 0.683) < 0.06
    assert proportion(0, n)[1] == 0
    assert proportion(n, n)[2] == 1
