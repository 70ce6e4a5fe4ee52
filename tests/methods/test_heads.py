import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import distributions as dist

from skysure.methods.likelihoods import Categorical, CorrelatedGaussian, CorrelatedMixture, Gaussian, GaussianMixture
from skysure.methods.likelihoods.heads import bound_log_variance
from skysure.methods.sampling import split_classes, split_values

VALUE_HEADS = [
    Gaussian(3), CorrelatedGaussian(3), CorrelatedGaussian(1), GaussianMixture(3, 4), GaussianMixture(1, 2),
    CorrelatedMixture(3, 2),
]  # fmt: skip
HEADS = [Categorical(4), *VALUE_HEADS]


def raw_of(head, *shape, seed=0, scale=1.0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return (scale * torch.randn(*shape, head.outputs, generator=generator, dtype=torch.float64)).to(dtype)


def truth_of(head, objects, seed=1, scale=1.0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    if isinstance(head, Categorical):
        return torch.randint(head.classes, (objects,), generator=generator)
    return (scale * torch.randn(objects, head.values, generator=generator, dtype=torch.float64)).to(dtype)


def distribution(head, raw):
    """The same in torch's own distributions, parametrised by hand."""
    if isinstance(head, Categorical):
        return dist.Categorical(logits=raw)
    d = head.values
    if isinstance(head, Gaussian):
        return dist.Independent(dist.Normal(raw[..., :d], torch.exp(15 * torch.tanh(raw[..., d:] / 30))), 1)
    if isinstance(head, CorrelatedGaussian):
        inverse = torch.zeros(*raw.shape[:-1], d, d, dtype=raw.dtype)
        k = 2 * d
        for i in range(d):
            inverse[..., i, i] = 1
            for j in range(i):
                inverse[..., i, j] = -raw[..., k]
                k += 1
        precision = inverse.mT @ torch.diag_embed(torch.exp(-30 * torch.tanh(raw[..., d : 2 * d] / 30))) @ inverse
        return dist.MultivariateNormal(raw[..., :d], precision_matrix=precision)
    k = head.components
    if isinstance(head, CorrelatedMixture):
        components = distribution(head.component, raw[..., k:].unflatten(-1, (k, -1)))
        return dist.MixtureSameFamily(dist.Categorical(logits=raw[..., :k]), components)
    mean = raw[..., k : k + k * d].reshape(*raw.shape[:-1], k, d)
    std = torch.exp(15 * torch.tanh(raw[..., k + k * d :].reshape(mean.shape) / 30))
    return dist.MixtureSameFamily(dist.Categorical(logits=raw[..., :k]), dist.Independent(dist.Normal(mean, std), 1))


@pytest.mark.parametrize("head", HEADS, ids=repr)
@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), scale=st.sampled_from([0.1, 1.0, 3.0]))
def test_likelihoods_are_those_of_torch_with_samples_and_without(head, seed, scale):
    raw, truth = raw_of(head, 2, 5, seed=seed, scale=scale), truth_of(head, 5, seed + 1)
    nll = head.nll(raw, truth)
    torch.testing.assert_close(nll, -distribution(head, raw).log_prob(truth), rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(head.nll(raw[0], truth), nll[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("head", VALUE_HEADS, ids=repr)
def test_moments_are_those_of_torch_and_go_into_the_split(head):
    raw = raw_of(head, 6, 4)
    mean, covariance = head.moments(raw)
    theirs = distribution(head, raw)
    torch.testing.assert_close(mean, theirs.mean)
    torch.testing.assert_close(covariance.diagonal(dim1=-2, dim2=-1), theirs.variance)
    if isinstance(head, CorrelatedGaussian):
        torch.testing.assert_close(covariance, theirs.covariance_matrix)
    torch.testing.assert_close(covariance, covariance.mT)
    parts = split_values(mean, covariance=covariance)
    torch.testing.assert_close(parts.aleatoric, covariance.mean(0))


@pytest.mark.parametrize("head", VALUE_HEADS, ids=repr)
def test_draws_have_the_moments_and_their_generator_alone_decides(head):
    raw, n = raw_of(head, 1, seed=3), 40_000
    draws = head.draw(raw.expand(n, -1), torch.Generator().manual_seed(0))
    assert torch.equal(draws, head.draw(raw.expand(n, -1), torch.Generator().manual_seed(0)))
    mean, covariance = (x[0] for x in head.moments(raw))
    spread = covariance.diagonal().sqrt()
    assert (((draws.mean(0) - mean) / spread).abs() < 5 / n**0.5).all()
    sample_covariance = torch.cov(draws.T).reshape(covariance.shape)
    assert ((sample_covariance - covariance).abs() < 0.06 * spread * spread[:, None]).all()


def test_draws_of_a_mixture_follow_its_density_where_moments_say_nothing():
    head = GaussianMixture(1, 2)
    raw = torch.tensor([[0.0, np.log(3), -4.0, 2.0, 0.0, -2.0]], dtype=torch.float64)
    draws = head.draw(raw.expand(5000, -1), torch.Generator().manual_seed(0))[:, 0].numpy()
    width = np.exp(15 * np.tanh(-2 / 30))

    def cumulative(x):
        return 0.25 * stats.norm.cdf(x, -4, 1) + 0.75 * stats.norm.cdf(x, 2, width)

    assert stats.kstest(draws, cumulative).pvalue > 0.01


def test_drawn_classes_are_as_common_as_their_probability():
    head, n = Categorical(4), 40_000
    raw = raw_of(head, 1, seed=2)
    draws = head.draw(raw.expand(n, -1), torch.Generator().manual_seed(0))
    counts = torch.bincount(draws, minlength=4).numpy()
    assert stats.chisquare(counts, n * head.probability(raw)[0].numpy()).pvalue > 0.01
    certain = head.draw(torch.tensor([[0.0, 1e4, -1e4, 0.0]]).expand(100, -1), torch.Generator().manual_seed(0))
    assert (certain == 1).all()


@pytest.mark.parametrize("head", HEADS, ids=repr)
def test_gradients_are_those_of_finite_differences(head):
    raw, truth = raw_of(head, 2, 3).requires_grad_(), truth_of(head, 3)
    assert torch.autograd.gradcheck(lambda r: head.nll(r, truth), raw)


@pytest.mark.parametrize("head", HEADS, ids=repr)
@settings(max_examples=60)
@given(seed=st.integers(0, 10**6), far=st.sampled_from([0.0, 1.0, 1e3]))
def test_raw_outputs_of_a_hundred_overflow_nothing_in_float32(head, seed, far):
    generator = torch.Generator().manual_seed(seed)
    raw = 100.0 * (2 * torch.rand(2, 3, head.outputs, generator=generator) - 1).sign()
    raw = torch.where(torch.rand(raw.shape, generator=generator) < 0.7, raw, 0.0).requires_grad_()
    nll = head.nll(raw, truth_of(head, 3, seed, far, torch.float32))
    nll.sum().backward()
    assert raw.grad is not None
    assert torch.isfinite(nll).all()
    assert torch.isfinite(raw.grad).all()
    if not isinstance(head, Categorical):
        mean, covariance = head.moments(raw.detach())
        assert torch.isfinite(mean).all()
        assert torch.isfinite(covariance).all()


@pytest.mark.parametrize(
    ("offset", "scale", "error"),
    [(20.0, 2.0, 1e-3), (2_460_000.5, 300.0, 0.01), (1e6, 1e4, 1e-2), (1e6, 1e4, 1e4)],
    ids=["magnitude", "Julian date", "bright flux", "noisy flux"],
)
@pytest.mark.parametrize("head", [Gaussian(2), CorrelatedGaussian(2), GaussianMixture(2, 3)], ids=repr)
def test_float32_in_standard_units_holds_magnitudes_dates_and_fluxes(head, offset, scale, error):
    """A net's float32 outputs score as in float64; its likelihood in the unit of the values is that of scipy."""
    generator = torch.Generator().manual_seed(0)
    centre = torch.randn(40, 2, generator=generator)
    width = torch.full((40, 2), 30 * np.arctanh(2 * np.log(error / scale) / 30))
    if isinstance(head, GaussianMixture):
        raw = torch.cat([torch.zeros(40, 3), centre.repeat(1, 3), width.repeat(1, 3)], -1)
    else:
        raw = torch.cat([centre, width, torch.zeros(40, head.outputs - 4)], -1)
    truth = offset + scale * centre.double() + error * torch.randn(40, 2, generator=generator, dtype=torch.float64)
    standard = ((truth - offset) / scale).float()
    nll = head.nll(raw, standard)
    torch.testing.assert_close(nll.double(), head.nll(raw.double(), standard.double()), rtol=1e-4, atol=1e-4)
    expected = -stats.norm.logpdf(truth, offset + scale * centre.double(), error).sum(-1)
    rounding = 1e-7 * scale / error  # of the truth, in standard units, against its error
    assert (nll + 2 * np.log(scale)).numpy() == pytest.approx(expected, rel=1e-4, abs=1e-4 + 20 * rounding)


@given(raw=st.floats(-200, 200))
def test_log_variances_are_bounded_and_never_flat(raw):
    x = torch.tensor(raw, requires_grad=True)
    s = bound_log_variance(x)
    s.backward()
    assert x.grad > 0
    assert abs(s.item()) <= 30
    assert abs(s.item() - raw) <= abs(raw) ** 3 / 2700 + 1e-5


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6))
def test_a_mixture_does_not_know_the_order_of_its_components(seed):
    head = GaussianMixture(2, 3)
    raw, truth = raw_of(head, 4, seed=seed), truth_of(head, 4, seed)
    logits, mean, log_variance = raw.split([3, 6, 6], -1)
    reordered = [x.unflatten(-1, (3, -1))[:, [2, 0, 1]].flatten(-2) for x in (logits, mean, log_variance)]
    torch.testing.assert_close(head.nll(torch.cat(reordered, -1), truth), head.nll(raw, truth))


def test_couplings_are_the_regression_on_the_values_before():
    """Of a covariance known in advance: the raw outputs that give it, found by regression, give it back."""
    rng = np.random.default_rng(0)
    root = rng.normal(size=(4, 4))
    covariance = root @ root.T + 0.1 * np.eye(4)
    head, raw = CorrelatedGaussian(4), [0.0] * 4
    noise, couplings = [covariance[0, 0]], []
    for i in range(1, 4):
        slope = np.linalg.solve(covariance[:i, :i], covariance[:i, i])
        couplings += list(slope)
        noise.append(covariance[i, i] - slope @ covariance[:i, i])
    raw = torch.tensor([*raw, *(30 * np.arctanh(np.log(noise) / 30)), *couplings])[None]
    np.testing.assert_allclose(head.moments(raw)[1][0], covariance, rtol=1e-10)


def test_marginals_of_a_mixture_are_its_density_over_all_samples():
    head = GaussianMixture(2, 3)
    raw, truth = raw_of(head, 5, 7), truth_of(head, 7)
    share, mean, std = (x.numpy() for x in head.marginals(raw))
    assert share.shape == mean.shape == std.shape == (15, 7, 2)
    np.testing.assert_allclose(share.sum(0), 1)
    density = (share * stats.norm.pdf(truth, mean, std)).sum(0)
    theirs = distribution(head, raw)
    parts = theirs.component_distribution.base_dist.log_prob(truth[None, :, None]).exp()
    np.testing.assert_allclose(density, (theirs.mixture_distribution.probs[..., None] * parts).sum(-2).mean(0))


def test_class_splits_of_extreme_float32_logits_are_those_of_float64():
    raw = 100 * torch.randn(30, 50, 4, generator=torch.Generator().manual_seed(0))
    head = Categorical(4)
    ours, exact = split_classes(head.probability(raw)), split_classes(raw.double().softmax(-1))
    rounded = split_classes(raw.softmax(-1))
    for parts in (ours, rounded):
        torch.testing.assert_close(parts.epistemic, exact.epistemic, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(parts.aleatoric, exact.aleatoric, rtol=1e-5, atol=1e-6)
