import pytest
import torch
from torch import nn

from skysure.methods.recurrent import gradient_by_lag

LAYERS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}
FEATURES, UNITS, STEPS = 3, 4, 12


def build(kind, **options):
    torch.manual_seed(3)
    return LAYERS[kind](FEATURES, UNITS, batch_first=True, **options).double()


@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}], ids=["one", "two"])
@pytest.mark.parametrize("kind", LAYERS)
def test_it_is_the_norm_of_the_whole_jacobian(kind, options):
    layer, x = build(kind, **options), torch.randn(2, STEPS, FEATURES, dtype=torch.float64)
    by_lag = gradient_by_lag(layer, x)
    for sequence, norms in zip(x, by_lag, strict=True):
        jacobian = torch.autograd.functional.jacobian(lambda s: layer(s[None])[0][0, -1], sequence)
        assert torch.allclose(norms, jacobian.square().sum((0, 2)).sqrt().flip(0), rtol=1e-10, atol=0)


def test_a_plain_layer_at_rest_multiplies_by_its_weights_at_each_step():
    layer = build("RNN", bias=False)
    norms = gradient_by_lag(layer, torch.zeros(1, STEPS, FEATURES, dtype=torch.float64))[0]
    power = layer.weight_ih_l0.detach()
    for norm in norms:
        assert torch.allclose(norm, power.norm(), rtol=1e-12)
        power = layer.weight_hh_l0.detach() @ power


@pytest.mark.parametrize("keep", [0.5, 0.99])
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_a_gate_at_rest_is_the_base_of_the_power(kind, keep):
    layer, logit = build(kind), torch.logit(torch.tensor(keep, dtype=torch.float64))
    with torch.no_grad():
        layer.weight_hh_l0.zero_()
        layer.bias_hh_l0.zero_()
        layer.bias_ih_l0.zero_()
        layer.bias_ih_l0[UNITS : 2 * UNITS] = logit  # f of torch's i, f, g, o; z of its r, z, n
        new = layer.weight_ih_l0[2 * UNITS : 3 * UNITS].norm()
    norms = gradient_by_lag(layer, torch.zeros(1, STEPS, FEATURES, dtype=torch.float64))[0]
    share = 0.5 * 0.5 if kind == "LSTM" else 1 - keep
    assert torch.allclose(norms, share * new * keep ** torch.arange(STEPS, dtype=torch.float64), rtol=1e-12)


def test_the_layer_and_its_gradients_stay_as_they_were():
    layer, x = build("GRU"), torch.randn(2, STEPS, FEATURES, dtype=torch.float64)
    gradient_by_lag(layer, x)
    assert all(p.grad is None for p in layer.parameters())
    assert not x.requires_grad
