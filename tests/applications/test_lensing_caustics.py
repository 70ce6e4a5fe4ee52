"""Critical curves and caustics: where the magnification diverges, and where lenstronomy finds them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from skysure.applications.lensing.simulation import SIE, Lens, Shear
from skysure.applications.lensing.simulation.caustics import caustic, critical_curve, cut

LENSES = (
    (1.2, 0.2, -0.1, 0.1, -0.05, 0.06, -0.03),
    (0.8, 0.0, 0.3, 0.0, 0.0, 0.0, 0.0),
    (1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
)


def lens_of(parameters: tuple[float, ...]) -> tuple[SIE, Shear]:
    values = [torch.tensor([v], dtype=torch.float64) for v in parameters]
    return SIE(*values[:5]), Shear(*values[5:])


@pytest.mark.parametrize("parameters", LENSES)
def test_the_determinant_is_zero_on_the_critical_curve(parameters: tuple[float, ...]) -> None:
    sie, shear = lens_of(parameters)
    determinant = Lens((sie, shear)).determinant(*critical_curve(sie, shear))
    assert determinant.abs().max() < 1e-9


def test_the_critical_curve_of_a_sphere_is_the_einstein_ring() -> None:
    sie, shear = lens_of(LENSES[2])
    x, y = critical_curve(sie, shear)
    np.testing.assert_allclose(torch.hypot(x, y), 1, atol=1e-9)
    np.testing.assert_allclose(torch.stack(caustic(sie, shear)), 0, atol=1e-9)
    np.testing.assert_allclose(torch.hypot(*cut(sie, shear)), 1, atol=1e-9)


def test_the_critical_curve_is_that_of_lenstronomy() -> None:
    from lenstronomy.LensModel.lens_model import LensModel
    from lenstronomy.LensModel.lens_model_extensions import LensModelExtensions

    theta_E, e1, e2, x, y, gamma1, gamma2 = LENSES[0]
    peer = LensModelExtensions(LensModel(["SIE", "SHEAR"]))
    arguments = [
        {"theta_E": theta_E, "e1": e1, "e2": e2, "center_x": x, "center_y": y}, {"gamma1": gamma1, "gamma2": gamma2},
    ]  # fmt: skip
    curves = peer.critical_curve_caustics(arguments, compute_window=5, grid_scale=0.02)
    theirs = max(zip(curves[0], curves[1], strict=True), key=lambda curve: len(curve[0]))
    ours = torch.stack(critical_curve(*lens_of(LENSES[0]), points=2000))[:, 0].numpy()
    distance = np.hypot(*(ours[:, None, :] - np.array(theirs)[:, :, None])).min(1)
    assert distance.max() < 0.02


def test_sources_inside_the_cut_have_one_image_more() -> None:
    """Counted as preimages of a small disc by rays on a fine grid: connected groups of pixels."""
    from scipy.ndimage import label

    sie, shear = lens_of(LENSES[1])
    axis = torch.linspace(-2, 2, 1601, dtype=torch.float64)
    beta = torch.stack(Lens((sie, shear)).trace(axis[None, None, :], axis[None, :, None]))[:, 0].numpy()
    edge = torch.stack(cut(sie, shear))[:, 0, 45].numpy()[:, None, None]
    counts = [label(np.hypot(*(beta - s * edge)) < 0.02)[1] for s in (0.9, 1.1)]
    assert counts[0] == counts[1] + 1


def enclosed_area(curve: tuple[torch.Tensor, torch.Tensor]) -> float:
    """Area inside of a closed curve, by the shoelace formula."""
    x, y = (c[0] for c in curve)
    return 0.5 * abs(float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum()))


@pytest.mark.parametrize("q", [0.3, 0.7, 1.0])
def test_the_critical_curve_of_an_ellipsoid_holds_the_area_of_the_einstein_circle(q: float) -> None:
    """It is where kappa = 1/2; with theta_E on the intermediate axis its area is pi theta_E^2."""
    sie, shear = lens_of((1.2, (1 - q) / (1 + q), 0.0, 0.03, -0.05, 0.0, 0.0))
    assert enclosed_area(critical_curve(sie, shear, 20_000)) == pytest.approx(math.pi * 1.2**2, rel=1e-6)


def test_the_caustic_of_an_isothermal_ellipsoid_has_its_area() -> None:
    """Against the integral over the parametric curve (Kormann, Schneider & Bartelmann 1994, eq. 31)."""
    q, theta_E = 0.5, 1.1
    f = math.sqrt(1 - q * q)

    def point(angle: float) -> np.ndarray:
        delta = math.sqrt(q * q * math.cos(angle) ** 2 + math.sin(angle) ** 2)
        x = math.cos(angle) / delta - math.atan(f * math.cos(angle) / delta) / f
        y = math.sin(angle) / delta - math.atanh(f * math.sin(angle) / delta) / f
        return theta_E * math.sqrt(q) * np.array([x, y])

    def integrand(angle: float) -> float:
        slope = (point(angle + 1e-5) - point(angle - 1e-5)) / 2e-5
        return point(angle)[0] * slope[1]

    area = abs(quad(integrand, 0, 2 * math.pi, limit=200)[0])
    sie, shear = lens_of((theta_E, 0.1, (1 / 9 - 0.01) ** 0.5, 0.0, 0.0, 0.0, 0.0))
    assert enclosed_area(caustic(sie, shear, 20_000)) == pytest.approx(area, rel=1e-5)


def test_the_caustic_of_a_sphere_with_shear_is_an_astroid() -> None:
    """Half axes 2 gamma theta_E / (1 +- gamma), area 3 pi / 8 of their product (Finch et al. 2002)."""
    gamma, theta_E = 0.1, 1.3
    curve = caustic(*lens_of((theta_E, 0.0, 0.0, 0.0, 0.0, gamma, 0.0)), points=20_001)
    half_axes = [float(c.abs().max()) for c in curve]
    assert sorted(half_axes) == pytest.approx([2 * gamma * theta_E / (1 + gamma), 2 * gamma * theta_E / (1 - gamma)])
    assert enclosed_area(curve) == pytest.approx(3 * math.pi / 8 * half_axes[0] * half_axes[1], rel=1e-6)
