import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax, logsumexp
from scipy.stats import norm

from skysure.errors import InputError
from skysure.methods.calibration import TemperatureScaling, VarianceScaling, VectorScaling, predictive_nll


def simulated(n=20_000, classes=4, samples=3, seed=0, scale=2.0):
    """Logits of samples whose mixture is the truth, and labels drawn from it."""
    rng = np.random.default_rng(seed)
    z = scale * rng.normal(size=(n, classes)) + 0.7 * rng.normal(size=(samples, n, classes))
    p = np.exp(log_softmax(z, -1)).mean(0)
    truth = (rng.random(n)[:, None] > np.cumsum(p, 1)).sum(1).clip(max=classes - 1)
    return torch.from_numpy(z).float(), torch.from_numpy(truth)


def test_temperature_recovers_that_of_simulated_logits():
    logits, truth = simulated()
    scaling = TemperatureScaling().fit(2.5 * logits, truth)
    assert scaling.temperature.item() == pytest.approx(2.5, rel=0.03)
    assert scaling.fitted
    assert predictive_nll(scaling(2.5 * logits), truth).item() == pytest.approx(
        predictive_nll(logits, truth).item(), abs=1e-3
    )


def test_temperature_minimises_the_mixture_likelihood():
    logits, truth = simulated(n=300, seed=3)
    z, y = logits.double().numpy(), truth.numpy()

    def objective(log_t):
        log_p = logsumexp(log_softmax(z / np.exp(log_t), -1), axis=0) - np.log(len(z))
        return -log_p[np.arange(len(y)), y].sum() + log_t**2 / 2

    best = minimize_scalar(objective, bounds=(-3, 3), method="bounded", options={"xatol": 1e-9})
    assert TemperatureScaling().fit(logits, truth).temperature.item() == pytest.approx(np.exp(best.x), rel=1e-5)


def test_perfectly_separated_classes_leave_a_finite_temperature():
    logits = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    temperature = TemperatureScaling().fit(logits, torch.tensor([0, 1])).temperature.item()
    assert 0.2 < temperature < 1


def test_vector_scaling_recovers_scales_and_shifts():
    logits, truth = simulated(classes=3, samples=1, n=40_000)
    slope, offset = torch.tensor([0.5, 1.0, 2.0]), torch.tensor([1.0, 0.0, -1.0])
    scaling = VectorScaling(3).fit((logits - offset) / slope, truth)
    torch.testing.assert_close(scaling.scale, slope, rtol=0.06, atol=0)
    torch.testing.assert_close(scaling.shift, offset, rtol=0, atol=0.08)


def test_vector_scaling_takes_up_a_change_of_class_frequencies():
    logits, truth = simulated(classes=2, samples=1, n=40_000)
    keep = (truth == 0) | (torch.rand(len(truth), generator=torch.Generator().manual_seed(0)) < 0.2)
    scaling = VectorScaling(2).fit(logits[:, keep], truth[keep])
    assert (scaling.shift[0] - scaling.shift[1]).item() == pytest.approx(np.log(5), abs=0.1)


@pytest.mark.parametrize("width", [0.05, 0.3, 1.0])
def test_vector_scaling_is_the_optimum_of_likelihood_and_prior(width):
    logits, truth = simulated(n=200, classes=2, samples=2, seed=5)
    z, y = 2 * logits.double().numpy(), truth.numpy()

    def objective(theta):  # common, own of each class, shift of each class, in widths of their priors
        scale, shift = np.exp(width * (theta[0] + theta[1:3] / 2)), width * (theta[3:] - theta[3:].mean())
        log_p = logsumexp(log_softmax(z * scale + shift, -1), axis=0) - np.log(len(z))
        return -log_p[np.arange(len(y)), y].sum() + (theta**2).sum() / 2

    best = width * minimize(objective, np.zeros(5), tol=1e-12).x
    scaling = VectorScaling(2, width).fit(2 * logits, truth)
    np.testing.assert_allclose(scaling.scale, np.exp(best[0] + best[1:3] / 2), rtol=1e-4)
    np.testing.assert_allclose(scaling.shift, best[3:] - best[3:].mean(), atol=1e-4)


def test_no_width_leaves_logits_alone():
    logits, truth = simulated(n=100, classes=3)
    assert torch.equal(VectorScaling(3, 0.0).fit(3 * logits, truth)(logits), logits)


def test_an_absent_class_keeps_the_common_temperature_and_its_probability():
    logits, truth = simulated(classes=4, n=5000)
    present = truth != 3
    scaling = VectorScaling(4).fit(2 * logits[:, present], truth[present])
    assert torch.isfinite(scaling.scale).all()
    assert scaling.shift[3] == 0
    assert scaling.shift[:3].mean().item() == pytest.approx(0, abs=1e-6)
    before, after = logits.softmax(-1)[..., 3].mean(), scaling(2 * logits).softmax(-1)[..., 3].mean()
    assert 0.5 < (after / before).item() < 2


def test_few_objects_shrink_vector_scaling_towards_temperature():
    logits = torch.tensor([[[2.0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 2], [0, 1, 0], [0, 1, 0]]])
    truth = logits[0].argmax(1)  # separated: no factor is too large for the likelihood alone
    common, own = TemperatureScaling().fit(logits, truth), VectorScaling(3).fit(logits, truth)
    assert 0.1 < common.temperature < 0.6
    torch.testing.assert_close(own.scale * common.temperature, torch.ones(3), rtol=0.25, atol=0)
    assert own.shift.abs().max() < 0.5


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 30),
    classes=st.integers(2, 5),
    samples=st.integers(1, 3),
    size=st.sampled_from([0.01, 1.0, 30.0]),
)
def test_no_scaling_ends_worse_than_the_identity(seed, n, classes, samples, size):
    generator = torch.Generator().manual_seed(seed)
    logits = size * torch.randn(samples, n, classes, generator=generator, dtype=torch.float64)
    truth = torch.randint(classes, (n,), generator=generator)
    before = predictive_nll(logits, truth)
    for scaling in (TemperatureScaling(), VectorScaling(classes)):
        assert predictive_nll(scaling.fit(logits, truth)(logits), truth) <= before + 1e-6 * (1 + before)


def test_scaling_starts_as_the_identity():
    logits = torch.randn(3, 4, 5)
    assert torch.equal(TemperatureScaling()(logits), logits)
    assert torch.equal(VectorScaling(5)(logits), logits)
    mean, std = VarianceScaling(5)(logits, logits.exp())
    torch.testing.assert_close(mean, logits)
    assert torch.equal(std, logits.exp())
    assert not TemperatureScaling().fitted


def test_variance_scaling_of_one_gaussian_is_the_closed_form():
    rng = np.random.default_rng(1)
    mean, std = rng.normal(size=(1, 5000, 2)), rng.uniform(0.5, 2, size=(1, 5000, 2))
    truth = mean[0] + std[0] * rng.normal(size=(5000, 2)) * [0.3, 4.0]
    scaling = VarianceScaling(2).fit(*map(torch.from_numpy, (mean, std, truth)))
    expected = np.sqrt((((truth - mean[0]) / std[0]) ** 2).mean(0))
    np.testing.assert_allclose(scaling.factor, expected, rtol=5e-4)


def test_variance_scaling_minimises_the_mixture_likelihood_and_scales_all_covariance():
    rng = np.random.default_rng(2)
    mean, std = 1e4 + rng.normal(size=(5, 400, 1)), rng.uniform(0.2, 0.5, size=(5, 400, 1))
    truth = 1e4 + 3 * rng.normal(size=(400, 1))
    scaling = VarianceScaling(1).fit(*map(torch.from_numpy, (mean, std, truth)))

    def objective(log_f):
        centre, f = mean.mean(0), np.exp(log_f)
        log_density = norm.logpdf(truth, centre + f * (mean - centre), f * std)
        return -(logsumexp(log_density, axis=0) - np.log(5)).sum() + log_f**2 / 2

    best = minimize_scalar(objective, bounds=(-3, 3), method="bounded", options={"xatol": 1e-9})
    assert scaling.factor.item() == pytest.approx(np.exp(best.x), rel=1e-5)
    moved, wide = scaling(torch.from_numpy(mean), torch.from_numpy(std))
    for before, after in ((mean.var(0), moved.var(0, correction=0)), ((std**2).mean(0), (wide**2).mean(0))):
        covariance = scaling.covariance(torch.from_numpy(before)[..., None])
        torch.testing.assert_close(after[..., None], covariance)


def test_bad_calibration_parts_raise_errors():
    logits, truth = torch.zeros(1, 3, 2), torch.tensor([0, 1, 1])
    for bad_logits, bad_truth in (
        (logits[:, :0], truth[:0]),
        (logits * torch.nan, truth),
        (logits, torch.tensor([0, 1, 2])),
        (logits, torch.tensor([0, 1, -1])),
    ):
        for scaling in (TemperatureScaling(), VectorScaling(2)):
            with pytest.raises(InputError):
                scaling.fit(bad_logits, bad_truth)
    with pytest.raises(InputError, match="3 classes"):
        VectorScaling(3).fit(logits, truth)
    for std in (0.0, torch.inf):
        with pytest.raises(InputError, match="positive"):
            VarianceScaling(2).fit(logits, torch.full_like(logits, std), logits[0])
    with pytest.raises(InputError, match="no values"):
        VarianceScaling(2).fit(logits[:, :0], logits[:, :0] + 1, logits[0, :0])
