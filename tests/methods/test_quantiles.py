import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import betabinom, norm, skewnorm

from skysure.errors import InputError
from skysure.methods.calibration import QuantileScaling, coverage_of, mixture_quantile, pit, pit_hits, uniformity
from skysure.methods.calibration.quantiles import log_odds


def tensors(*arrays):
    return tuple(torch.from_numpy(np.asarray(a)) for a in arrays)


def mixture(rng, samples, rows, values):
    mean, std = 3 * rng.normal(size=(samples, rows, values)), rng.uniform(0.1, 2, size=(samples, rows, values))
    share = rng.dirichlet(np.ones(samples), size=(rows, values)).transpose(2, 0, 1)
    return mean, std, share


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), samples=st.integers(1, 6), level=st.floats(1e-6, 1 - 1e-6))
def test_quantiles_of_a_mixture_are_the_roots_of_its_distribution(seed, samples, level):
    mean, std, share = mixture(np.random.default_rng(seed), samples, 2, 2)
    odds = torch.full((2,), np.log(level / (1 - level)), dtype=torch.float64)
    quantiles = mixture_quantile(*tensors(mean, std), odds, torch.from_numpy(share)).numpy()
    for i in np.ndindex(2, 2):
        m, s, w = (x[:, *i] for x in (mean, std, share))
        expected = brentq(lambda y, m=m, s=s, w=w: w @ norm.cdf(y, m, s) - level, -60, 60, xtol=1e-13)
        assert quantiles[i] == pytest.approx(expected, abs=1e-8 / min(level, 1 - level) ** 0.5)


def test_quantiles_of_one_gaussian_far_out_and_of_dates():
    z = np.array([-30.0, -8, -1, 0, 1, 8, 30])
    odds = torch.from_numpy(norm.logcdf(z) - norm.logsf(z))
    quantiles = mixture_quantile(*tensors(np.full((3, 1, 7), 2_460_000.5), np.full((3, 1, 7), 0.01)), odds)
    np.testing.assert_allclose((quantiles[0] - 2_460_000.5) / 0.01, z, atol=2e-7)
    near = mixture_quantile(*tensors(np.zeros((3, 1, 7)), np.ones((3, 1, 7))), odds)
    np.testing.assert_allclose(near[0], z, atol=1e-12)
    ends = mixture_quantile(torch.zeros(1, 4, 1), torch.ones(1, 4, 1), torch.tensor([torch.inf]))
    assert (ends == torch.inf).all()


def test_log_odds_keep_their_digits_in_both_tails_and_are_those_of_pit():
    rng = np.random.default_rng(0)
    mean, std, share = mixture(rng, 4, 50, 1)
    truth = 2 * rng.normal(size=(50, 1))
    odds = log_odds(*tensors(mean, std, truth, share)).numpy()
    np.testing.assert_allclose(1 / (1 + np.exp(-odds)), pit(mean, std, truth, share), rtol=1e-10)
    far = log_odds(*tensors(np.zeros((2, 2, 1)), np.ones((2, 2, 1)), np.array([[-20.0], [20.0]])))
    assert far[:, 0].tolist() == pytest.approx([norm.logcdf(-20), -norm.logcdf(-20)])


def test_unfitted_it_takes_the_distribution_at_its_word():
    rng = np.random.default_rng(1)
    mean, std, _ = tensors(*mixture(rng, 3, 20, 2))
    for coverage in (0.1, 0.683, 0.955):
        low, high = QuantileScaling(2)(mean, std, coverage)
        truth = torch.cat([low + 1e-3, low - 1e-3, high + 1e-3, high - 1e-3])
        hits = pit_hits(pit(mean.repeat(1, 4, 1).numpy(), std.repeat(1, 4, 1).numpy(), truth.numpy()), coverage)
        assert hits.reshape(4, 40).all(1).tolist() == [True, False, False, True]
        assert hits.reshape(4, 40).any(1).tolist() == [True, False, False, True]
    assert torch.isinf(torch.stack(QuantileScaling(2)(mean, std, 1.0))).all()
    truth = torch.from_numpy(rng.normal(size=(20, 2)))
    u = QuantileScaling(2).transform(mean, std, truth).numpy()
    np.testing.assert_allclose(u, pit(mean.numpy(), std.numpy(), truth.numpy()), atol=1.01 / 4000)


def skewed(rng, n):
    """Predictions that are too wide, off to one side, and blind to the skewness of the truth."""
    mean = rng.normal(size=(3, n, 1)) * 0.1 + rng.normal(size=(1, n, 1))
    truth = mean.mean(0) + 0.5 + skewnorm.rvs(6, size=(n, 1), random_state=rng)
    return tensors(mean, np.full((3, n, 1), 2.0), truth)


@pytest.mark.parametrize("n", [30, 501])
def test_coverage_over_many_splits_is_the_law_of_split_conformal(n):
    rng = np.random.default_rng(2)
    coverage, m, splits, hits, inside = 0.683, 200, 80, [], []
    for _ in range(splits):
        mean, std, truth = skewed(rng, n + m)
        scaling = QuantileScaling(1).fit(mean[:, :n], std[:, :n], truth[:n])
        low, high = scaling(mean[:, n:], std[:, n:], coverage)
        contained = ((low <= truth[n:]) & (truth[n:] <= high)).numpy()
        hits.append(contained.sum())
        u = scaling.transform(mean[:, n:], std[:, n:], truth[n:]).numpy()
        inside.append((pit_hits(u, coverage) == contained).mean())
    ranks = np.ceil((n + 1) * (1 + coverage) / 2 - 1e-9) - np.floor((n + 1) * (1 - coverage) / 2 + 1e-9)
    law = betabinom(m, ranks, n + 1 - ranks)
    assert law.mean() / m >= coverage
    assert abs(np.mean(hits) - law.mean()) < 4 * law.std() / splits**0.5
    assert np.mean(inside) == 1


def test_it_mends_bias_and_skewness_that_a_factor_cannot():
    rng = np.random.default_rng(4)
    mean, std, truth = skewed(rng, 8000)
    scaling = QuantileScaling(1).fit(mean[:, :4000], std[:, :4000], truth[:4000])
    new = mean[:, 4000:], std[:, 4000:], truth[4000:]
    assert uniformity(pit(*(x.numpy() for x in new)).ravel())[1] < 1e-6
    assert uniformity(scaling.transform(*new).numpy().ravel())[1] > 0.01
    for coverage in (0.1, 0.5, 0.683, 0.9, 0.955):
        low, high = scaling(*new[:2], coverage)
        below, above = (new[2] < low).numpy(), (new[2] > high).numpy()
        assert coverage_of(~(below | above).ravel(), coverage, calibrated_on=4000).inside
        tail = 4 * np.sqrt((1 - coverage) / 2 * (1 + coverage) / 2 / 2000)
        assert (below.mean(), above.mean()) == pytest.approx(((1 - coverage) / 2,) * 2, abs=tail)


def test_few_objects_bound_nothing_and_wild_ones_stay_finite():
    mean, std = torch.zeros(1, 9, 1), torch.ones(1, 9, 1)
    scaling = QuantileScaling(1).fit(mean, std, torch.linspace(-40, 40, 9)[:, None])
    low, high = scaling(mean, std, 0.8)
    assert (low[0].item(), high[0].item()) == pytest.approx((-40, 40), rel=1e-6)
    low, high = scaling(mean, std, 0.801)
    assert torch.isinf(low).all()
    assert torch.isinf(high).all()
    low, high = scaling(mean, std, 0.0)
    assert low[0].item() == pytest.approx(0, abs=1e-6)
    assert torch.allclose(low, high, rtol=0, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("std", [1.0, 0.7, 0.3])
def test_coverage_is_kept_where_truths_repeat(std, dtype):
    rng = np.random.default_rng(5)
    for offset in (1.1, 60_000.0):
        truth = torch.from_numpy(offset + rng.poisson(3, size=(3000, 1)) - 3).to(dtype)
        mean, width = torch.full((2, 3000, 1), offset, dtype=dtype), torch.full((2, 3000, 1), std, dtype=dtype)
        scaling = QuantileScaling(1).fit(mean, width, truth)
        for coverage in (0.1, 0.5, 0.683, 0.9):
            low, high = scaling(mean, width, coverage)
            assert ((low <= truth) & (truth <= high)).double().mean() >= coverage


def test_a_calibration_part_without_truths_raises_an_error():
    mean, std = torch.zeros(1, 2, 1), torch.ones(1, 2, 1)
    for truth in (torch.zeros(0, 1), torch.full((2, 1), torch.nan)):
        with pytest.raises(InputError, match="true values"):
            QuantileScaling(1).fit(mean[:, : len(truth)], std[:, : len(truth)], truth)
