"""The verb simulate: the same objects for the same seed; populations, unlike kinds, real sources."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from astropy.io import fits

from skysure.application import application, presets, settings_of
from skysure.applications.lensing.images import LensImages
from skysure.applications.lensing.out_of_distribution import KINDS, simulate_unlike
from skysure.applications.lensing.parameters import NAMES
from skysure.applications.lensing.real_sources import clean_stamp, simulate_with_stamps
from skysure.applications.lensing.settings import Settings
from skysure.applications.lensing.simulation.hezaveh import Hezaveh, draw_hezaveh, render_hezaveh
from skysure.applications.lensing.simulation.instruments import instrument
from skysure.applications.lensing.simulation.random import Random
from skysure.applications.lensing.simulation.sources import COSMOS_CHOLESKY, COSMOS_MEAN
from skysure.applications.lensing.simulator import simulate
from skysure.errors import InputError

SMALL = Settings(size=64)


def draw(settings: Settings, n: int, seed: int = 0) -> LensImages:
    return LensImages.concat(simulate(settings, n, seed).chunks())


def test_an_object_depends_on_the_seed_and_its_number_alone() -> None:
    few, many = draw(SMALL, 5), draw(SMALL, 70)
    assert len(few) == 5
    assert len(many) == 70
    for name in ("image", "noise", "mask", "psf", "ids", "truth"):
        np.testing.assert_array_equal(getattr(few, name), getattr(many[:5], name))
    assert len(set(many.ids)) == 70
    assert np.unique(many.truth[:, 0]).size == 70
    assert not np.array_equal(draw(SMALL, 5, seed=1).image, few.image)


def test_parts_of_an_endless_simulation_differ() -> None:
    source = simulate(Settings(size=64, validation=3, test=3), None, 0)
    first, test = (next(iter(source.chunks(part))) for part in ("train", "test"))
    assert not set(first.truth[:, 0]) & set(test.truth[:, 0])
    assert source.schema.size == 64


@pytest.mark.parametrize("preset", sorted(presets("lensing")))
def test_presets_give_finite_images_with_truth(preset: str) -> None:
    settings = settings_of("lensing", preset, None, {"size": "64"})
    images = draw(settings, 8)
    assert images.image.shape == (8, 64, 64)
    assert np.isfinite(images.image).all()
    assert np.isfinite(images.truth).all()
    assert (images.noise > 0).all()
    assert images.image.dtype == np.float32
    mu = images.truth[:, NAMES.index("mu")]
    assert ((mu > 1) & (mu < 100)).all()
    low, high = simulate(settings, 8, 0).schema.theta_e
    assert ((images.truth[:, 0] >= low) & (images.truth[:, 0] <= high)).all()


def test_the_prior_of_2017() -> None:
    camera, random = instrument("hezaveh-like"), Random(128, 0)
    scene = draw_hezaveh(Hezaveh(), camera, 96, random)
    theta_E, e1, e2, x, y, gamma1, _ = scene.mass.T.numpy()
    e = np.hypot(e1, e2)
    q = (1 - e) / (1 + e)
    assert 0.1 <= theta_E.min() < theta_E.max() <= 3
    assert q.min() >= 0.1 - 1e-4
    assert max(abs(x).max(), abs(y).max()) <= 0.25
    assert gamma1.std() == pytest.approx(0.05, rel=0.2)
    angle = np.arctan2(e2, e1)[e > 0.1]
    assert abs(np.exp(1j * angle).mean()) < 0.2
    images = render_hezaveh(Hezaveh(), scene, camera, 96, random)
    assert float((images.mu > 1.9).float().mean()) > 0.95
    level = np.array([float(images.noise[k][~images.mask[k]].median()) for k in range(128)])
    assert ((level > 0.0099) & (level < 0.2)).all()


def test_shapes_of_sources_are_those_of_cosmos_galaxies(sky_data: Path) -> None:
    path = sky_data / "lens" / "sources_and_psf" / "galsim_cosmos_sersics_sample_N300_cleaned.asc"
    if not path.is_file():
        pytest.skip("no fits of COSMOS galaxies")
    index, radius, g = np.loadtxt(path)[:, 1:4].T
    columns = np.log([index, radius, g / (0.8 - g)])
    np.testing.assert_allclose(columns.mean(1), COSMOS_MEAN, atol=2e-3)
    cholesky = np.array(COSMOS_CHOLESKY)
    np.testing.assert_allclose(np.cov(columns), cholesky @ cholesky.T, atol=5e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_unlike_kinds_have_no_truth(kind: str) -> None:
    images = simulate_unlike(kind, SMALL, 4, 0)
    assert len(images) == 4
    assert np.isfinite(images.image).all()
    assert np.isnan(images.truth).all()
    assert (images.pixel_scale == 0.05).all()


def test_networks_without_lens_light_see_it_in_one_kind_alone() -> None:
    settings = Settings(size=64, population="hezaveh", instrument="hezaveh-like")
    images = {kind: simulate_unlike(kind, settings, 8, 0).image for kind in ("no lens", "lens light")}
    middle = {kind: np.median(image[:, 30:34, 30:34]) for kind, image in images.items()}
    assert middle["lens light"] > 20 * abs(middle["no lens"])


def test_unknown_kinds_are_named_with_the_nearest() -> None:
    with pytest.raises(InputError, match="nearest: spiral"):
        simulate_unlike("spirals", SMALL, 1, 0)


def blob(size: int, x: float, y: float) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size]
    light = np.exp(-0.5 * ((columns - x) ** 2 + (rows - y) ** 2) / 16)
    return light + 0.01 * np.random.default_rng(0).standard_normal((size, size)) + 0.1


def test_stamps_are_cut_out_of_their_noise() -> None:
    stamp = clean_stamp(blob(71, 38, 33))
    assert stamp.shape == (96, 96)
    assert stamp.sum() == pytest.approx(1, abs=1e-4)
    k = np.arange(96) - 48
    assert ((stamp.sum(0) * k).sum(), (stamp.sum(1) * k).sum()) == pytest.approx((0, 0), abs=0.6)
    assert stamp[0].sum() == 0


@pytest.mark.parametrize("population", ["survey", "hezaveh"])
def test_real_galaxies_as_sources(population: str) -> None:
    camera = "hst" if population == "survey" else "hezaveh-like"
    size = 64 if population == "survey" else 160
    settings = Settings(size=size, population=population, instrument=camera)
    images = simulate_with_stamps([blob(61, 30, 30), blob(80, 40, 41)], settings, 6, 1)
    assert np.isfinite(images.image).all()
    assert ((images.truth[:, -1] > 0.5) & (images.truth[:, -1] < 60)).all()
    assert images.objects["stamp"].tolist() == [0, 1, 0, 1, 0, 1]


def test_real_galaxies_of_cosmos(sky_data: Path) -> None:
    path = sky_data / "lens" / "sources_and_psf" / "paltas_real_galaxy_images_23.5_n1.fits"
    if not path.is_file():
        pytest.skip("no images of COSMOS galaxies")
    with fits.open(path) as hdus:
        stamps = [hdu.data for hdu in hdus if hdu.data is not None]
    images = simulate_with_stamps(stamps, SMALL, len(stamps), 1)
    assert np.isfinite(images.image).all()
    assert torch.from_numpy(images.truth).isfinite().all()


def test_tables_hold_the_truth() -> None:
    table = next(iter(application("lensing").simulate(SMALL, 3, 0).chunks())).to_table()
    assert list(NAMES) == table.colnames[-len(NAMES) :]
