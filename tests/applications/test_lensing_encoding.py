"""What the network of lensing reads: the light of the lens galaxy, and how channels and numbers turn with the image."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skysure.applications.lensing.encoding import describe_psf, encode, turn, turn_back
from skysure.applications.lensing.images import LensImages
from skysure.applications.lensing.isophotes import fit_light, pixel_grid

SIZE = 64


def galaxy(q: float = 0.7, angle: float = 0.4, n: float = 4.0, flux: float = 100.0) -> torch.Tensor:
    x, y = pixel_grid(SIZE, torch.zeros(1))
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    radius = torch.sqrt(q * u**2 + v**2 / q + 0.5)
    return flux * torch.exp(-7.67 * ((radius / 12) ** (1 / n) - 1))


def arc(radius: float, start: float, stop: float) -> torch.Tensor:
    x, y = pixel_grid(SIZE, torch.zeros(1))
    angle = torch.atan2(y, x)
    return 60.0 * torch.exp(-0.5 * ((torch.hypot(x, y) - radius) / 1.5) ** 2) * ((angle > start) & (angle < stop))


def images(seed: int = 0) -> LensImages:
    rng = np.random.default_rng(seed)
    noise = np.full((2, SIZE, SIZE), 5.0)
    clean = np.stack([galaxy(0.7, 0.4).numpy(), galaxy(0.9, 2.0).numpy()]) + arc(18, 0.2, 1.4).numpy()
    mask = np.zeros(noise.shape, bool)
    mask[:, 5:12, 40:50] = True
    x, y = np.meshgrid(np.arange(-7, 8), np.arange(-7, 8))
    psf = np.exp(-(x**2) / 4 - y**2 / 2 - 0.2 * x * y)
    return LensImages(clean + noise * rng.standard_normal(noise.shape), noise, mask, psf, 0.05)


def test_light_of_an_elliptical_galaxy_leaves_noise() -> None:
    clean = galaxy()
    light = fit_light(clean[None], torch.zeros(1, SIZE, SIZE, dtype=torch.bool))
    x, y = pixel_grid(SIZE, clean)
    outside = (torch.hypot(x, y) > 3) & (torch.hypot(x, y) < 28)
    assert float(((light.model[0] - clean).abs() / clean)[outside].median()) < 0.02
    _, _, _, e1, e2, _ = light.shape[0]
    e = (1 - 0.7) / (1 + 0.7)
    assert float(e1) == pytest.approx(e * np.cos(0.8), abs=0.02)
    assert float(e2) == pytest.approx(e * np.sin(0.8), abs=0.02)


def test_an_arc_stays_in_the_residual() -> None:
    image = galaxy() + arc(18, 0.2, 1.4)
    light = fit_light(image[None], torch.zeros(1, SIZE, SIZE, dtype=torch.bool))
    share_left = float(
        (image - light.model[0])[arc(18, 0.2, 1.4) > 20].sum() / arc(18, 0.2, 1.4)[arc(18, 0.2, 1.4) > 20].sum()
    )
    assert 0.8 < share_left < 1.1


def test_masked_pixels_do_not_matter() -> None:
    lenses = images()
    spoiled = LensImages(
        np.where(lenses.mask, 1e6, lenses.image), np.where(lenses.mask, np.nan, lenses.noise), lenses.mask, lenses.psf,
        lenses.pixel_scale,
    )  # fmt: skip
    first, second = encode(lenses), encode(spoiled)
    assert all(torch.allclose(first[name], second[name], atol=1e-6) for name in first)


@pytest.mark.parametrize("kind", ["zeros", "all masked", "nan"])
def test_images_without_content_are_finite(kind: str) -> None:
    empty = np.full((1, SIZE, SIZE), np.nan if kind == "nan" else 0.0)
    lenses = LensImages(empty, np.ones_like(empty), np.full(empty.shape, kind == "all masked"), pixel_scale=0.05)
    encoded = encode(lenses)
    assert all(torch.isfinite(values).all() for values in encoded.values())


@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_encoding_turns_with_the_image(quarters: int, mirrored: bool) -> None:
    def turned(array: np.ndarray) -> np.ndarray:
        array = array[..., ::-1] if mirrored else array
        return np.ascontiguousarray(np.rot90(array, -quarters, (-2, -1)))

    lenses = images()
    other = LensImages(*(turned(getattr(lenses, n)) for n in ("image", "noise", "mask", "psf")), lenses.pixel_scale)
    expected, encoded = turn(encode(lenses), quarters, mirrored), encode(other)
    assert torch.allclose(encoded["scalars"], expected["scalars"], atol=2e-3)
    assert float((encoded["channels"] - expected["channels"]).abs().mean()) < 1e-2


def test_truth_turns_like_its_lens() -> None:
    truth = torch.tensor([[0.0, 0.3, 0.1, 0.02, 0.05, 0.04, -0.02, 1.0]])
    quarter = turn({"channels": torch.zeros(1, 3, 4, 4), "truth": truth}, 1, False)["truth"][0]
    assert quarter.tolist() == pytest.approx([0.0, -0.3, -0.1, -0.05, 0.02, -0.04, 0.02, 1.0])
    mirror = turn({"channels": torch.zeros(1, 3, 4, 4), "truth": truth}, 0, True)["truth"][0]
    assert mirror.tolist() == pytest.approx([0.0, 0.3, -0.1, -0.02, 0.05, 0.04, 0.02, 1.0])


@pytest.mark.parametrize("view", range(8))
def test_parameters_turn_back(view: int) -> None:
    truth = torch.randn(3, 8)
    turned = turn({"channels": torch.zeros(3, 3, 4, 4), "truth": truth}, view % 4, view >= 4)["truth"]
    assert torch.equal(turn_back(turned, view % 4, view >= 4), truth)


def test_psf_is_described_by_width_and_ellipticity() -> None:
    x, y = pixel_grid(25, torch.zeros(1))
    narrow, wide = (torch.exp(-(x**2 + y**2) / (2 * s**2)) for s in (1.0, 2.0))
    missing = torch.full_like(narrow, torch.nan)
    facts = describe_psf(torch.stack([narrow, wide, missing]))
    assert facts[:, 0].tolist() == [1, 1, 0]
    assert facts[1, 1] > facts[0, 1]
    assert facts[0, 3:].abs().max() < 1e-5
    assert facts[2].abs().max() == 0
