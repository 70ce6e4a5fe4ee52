"""Bayesian linear regression in closed form, against scipy, scikit-learn and quadrature."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import config
from scipy import integrate
from scipy.stats import multivariate_normal, norm
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct
from sklearn.linear_model import Ridge

from skysure.errors import InputError
from skysure.methods.variational import linear
from skysure.methods.variational.linear import Regression

patient = settings(max_examples=60)


def draw_data(seed, objects=12, weights=3, noise=0.3, length_scale=0.7, correlation=0.8, signal=1.0):
    """Inputs that share a part, and targets from weights of the prior's kind."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(objects, 1))
    x = correlation**0.5 * shared + (1 - correlation) ** 0.5 * rng.normal(size=(objects, weights))
    y = x @ rng.normal(size=weights) * signal / length_scale + noise * rng.normal(size=objects)
    return Regression(torch.tensor(x), torch.tensor(y), noise, length_scale)


problems = st.builds(
    draw_data,
    seed=st.integers(0, 10**6),
    objects=st.integers(1, 30),
    weights=st.integers(1, 6),
    noise=st.floats(0.05, 5),
    length_scale=st.floats(0.05, 5),
    correlation=st.floats(0, 1),
    signal=st.sampled_from([0.0, 1.0, 10.0]),
)


@patient
@given(problems)
def test_evidence_is_the_density_of_the_targets_with_weights_integrated_out(data):
    x = data.x.numpy()
    covariance = data.std**2 * np.eye(len(x)) + x @ x.T / data.length_scale**2
    expected = multivariate_normal(np.zeros(len(x)), covariance).logpdf(data.y.numpy())
    assert float(linear.log_evidence(data)) == pytest.approx(expected, rel=1e-7, abs=1e-7)


@patient
@given(problems)
def test_posterior_is_the_conditional_of_the_joint_gaussian(data):
    """Weights and targets are jointly Gaussian; condition on the targets, without A and its Cholesky factor."""
    x, variance = data.x.numpy(), data.length_scale**-2
    gain = variance * x.T @ np.linalg.inv(data.std**2 * np.eye(len(x)) + variance * x @ x.T)
    q = linear.exact(data)
    assert q.mean.numpy() == pytest.approx(gain @ data.y.numpy(), rel=1e-6, abs=1e-6)
    expected = variance * np.eye(x.shape[1]) - variance * gain @ x
    assert q.covariance.numpy() == pytest.approx(expected, rel=1e-6, abs=1e-6 * variance)
    scipys = multivariate_normal(q.mean.numpy(), q.covariance.numpy()).entropy()
    assert float(q.entropy) == pytest.approx(scipys, abs=1e-6)


def test_predictions_are_those_of_a_gaussian_process_with_a_linear_kernel():
    data, at = draw_data(1), draw_data(2).x
    kernel = ConstantKernel(data.length_scale**-2, "fixed") * DotProduct(0, "fixed")
    process = GaussianProcessRegressor(kernel, alpha=data.std**2, optimizer=None).fit(data.x.numpy(), data.y.numpy())
    mean, epistemic = linear.predict(linear.exact(data), at)
    expected, std = process.predict(at.numpy(), return_std=True)
    assert mean.numpy() == pytest.approx(expected, rel=1e-6)
    assert epistemic.sqrt().numpy() == pytest.approx(std, rel=1e-6)
    assert float(linear.log_evidence(data)) == pytest.approx(process.log_marginal_likelihood_value_, rel=1e-9)


@patient
@given(problems)
def test_mean_of_the_posterior_is_ridge(data):
    alpha = (data.std * data.length_scale) ** 2
    ridge = Ridge(alpha=alpha, fit_intercept=False, solver="svd").fit(data.x.numpy(), data.y.numpy())
    assert linear.exact(data).mean.numpy() == pytest.approx(ridge.coef_, rel=1e-6, abs=1e-6)
    assert torch.allclose(linear.dropout_mean(data, rate=0.0), linear.exact(data).mean, rtol=1e-6, atol=1e-6)


shapes = {"stretch": st.floats(0.3, 3), "shift": st.floats(-1, 1), "mixing": st.floats(-1, 1)}


@patient
@given(problems, st.fixed_dictionaries(shapes))
def test_elbo_of_any_gaussian_is_short_of_the_evidence_by_its_divergence_from_the_posterior(data, shape):
    """Also of Gaussians that nothing fitted; the divergence is torch's."""
    truth = linear.exact(data)
    k = len(truth.mean)
    factor = shape["stretch"] * (torch.eye(k, dtype=torch.float64) + shape["mixing"] * torch.ones(k, k).tril(-1))
    root = torch.linalg.cholesky(truth.covariance) @ factor
    gaussian = torch.distributions.MultivariateNormal(truth.mean + shape["shift"] * root[:, 0], scale_tril=root)
    q = linear.Weights(gaussian.mean, gaussian.covariance_matrix, gaussian.entropy())
    posterior = torch.distributions.MultivariateNormal(truth.mean, truth.covariance)
    short = torch.distributions.kl_divergence(gaussian, posterior)
    bound, evidence = float(linear.elbo(data, q)), float(linear.log_evidence(data))
    tolerance = 1e-7 * (1 + abs(evidence) + float(short))
    assert bound == pytest.approx(evidence - float(short), abs=tolerance)
    assert bound <= evidence + tolerance


@patient
@given(problems)
def test_the_posterior_reaches_the_evidence_and_mean_field_stays_below(data):
    evidence = float(linear.log_evidence(data))
    tolerance = 1e-8 * (1 + abs(evidence))
    assert float(linear.elbo(data, linear.exact(data))) == pytest.approx(evidence, abs=tolerance)
    assert float(linear.elbo(data, linear.mean_field(data))) <= evidence + tolerance


@patient
@given(problems)
def test_mean_field_is_the_posterior_where_inputs_are_orthogonal(data):
    orthogonal = torch.linalg.qr(torch.cat([data.x, torch.eye(data.x.shape[1], dtype=torch.float64)])).Q
    y = torch.linspace(-1, 2, len(orthogonal), dtype=torch.float64)
    data = Regression(orthogonal, y, data.std, data.length_scale)
    evidence = float(linear.log_evidence(data))
    assert torch.allclose(linear.mean_field(data).covariance, linear.exact(data).covariance, rtol=1e-9, atol=1e-9)
    assert float(linear.elbo(data, linear.mean_field(data))) == pytest.approx(evidence, rel=1e-9)


@patient
@given(problems, st.integers(0, 1000))
def test_no_other_independent_gaussians_come_closer_than_mean_field(data, seed):
    best = linear.mean_field(data)
    generator = torch.Generator().manual_seed(seed)
    nudge = torch.randn(2, len(best.mean), generator=generator, dtype=torch.float64)
    std = best.covariance.diagonal().sqrt()
    variance = (std * torch.exp(nudge[0])) ** 2
    entropy = torch.distributions.Normal(0, variance.sqrt()).entropy().sum()
    other = linear.Weights(best.mean + nudge[1] * std, torch.diag(variance), entropy)
    at_best = linear.elbo(data, best)
    assert linear.elbo(data, other) <= at_best + 1e-9 * (1 + at_best.abs())


@patient
@given(problems, st.integers(0, 1000))
def test_mean_field_never_widens_a_weight_and_is_right_on_average_over_the_objects(data, seed):
    """Averaged over the training inputs the variance is K sigma^2 / N for both, where the prior is weak.

    Where inputs break the correlation that mean field does not see, it is too sure; along it, too unsure.
    """
    truth, approximate = linear.exact(data).covariance, linear.mean_field(data).covariance
    assert (approximate.diagonal() <= truth.diagonal() * (1 + 1e-9)).all()
    nearly_flat = Regression(draw_data(seed, objects=20).x, torch.zeros(20, dtype=torch.float64), data.std, 1e-5)
    for q in (linear.exact(nearly_flat), linear.mean_field(nearly_flat)):
        _, epistemic = linear.predict(q, nearly_flat.x)
        assert float(epistemic.mean()) == pytest.approx(3 * data.std**2 / 20, rel=1e-4)


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9, 0.99])
def test_mean_field_of_two_correlated_weights_in_numbers(correlation):
    """Variances too small by 1 - c^2; across the correlation by 1 - c, along it too large by 1 + c."""
    squares = 1000 * torch.tensor([[1, correlation], [correlation, 1]], dtype=torch.float64)
    x = torch.linalg.cholesky(squares).T.contiguous()
    data = Regression(x, torch.zeros(2, dtype=torch.float64), 1.0, 1e-3)
    truth, approximate = linear.exact(data), linear.mean_field(data)
    ratio = approximate.covariance.diagonal() / truth.covariance.diagonal()
    assert ratio.numpy() == pytest.approx(1 - correlation**2, rel=1e-4)
    ways = torch.tensor([[1.0, -1.0], [1.0, 1.0]], dtype=torch.float64)
    along = linear.predict(approximate, ways)[1] / linear.predict(truth, ways)[1]
    assert along.numpy() == pytest.approx([1 - correlation, 1 + correlation], rel=1e-4)


@settings(max_examples=30)
@given(st.floats(0, 12), st.floats(0.01, 0.95))
def test_entropy_of_a_masked_weight_is_that_of_its_mixture(apart, rate):
    width = 0.3
    q = linear.dropout(torch.tensor([(1 - rate) * width * apart], dtype=torch.float64), rate, width)
    mean = width * apart

    def integrand(w):
        density = rate * norm.pdf(w, 0, width) + (1 - rate) * norm.pdf(w, mean, width)
        return -density * np.log(density)

    edges = [-9 * width, mean / 2, mean + 9 * width]
    entropy = sum(integrate.quad(integrand, a, b, epsabs=1e-12)[0] for a, b in pairwise(edges))
    assert float(q.entropy) == pytest.approx(entropy, abs=1e-9)


def test_what_has_no_evidence_raises_an_error():
    x, y = torch.zeros(2, 1, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    for noise, length_scale in ((0.0, 1.0), (1.0, 0.0), (float("nan"), 1.0)):
        with pytest.raises(InputError, match="both above 0"):
            Regression(x, y, noise, length_scale)
    for rate, width in ((0.1, 0.0), (1.0, 0.1), (-0.1, 0.1)):
        with pytest.raises(InputError, match="width 0"):
            linear.dropout(y, rate, width)
    for rate in (1.0, -0.1):
        with pytest.raises(InputError, match="a dropout rate of"):
            linear.dropout_mean(Regression(x, y, 1.0, 1.0), rate)


def test_other_shapes_are_refused_where_nobody_checks_them(request):
    config.update("jaxtyping_disable", True)
    request.addfinalizer(lambda: config.update("jaxtyping_disable", False))
    x, y = torch.zeros(2, 1, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    for targets in (y.float(), y[:1], y[:, None]):
        with pytest.raises(InputError, match=r"y \(object,\), in float64"):
            Regression(x, targets, 1.0, 1.0)
