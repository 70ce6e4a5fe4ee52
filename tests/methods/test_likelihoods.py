import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from jaxtyping import config
from scipy import stats

from skysure.errors import InputError
from skysure.methods.likelihoods import (
    CorrelatedGaussian,
    Gaussian,
    GaussianMixture,
    categorical_nll,
    gaussian_nll,
    mixture_nll,
)


def finite(*shape, bound=30):
    return hnp.arrays(np.float64, shape, elements=st.floats(-bound, bound))


@given(finite(4, 5, 3), st.lists(st.integers(0, 2), min_size=5, max_size=5))
def test_classes_score_their_log_probability_and_mixtures_their_mean_one(logits, labels):
    nll = categorical_nll(torch.tensor(logits), torch.tensor(labels))
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    p_label = p[:, np.arange(5), labels]
    assert nll.numpy() == pytest.approx(-np.log(p_label), abs=1e-9)
    assert mixture_nll(nll).numpy() == pytest.approx(-np.log(p_label.mean(0)), abs=1e-9)
    assert categorical_nll(torch.tensor(logits[0]), torch.tensor(labels)).numpy() == pytest.approx(nll[0].numpy())


@given(finite(4, 5, 2, bound=5), finite(4, 5, 2, bound=3), finite(5, 2, bound=5))
def test_values_score_the_density_of_scipy(mean, log_variance, truth):
    nll = gaussian_nll(torch.tensor(mean), torch.tensor(log_variance), torch.tensor(truth))
    density = stats.norm.pdf(truth, mean, np.exp(log_variance / 2)).prod(-1)
    assert nll.numpy() == pytest.approx(-stats.norm.logpdf(truth, mean, np.exp(log_variance / 2)).sum(-1), abs=1e-9)
    mixed = density.mean(0)
    representable = mixed > 1e-250
    assert mixture_nll(nll).numpy()[representable] == pytest.approx(-np.log(mixed[representable]), abs=1e-9)


def test_extreme_variances_and_far_truths_stay_finite_in_float32():
    s = torch.tensor([-170.0, 170.0])[:, None, None]
    zero = torch.zeros(1, 1)
    nll = gaussian_nll(torch.zeros(2, 1, 1), s, zero)
    assert nll.flatten().numpy() == pytest.approx(0.5 * (np.array([-170, 170]) + np.log(2 * np.pi)), rel=1e-6)
    near = gaussian_nll(torch.full((1, 1), 1e-37), torch.full((1, 1), -170.0), zero)
    assert float(near) == pytest.approx(0.5 * (1e-74 * np.exp(170) - 170 + np.log(2 * np.pi)), rel=1e-5)
    far = mixture_nll(gaussian_nll(torch.full((3, 1, 1), 1e4), torch.zeros(3, 1, 1), zero))
    assert float(far) == pytest.approx(0.5 * (1e8 + np.log(2 * np.pi)), rel=1e-6)
    logits = torch.tensor([[[1e4, 0.0]], [[-1e4, 0.0]]])
    assert float(mixture_nll(categorical_nll(logits, torch.tensor([0])))) == pytest.approx(np.log(2), rel=1e-6)


def test_gradient_of_the_gaussian_is_the_closed_form():
    mean = torch.tensor([[1.3]], requires_grad=True)
    s = torch.tensor([[0.4]], requires_grad=True)
    gaussian_nll(mean, s, torch.tensor([[2.0]])).sum().backward()
    assert float(mean.grad) == pytest.approx(-0.7 * np.exp(-0.4), rel=1e-5)
    assert float(s.grad) == pytest.approx(0.5 * (1 - 0.49 * np.exp(-0.4)), rel=1e-5)


@pytest.mark.parametrize("head", [Gaussian(1), CorrelatedGaussian(1), GaussianMixture(1, 2)])
def test_truth_without_its_axis_is_a_fault_where_nobody_checks_shapes(head, request):
    """Torch would make a table of all differences, and the sum of its rows."""
    config.update("jaxtyping_disable", True)
    request.addfinalizer(lambda: config.update("jaxtyping_disable", False))
    raw, truth = torch.zeros(4, 3, head.outputs), torch.zeros(3)
    assert head.nll(raw, truth[:, None]).shape == (4, 3)
    for wrong in (truth, truth[:, None].expand(3, 2), truth[:1, None]):
        with pytest.raises(InputError, match="without the axis of values"):
            head.nll(raw, wrong)
