"""Deflections: equal to those of two peers and to derivatives, exact where formulas are singular."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from skysure.applications.lensing.simulation.mass import EPL, SIE, Lens, Mass, Shear, epl_deflection, sie_deflection

DOUBLE = torch.float64
AXIS = torch.linspace(-2.5, 2.5, 41, dtype=DOUBLE)
X, Y = AXIS[None, None, :], AXIS[None, :, None]


def draw(n: int, seed: int, dtype: torch.dtype = DOUBLE, min_q: float = 0.2) -> dict[str, Tensor]:
    """Parameters of random lenses, each of shape (object,)."""
    rng = np.random.default_rng(seed)
    q, phi = rng.uniform(min_q, 1, n), rng.uniform(0, math.pi, n)
    e = (1 - q) / (1 + q)
    values = {
        "theta_E": rng.uniform(0.5, 3, n), "e1": e * np.cos(2 * phi), "e2": e * np.sin(2 * phi),
        "x": rng.normal(0, 0.05, n), "y": rng.normal(0, 0.05, n),
    }  # fmt: skip
    return {name: torch.as_tensor(value, dtype=dtype) for name, value in values.items()}


def draw_slopes(n: int, seed: int) -> Tensor:
    return torch.as_tensor(np.random.default_rng(seed).uniform(1.2, 2.8, n))


def largest_difference(ours: tuple[Tensor, ...], theirs: list[np.ndarray]) -> float:
    pairs = zip(ours, theirs, strict=True)
    return max(float(np.abs(a.numpy().ravel() - np.asarray(b).ravel()).max()) for a, b in pairs)


def lenstronomy(name: str, k: int, parameters: dict[str, Tensor], quantity: str = "alpha", **others: float) -> list:
    from lenstronomy.LensModel.lens_model import LensModel

    renamed = {"x": "center_x", "y": "center_y"}
    keywords = {renamed.get(key, key): float(value[k]) for key, value in parameters.items()} | others
    x, y = np.meshgrid(AXIS.numpy(), AXIS.numpy())
    return list(getattr(LensModel([name]), quantity)(x.ravel(), y.ravel(), [keywords]))


def pick(parameters: dict[str, Tensor], k: int) -> dict[str, Tensor]:
    return {name: value[k : k + 1] for name, value in parameters.items()}


def test_isothermal_ellipsoids_deflect_as_those_of_lenstronomy():
    parameters = draw(100, 1)
    ax, ay = SIE(**parameters).deflection(X, Y)
    for k, theta_E in enumerate(parameters["theta_E"]):
        theirs = lenstronomy("EPL", k, parameters, gamma=2.0)
        assert largest_difference((ax[k], ay[k]), theirs) < 1e-9 * theta_E


def test_isothermal_ellipsoids_deflect_as_those_of_caustics():
    from caustics.lenses.func import reduced_deflection_angle_sie

    parameters = draw(100, 2)
    ax, ay = SIE(**parameters).deflection(X, Y)
    e = torch.hypot(parameters["e1"], parameters["e2"])
    phi = 0.5 * torch.atan2(parameters["e2"], parameters["e1"])
    grid = torch.meshgrid(AXIS, AXIS, indexing="xy")
    for k in range(100):
        x0, y0, theta_E = (parameters[name][k] for name in ("x", "y", "theta_E"))
        theirs = reduced_deflection_angle_sie(x0, y0, (1 - e[k]) / (1 + e[k]), phi[k], theta_E, *grid, 0.0)
        assert largest_difference((ax[k], ay[k]), [a.numpy() for a in theirs]) < 1e-9 * theta_E


def test_power_laws_are_those_of_lenstronomy():
    parameters, slopes = draw(100, 3), draw_slopes(100, 3)
    lens = EPL(**parameters, slope=slopes)
    deflection, jacobian = lens.deflection(X, Y), lens.jacobian(X, Y)
    for k, (theta_E, slope) in enumerate(zip(parameters["theta_E"], slopes, strict=True)):
        theirs = lenstronomy("EPL", k, parameters, gamma=float(slope))
        assert largest_difference(tuple(a[k] for a in deflection), theirs) < 1e-8 * theta_E
        fxx, fxy, _, fyy = lenstronomy("EPL", k, parameters, "hessian", gamma=float(slope))
        for a, b in zip(jacobian, (fxx, fxy, fyy), strict=True):
            np.testing.assert_allclose(a[k].numpy().ravel(), b, rtol=1e-7, atol=1e-7)


def test_an_isothermal_power_law_is_the_isothermal_ellipsoid():
    parameters = draw(50, 4)
    sie, epl = SIE(**parameters), EPL(**parameters, slope=torch.full((50,), 2.0, dtype=DOUBLE))
    for a, b in zip(sie.deflection(X, Y) + sie.jacobian(X, Y), epl.deflection(X, Y) + epl.jacobian(X, Y), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", ["sie", "epl", "shear", "lens"])
def test_jacobians_are_the_derivatives_of_deflections(kind):
    parameters = draw(8, 5)
    shear = Shear(parameters["e1"] / 5, parameters["e2"] / 5)
    epl = EPL(**parameters, slope=draw_slopes(8, 5))
    lens: Mass = {"sie": SIE(**parameters), "epl": epl, "shear": shear, "lens": Lens((epl, shear))}[kind]
    x = torch.linspace(0.3, 2, 9, dtype=DOUBLE).expand(8, 9).clone().requires_grad_()
    y = torch.linspace(-1.4, 1.5, 9, dtype=DOUBLE).expand(8, 9).clone().requires_grad_()
    ax, ay = lens.deflection(x, y)
    axx, axy = torch.autograd.grad(ax.sum(), (x, y), retain_graph=True)
    ayx, ayy = torch.autograd.grad(ay.sum(), (x, y))
    xx, xy, yy = lens.jacobian(x, y)
    for a, b in ((xx, axx), (xy, axy), (xy, ayx), (yy, ayy)):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(lens.convergence(x, y) + 0 * xx, (xx + yy) / 2)


@pytest.mark.parametrize(("min_q", "tolerance"), [(0.2, 1e-5), (0.5, 2e-6)])
def test_single_precision_is_exact_to_a_few_millionths(min_q, tolerance):
    single = draw(200, 6, torch.float32, min_q) | {"slope": draw_slopes(200, 6).float().clamp(max=2)}
    double = {name: value.double() for name, value in single.items()}
    x, y = X.float(), Y.float()
    theta_E = double["theta_E"][:, None, None]
    for kind, unused in ((SIE, "slope"), (EPL, None)):
        lens, truth = (kind(**{k: v for k, v in p.items() if k != unused}) for p in (single, double))
        for a, b in zip(lens.deflection(x, y), truth.deflection(x.double(), y.double()), strict=True):
            assert ((a - b) / theta_E).abs().max() < tolerance


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("e", [(0.0, 0.0), (1e-12, 0.0), (0.0, -1e-4), (0.005, 0.005), (0.01, 0.0), (-0.3, 0.2)])
def test_gradients_of_nearly_round_lenses_are_exact(dtype, e):
    """Against the derivatives of the series to second order in e, or at larger e of double precision."""
    x, y = torch.tensor([[0.7]], dtype=dtype), torch.tensor([[-0.4]], dtype=dtype)

    def gradients(dtype: torch.dtype, deflection) -> Tensor:
        e1, e2 = (torch.tensor([[v]], dtype=dtype, requires_grad=True) for v in e)
        theta_E = torch.tensor([[1.3]], dtype=dtype)
        slope = () if deflection is sie_deflection else (torch.tensor([[2.0]], dtype=dtype),)
        ax, ay = deflection(x.to(dtype), y.to(dtype), theta_E, e1, e2, *slope)
        return torch.stack([*torch.autograd.grad(ax, (e1, e2), retain_graph=True), *torch.autograd.grad(ay, (e1, e2))])

    truth = gradients(DOUBLE, epl_deflection)
    for deflection in (sie_deflection, epl_deflection):
        error = (gradients(dtype, deflection) - truth).abs().max()
        assert error < (1e-4 if dtype == torch.float32 else 1e-9)


def test_gradients_of_a_round_lens_are_those_of_the_expansion():
    """To first order in e, alpha = theta_E (w / |w|) (1 - e* w^2 / (3 |w|^2)) with w = z - e z*."""
    e1, e2 = (torch.zeros(1, 1, dtype=DOUBLE, requires_grad=True) for _ in range(2))
    angle = torch.tensor([[0.4]], dtype=DOUBLE)
    ax, ay = sie_deflection(angle.cos(), angle.sin(), torch.ones(1, 1, dtype=DOUBLE), e1, e2)
    gradient = torch.autograd.grad(ax, e1, retain_graph=True)[0], torch.autograd.grad(ay, e1)[0]
    z = torch.polar(torch.ones_like(angle), angle)
    expected = -z.conj() + z * torch.cos(2 * angle) - z**3 / 3
    torch.testing.assert_close(gradient, (expected.real, expected.imag))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("slope", [None, 1.5, 2.0, 2.4])
@pytest.mark.parametrize("q", [1.0, 0.9999999, 0.5])
def test_everything_is_finite_at_the_centre(dtype, slope, q):
    e = (1 - q) / (1 + q)
    values = {"theta_E": 1.2, "e1": e, "e2": 0.0, "x": 0.1, "y": -0.1} | ({} if slope is None else {"slope": slope})
    parameters = {k: torch.tensor([v], dtype=dtype, requires_grad=True) for k, v in values.items()}
    lens = SIE(**parameters) if slope is None else EPL(**parameters)
    x = parameters["x"].detach().reshape(1, 1).clone().requires_grad_()
    y = parameters["y"].detach().reshape(1, 1).clone().requires_grad_()
    ax, ay = lens.deflection(x, y)
    assert ax.item() == ay.item() == 0
    gradients = torch.autograd.grad(ax.sum() + ay.sum(), [*parameters.values(), x, y])
    assert all(torch.isfinite(g).all() for g in gradients)
    assert all(torch.isfinite(v).all() for v in (lens.convergence(x, y), *lens.jacobian(x, y)))


def test_magnification_of_an_isothermal_sphere():
    zero = torch.zeros(1, dtype=DOUBLE)
    x = torch.tensor([[0.4, 0.9, 1.5, 3.0]], dtype=DOUBLE)
    magnification = Lens((SIE(zero + 1.2, zero, zero, zero, zero),)).magnification(x, torch.zeros_like(x))
    torch.testing.assert_close(magnification, 1 / (1 - 1.2 / x))


def test_shear_is_that_of_lenstronomy():
    parameters = {"gamma1": torch.tensor([0.07], dtype=DOUBLE), "gamma2": torch.tensor([-0.03], dtype=DOUBLE)}
    ours = Shear(**parameters).deflection(X, Y)
    assert largest_difference(ours, lenstronomy("SHEAR", 0, parameters)) < 1e-14
