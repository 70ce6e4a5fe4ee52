"""Scenes and what is recorded of them: against exact ray-tracing, closed forms, and what is drawn."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from skysure.applications.lensing.simulation import SIE, Lens, PixelGrid, Sersic, Shear
from skysure.applications.lensing.simulation.imaging import trace_pixels
from skysure.applications.lensing.simulation.instruments import Instrument, instrument
from skysure.applications.lensing.simulation.noise import constant_variance, correlated_noise
from skysure.applications.lensing.simulation.populations import draw_survey
from skysure.applications.lensing.simulation.random import Random
from skysure.applications.lensing.simulation.rendering import (
    MASKED_NOISE,
    Profiles,
    SourcePlane,
    clump_light,
    convolve,
    flux_in_field,
    galaxy_images,
    lensed_source,
    pixel_axis,
    render,
    source_positions,
)
from skysure.applications.lensing.simulation.scenes import Clumps, Galaxies, Scene

HST = instrument("hst")


def survey(n: int, seed: int = 0, camera: Instrument = HST, size: int = 96) -> Scene:
    return draw_survey(camera, size, Random(n, seed))


def galaxy(**parameters: float) -> Galaxies:
    values = {"flux": 1.0, "radius": 0.2, "index": 1.0, "e1": 0.0, "e2": 0.0, "x": 0.0, "y": 0.0} | parameters
    return Galaxies(torch.zeros(1, dtype=torch.long), *(torch.tensor([value]) for value in values.values()))


def clumps(*rows: tuple[float, float, float, float]) -> Clumps:
    return Clumps(torch.zeros(len(rows), dtype=torch.long), *torch.tensor(rows).reshape(-1, 4).T)


def lens_of(scene: Scene) -> Lens:
    theta_E, e1, e2, x, y, gamma1, gamma2 = scene.mass.T
    return Lens((SIE(theta_E, e1, e2, x, y), Shear(gamma1, gamma2)))


def sersic_of(galaxies: Galaxies) -> Sersic:
    return Sersic.of_flux(*(getattr(galaxies, name) for name in ("flux", "radius", "index", "e1", "e2", "x", "y")))


def test_profiles_are_those_of_the_ray_tracer() -> None:
    light = survey(64).light
    axis = pixel_axis(96, 0.05)
    x, y = axis[None, None, :], axis[None, :, None]
    expected = sersic_of(light).brightness(x, y)
    error = (Profiles(light).brightness(x, y) - expected).abs().amax((1, 2)) / expected.amax((1, 2)).clamp(min=1e-9)
    assert error.max() < 1e-4


def test_lensed_sources_are_those_of_exact_rays() -> None:
    scene = survey(32)
    main = scene.source[:32]
    scene = replace(scene, source=main, clumps=clumps()[:0])
    arcs, _ = lensed_source(scene, 96, 0.05)
    exact = trace_pixels(PixelGrid(96, 96, 0.05, subpixels=8), sersic_of(main), lens_of(scene))
    fast, slow = convolve(torch.stack([arcs, exact]), scene.psf)
    error = (fast - slow).abs().amax((1, 2)) / slow.amax((1, 2))
    assert error.median() < 0.005
    assert error.quantile(0.9) < 0.03  # the smallest sources of the highest indices are worst
    ratio = arcs.sum((1, 2)) / exact.sum((1, 2))
    assert (ratio - 1).abs().median() < 0.003
    assert (ratio - 1).abs().max() < 0.02


@pytest.mark.parametrize("sigma", [0.015, 0.03, 0.1])
def test_clumps_are_gaussians_averaged_over_pixels(sigma: float) -> None:
    scene = replace(survey(1, seed=3), clumps=clumps((1.0, sigma, 0.1, 0.05)))
    x, y = source_positions(scene.mass, 98, 0.05)
    arcs = clump_light(scene.clumps, SourcePlane(x), SourcePlane(y))
    fine_x, fine_y = source_positions(scene.mass, 96 * 9, 0.05 / 9)
    r2 = (fine_x - 0.1) ** 2 + (fine_y - 0.05) ** 2
    exact = torch.nn.functional.avg_pool2d((-0.5 * r2 / sigma**2).exp() / (2 * math.pi * sigma**2), 9)
    fast, slow = convolve(torch.stack([arcs, exact]), scene.psf)
    assert (fast - slow).abs().max() < 0.06 * slow.max()
    assert float(arcs.sum() / exact.sum()) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("beta", [0.1, 0.3, 0.6])
def test_magnification_of_a_round_lens_is_2_theta_over_beta(beta: float) -> None:
    mass = torch.tensor([[1.0, 0, 0, 0, 0, 0, 0]])
    scene = replace(survey(1), mass=mass, source=galaxy(radius=0.02, index=0.5, x=beta), clumps=clumps())
    _, mu = lensed_source(scene, 96, 0.05)
    assert float(mu) == pytest.approx(2 / beta, rel=0.02)


def test_flux_in_the_field_is_the_sum_over_its_pixels() -> None:
    galaxies = survey(24, seed=1).light
    inside = galaxies[(galaxies.x.abs() < 2) & (galaxies.y.abs() < 2)]
    inside = replace(inside, owner=torch.arange(len(inside)))
    total = galaxy_images(inside, len(inside), 768, 4.8 / 768).sum((1, 2))
    assert torch.allclose(flux_in_field(inside, 2.4), total, rtol=0.004)


def test_convolution_keeps_the_flux_of_what_is_inside() -> None:
    image = galaxy_images(galaxy(flux=3.0, radius=0.1, x=0.3), 1, 64, 0.05)
    blurred = convolve(image[None], survey(1).psf)[0]
    assert float(blurred.sum()) == pytest.approx(float(image.sum()), rel=1e-4)


def test_noise_has_the_variance_and_the_correlation_of_its_kernel() -> None:
    kernel = np.array([0.1, 0.8, 0.1])
    noise = correlated_noise(tuple(kernel), 64, 64, torch.Generator().manual_seed(1)).double()
    lags = np.convolve(kernel, kernel)[2:]
    assert float(noise.var()) == pytest.approx(lags[0] ** 2, rel=0.02)
    assert float((noise[:, :, 1:] * noise[:, :, :-1]).mean()) == pytest.approx(lags[0] * lags[1], rel=0.03)
    assert float((noise[:, 1:] * noise[:, :-1]).mean()) == pytest.approx(lags[0] * lags[1], rel=0.03)
    assert abs(float((noise[:, :, 3:] * noise[:, :, :-3]).mean())) < 0.005


def test_sums_of_many_pixels_scatter_as_the_noise_map_says() -> None:
    noise = correlated_noise((0.1, 0.8, 0.1), 400, 64, torch.Generator().manual_seed(2))
    assert float(noise.sum((1, 2)).std()) == pytest.approx(64, rel=0.1)


def with_noise(scene: Scene, camera: Instrument, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    images = render(scene, camera, 96, torch.Generator().manual_seed(seed))
    return images.image, images.noise, images.mask


def test_images_scatter_as_their_noise_maps_say() -> None:
    camera = replace(HST, correlation=(1.0,))
    scene = survey(16)
    (first, noise, mask), (second, *_) = with_noise(scene, camera, 1), with_noise(scene, camera, 2)
    difference = ((first - second) / noise / math.sqrt(2))[~mask]
    assert float(difference.std()) == pytest.approx(1, abs=0.02)
    assert bool((noise[mask] == MASKED_NOISE).all())


def test_noise_of_a_pixel_without_objects() -> None:
    camera = Instrument("a", 0.1, 25.0, sky=2.0, exposure=(100.0,), dark=0.5, read_noise=3.0, readouts=4)
    variance = constant_variance(camera, torch.tensor([2.0]), torch.tensor([100.0]))
    assert float(variance) == pytest.approx((250 + 4 * 9) / 100**2)


def test_signal_to_noise_is_as_drawn() -> None:
    camera = replace(HST, correlation=(1.0,))
    scene = survey(16)
    scene = replace(scene, tracks=scene.tracks[scene.tracks.owner < 0])  # cosmic rays would add to the noise
    without = replace(scene, signal_to_noise=torch.zeros(16))
    (image, _, mask), (other, noise, _) = with_noise(scene, camera, 1), with_noise(without, camera, 1)
    ratio = torch.where(mask, 0, (image - other) / noise).square().sum((1, 2)).sqrt()
    assert torch.allclose(ratio, scene.signal_to_noise, rtol=0.005)


def test_gain_divides_images_and_noise() -> None:
    scene = survey(2)
    (image, noise, mask), (halved, half_noise, _) = (
        with_noise(scene, HST, 1),
        with_noise(scene, replace(HST, gain=2), 1),
    )
    assert torch.equal(image / 2, halved)
    assert torch.equal((noise / 2)[~mask], half_noise[~mask])


def test_the_survey_is_drawn_from_its_prior() -> None:
    scene = survey(4000)
    theta_E, e1, e2, x, y, gamma1, gamma2 = scene.mass.T.double().numpy()
    for values, low, high in ((theta_E, 0.5, 0.46 * 4.8), (scene.signal_to_noise.numpy(), 30, 300)):
        assert stats.kstest(np.log(values), stats.uniform(math.log(low), math.log(high / low)).cdf).pvalue > 1e-3
    for values, std in ((gamma1, 0.06), (gamma2, 0.06), (x, 0.05), (y, 0.05)):
        assert stats.kstest(values, stats.norm(0, std).cdf).pvalue > 1e-3
    assert np.hypot(e1, e2).max() <= 0.6 + 1e-6
    main = scene.light[:4000]
    assert np.corrcoef(main.e1.numpy(), e1)[0, 1] > 0.7
    flux = main.flux.double().numpy() / (theta_E / 1.17) ** 1.2
    assert 25.94 - 2.5 * np.log10(np.median(flux)) == pytest.approx(16.7, abs=0.05)
    source = scene.source[:4000]
    distance = np.hypot(source.x.numpy() - x, source.y.numpy() - y) / theta_E
    assert 0.6 < np.quantile(distance, 0.99) < 0.85


def test_parts_of_a_scene_are_those_of_the_whole() -> None:
    scene = survey(32)
    part = scene.of_images(8, 24)
    assert len(part) == 16
    assert torch.equal(galaxy_images(part.light, 16, 48, 0.1), galaxy_images(scene.light, 32, 48, 0.1)[8:24])
