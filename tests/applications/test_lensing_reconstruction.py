"""Reconstruction of sources: the linear fit against a direct solution, and a source that is known."""

from __future__ import annotations

import math

import pytest
import torch

from skysure.applications.lensing.simulation import SIE, Lens, PixelGrid, Sersic, Shear, render
from skysure.applications.lensing.simulation.reconstruction import (
    Observation,
    SourceGrid,
    invert,
    lensed_pixels,
    reconstruct,
    roughness,
    sample_source,
    strongest_evidence,
    zoom,
)

SIZE, SCALE, NOISE = 80, 0.05, 0.01


def tensors(*values: float) -> list[torch.Tensor]:
    return [torch.tensor([v]) for v in values]


LENS = Lens((SIE(*tensors(1.1, 0.15, -0.05, 0.02, 0.04)), Shear(*tensors(0.04, -0.03))))
SOURCE = Sersic.of_flux(*tensors(10.0, 0.12, 1.0, 0.1, 0.0, 0.2, 0.1))


def psf() -> torch.Tensor:
    axis = torch.arange(11) - 5.0
    kernel = torch.exp(-(axis**2 + axis[:, None] ** 2) / (2 * 1.0**2))
    return kernel / kernel.sum()


def observe(seed: int = 0) -> tuple[Observation, torch.Tensor]:
    arcs = render(PixelGrid(SIZE, SIZE, SCALE, subpixels=4), SOURCE, LENS, psf=psf()[None])[0]
    image = arcs + NOISE * torch.randn(SIZE, SIZE, generator=torch.Generator().manual_seed(seed))
    mask = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    mask[50:55, 20:30] = True
    image[mask] = torch.nan
    return Observation(torch.where(mask, 0.0, image), torch.full_like(image, NOISE), mask, psf(), SCALE), arcs


def no_light(image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(image)


def test_the_fit_of_a_true_lens_is_as_good_as_the_noise() -> None:
    observation, arcs = observe()
    fit = reconstruct(observation, LENS, 1.1, (0.02, 0.04), no_light)
    assert fit.chi2 == pytest.approx(1, abs=0.08)
    assert (fit.arcs - arcs).square().mean().sqrt() < 0.5 * NOISE
    assert torch.isnan(fit.residual[52, 25])
    x = torch.linspace(-0.1, 0.1, 5)[None] + 0.2
    y = torch.linspace(-0.1, 0.1, 5)[:, None] + 0.1
    expected = SOURCE.brightness(x[None], y[None])[0] * SCALE**2
    seen = sample_source(fit, *torch.broadcast_tensors(x, y))
    assert (seen - expected).square().mean().sqrt() < 0.1 * expected.max()  # the cusp of the profile is not resolved


def test_a_wrong_lens_does_not_fit() -> None:
    observation, _ = observe()
    wrong = Lens((SIE(*tensors(1.1, -0.15, 0.1, 0.02, 0.04)), Shear(*tensors(-0.1, 0.05))))
    assert reconstruct(observation, wrong, 1.1, (0.02, 0.04), no_light).chi2 > 1.5


def test_all_pixels_of_a_source_together_are_a_uniform_sky() -> None:
    """Bilinear weights sum to one inside the grid, and the PSF keeps a constant."""
    observation, _ = observe()
    images = lensed_pixels(observation, LENS, SourceGrid(40, 0.0, 0.0, 3.0))
    torch.testing.assert_close(images.sum(0)[20:60, 20:60], torch.ones(40, 40), atol=1e-5, rtol=0)


def test_the_source_solves_the_regularised_equations() -> None:
    generator = torch.Generator().manual_seed(1)
    a, d = torch.randn(25, 60, generator=generator).double(), torch.randn(60, generator=generator).double()
    s = invert(a, d).reshape(-1).double()
    h, f, b = roughness(5), a @ a.T, a @ d
    strength = float(((b - f @ s) @ h @ s) / (h @ s).square().sum())
    torch.testing.assert_close(torch.linalg.solve(f + strength * h, b), s, rtol=1e-5, atol=1e-8)


def test_the_evidence_is_that_of_a_gaussian() -> None:
    """Of d = A^T s + noise with s ~ N(0, (lambda H)^-1): the density N(0, 1 + A^T (lambda H)^-1 A)."""
    generator = torch.Generator().manual_seed(2)
    h = roughness(4)
    s = torch.linalg.solve_triangular(
        torch.linalg.cholesky(h).T, torch.randn(16, 1, generator=generator).double(), upper=True
    )
    a = torch.randn(16, 400, generator=generator).double()
    d = (a.T @ s)[:, 0] / math.sqrt(3.0) + torch.randn(400, generator=generator).double()

    def log_evidence(strength: float) -> float:
        covariance = torch.eye(400).double() + a.T @ torch.linalg.solve(strength * h, a)
        return float(torch.distributions.MultivariateNormal(torch.zeros(400).double(), covariance).log_prob(d))

    root = torch.linalg.cholesky(h)
    f = torch.linalg.solve_triangular(root, a @ a.T, upper=False)
    values, vectors = torch.linalg.eigh(torch.linalg.solve_triangular(root, f.T, upper=False))
    c = vectors.T @ torch.linalg.solve_triangular(root, (a @ d)[:, None], upper=False)[:, 0]
    best = strongest_evidence(values, c)
    assert all(log_evidence(best) >= log_evidence(best * factor) for factor in (0.4, 2.5))


def test_the_grid_closes_in_on_the_brightest_part() -> None:
    grid = SourceGrid(20, 0.5, -0.5, 1.0)
    source = torch.zeros(20, 20)
    source[4:6, 14:16] = 1.0
    source[18, 1] = 0.5
    near = zoom(grid, source, 30, 0.4)
    assert (near.nodes, near.x, near.y) == (30, pytest.approx(1.0, abs=1e-6), pytest.approx(-1.0, abs=1e-6))
    assert near.half < 0.4
    assert zoom(grid, torch.zeros(20, 20), 30, 0.4).half == grid.half
