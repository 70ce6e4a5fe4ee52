import numpy as np
import pytest
import torch
from scipy.stats import betabinom

from skysure.errors import InputError
from skysure.methods.calibration import BinnedConformal, ConformalIntervals, ConformalSets, NestedBinnedConformal


def noisy_where_faint(n, rng):
    """Errors that grow with magnitude, which the predicted width does not know."""
    magnitude = rng.uniform(18, 24, n)
    truth = rng.normal(size=(n, 2)) * np.exp((magnitude[:, None] - 21) / 2)
    return torch.from_numpy(magnitude), torch.from_numpy(truth)


def test_each_bin_keeps_its_coverage_where_marginal_intervals_do_not():
    rng = np.random.default_rng(0)
    n, m, coverage, edges = 2000, 4000, 0.9, [18, 19.5, 21, 22.5, 24]
    hits, overall, counts = np.zeros(4), np.zeros(4), np.zeros(4)
    for _ in range(20):
        magnitude, truth = noisy_where_faint(n + m, rng)
        ours = BinnedConformal(bins=4, values=2).fit(magnitude[:n], truth[:n].abs())
        zeros, ones = torch.zeros(n + m, 2), torch.ones(n + m, 2)
        low, high = ConformalIntervals(2).fit(zeros[:n], ones[:n], truth[:n])(zeros[n:], ones[n:], coverage)
        inside = ours.contains(magnitude[n:], truth[n:].abs(), coverage).numpy()
        bin_index = np.digitize(magnitude[n:], edges) - 1
        hits += np.bincount(bin_index, inside[:, 0], minlength=4)
        overall += np.bincount(bin_index, ((low <= truth[n:]) & (truth[n:] <= high))[:, 0].numpy(), minlength=4)
        counts += np.bincount(bin_index, minlength=4)
    # a cut of the column is off the true quartile by a few per cent of a bin, where coverage leans
    np.testing.assert_allclose(hits / counts, coverage, atol=0.012)
    assert overall[3] / counts[3] < 0.75
    assert overall[0] / counts[0] > 0.99


def test_coverage_within_one_bin_is_the_law_of_split_conformal():
    rng = np.random.default_rng(1)
    n, m, coverage, hits = 20, 100, 0.8, []
    for _ in range(300):
        column, score = torch.arange(2.0).repeat(n), torch.from_numpy(rng.exponential(size=(2 * n, 1)))
        ours = BinnedConformal(bins=2).fit(column, score)
        hits.append(ours.contains(torch.ones(m), torch.from_numpy(rng.exponential(size=(m, 1))), coverage).sum().item())
    rank = np.ceil((n + 1) * coverage)
    law = betabinom(m, rank, n + 1 - rank)
    assert abs(np.mean(hits) - law.mean()) < 4 * law.std() / 300**0.5


def test_sets_by_bin_hold_the_truth_in_the_hard_bin_too():
    rng = np.random.default_rng(2)
    n = 4000
    snr = torch.from_numpy(rng.uniform(0, 1, 2 * n))
    truth = torch.from_numpy(rng.integers(3, size=2 * n))
    logits = torch.from_numpy(rng.normal(size=(2 * n, 3))) + 6 * snr[:, None] * torch.eye(3, dtype=torch.float64)[truth]
    p = logits.softmax(-1)
    score = 1 - p.gather(-1, truth[:, None])
    members = BinnedConformal(bins=5).fit(snr[:n], score[:n]).contains(snr[n:], 1 - p[n:], 0.9)
    marginal = ConformalSets(3).fit(p[:n], truth[:n]).contains(p[n:], 0.9)
    faint = snr[n:] < 0.2
    row = torch.arange(n)
    assert members[row, truth[n:]][faint].float().mean().item() == pytest.approx(0.9, abs=0.04)
    assert marginal[row, truth[n:]][faint].float().mean() < 0.8


def test_a_bin_with_too_few_objects_and_a_missing_column_take_the_bound_of_all():
    column = torch.tensor([0.0] * 100 + [1.0] * 9 + [torch.nan] * 2, dtype=torch.float64)
    score = torch.linspace(1, 2, 111)[:, None]
    ours = BinnedConformal(bins=2).fit(column, score)
    assert ours.counts.tolist() == [100, 9, 111]
    new = torch.tensor([0.0, 1.0, torch.nan])
    own = ours.bound(new, 0.9)[:, 0]
    overall = score.sort(0).values[int(np.ceil(112 * 0.9)) - 1, 0]
    # a hair wider than the scores themselves, see below
    assert own.tolist() == pytest.approx([score[90, 0].item(), score[108, 0].item(), overall.item()], rel=2e-6)
    assert ours.bound(new, 0.95)[1] == ours.bound(new, 0.95)[2]
    assert torch.isinf(ours.bound(new, 0.999)).all()
    assert torch.isinf(BinnedConformal(3).bound(new, 0.5)).all()


def test_a_bin_with_boundless_scores_has_its_own_bound():
    column, score = torch.arange(200.0), torch.ones(200, 1)
    score[150:] = torch.inf
    assert BinnedConformal(bins=2).fit(column, score).bound(column[[0, -1]], 0.7)[:, 0].tolist() == [
        pytest.approx(1, rel=2e-6),
        torch.inf,
    ]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("std", [1.0, 0.7, 0.3])
def test_intervals_keep_their_coverage_where_truths_repeat(std, dtype):
    rng = np.random.default_rng(5)
    for coverage in (0.5, 0.683, 0.9):
        truth = torch.from_numpy(1.1 + rng.poisson(3, size=(3000, 1)) - 3).to(dtype)
        mean, width = torch.full((3000, 1), 1.1, dtype=dtype), torch.full((3000, 1), std, dtype=dtype)
        low, high = ConformalIntervals(1).fit(mean, width, truth)(mean, width, coverage)
        by_bin = BinnedConformal(bins=1).fit(torch.zeros(3000), (truth - mean).abs() / width)
        assert ((low <= truth) & (truth <= high)).double().mean() >= coverage
        assert ((truth - mean).abs() <= by_bin.bound(torch.zeros(3000), coverage) * width).double().mean() >= coverage


def test_columns_keep_the_digits_of_dates():
    date = 2_460_000.5 + torch.arange(40, dtype=torch.float64) / 86400
    ours = BinnedConformal(bins=2).fit(date, (torch.arange(40) >= 20).float()[:, None])
    assert ours.counts.tolist() == [20, 20, 40]
    assert ours.bound(date[[19, 20]], 0.5)[:, 0].tolist() == pytest.approx([0.0, 1.0], rel=2e-6)


def test_scores_that_are_missing_raise_an_error():
    for score in (torch.zeros(0, 1), torch.tensor([[torch.nan]])):
        with pytest.raises(InputError, match="score"):
            BinnedConformal(2).fit(torch.zeros(len(score)), score)
    with pytest.raises(InputError, match="of 1 value,"):
        BinnedConformal(2).fit(torch.zeros(3), torch.zeros(3, 2))


def test_bins_of_two_columns_keep_their_coverage_each():
    rng = np.random.default_rng(7)
    hits, counts, single_hits = np.zeros(6), np.zeros(6), np.zeros(6)
    for _ in range(20):
        columns = torch.from_numpy(rng.uniform(size=(5000, 2)))
        score = torch.from_numpy(rng.exponential(size=(5000, 1))) * (1 + 3 * columns[:, :1]) * (1 + 5 * columns[:, 1:])
        nested = NestedBinnedConformal(3, 2).fit(columns[:1200], score[:1200])
        single = BinnedConformal(3).fit(columns[:1200, 0], score[:1200])
        new, fresh = columns[1200:], score[1200:]
        bin_index = ((new[:, 0] * 3).long() * 2 + (new[:, 1] > 0.5).long()).numpy()
        hits += np.bincount(bin_index, nested.contains(new, fresh, 0.8)[:, 0].numpy(), minlength=6)
        single_hits += np.bincount(bin_index, single.contains(new[:, 0], fresh, 0.8)[:, 0].numpy(), minlength=6)
        counts += np.bincount(bin_index, minlength=6)
        assert torch.equal(nested.counts.view(4, 3)[:, 2], torch.tensor([400, 400, 400, 1200]))
    np.testing.assert_allclose(hits / counts, 0.8, atol=0.025)
    assert np.ptp(single_hits / counts) > 0.15


def test_where_two_columns_leave_too_few_the_first_decides_and_then_all():
    columns = torch.stack([torch.arange(24.0), torch.arange(24.0) % 4], 1)
    score = columns[:, :1].clone()
    nested, single = NestedBinnedConformal(2, 2).fit(columns, score), BinnedConformal(2).fit(columns[:, 0], score)
    new = torch.tensor([[3.0, 1.0], [20.0, 3.0], [20.0, torch.nan], [torch.nan, 1.0]])
    for coverage in (0.5, 0.9, 0.95):  # six objects in a bin of both columns, twelve in one of the first
        few = coverage > 0.8
        assert torch.equal(nested.bound(new, coverage)[2:3], single.bound(new[2:3, 0], coverage))
        assert torch.equal(nested.bound(new, coverage)[:2], single.bound(new[:2, 0], coverage)) == few
    assert nested.bound(new, 0.97).isinf().all()
    assert nested.bin_of(new).tolist() == [0, 4, 5, 6]
    assert NestedBinnedConformal(2, 2).bound(new, 0.5).isinf().all()
