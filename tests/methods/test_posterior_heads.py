import builtins
import importlib.util
import math

import pytest
import torch
from torch import nn

from skysure.errors import InputError
from skysure.methods.calibration import uniformity
from skysure.methods.dropout import UniformNoise, noise, rates
from skysure.methods.ensembles import Ensemble
from skysure.methods.likelihoods import CorrelatedGaussian, CorrelatedMixture, Gaussian, GaussianMixture
from skysure.methods.posterior import PosteriorHead, PosteriorNetwork, SplineFlow, posterior_nll
from skysure.methods.sampling import sample

if importlib.util.find_spec("zuko") is None:
    pytest.skip("zuko is not installed", allow_module_level=True)
DISTRIBUTIONS = [Gaussian(3), CorrelatedGaussian(3), GaussianMixture(3, 2), CorrelatedMixture(3, 2), "flow"]
DROPOUT = [None, {"rate": 0.2, "learned": True}]


def build_head(distribution, dropout=None, features=6):
    torch.manual_seed(0)
    return PosteriorHead(
        features, spread(SplineFlow(3, 5, 2, (16,), 4)) if distribution == "flow" else distribution, (8,), dropout
    )


def spread(flow):
    """A flow that is far from a Gaussian."""
    for weights in flow.parameters():
        nn.init.normal_(weights, std=0.3)
    return flow


@pytest.mark.parametrize("dropout", DROPOUT, ids=["fixed", "dropout"])
@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=str)
def test_draws_of_an_object_depend_on_its_row_alone(distribution, dropout):
    network = PosteriorNetwork(nn.Sequential(nn.Linear(4, 6), nn.Tanh()), build_head(distribution, dropout))
    x = torch.randn(12, 4)
    draws = sample(network, x, 9, seed=3)
    assert draws.shape == (9, 12, 3)
    torch.testing.assert_close(sample(network, x[5:8], 9, 3, first_row=5), draws[:, 5:8], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(sample(network, x, 4, 3, first_sample=5), draws[5:], rtol=1e-4, atol=1e-5)
    assert not torch.equal(sample(network, x, 9, seed=4), draws)
    assert (sample(network, x[:1].expand(12, -1), 1, seed=3)[0].std(0) > 0).all()


@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=str)
def test_draws_follow_the_density_of_the_likelihood(distribution):
    """The weights p(y) / q(y) of draws y of q have the mean 1 where p is the density, whatever its form."""
    head = build_head(distribution)
    features = torch.randn(1, 6)
    draws = sample(head, features, 4000, seed=1, batch=8192)[:, 0].float()
    wide = Gaussian(3)
    mean, std = draws.mean(0), 2 * draws.std(0)
    raw = torch.cat([mean, 30 * torch.atanh(2 * std.log() / 30)]).expand(20_000, -1)
    proposals = wide.draw(raw, torch.Generator().manual_seed(0)).float()
    weights = (wide.nll(raw, proposals) - head.nll(features.expand(20_000, -1), proposals)).exp().detach()
    assert abs(weights.mean() - 1) < 5 * weights.std() / 20_000**0.5
    for power in (1, 2):
        terms, exact = weights[:, None] * (proposals - mean) ** power, (draws - mean) ** power
        error = torch.hypot(terms.std(0) / 20_000**0.5, exact.std(0) / 4000**0.5)
        assert ((terms.mean(0) - exact.mean(0)).abs() < 5 * error).all()


@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=str)
def test_likelihood_under_dropout_is_that_of_the_mixture_of_samples(distribution):
    head = build_head(distribution, {"rate": 0.3})
    x, truth = torch.randn(5, 6), torch.randn(5, 3)
    mixture = posterior_nll(head, x, truth, 400, seed=1)
    with torch.no_grad(), noise(head, 1, samples=torch.arange(400), rows=torch.arange(5)):
        repeated = [t.expand(400, *t.shape).flatten(0, 1) for t in (x, truth)]
        each = head.eval().nll(*repeated).reshape(400, 5)
    torch.testing.assert_close(mixture, math.log(400) - torch.logsumexp(-each, 0), rtol=1e-4, atol=1e-4)
    fixed = build_head(distribution)
    torch.testing.assert_close(posterior_nll(fixed, x, truth, 1, seed=1), fixed.nll(x, truth), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dropout", DROPOUT, ids=["fixed", "dropout"])
@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=str)
def test_members_of_an_ensemble_draw_with_their_own_weights(distribution, dropout):
    members = [build_head(distribution, dropout) for _ in range(2)]
    with torch.no_grad():
        for weights in members[1].parameters():
            weights.add_(0.3)
    ensemble, x, truth = Ensemble(members), torch.randn(4, 6), torch.randn(4, 3)
    draws = sample(ensemble, x, 6, seed=1)
    assert draws.shape == (12, 4, 3)
    assert not torch.allclose(draws[::2], draws[1::2])
    losses = ensemble({"x": x, "y": truth}, call=lambda member, batch: member.nll(batch["x"], batch["y"]))
    assert losses.shape == (2, 4)
    losses.mean().backward()
    assert all(weights.grad is not None for weights in ensemble.parameters())
    nll = posterior_nll(ensemble, x, truth, 3, seed=1)
    assert torch.isfinite(nll).all()


@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=str)
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_an_object_that_is_not_finite_is_nan_and_its_neighbours_are_not(distribution, value):
    head, x = build_head(distribution), torch.randn(4, 6)
    expected = sample(head, x, 5, seed=1)
    x[2, 0] = value
    draws = sample(head, x, 5, seed=1)
    assert draws[:, 2].isnan().all()
    torch.testing.assert_close(draws[:, [0, 1, 3]], expected[:, [0, 1, 3]], rtol=1e-4, atol=1e-5)
    assert head.nll(x, torch.zeros(4, 3)).isnan().tolist() == [False, False, True, False]


def test_a_flow_learns_what_no_gaussian_is():
    """y2 = y1² + noise: the flow's likelihood approaches the entropy, a Gaussian's stays above."""
    generator = torch.Generator().manual_seed(0)
    y1 = torch.randn(4000, 1, generator=generator)
    y = torch.cat([y1, y1.square() - 1 + 0.2 * torch.randn(4000, 1, generator=generator)], -1)
    entropy = 2 * 0.5 * (1 + math.log(2 * math.pi)) + math.log(0.2)
    nlls = {}
    for distribution in (CorrelatedGaussian(2), SplineFlow(2, context=4, transforms=3, hidden=(32,))):
        torch.manual_seed(0)
        head = PosteriorHead(1, distribution)
        optimiser = torch.optim.Adam(head.parameters(), 0.01)
        for step in range(300):
            batch = y[(step % 8) * 500 :][:500]
            optimiser.zero_grad()
            head.nll(torch.ones(len(batch), 1), batch).mean().backward()
            optimiser.step()
        nlls[type(distribution).__name__] = float(head.nll(torch.ones(4000, 1), y).detach().mean())
    assert nlls["CorrelatedGaussian"] > entropy + 1
    assert nlls["SplineFlow"] < entropy + 0.25
    assert head.distribution.nll(torch.zeros(4, head.distribution.outputs), torch.zeros(4, 2)).shape == (4,)


def test_a_new_flow_is_the_gaussian_of_its_outputs():
    flow, gaussian = SplineFlow(3, context=4), CorrelatedGaussian(3)
    raw, truth = torch.randn(7, flow.outputs), torch.randn(7, 3)
    torch.testing.assert_close(flow.nll(raw, truth), gaussian.nll(raw[:, : gaussian.outputs], truth))
    u = torch.rand(7, 3)
    expected = gaussian.from_uniform(raw[:, : gaussian.outputs], u)
    torch.testing.assert_close(flow.from_uniform(raw, u), expected, rtol=1e-4, atol=1e-4)


def test_a_flow_without_zuko_names_the_extra(monkeypatch):
    real = builtins.__import__

    def without_zuko(name, *args, **kwargs):
        if name.startswith("zuko"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_zuko)
    with pytest.raises(InputError, match=r"pip install 'skysure\[lensing\]'"):
        SplineFlow(2)


def test_zuko_leaves_the_checks_of_torch_on():
    SplineFlow(2)
    with pytest.raises(ValueError, match="scale"):
        torch.distributions.Normal(0.0, -1.0)


def test_a_draw_needs_a_seed_and_its_noise_is_no_rate():
    head = build_head(Gaussian(3), {"rate": 0.2})
    with pytest.raises(InputError, match="without a seed"):
        head(torch.zeros(2, 6))
    assert len(rates(head)) == 2
    with noise(uniform := UniformNoise(4), seed=1, samples=torch.arange(50), rows=torch.arange(40)):
        numbers = uniform(2000)
    assert numbers.shape == (2000, 4)
    assert uniformity(numbers.flatten().numpy())[1] > 1e-3
