"""Functions drawn before training, against the moments of finite networks and the limit of wide ones."""

import numpy as np
import pytest
import torch
from torch import nn

from skysure.errors import InputError
from skysure.methods.dropout import Dropout
from skysure.methods.gaussian_process.kernels import relu_kernel
from skysure.methods.sampling import sample
from skysure.methods.variational import linear, prior_weights, sample_prior

OUTPUTS = 64
"""Outputs of one draw share its hidden units and nothing else: they average the noise of the last layer away."""


def network(width, inputs=4, hidden=1, outputs=OUTPUTS):
    layers = [nn.Linear(inputs, width), nn.ReLU()]
    for _ in range(hidden - 1):
        layers += [nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, outputs))


def covariance(functions):
    """Over samples and outputs, about the known mean of zero, with the standard error over the samples."""
    products = torch.einsum("sio,sjo->sij", functions.double(), functions.double()) / functions.shape[-1]
    return products.mean(0), products.std(0) / len(functions) ** 0.5


def test_wide_networks_have_the_covariance_of_neural_tangents():
    """google/neural-tangents 0.6.5: two hidden ReLU layers, s_w^2 = 2, s_b^2 = 0.09, six rows of RandomState(0)."""
    x = torch.tensor(np.random.RandomState(0).randn(6, 4), dtype=torch.float32)
    functions = sample_prior(network(400, hidden=2), x, 200, seed=1, weight_variance=2.0, bias_variance=0.09)
    estimate, error = covariance(functions)
    truth = torch.tensor([4.8957686, 2.6646094, 2.14267], dtype=torch.float64)
    assert ((estimate[0, :3] - truth).abs() < 4 * error[0, :3]).all()
    assert (error[0, :3] < 0.02 * truth).all()
    assert torch.allclose(relu_kernel(x, x, 2, 2.0, 0.09)[0, :3].double(), truth, rtol=1e-5)


@pytest.mark.parametrize("width", [3, 30])
def test_one_hidden_layer_has_that_covariance_at_any_width(width):
    x = torch.tensor([[-3.0], [0.5], [2.0]])
    functions = sample_prior(network(width, inputs=1), x, 2000, seed=2, weight_variance=1.5, bias_variance=0.3)
    estimate, error = covariance(functions)
    assert ((estimate - relu_kernel(x, x, 1, 1.5, 0.3)).abs() < 4 * error).all()
    assert (error < 0.1 * estimate.diagonal().max()).all()


@pytest.mark.parametrize("width", [5, 20, 80])
def test_excess_kurtosis_is_fifteen_over_the_width(width):
    """Given the hidden units outputs are Gaussian, of variance S; 3 Var S / (E S)^2 = 3 (E r^4 / (E r^2)^2 - 1) / n.

    For r = relu of a Gaussian, E r^4 / (E r^2)^2 = 6.
    """
    x = torch.tensor([[1.0, -2.0, 0.5, 1.0]])
    functions = sample_prior(network(width), x, 3000, seed=3, weight_variance=2.0)[:, 0].double()
    variance = float(relu_kernel(x, x, 1, 2.0, 0.0))
    fourth = (functions**4).mean(1) / variance**2
    assert float(fourth.mean()) - 3 == pytest.approx(15 / width, abs=4 * float(fourth.std()) / 3000**0.5)
    assert float(fourth.std()) / 3000**0.5 < 5 / width


@pytest.mark.parametrize("width", [10, 1000])
def test_functions_of_the_weight_decay_prior_grow_with_the_width(width):
    length_scale, x = 2.0, torch.tensor([[1.0, -2.0, 0.5, 1.0]])
    estimate, error = covariance(sample_prior(network(width), x, 500, seed=4, length_scale=length_scale))
    expected = width / length_scale**2 * float(x.square().sum()) / length_scale**2 / 2
    assert float((estimate - expected).abs()) < 4 * float(error)


def test_the_prior_of_one_layer_is_that_of_linear_regression():
    x = torch.tensor([[1.0, -2.0, 0.5, 1.0], [0.0, 1.0, 1.0, 3.0]])
    functions = sample_prior(nn.Linear(4, OUTPUTS, bias=False), x, 1000, seed=5, length_scale=0.5)
    estimate, error = covariance(functions)
    nothing = torch.zeros(0, 4, dtype=torch.float64)
    q = linear.exact(linear.Regression(nothing, nothing[:, 0], std=1.0, length_scale=0.5))
    expected = x.double() @ q.covariance @ x.double().T
    assert ((estimate - expected).abs() < 4 * error).all()


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_dropout_at_random_weights_redraws_the_last_layer_with_the_prior_s_covariance(rate):
    """Masks before the last of wide random layers: a Gaussian process around the network, p / (1 - p) (K - s_b^2)."""
    x = torch.tensor([[-3.0], [0.5], [2.0]])
    width = 20_000
    model = nn.Sequential(nn.Linear(1, width), nn.ReLU(), Dropout(nn.Linear(width, OUTPUTS), rate))
    model.load_state_dict(prior_weights(model, 6, weight_variance=2.0, bias_variance=0.1), strict=False)
    functions = sample(model, x, samples=500, seed=7, shared=True) - model.eval()(x).detach()
    estimate, error = covariance(functions)
    expected = rate / (1 - rate) * (relu_kernel(x, x, 1, 2.0, 0.1) - 0.1)
    # These weights are one draw: sqrt(5 / width) of the scale, as E r^4 / (E r^2)^2 = 6 and outputs average theirs.
    own = (5 / width) ** 0.5 * expected.diagonal().max()
    assert ((estimate - expected).abs() < 4 * (error + own)).all()


def test_draws_repeat_and_leave_the_model_as_it_was():
    model = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), Dropout(nn.Linear(8, 2), 0.5, learned=True))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    x = torch.randn(5, 3)
    few, many = (sample_prior(model, x, n, seed=8, weight_variance=1.0, bias_variance=1.0) for n in (2, 4))
    assert torch.allclose(few, many[:2], atol=1e-6)  # products of two matrices and of four may sum differently
    assert not torch.allclose(many[0], many[1], atol=1e-2)
    assert not torch.equal(few, sample_prior(model, x, 2, seed=9, weight_variance=1.0, bias_variance=1.0))
    assert model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert set(prior_weights(model, 1, weight_variance=1.0)) == {"0.weight", "0.bias", "3.layer.weight", "3.layer.bias"}


def test_fan_in_is_that_of_each_kind_of_layer():
    model = nn.ModuleDict({"conv": nn.Conv2d(8, 200, 5), "lstm": nn.LSTM(30, 50)})
    weights = prior_weights(model, 1, weight_variance=3.0, bias_variance=4.0)
    for name, fan_in in (("conv.weight", 200), ("lstm.weight_ih_l0", 30), ("lstm.weight_hh_l0", 50)):
        assert float(weights[name].var()) == pytest.approx(3.0 / fan_in, rel=0.1)
    assert float(weights["lstm.bias_ih_l0"].var()) == pytest.approx(4.0, rel=0.4)


def test_a_prior_is_of_one_kind():
    for arguments in ({}, {"weight_variance": 1.0, "length_scale": 1.0}):
        with pytest.raises(InputError, match="exactly one of them"):
            prior_weights(nn.Linear(3, 3), 1, **arguments)
    with pytest.raises(InputError, match="samples = 0"):
        sample_prior(nn.Linear(3, 3), torch.ones(1, 3), 0, 1, weight_variance=1.0)


def test_fan_in_of_a_transposed_convolution_is_what_a_pixel_sums():
    layer = nn.ConvTranspose2d(32, 64, 4, stride=2, groups=2, bias=False)
    f = sample_prior(layer, torch.ones(1, 32, 12, 12), 50, seed=1, weight_variance=1.0)[..., 2:-2, 2:-2]
    assert float(f.var()) == pytest.approx(1.0, rel=0.1)


def test_tied_weights_are_drawn_once():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    assert set(prior_weights(model, 1, weight_variance=1.0)) == {"0.weight", "0.bias", "1.bias"}
    x = torch.eye(4)
    (f,) = sample_prior(model, x, 1, seed=1, weight_variance=1.0)
    weight = prior_weights(model, 1, weight_variance=1.0)["0.weight"]
    torch.testing.assert_close(f, (weight @ weight).T)
