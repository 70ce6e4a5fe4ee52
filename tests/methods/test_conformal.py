from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betabinom, chi2, norm

from skysure.errors import InputError
from skysure.methods.calibration import ConformalIntervals, ConformalSets, level_index, quantile_table


def overconfident(n, rng, frequency=(0.6, 0.3, 0.1)):
    """Probabilities of three classes, far too sure of themselves, the rarest the hardest; and the truth."""
    truth = rng.choice(3, size=n, p=frequency)
    logits = rng.normal(size=(n, 3)) + np.array([2.0, 1.5, 0.5])[truth][:, None] * np.eye(3)[truth]
    return torch.from_numpy(logits * 4).softmax(-1), torch.from_numpy(truth)


@given(scores=st.lists(st.floats(0, 1, width=32), min_size=0, max_size=40), step=st.integers(1, 1000))
def test_thresholds_are_the_exact_order_statistics(scores, step):
    n = len(scores)
    bound = quantile_table(torch.tensor(scores, dtype=torch.float32))[step].item()
    below = sum(s <= bound for s in scores)
    if np.isinf(bound):
        assert n * 1000 < (n + 1) * step
    else:
        assert below * 1000 >= (n + 1) * step
        assert sum(s < bound for s in scores) * 1000 < (n + 1) * step


def test_coverages_are_rounded_up_to_thousandths():
    for i in range(1001):
        assert level_index(i / 1000) == i
    assert level_index(0.6827) == 683
    with pytest.raises(InputError, match=r"0\.9"):
        level_index(90.0)


@pytest.mark.parametrize("coverage", [0.683, 0.9])
def test_coverage_over_200_splits_is_the_law_of_split_conformal(coverage):
    rng = np.random.default_rng(0)
    n, m, splits = 500, 1000, 200
    hits = np.empty(splits)
    for i in range(splits):
        probability, truth = overconfident(n + m, rng)
        sets = ConformalSets(3).fit(probability[:n], truth[:n]).contains(probability[n:], coverage)
        hits[i] = sets[torch.arange(m), truth[n:]].sum()
    rank = np.ceil((n + 1) * coverage)
    law = betabinom(m, rank, n + 1 - rank)
    assert abs(hits.mean() - law.mean()) < 4 * law.std() / np.sqrt(splits)
    spread = (splits - 1) * hits.var(ddof=1) / law.var()
    assert chi2(splits - 1).cdf(spread) == pytest.approx(0.5, abs=0.4999)


def test_conditional_sets_cover_each_class_where_marginal_ones_do_not():
    rng = np.random.default_rng(1)
    n, splits, coverage = 1000, 100, 0.9
    hits, counts = np.zeros((2, 3)), np.zeros(3)
    for _ in range(splits):
        probability, truth = overconfident(2 * n, rng)
        sets = ConformalSets(3).fit(probability[:n], truth[:n])
        for kind in (0, 1):
            members = sets.contains(probability[n:], coverage, conditional=bool(kind))
            inside = members[torch.arange(n), truth[n:]].numpy()
            hits[kind] += np.bincount(truth[n:], weights=inside, minlength=3)
        counts += np.bincount(truth[n:], minlength=3)
    marginal, conditional = hits / counts
    # both parts add their noise, and whole ranks round up by at most one object of the class
    sd = np.sqrt(0.09 * (1 / counts + 1 / (splits * n * np.array([0.6, 0.3, 0.1]))))
    rounding = 1 / (n * np.array([0.6, 0.3, 0.1]))
    assert (conditional > coverage - 4 * sd).all()
    assert (conditional < coverage + 4 * sd + rounding).all()
    assert marginal[2] < 0.75
    assert marginal[0] > 0.93


def test_sets_grow_with_coverage_and_may_be_empty():
    probability, truth = overconfident(300, np.random.default_rng(2))
    sets = ConformalSets(3).fit(probability, truth)
    for low, high in combinations((0.0, 0.2, 0.5, 0.9, 0.99, 1.0), 2):
        assert (sets.contains(probability, low) <= sets.contains(probability, high)).all()
    assert not sets.contains(probability, 0.0).any()
    assert sets.contains(probability, 1.0).all()
    disagreement = torch.tensor([[0.4, 0.3, 0.3]])
    assert not sets.contains(disagreement, 0.5).any()


def test_the_bounding_object_is_a_member_whatever_the_type():
    probability, truth = overconfident(9, np.random.default_rng(3))
    for fitted_on in (probability, probability.float()):
        sets = ConformalSets(3).fit(fitted_on, truth)
        for other in (probability.float(), fitted_on):
            assert sets.contains(other, 0.9)[torch.arange(9), truth].all()


def test_a_class_without_calibration_objects_cannot_be_excluded():
    probability = torch.tensor([[0.9, 0.1, 0.0]] * 50)
    sets = ConformalSets(3).fit(probability, torch.zeros(50, dtype=torch.int64))
    assert sets.contains(probability, 0.9, conditional=True)[0].tolist() == [True, True, True]
    assert sets.contains(probability, 0.9)[0].tolist() == [True, False, False]
    assert sets.contains(probability, 0.99).all(), "50 objects cannot bound 99 %"
    assert sets.counts.tolist() == [50, 0, 0]


@given(seed=st.integers(0, 10**6), coverage=st.floats(0.05, 0.95))
def test_unfitted_sets_are_the_smallest_that_add_up(seed, coverage):
    p = torch.from_numpy(np.random.default_rng(seed).dirichlet(np.ones(4), size=1))
    members = ConformalSets(4).contains(p, coverage)[0]
    sizes = [r for r in range(1, 5) for c in combinations(range(4), r) if p[0, list(c)].sum() >= coverage]
    assert int(members.sum()) == min(sizes)
    assert p[0, members].sum() >= coverage - 1e-12


def test_intervals_hold_errors_that_are_not_gaussian():
    rng = np.random.default_rng(4)
    n, m = 4000, 20_000
    std = rng.uniform(0.5, 2, size=(n + m, 2))
    truth = 5 + std * np.stack([rng.standard_t(3, n + m), 0.3 * rng.uniform(-1, 1, n + m)], 1)
    mean, std, truth = torch.full((n + m, 2), 5.0), torch.from_numpy(std), torch.from_numpy(truth)
    intervals = ConformalIntervals(2).fit(mean[:n], std[:n], truth[:n])
    for coverage in (0.683, 0.955, 0.997):
        low, high = intervals(mean[n:], std[n:], coverage)
        hits = ((truth[n:] >= low) & (truth[n:] <= high)).sum(0).numpy()
        rank = np.ceil((n + 1) * coverage)
        ends = betabinom(m, rank, n + 1 - rank).ppf([1e-4, 1 - 1e-4])
        assert (ends[0] <= hits).all()
        assert (hits <= ends[1]).all()
    assert torch.isinf(ConformalIntervals(2).fit(mean[:99], std[:99], truth[:99]).factor(0.995)).all()


def test_unfitted_intervals_are_gaussian():
    for coverage in (0.0, 0.683, 0.955, 0.997):
        assert ConformalIntervals(1).factor(coverage).item() == pytest.approx(norm.ppf((1 + coverage) / 2), abs=1e-5)


def test_bad_calibration_parts_raise_errors():
    p, truth = torch.full((4, 2), 0.5), torch.tensor([0, 1, 0, 1])
    for bad_p, bad_truth in ((p[:0], truth[:0]), (p, truth + 1), (p, truth - 1)):
        with pytest.raises(InputError):
            ConformalSets(2).fit(bad_p, bad_truth)
    with pytest.raises(InputError, match="NaN"):
        ConformalSets(2).fit(p * torch.nan, truth)
    with pytest.raises(InputError, match="3 classes"):
        ConformalSets(3).fit(p, truth)
    with pytest.raises(InputError, match="no residuals"):
        ConformalIntervals(2).fit(p[:0], p[:0], p[:0])
    with pytest.raises(InputError, match="finite"):
        ConformalIntervals(2).fit(p, p, p * torch.nan)
