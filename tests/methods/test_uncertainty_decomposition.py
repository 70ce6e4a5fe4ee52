import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from skysure.errors import InputError
from skysure.methods.sampling import split_classes, split_values


def dirichlet(samples, objects, classes, concentration, seed=0):
    torch.manual_seed(seed)
    alpha = torch.full((classes,), concentration, dtype=torch.float64)
    return torch.distributions.Dirichlet(alpha).sample((samples, objects))


@given(st.integers(2, 40), st.integers(1, 5), st.integers(2, 8), st.floats(0.02, 50), st.integers(0, 10))
def test_entropies_add_up_and_are_those_of_scipy(samples, objects, classes, concentration, seed):
    p = dirichlet(samples, objects, classes, concentration, seed)
    parts = split_classes(p)
    assert torch.equal(parts.predictive, parts.aleatoric + parts.epistemic)
    assert parts.predictive.numpy() == pytest.approx(stats.entropy(p.mean(0).numpy(), axis=-1), abs=1e-12)
    assert parts.aleatoric.numpy() == pytest.approx(stats.entropy(p.numpy(), axis=-1).mean(0), abs=1e-12)
    assert (parts.epistemic >= 0).all()
    assert parts.probability_error.numpy() == pytest.approx(p.numpy().std(0, ddof=1))


def test_extremes_of_classes():
    certain = split_classes(torch.eye(3)[[0, 0]][:, None])
    assert certain.predictive.item() == certain.epistemic.item() == 0
    disagreement = split_classes(torch.eye(3)[:, None])
    assert disagreement.epistemic.item() == pytest.approx(np.log(3))
    assert disagreement.aleatoric.item() == 0
    noisy = split_classes(torch.full((5, 1, 4), 0.25))
    assert noisy.aleatoric.item() == pytest.approx(np.log(4))
    assert noisy.epistemic.item() == 0


def test_small_mutual_information_keeps_its_digits():
    # p = (1 + d, 1 - d) / 2 with d = +-1e-6: the divergence from 1/2 is d^2 / 2, far below the digits of log 2.
    d = 1e-6 * torch.tensor([1.0, -1.0], dtype=torch.float64)
    p = torch.stack([1 + d, 1 - d], -1)[:, None] / 2
    assert split_classes(p).epistemic.item() == pytest.approx(5e-13, rel=1e-3)


def test_monte_carlo_error_of_classes_is_the_scatter_between_repetitions():
    p = dirichlet(60, 4000, 3, 2.0)
    parts = split_classes(p)
    assert float(parts.monte_carlo_error.mean()) == pytest.approx(float(parts.epistemic.std()), rel=0.1)


def test_variance_adds_up_and_is_unbiased():
    torch.manual_seed(0)
    truth = torch.tensor([[2.0, 0.6], [0.6, 0.5]], dtype=torch.float64)
    means = torch.randn(5, 20_000, 2, dtype=torch.float64) @ torch.linalg.cholesky(truth).T
    noise = torch.full((5, 20_000, 2), 0.3, dtype=torch.float64)
    parts = split_values(means, variance=noise)
    assert torch.allclose(parts.epistemic.mean(0), truth, atol=0.04)
    assert torch.allclose(parts.aleatoric, 0.3 * torch.eye(2, dtype=torch.float64).expand(20_000, 2, 2))
    assert torch.equal(parts.predictive, parts.aleatoric + parts.epistemic)
    assert torch.allclose(split_values(means, covariance=torch.diag_embed(noise)).predictive, parts.predictive)
    scatter = parts.epistemic.std(0)
    expected = ((truth**2 + truth.diagonal()[:, None] * truth.diagonal()) / 4).sqrt()
    assert torch.allclose(scatter, expected, rtol=0.05)
    assert torch.allclose(parts.monte_carlo_error.square().mean(0).sqrt(), expected, rtol=0.3)


@given(hnp.arrays(np.float64, (6, 3, 2), elements=st.floats(-100, 100)))
def test_covariance_is_that_of_numpy(means):
    parts = split_values(torch.tensor(means), variance=torch.zeros(6, 3, 2))
    for i in range(3):
        assert parts.epistemic[i].numpy() == pytest.approx(np.cov(means[:, i].T), abs=1e-9)


@pytest.mark.parametrize(
    ("mean", "std", "dtype"),
    [(20.0, 1e-3, torch.float32), (2e4, 0.01, torch.float32), (2_460_000.5, 1e-6, torch.float64)],
)
def test_magnitudes_fluxes_and_julian_dates_keep_their_scatter(mean, std, dtype):
    torch.manual_seed(0)
    means = (mean + std * torch.randn(50, 400, 1, dtype=torch.float64)).to(dtype)
    parts = split_values(means, variance=torch.full((50, 400, 1), std**2))
    epistemic = parts.epistemic[:, 0, 0].sqrt()
    expected = means.double().numpy().astype(np.longdouble).std(0, ddof=1)[:, 0]
    assert epistemic.numpy() == pytest.approx(expected.astype(float), rel=1e-9)
    assert float(epistemic.mean()) == pytest.approx(std, rel=0.03)
    assert torch.isfinite(parts.mean).all()


def test_one_sample_has_no_split():
    with pytest.raises(InputError, match="at least 2"):
        split_classes(torch.ones(1, 3, 2) / 2)
    with pytest.raises(InputError, match="at least 2"):
        split_values(torch.ones(1, 3, 2), variance=torch.ones(1, 3, 2))
    with pytest.raises(InputError, match="exactly one of them"):
        split_values(torch.ones(4, 3, 2))
