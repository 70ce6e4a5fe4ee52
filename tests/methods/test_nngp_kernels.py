import json
from pathlib import Path

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import erf, ndtr

from skysure.methods.gaussian_process import erf_kernel, relu_kernel
from skysure.methods.gaussian_process.kernels import erf_moment, kernel_variance, relu_moment

TRUTH = json.loads((Path(__file__).parents[1] / "truths" / "nngp.json").read_text())
KERNELS = {"relu": relu_kernel, "erf": erf_kernel}


def rows(n, features, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(n, features)))


def expected(activation, k, kxx, kyy):
    """E[phi(u) phi(u')] by quadrature over u of the closed mean of phi(u') given u."""
    slope, std = k / kxx, np.sqrt(kyy - k * k / kxx)

    def integrand(u):
        m = slope * u
        density = np.exp(-0.5 * u * u / kxx) / np.sqrt(2 * np.pi * kxx)
        if activation == "erf":
            return density * erf(u) * erf(m / np.sqrt(1 + 2 * std**2))
        return density * u * (m * ndtr(m / std) + std * np.exp(-0.5 * (m / std) ** 2) / np.sqrt(2 * np.pi))

    start, end = (0 if activation == "relu" else -12 * np.sqrt(kxx)), 12 * np.sqrt(kxx)
    return quad(integrand, start, end, epsabs=1e-13, epsrel=1e-12, limit=200)[0]


def test_relu_kernel_is_that_of_neural_tangents():
    x = torch.from_numpy(np.random.RandomState(0).randn(6, 4))
    k = relu_kernel(x, x, depth=2, weight_variance=2.0, bias_variance=0.09)
    np.testing.assert_allclose(k[0, :3], TRUTH["kernel"], atol=1e-6)


@pytest.mark.parametrize(("activation", "moment"), [("relu", relu_moment), ("erf", erf_moment)])
@settings(max_examples=40)
@given(st.floats(-0.999, 0.999), st.floats(0.05, 20), st.floats(0.05, 20))
def test_moments_are_the_integrals(activation, moment, correlation, kxx, kyy):
    k = correlation * np.sqrt(kxx * kyy)
    ours = moment(*(torch.tensor(v, dtype=torch.float64) for v in (k, kxx, kyy)))
    assert float(ours) == pytest.approx(expected(activation, k, kxx, kyy), rel=1e-9, abs=1e-10)


@pytest.mark.parametrize("exponent", range(2, 16))
def test_near_duplicates_keep_their_digits(exponent):
    """Against fifty digits, at angles from 0.1 down to the last bit."""
    mpmath.mp.dps = 50
    k = 1 - 10.0**-exponent
    one, k_tensor = torch.ones((), dtype=torch.float64), torch.tensor(k, dtype=torch.float64)
    angle = mpmath.acos(mpmath.mpf(k))
    exact = (mpmath.sin(angle) + (mpmath.pi - angle) * mpmath.mpf(k)) / (2 * mpmath.pi)
    assert abs(mpmath.mpf(float(relu_moment(k_tensor, one, one))) / exact - 1) < 4e-16
    large = mpmath.mpf(10) ** 6
    exact = mpmath.asin(2 * mpmath.mpf(k) * large / (1 + 2 * large)) * 2 / mpmath.pi
    ours = float(erf_moment(1e6 * k_tensor, 1e6 * one, 1e6 * one))
    assert abs(ours / exact - 1) < 1e-12 + 1e-9 * (exponent > 12)


@pytest.mark.parametrize("activation", ["relu", "erf"])
@pytest.mark.parametrize("depth", [0, 1, 3])
def test_finite_networks_have_this_covariance(activation, depth):
    """The mean over wide random networks, within five of its standard errors; depth 0 is exact."""
    x, width, networks = rows(4, 3, seed=1), 256, 120
    generator = torch.Generator().manual_seed(depth)
    phi = {"relu": torch.relu, "erf": torch.erf}[activation]
    covariances = []
    for _ in range(networks):
        h = x
        for _ in range(depth):
            weights = torch.randn(h.shape[1], width, generator=generator, dtype=torch.float64)
            bias = torch.randn(width, generator=generator, dtype=torch.float64)
            h = phi(h @ weights * (1.7 / h.shape[1]) ** 0.5 + 0.3**0.5 * bias)
        covariances.append(0.3 + 1.7 * h @ h.T / h.shape[1])
    covariances = torch.stack(covariances)
    kernel = KERNELS[activation](x, x, depth, 1.7, 0.3)
    error = covariances.std(0) / networks**0.5
    assert ((covariances.mean(0) - kernel).abs() < 5 * error + 1e-12).all()


@pytest.mark.parametrize("activation", ["relu", "erf"])
def test_diagonal_duplicates_and_definiteness(activation):
    x = torch.cat([rows(20, 5), rows(20, 5)])
    k = KERNELS[activation](x, x, 4, 1.8, 0.2)
    torch.testing.assert_close(k.diagonal(), kernel_variance(x, activation, 4, 1.8, 0.2), rtol=1e-14, atol=0)
    torch.testing.assert_close(k[:20, 20:].diagonal(), k.diagonal()[:20], rtol=1e-14, atol=0)
    torch.testing.assert_close(k, k.T, rtol=1e-14, atol=0)
    assert torch.linalg.eigvalsh(k).min() > -1e-12


@pytest.mark.parametrize("activation", ["relu", "erf"])
def test_gradients(activation):
    def covariance(x, weight, bias):
        return KERNELS[activation](x, x[:3], 2, weight, bias)

    x = rows(4, 3).requires_grad_()
    variances = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (1.5, 0.2)]
    apart = torch.cat([x.detach(), rows(2, 3, seed=5)])
    other_inputs = rows(3, 3, seed=7).requires_grad_()
    assert torch.autograd.gradcheck(lambda y, w, b: KERNELS[activation](apart, y, 2, w, b), (other_inputs, *variances))
    same = torch.cat([rows(2, 3), rows(2, 3), torch.zeros(1, 3).double()]).requires_grad_()
    covariance(same, *variances).sum().backward()
    assert torch.isfinite(same.grad).all()
    assert all(torch.isfinite(v.grad) for v in variances)


def test_gradient_of_equal_rows_is_that_of_the_limit():
    """E[relu(u) relu(u')] = kxx / 2 where u = u', whichever variance moves: 1/2 for k, nothing for the others."""
    k = [torch.tensor(3.0, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    relu_moment(*k).backward()
    assert [float(v.grad) for v in k] == pytest.approx([0.5, 0, 0])


@pytest.mark.parametrize("activation", ["relu", "erf"])
def test_rows_of_zeros_without_bias(activation):
    x = torch.cat([torch.zeros(2, 3).double(), rows(1, 3)]).requires_grad_()
    k = KERNELS[activation](x, x, 3, 2.0, 0.0)
    k.sum().backward()
    assert k[:2].abs().max() < 1e-70
    assert torch.isfinite(x.grad).all()


def test_relu_kernel_scales_with_its_inputs():
    x = rows(6, 4)
    torch.testing.assert_close(relu_kernel(10 * x, 10 * x, 3, 2.0, 0.0), 100 * relu_kernel(x, x, 3, 2.0, 0.0))
