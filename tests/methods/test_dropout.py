import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from skysure.errors import InputError
from skysure.methods.dropout import Dropout, hard_mask, noise, relaxed_mask
from skysure.methods.sampling import sample
from skysure.methods.variational import kl

TRUTHS = json.loads((Path(__file__).parents[1] / "truths" / "relaxed_masks.json").read_text())
GRID = (torch.arange(2_000_000, dtype=torch.float64) + 0.5) / 2_000_000
rate_values = st.floats(0.01, 0.95)


def logit(p):
    return torch.logit(torch.tensor(p, dtype=torch.float64))


@pytest.mark.parametrize("row", TRUTHS["rows"], ids=lambda row: f"t={row['temperature']:.2g}")
def test_relaxed_masks_differ_from_hard_ones_as_measured(row):
    p = row["rate"]
    scaled = relaxed_mask(logit(p), GRID, row["temperature"]) / (1 - p)
    assert float(scaled.mean()) == pytest.approx(row["mean"], abs=6e-4)
    assert float(scaled.var()) == pytest.approx(row["variance"], abs=6e-4)
    hard = hard_mask(torch.tensor(p), GRID) / (1 - p)
    assert float(hard.mean()) == pytest.approx(1, abs=1e-5)
    assert float(hard.var()) == pytest.approx(row["hard_variance"], abs=6e-4)


@given(rate_values)
def test_relaxed_masks_of_temperature_zero_are_the_hard_ones(p):
    u = torch.linspace(0.001, 0.999, 501, dtype=torch.float64)
    u = u[(u - (1 - p)).abs() > 1e-5]
    cold = relaxed_mask(logit(p), u, 1e-7)
    assert torch.allclose(cold, hard_mask(torch.sigmoid(logit(p)), u).double(), atol=1e-9)


def test_relaxed_masks_carry_the_gradient_of_the_rate():
    a = logit(0.3).requires_grad_()
    u = GRID[::1000]
    relaxed_mask(a, u).sum().backward()
    step = 1e-5
    slope = (relaxed_mask(a + step, u) - relaxed_mask(a - step, u)).sum() / (2 * step)
    assert float(a.grad) == pytest.approx(slope.item(), rel=1e-6)


def test_kl_adds_up_and_is_zero_without_dropout():
    a, b = Dropout(nn.Linear(20, 30)), Dropout(nn.Conv1d(8, 3, 3), 0.4)
    modules = nn.ModuleList([a, nn.Linear(3, 3), b])
    assert kl(modules, 10).item() == pytest.approx(kl(a, 10).item() + kl(b, 10).item())
    assert kl(nn.Linear(3, 3), 10).item() == 0


@settings(max_examples=15)
@given(st.floats(0.05, 0.6), st.integers(0, 1000))
def test_variance_of_one_linear_layer_is_the_closed_form(p, seed):
    """Variance = p / (1 - p) sum w^2 x^2: larger weights at the same rate mean more epistemic uncertainty."""
    generator = torch.Generator().manual_seed(seed)
    module = Dropout(nn.Linear(16, 3), p).double()
    module.layer.weight.data = torch.randn(3, 16, generator=generator, dtype=torch.float64)
    x = torch.randn(1, 16, generator=generator, dtype=torch.float64)
    samples = sample(module, x, samples=20_000, seed=seed, batch=20_000)[:, 0].detach()
    expected = p / (1 - p) * (module.layer.weight.detach() ** 2 @ x[0] ** 2)
    assert torch.allclose(samples.var(0), expected, rtol=0.06)
    error = float((expected.max() / 20_000).sqrt())
    assert torch.allclose(samples.mean(0), module.layer(x)[0].detach(), atol=5 * error)
    module.layer.weight.data.zero_()
    assert sample(module, x, samples=50, seed=seed).var(0).max() == 0


def test_convolutions_drop_whole_channels_and_sequences_keep_one_mask():
    channels = Dropout(nn.Conv2d(8, 8, 1, groups=8, bias=False), 0.5)
    nn.init.ones_(channels.layer.weight)
    out = channels(torch.ones(4, 8, 5, 6))
    assert set(out.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(out, out[..., :1, :1].expand_as(out))
    features = Dropout(nn.Linear(8, 8, bias=False), 0.5)
    nn.init.eye_(features.layer.weight)
    out = features(torch.ones(4, 50, 8))
    assert set(out.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(out, out[:, :1].expand_as(out))
    assert len(torch.unique(out[:, 0], dim=0)) > 1


@pytest.mark.parametrize("learned", [False, True])
def test_input_stays_as_it_was_and_backward_runs(learned):
    module = Dropout(nn.Linear(8, 2), learned=learned)
    x = torch.randn(4, 8, requires_grad=True)
    read = torch.relu(x)
    before = read.detach().clone()
    module(read).sum().backward()
    assert torch.equal(read, before)
    assert x.grad is not None
    assert (module.mask.logit.grad is not None) == learned


def test_learned_rates_train_through_relaxed_masks_and_predict_with_hard_ones():
    module = Dropout(nn.Linear(400, 1, bias=False), 0.3, learned=True)
    assert len(module.mask(200).unique()) > 1000
    module.eval()
    with noise(module, 0, rows=torch.arange(200)):
        predicted = module.mask(200)
    values = predicted.unique().tolist()
    assert values == pytest.approx([0, 1 / 0.7])
    assert float((predicted > 0).float().mean()) == pytest.approx(0.7, abs=0.01)


def test_a_fixed_rate_can_be_loaded_into_a_learned_one():
    fixed, learned = Dropout(nn.Linear(9, 2), 0.25), Dropout(nn.Linear(9, 2), learned=True)
    learned.load_state_dict(fixed.state_dict())
    assert float(learned.mask.rate.detach()) == pytest.approx(0.25)


def test_a_rate_of_zero_drops_nothing():
    module = Dropout(nn.Linear(9, 2), 0.0)
    x = torch.randn(3, 9)
    assert torch.equal(module(x), module.layer(x))
    assert torch.isfinite(kl(module, 10))


def test_an_extreme_learned_rate_keeps_finite_gradients():
    for start in (-90.0, 60.0):
        module = Dropout(nn.Linear(9, 2), learned=True)
        module.mask.logit.data.fill_(start)
        (module(torch.randn(3, 9)).sum() + kl(module, 10)).backward()
        assert torch.isfinite(module.mask.logit.grad)


def test_what_cannot_be_dropped_raises_an_error():
    with pytest.raises(InputError, match="no dropout on the first layer"):
        Dropout(nn.Linear(1, 64))
    assert Dropout(nn.Linear(1, 64), narrow=True).mask.features == 1
    with pytest.raises(InputError, match="TiedDropout"):
        Dropout(nn.GRU(8, 8))
    for rate, learned in ((1.0, False), (-0.1, False), (0.0, True), (10.0, False)):
        with pytest.raises(InputError, match="dropout rate"):
            Dropout(nn.Linear(8, 8), rate, learned=learned)
    with pytest.raises(InputError, match="without the batch axis"):
        Dropout(nn.Conv2d(8, 8, 3))(torch.zeros(8, 5, 5))
    with pytest.raises(InputError, match="without the batch axis"):
        Dropout(nn.Linear(8, 8))(torch.zeros(8))
