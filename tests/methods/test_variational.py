"""Dropout's q of one linear layer: its variance, its bound, and the objective of `Dropout` and `kl` beside it."""

import math
from itertools import pairwise, product

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import integrate
from scipy.stats import multivariate_normal, norm
from sklearn.linear_model import Ridge
from torch import nn

from skysure.methods.dropout import Dropout
from skysure.methods.likelihoods import gaussian_nll
from skysure.methods.sampling import sample
from skysure.methods.variational import bernoulli_entropy, dropout_kl, kl, linear
from skysure.methods.variational.linear import Regression

patient = settings(max_examples=60)
rates = st.floats(0.01, 0.9)


def draw_data(seed, objects=12, weights=3, noise=0.3, length_scale=0.7):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(objects, 1)) + rng.normal(size=(objects, weights))
    y = x @ rng.normal(size=weights) / length_scale + noise * rng.normal(size=objects)
    return Regression(torch.tensor(x), torch.tensor(y), noise, length_scale)


problems = st.builds(
    draw_data,
    seed=st.integers(0, 10**6),
    objects=st.integers(1, 30),
    weights=st.integers(1, 6),
    noise=st.floats(0.05, 5),
    length_scale=st.floats(0.05, 5),
)


def masked(weight, rate):
    """All 2^K draws of a layer's weights and their probabilities."""
    keep = torch.tensor(list(product([0.0, 1.0], repeat=len(weight))), dtype=torch.float64)
    probability = (keep * (1 - rate) + (1 - keep) * rate).prod(-1)
    return keep * weight / (1 - rate), probability


def some_weights(seed, k):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, k, generator=generator, dtype=torch.float64)


@patient
@given(st.integers(1, 8), st.floats(0, 0.9), st.integers(0, 1000), st.floats(0, 4))
def test_variance_of_one_linear_layer_by_all_its_masks(k, rate, seed, growth):
    """p / (1 - p) sum w^2 x^2: it grows with the square of the weights, and is zero at w = 0 and at p = 0."""
    weight, x = some_weights(seed, k)
    draws, probability = masked(weight, rate)
    mean = probability @ (draws @ x)
    variance = probability @ (draws @ x - mean) ** 2
    expected = rate / (1 - rate) * (weight**2 * x**2).sum()
    assert float(mean) == pytest.approx(float(weight @ x), abs=1e-9)
    assert float(variance) == pytest.approx(float(expected), rel=1e-9, abs=1e-12)
    ours, theirs = (linear.predict(linear.dropout(w, rate, 1e-9), x[None]) for w in (growth * weight, weight))
    assert float(theirs[0]) == pytest.approx(float(mean), abs=1e-9)
    assert float(theirs[1]) == pytest.approx(float(variance), rel=1e-9, abs=1e-12)
    assert float(ours[1]) == pytest.approx(growth**2 * float(variance), rel=1e-9, abs=1e-12)
    if rate * growth == 0:
        assert float(ours[1]) < 1e-15


@settings(max_examples=10)
@given(st.integers(1, 6), rates, st.integers(0, 1000))
def test_draws_of_the_layer_have_these_moments(k, rate, seed):
    """Within five standard errors, those of the variance from the exact fourth moment."""
    weight, x = some_weights(seed, k)
    layer = Dropout(nn.Linear(k, 1, bias=False), rate, narrow=True).double()
    layer.layer.weight.data = weight[None].clone()
    mean, variance = linear.predict(linear.dropout(weight, rate, 1e-9), x[None])
    samples = sample(layer, x[None], samples=10_000, seed=seed, batch=10_000)[:, 0, 0]
    draws, probability = masked(weight, rate)
    fourth = probability @ (draws @ x - mean) ** 4
    error = ((fourth - variance**2).clamp(min=0) / 10_000).sqrt()
    assert float((samples.mean() - mean).abs()) <= 5 * float((variance / 10_000).sqrt()) + 1e-5
    tolerance = 5 * float(error) + 3e-3 * float(variance)  # a fair coin has error 0
    assert float((samples.var() - variance).abs()) <= tolerance
    layer.layer.weight.data.zero_()
    assert sample(layer, x[None], samples=100, seed=seed).var(0).max() == 0


@patient
@given(problems, st.floats(0, 0.9), st.floats(1e-4, 3), st.floats(0, 2))
def test_elbo_of_dropout_is_never_above_the_evidence(data, rate, width, stretch):
    """Neither at its best weights nor at others, however narrow or wide."""
    evidence = float(linear.log_evidence(data))
    q = linear.dropout(stretch * linear.dropout_mean(data, rate), rate, width)
    assert float(linear.elbo(data, q)) <= evidence + 1e-8 * (1 + abs(evidence))


@pytest.mark.parametrize(("rate", "width", "weight"), [(0.1, 0.05, 1.2), (0.5, 0.4, 0.8), (0.8, 0.2, 0.0)])
def test_elbo_of_dropout_is_the_integral(rate, width, weight):
    """For one weight, of q(w) [log p(y, w) - log q(w)] as it stands."""
    data = draw_data(3, weights=1)
    x, y = data.x[:, 0].numpy(), data.y.numpy()
    mean = weight / (1 - rate)

    def integrand(w):
        density = rate * norm.pdf(w, 0, width) + (1 - rate) * norm.pdf(w, mean, width)
        joint = norm.logpdf(y, x * w, data.std).sum() + norm.logpdf(w, 0, 1 / data.length_scale)
        return density * (joint - np.log(density))

    edges = [-9 * width, mean / 2, mean + 9 * width]
    expected = sum(integrate.quad(integrand, a, b, epsabs=1e-10)[0] for a, b in pairwise(edges))
    q = linear.dropout(torch.tensor([weight], dtype=torch.float64), rate, width)
    assert float(linear.elbo(data, q)) == pytest.approx(expected, rel=1e-8)


@patient
@given(problems, rates, st.floats(1e-6, 1e-4))
def test_objective_of_the_package_is_the_elbo_but_for_a_constant(data, rate, width):
    """N (expected nll + `dropout_kl`) + c K is -ELBO where weights are clear of zero, and never more."""
    n, k = data.x.shape
    p = torch.tensor(rate, dtype=torch.float64)
    weight = linear.dropout_mean(data, rate)
    draws, probability = masked(weight, rate)
    mean = (draws @ data.x.T)[..., None]
    nll = gaussian_nll(mean, torch.full_like(mean, 2 * math.log(data.std)), data.y[:, None]).mean(-1)
    objective = n * (probability @ nll + dropout_kl(weight.square().sum(), p, k, data.length_scale, n))
    constant = k * ((data.length_scale * width) ** 2 - 1 - 2 * math.log(data.length_scale * width)) / 2
    q = linear.dropout(weight, rate, width)
    # The expected nll has no width in it, which adds to the misfit.
    narrow = width**2 * data.x.square().sum() / (2 * data.std**2)
    short = -linear.elbo(data, q) - (objective + constant + narrow)
    tolerance = 1e-8 * float(1 + objective.abs() + constant)
    assert -tolerance <= float(short) <= k * float(bernoulli_entropy(p)) + tolerance
    if float(weight.abs().min()) > 12 * width:
        assert float(short) == pytest.approx(0, abs=tolerance)


def test_counting_a_full_coin_for_every_weight_may_exceed_the_evidence():
    """What the exact entropy is for: a weight at zero has a mask that says nothing, yet H(p) would be counted."""
    data = Regression(torch.zeros(1, 5, dtype=torch.float64), torch.zeros(1, dtype=torch.float64), 1.0, 1.0)
    evidence = linear.log_evidence(data)
    q = linear.dropout(torch.zeros(5, dtype=torch.float64), rate=0.5, width=1.0)
    assert float(linear.elbo(data, q)) == pytest.approx(float(evidence))
    assert linear.elbo(data, q) + 5 * math.log(2) > evidence + 3


def objective_of(layer, data, rate):
    """The objective by the modules themselves, averaged over all masks instead of sampled."""
    keep, probability = masked(torch.full((data.x.shape[1],), 1.0 - rate, dtype=torch.float64), rate)

    def value():
        mean = torch.stack([layer.layer(data.x * mask / (1 - rate)) for mask in keep])
        nll = gaussian_nll(mean, torch.full_like(mean, 2 * math.log(data.std)), data.y[:, None]).mean(-1)
        return probability @ nll + kl(layer, len(data.y))

    return value


def trained(layer, objective):
    """L-BFGS to convergence."""
    optimiser = torch.optim.LBFGS(
        layer.layer.parameters(), max_iter=2000, tolerance_grad=1e-12, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def closure():
        optimiser.zero_grad()
        loss = objective()
        loss.backward()
        return loss

    optimiser.step(closure)
    return layer.layer


@pytest.mark.parametrize(("noise", "length_scale", "bias"), [(0.3, 0.7, False), (0.5, 3.0, True), (2.0, 0.2, True)])
def test_map_with_an_l2_term_is_ridge(noise, length_scale, bias):
    """A linear network without dropout, its `kl` the prior's L2 term: scikit-learn's ridge, alpha = sigma^2 l^2.

    The bias has no prior in `kl`, as ridge's intercept has no penalty.
    """
    data = draw_data(5, objects=40, weights=4, noise=noise, length_scale=length_scale)
    layer = Dropout(nn.Linear(4, 1, bias=bias), rate=0.0, length_scale=length_scale, narrow=True).double()
    fitted = trained(layer, objective_of(layer, data, 0.0))
    ridge = Ridge(alpha=(noise * length_scale) ** 2, fit_intercept=bias).fit(data.x.numpy(), data.y.numpy())
    assert fitted.weight.detach().numpy()[0] == pytest.approx(ridge.coef_, abs=1e-5)
    if bias:
        assert float(fitted.bias.detach()) == pytest.approx(float(ridge.intercept_), abs=1e-5)


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_weights_of_dropout_are_those_that_training_finds(rate):
    data = draw_data(7, objects=20, weights=4)
    layer = Dropout(nn.Linear(4, 1, bias=False), rate, length_scale=data.length_scale, narrow=True).double()
    weight = trained(layer, objective_of(layer, data, rate)).weight.detach()[0]
    assert weight.numpy() == pytest.approx(linear.dropout_mean(data, rate).numpy(), abs=1e-5)


@patient
@given(problems, st.floats(0.05, 0.8))
def test_slope_of_the_elbo_in_the_rate_is_entropy_against_significance(data, rate):
    """K log((1 - p) / p) - sum_j W_j^2 A_jj / 2 (1 - p)^2, along the best weights of each rate."""
    step, width = 1e-5, 1e-9
    weight = linear.dropout_mean(data, rate)
    assume(float(weight.abs().min()) > 1e-6)
    above, below = (linear.dropout(linear.dropout_mean(data, p), p, width) for p in (rate + step, rate - step))
    slope = float(linear.elbo(data, above) - linear.elbo(data, below)) / (2 * step)
    significance = float((weight**2 * data.precision.diagonal()).sum()) / (2 * (1 - rate) ** 2)
    entropy = len(weight) * math.log((1 - rate) / rate)
    assert slope == pytest.approx(entropy - significance, rel=1e-4, abs=1e-4 * (1 + significance))


def test_only_a_learned_rate_lets_the_variance_of_dropout_fall_as_data_arrive():
    rates = torch.logspace(-6, -0.4, 60).tolist()
    exact, fixed, learned, best = [], [], [], []
    for objects in (10, 100, 1000):
        data = draw_data(11, objects=objects, weights=20, noise=3.0, length_scale=1.0)
        at = data.x[:1]
        q = {rate: linear.dropout(linear.dropout_mean(data, rate), rate, 1e-6) for rate in rates}
        best.append(max(rates, key=lambda rate: float(linear.elbo(data, q[rate]))))
        exact.append(float(linear.predict(linear.exact(data), at)[1]))
        learned.append(float(linear.predict(q[best[-1]], at)[1]))
        fixed.append(float(linear.predict(linear.dropout(linear.dropout_mean(data, 0.1), 0.1, 1e-6), at)[1]))
    assert exact[0] > 10 * exact[2]
    assert best[0] > best[1] > best[2]
    assert learned[0] > learned[1] > learned[2]
    assert fixed[2] > fixed[0] / 3


def test_dropout_sees_no_prior_where_a_weight_is_zero():
    """An input that explains nothing: the posterior still doubts its weight, dropout's q does not."""
    rng = np.random.default_rng(2)
    x = torch.tensor(rng.normal(size=(10, 2)))
    x[:, 1] = 0
    data = Regression(x, 2 * x[:, 0], 0.1, 1.0)
    at = torch.tensor([[0.0, 3.0]], dtype=torch.float64)
    q = linear.dropout(linear.dropout_mean(data, 0.3), 0.3, 1e-6)
    assert float(linear.predict(linear.exact(data), at)[1]) == pytest.approx(9.0)
    assert float(linear.predict(q, at)[1]) < 1e-9


def test_prior_predictive_before_any_object_is_the_prior():
    nothing = Regression(torch.zeros(0, 3, dtype=torch.float64), torch.zeros(0, dtype=torch.float64), 0.1, 0.5)
    at = torch.ones(1, 3, dtype=torch.float64)
    mean, epistemic = linear.predict(linear.exact(nothing), at)
    assert (float(mean), float(epistemic)) == pytest.approx((0.0, 12.0))
    assert float(linear.log_evidence(nothing)) == pytest.approx(0.0)
    assert multivariate_normal(np.zeros(3), 4 * np.eye(3)).entropy() == pytest.approx(
        float(linear.exact(nothing).entropy)
    )
