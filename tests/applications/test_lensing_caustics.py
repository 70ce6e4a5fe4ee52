"""Critical curves and caustics: where the magnification diverges, and where lenstronomy finds them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

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
