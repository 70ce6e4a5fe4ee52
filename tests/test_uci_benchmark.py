"""The pieces of the UCI benchmark that could flatter it: what is standardised by what, floor, loss and parts."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).parents[1]


@pytest.fixture
def uci(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import uci_networks
    import uci_splits

    return uci_splits, uci_networks


def table(rows=60):
    rng = np.random.default_rng(3)
    x = np.column_stack([rng.normal(5, 2, (rows, 3)), np.full(rows, 7.0)])
    return x, np.round(x[:, 0] + rng.normal(0, 1, rows))


def test_a_split_is_standardised_by_its_training_part_alone(uci):
    x, y = table()
    train, test = np.arange(50), np.arange(50, 60)
    splits = uci[0].stacked(x, y, [(train, test)])
    x[test], y[test] = 1e6, 1e6
    moved = uci[0].stacked(x, y, [(train, test)])
    assert torch.equal(splits.x, moved.x)
    assert torch.equal(splits.scale, moved.scale)
    assert not torch.equal(splits.new_y, moved.new_y)
    assert torch.allclose(splits.y.std(correction=0), torch.tensor(1.0))
    assert splits.x[0, :, 3].eq(0).all()  # a constant feature says nothing


def test_the_floor_is_what_rounding_makes(uci):
    x, y = table()
    splits = uci[0].stacked(x, y / 10, [(np.arange(50), np.arange(50, 60))])
    assert float(splits.floor * splits.scale) == pytest.approx(0.1 / np.sqrt(12), rel=1e-5)
    mean, std = uci[1].gaussian(torch.tensor([[[0.3, -200.0]]]), splits.floor)
    assert float(mean) == pytest.approx(0.3)
    assert float(std) == pytest.approx(float(splits.floor))


def test_the_rows_that_calibrate_are_not_trained_on(uci):
    seen, held = uci[1].parted(3, 101, seed=5)
    for mine, others in zip(seen, held, strict=True):
        assert sorted([*mine.tolist(), *others.tolist()]) == list(range(101))
    assert held.shape[1] == 20
    assert uci[1].parted(1, 7000, seed=5)[1].shape[1] == 500


def test_weighted_losses_are_the_likelihood_at_0_and_squared_errors_at_1(uci):
    torch.manual_seed(1)
    truth, std = torch.randn(1, 8), torch.rand(1, 8) + 0.5
    mean = torch.randn(1, 8, requires_grad=True)
    (plain,) = torch.autograd.grad(uci[1].beta_nll(mean, std, truth, 0.0).sum(), mean)
    (squares,) = torch.autograd.grad(uci[1].beta_nll(mean, std, truth, 1.0).sum(), mean)
    assert torch.allclose(plain, (mean - truth) / std**2 / 8)
    assert torch.allclose(squares, (mean - truth) / std.square().mean() / 8)


def test_scores_are_in_the_units_of_the_targets(uci):
    x, y = table()
    splits = uci[0].stacked(x, y, [(np.arange(50), np.arange(50, 60))])
    one = torch.ones(1, 1, 10)
    scores = uci[1].Predicted(0 * one, one).scores(splits)
    residual = y[50:] - y[:50].mean()
    density = -0.5 * (residual / y[:50].std()) ** 2 - np.log(y[:50].std() * np.sqrt(2 * np.pi))
    assert scores["log_likelihood"][0] == pytest.approx(density.mean(), rel=1e-5)
    assert scores["rmse"][0] == pytest.approx(np.sqrt((residual**2).mean()), rel=1e-5)
    assert scores["coverage_683"][0] == np.mean(np.abs(residual) < y[:50].std())


def test_published_results_are_those_of_twenty_splits_and_agree_with_their_table():
    published = json.loads((ROOT / "tests" / "truths" / "uci.json").read_text())["sets"]
    for of_set in published.values():
        for score, printed in of_set["ten_networks"].items():
            assert len(of_set[score]) == 20
            assert np.mean(of_set[score]) == pytest.approx(printed, abs=0.0071)  # 0.697 is printed as 0.69
