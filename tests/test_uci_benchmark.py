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
    train, held_out = uci[1].parted(3, 101, seed=5)
    for train_rows, held_out_rows in zip(train, held_out, strict=True):
        assert sorted([*train_rows.tolist(), *held_out_rows.tolist()]) == list(range(101))
    assert held_out.shape[1] == 20
    assert uci[1].parted(1, 7000, seed=5)[1].shape[1] == 500


def test_every_network_leaves_out_a_fifth_of_its_own(uci):
    train, held_out = uci[1].folds(2, 101, seed=5)
    assert len(train) == len(held_out) == 2 * uci[1].NETWORKS
    for train_rows, held_out_rows in zip(train, held_out, strict=True):
        assert sorted([*train_rows.tolist(), *held_out_rows.tolist()]) == list(range(101))
    assert all(len(set(held_out[k::2].flatten().tolist())) == held_out[k::2].numel() for k in (0, 1))


def test_steps_grow_with_the_rows_and_stay_as_they_were_on_small_sets(uci):
    steps = [uci[1].steps_for(rows) for rows in (277, 455, 1439, 7373, 8611, 10741, 41157)]
    assert steps == sorted(steps)
    assert steps[:4] == [2000] * 4
    assert steps[-1] * uci[1].BATCH >= 15 * 41157  # 15 epochs, where 2000 steps are 3


def test_the_best_state_of_each_network_is_kept(uci):
    networks, best = torch.nn.Linear(1, 3), uci[1].Best(3)
    for value, losses in ((1.0, [1.0, 5.0, 3.0]), (2.0, [2.0, 4.0, 3.0]), (3.0, [0.5, 9.0, 9.0])):
        torch.nn.init.constant_(networks.bias, value)
        best.keep(networks, torch.tensor(losses))
    assert best.tensors["bias"].tolist() == [3.0, 2.0, 1.0]


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
    ones = torch.ones(1, 1, 10)
    scores = uci[1].Predicted(0 * ones, ones).scores(splits)
    residual = y[50:] - y[:50].mean()
    density = -0.5 * (residual / y[:50].std()) ** 2 - np.log(y[:50].std() * np.sqrt(2 * np.pi))
    assert scores["log_likelihood"][0] == pytest.approx(density.mean(), rel=1e-5)
    assert scores["rmse"][0] == pytest.approx(np.sqrt((residual**2).mean()), rel=1e-5)
    assert scores["coverage_683"][0] == np.mean(np.abs(residual) < y[:50].std())


def test_published_results_are_those_of_single_splits_and_agree_with_their_table():
    published = json.loads((ROOT / "tests" / "truths" / "uci.json").read_text())["sets"]
    for of_set in published.values():
        for score, printed in of_set.get("ten_networks", of_set["one_network"]).items():
            assert len(of_set[score]) == (5 if of_set is published["protein"] else 20)
            assert np.mean(of_set[score]) == pytest.approx(printed, abs=0.0071)  # 0.697 is printed as 0.69


def test_tabm_is_a_loop_over_members_with_shared_matrices(uci):
    import uci_tabm

    torch.manual_seed(0)
    network = uci_tabm.TabM(5, members=4).eval()
    for own in network.parameters():
        own.data += 0.3 * torch.randn_like(own)
    x, outputs = torch.randn(7, 5), []
    first, _, second, _, last = network.layers
    for m in range(4):
        hidden = x
        for layer in (first, second):
            scaled = layer.s[m][:, None] * layer.weight.T * layer.r[m]  # the member's own matrix
            hidden = torch.relu(hidden @ scaled.T + layer.bias[m])
        outputs.append(hidden @ last.weight[m] + last.bias[m])
    assert torch.allclose(network(x), torch.stack(outputs), atol=1e-5)


def test_members_of_tabm_start_apart_by_signs_of_the_inputs_alone(uci):
    import uci_tabm

    first, second = (layer for layer in uci_tabm.TabM(6).layers if isinstance(layer, uci_tabm.SharedLinear))
    assert first.r.abs().eq(1).all()
    assert len({tuple(signs.tolist()) for signs in first.r}) > 4
    assert torch.cat([first.s, second.r, second.s], 1).eq(1).all()


def test_tails_are_found_where_there_are_some(uci):
    import uci_predictions

    rng = np.random.default_rng(1)
    wide = rng.random(20_000) < 0.1
    truth = torch.tensor(rng.normal(0, np.where(wide, 6.0, 2.0)))[None]
    by = uci_predictions.Predicted(torch.zeros(1, 1, 20_000), torch.ones(1, 1, 20_000))
    calibrated, (log_f, log_excess, logit) = uci_predictions.calibrate(by, by, truth, torch.tensor([0.01]))
    assert float(log_f.exp()) == pytest.approx(2.0, rel=0.05)
    assert float(1 + log_excess.exp()) == pytest.approx(3.0, rel=0.1)
    assert float(logit.sigmoid()) == pytest.approx(0.1, abs=0.02)
    density = 0.9 * np.exp(-0.5 / 4) / 2 + 0.1 * np.exp(-0.5 / 36) / 6
    expected = np.log(density / np.sqrt(2 * np.pi))
    assert float(calibrated.log_density(torch.ones(1, 20_000))[0, 0]) == pytest.approx(expected, abs=0.02)


def test_no_component_is_narrower_than_the_floor(uci):
    import uci_predictions

    by = uci_predictions.Predicted(torch.zeros(1, 2, 50), torch.full((1, 2, 50), 0.3))
    calibrated, _ = uci_predictions.calibrate(by, by, torch.zeros(1, 50), torch.tensor([0.29]))
    assert float(calibrated.std.min()) == pytest.approx(0.29)
    assert calibrated.weights().exp().sum(1).item() == pytest.approx(1)


def test_a_difference_counts_once_it_exceeds_what_shared_rows_hide(uci):
    import uci_comparison

    gain = np.array([0.1, -0.1] * 10)
    s = np.sqrt(20 / 19) * 0.1
    assert uci_comparison.smallest_difference(gain) == pytest.approx(2.0930 * s * np.sqrt(1 / 20 + 1 / 9), rel=1e-4)

    def rows(measure, values):
        return {"measure": f"{measure}_boston", "splits": list(values)}

    ours = gain + 1
    comparison = uci_comparison.compare(
        [
            rows("log_likelihood", ours),
            rows("ensemble_log_likelihood", np.zeros(20)),
            rows("tabm_log_likelihood", np.full(20, 0.95)),
        ]
    )
    values = {row["measure"]: row["value"] for row in comparison}
    assert values["log_likelihood_over_ensemble_boston"] == pytest.approx(1)
    assert (values["sets_ahead_of_ensemble_and_tabm"], values["sets_behind_ensemble_or_tabm"]) == (0, 0)
