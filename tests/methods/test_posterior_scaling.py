from functools import cache

import numpy as np
import pytest
import torch
from scipy import stats

from skysure.errors import InputError
from skysure.methods.calibration import PosteriorScaling, pit_from_ranks, ranks, tarp, uniformity
from skysure.methods.calibration.rank_map import fit_slopes

VALUES = 4
COVARIANCE = np.cov(np.random.default_rng(7).normal(size=(VALUES, 9)))
ROOT = torch.linalg.cholesky(torch.as_tensor(COVARIANCE)).float()


def posterior(objects, draws, seed, *, scale=1.0, bias=0.0, correlated=True, tail=0):
    """Gaussian posteriors with a width of their own, and true values of the exact ones; `tail`: Student's t."""
    generator = torch.Generator().manual_seed(seed)
    mean = torch.randn(objects, VALUES, generator=generator)
    width = torch.exp(0.5 * torch.randn(objects, 1, generator=generator))
    noise = torch.randn(objects, VALUES, generator=generator)
    if tail:
        noise /= torch.randn(tail, objects, 1, generator=generator).square().mean(0).sqrt()
    truth = mean + width * noise @ ROOT.T
    std = ROOT.square().sum(1).sqrt()
    root = ROOT if correlated else torch.diag(std)
    claimed = scale * torch.randn(draws, objects, VALUES, generator=generator) @ root.T + bias * std
    return mean + width * claimed, truth


@cache
def calibrated(objects=8000, draws=60, **errors):
    """Calibration and test part, and the fitted module."""
    scaling = PosteriorScaling(VALUES).fit(*posterior(objects, draws, 1, **errors))
    return scaling, *posterior(2000, draws, 2, **errors)


def marginal_p_values(draws, truth):
    u = [pit_from_ranks(ranks(draws[..., k], truth[:, k]), len(draws)) for k in range(truth.shape[1])]
    return [uniformity(np.abs(2 * x - 1))[1] for x in u] + [uniformity(x)[1] for x in u]


ERRORS = {
    "overconfident": {"scale": 0.5},
    "underconfident": {"scale": 1.8},
    "biased": {"bias": 0.4},
    "uncorrelated": {"correlated": False},
    "all": {"scale": 0.7, "bias": -0.3, "correlated": False},
}


@pytest.mark.parametrize("errors", ERRORS.values(), ids=ERRORS)
def test_a_wrong_posterior_becomes_calibrated_value_by_value_and_jointly(errors):
    scaling, draws, truth = calibrated(**errors)
    if "correlated" not in errors:  # which 2,000 objects do not show
        assert uniformity(tarp(draws, truth))[1] < 1e-6
    after = scaling(draws)
    assert min(marginal_p_values(after, truth)) > 1e-3
    assert uniformity(tarp(after, truth))[1] > 0.01  # inside the band of 99 %
    exact = posterior(2000, 60, 2)[0]
    spread, target = (torch.cov((x - x.mean(0)).flatten(0, 1).T) for x in (after, exact))
    torch.testing.assert_close(spread, target, rtol=0.1, atol=0.1 * float(target.diagonal().min()))


def test_heavy_tails_become_calibrated_value_by_value():
    scaling, draws, truth = calibrated(scale=0.8, tail=4)
    assert min(marginal_p_values(draws, truth)) < 1e-6
    assert min(marginal_p_values(scaling(draws), truth)) > 1e-3


@pytest.mark.parametrize("draws", [12, 25, 100, 400])
@pytest.mark.parametrize("objects", [300, 4000])
def test_a_calibrated_posterior_stays_as_it_is_with_any_number_of_draws(objects, draws):
    scaling = PosteriorScaling(VALUES).fit(*posterior(objects, draws, 3))
    test, truth = posterior(500, draws, 4)
    after = scaling(test)
    shift, widening = (after.mean(0) - test.mean(0)) / test.std(0), after.std(0) / test.std(0) - 1
    assert shift.mean(0).abs().max() < 4 / objects**0.5
    assert widening.mean(0).abs().max() < 4 / objects**0.5
    assert min(marginal_p_values(after, truth)) > 1e-3
    if draws < 2 * VALUES + 4:
        assert scaling.overall.joint.is_identity()


def test_the_fit_nearly_holds_for_another_number_of_draws():
    scaling, _, _ = calibrated(scale=0.8)
    draws, truth = posterior(2000, 200, 5, scale=0.8)
    assert min(marginal_p_values(draws, truth)) < 1e-6
    assert min(marginal_p_values(scaling(draws), truth)) > 1e-3


def test_exact_gaussian_correction_is_recovered():
    """Draws half as wide and shifted by a half: the map of a Gaussian is the line 2 z − 1 in units of the draws."""
    draws, truth = posterior(8000, 100, 1, scale=0.5, bias=0.25)
    scaling = PosteriorScaling(VALUES).fit(draws, truth)
    test, _ = posterior(300, 100, 2, scale=0.5, bias=0.25)
    after = scaling(test)
    expected = test.mean(0) + 2 * (test - test.mean(0)) - 0.5 * test.std(0)
    difference = (after - expected) / test.std(0)
    assert difference.mean((0, 1)).abs().max() < 0.05
    assert difference.square().mean().sqrt() < 0.3


def test_outliers_do_not_widen_all_posteriors():
    draws, truth = posterior(5000, 60, 1)
    truth[::100] += 40.0
    after = PosteriorScaling(VALUES).fit(draws, truth)(draws)
    half = [torch.quantile(x, 0.84, dim=0) - torch.quantile(x, 0.16, dim=0) for x in (after, draws)]
    assert (half[0] / half[1]).mean() == pytest.approx(1, abs=0.05)


def test_ranks_and_so_the_copula_are_kept_by_a_rank_map():
    scaling, draws, _ = calibrated(scale=0.6)
    mapped = scaling.overall.first(draws[:, :50])
    assert torch.equal(mapped.argsort(0), draws[:, :50].argsort(0))


def test_missing_truth_and_draws_are_left_out_value_by_value():
    draws, truth = posterior(3000, 40, 1, scale=0.5)
    truth[:1500, 1] = torch.nan
    truth[:, 3] = torch.nan
    draws[3, 7, 2] = torch.nan
    scaling = PosteriorScaling(VALUES).fit(draws, truth)
    after = scaling(draws)
    assert after[:, 7, 2].isnan().all()
    assert after[:, 8:].isfinite().all()
    assert torch.equal(after[:, 8:, 3], draws[:, 8:, 3])
    assert (after[:, 8:, 1].std(0) / draws[:, 8:, 1].std(0)).mean() == pytest.approx(2, rel=0.1)
    assert torch.equal(scaling(draws[:, 8:]), after[:, 8:])


def test_bins_follow_a_column():
    """Twice too narrow where the column is small, twice too wide where it is large: right on average, wrong in both."""
    column = torch.linspace(0, 1, 6000)
    factor = torch.where(column < 0.5, 0.5, 2.0)[:, None]
    draws, truth = posterior(6000, 60, 1)
    draws = draws.mean(0) + factor * (draws - draws.mean(0))
    scaling = PosteriorScaling(VALUES, bins=2).fit(draws, truth, column)
    after = scaling(draws, column)
    for part in (column < 0.5, column >= 0.5):
        assert min(marginal_p_values(after[:, part], truth[part])) > 1e-3
    without = column.clone()
    without[:10] = torch.nan
    assert torch.equal(scaling(draws, without)[:, :10], scaling.overall(draws)[:, :10])
    with pytest.raises(InputError, match="no column"):
        scaling(draws)


def test_the_state_is_all_in_tensors():
    scaling, draws, _ = calibrated(scale=0.6)
    other = PosteriorScaling(VALUES)
    assert other.is_identity()
    assert torch.equal(other(draws), draws)
    other.load_state_dict(scaling.state_dict())
    assert torch.equal(other(draws), scaling(draws))
    assert torch.equal(scaling(draws[:, :100]), scaling(draws)[:, :100])
    torch.testing.assert_close(other.float()(draws), scaling(draws), rtol=1e-3, atol=1e-3)


def test_constant_draws_are_no_crash():
    draws, truth = posterior(2000, 40, 1, scale=0.7)
    draws[:, :10] = 1.0
    after = PosteriorScaling(VALUES).fit(draws, truth)(draws)
    assert after.isfinite().all()
    torch.testing.assert_close(after[:, :10], draws[:, :10])


@pytest.mark.parametrize(
    ("draws", "truth", "message"),
    [
        (torch.zeros(5, 30, VALUES), torch.zeros(30, VALUES), "5 draws"),
        (torch.zeros(50, 30, VALUES), torch.full((30, VALUES), torch.nan), "no true values"),
        (torch.zeros(50, 30, 3), torch.zeros(30, 3), "value"),
        (torch.zeros(50, 30, VALUES), torch.zeros(20, VALUES), "object"),
    ],
)
def test_wrong_arguments_are_named(draws, truth, message):
    with pytest.raises(InputError, match=message):
        PosteriorScaling(VALUES).fit(draws, truth)


def test_the_likelihood_of_ranks_is_that_of_counts():
    """Of ranks drawn from a Gaussian of another width, the fitted slope is that width, to its statistical error."""
    rng, size = np.random.default_rng(0), 50
    u = stats.norm.cdf(1.5 * rng.normal(size=40_000))
    rank = np.floor(u * (size + 1)).astype(int)
    counts = torch.as_tensor(np.bincount(rank, minlength=size + 1))[None]
    _, slopes, _ = fit_slopes(counts)
    assert slopes.mean() == pytest.approx(1 / 1.5, abs=0.02)


def test_julian_dates_are_calibrated_as_their_differences():
    draws, truth = (x.double() for x in posterior(3000, 40, 1, scale=0.6))
    offset = 2_460_000.5
    after = PosteriorScaling(VALUES).fit(draws + offset, truth + offset)(draws + offset)
    torch.testing.assert_close(after - offset, PosteriorScaling(VALUES).fit(draws, truth)(draws), rtol=0.01, atol=0.01)
