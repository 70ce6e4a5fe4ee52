"""Simulated radio fields: closed forms of beam, noise and counts; what is drawn; that it can be repeated."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from astropy import units
from astropy.coordinates import SkyCoord
from torch import Tensor

from skysure.applications.radio.classes import CLARAN_SHARES
from skysure.applications.radio.images import RadioImages
from skysure.applications.radio.simulation import counts, noise
from skysure.applications.radio.simulation.instruments import Infrared, Instrument, Radio, instrument, names
from skysure.applications.radio.simulation.morphology import BLOBS, RadioGalaxies, emission, path
from skysure.applications.radio.simulation.random import Random
from skysure.applications.radio.simulation.rendering import FWHM, render
from skysure.applications.radio.simulation.scenes import Gaussians, Sources
from skysure.applications.radio.simulator import images_of
from skysure.errors import InputError, SettingsError

FIRST = instrument("first")
BOTH = ("radio", "infrared")
BEAM = torch.tensor([[6.0 / FWHM, 5.0 / FWHM, 0.7]])


def gaussians(*rows: tuple[float, ...]) -> Gaussians:
    """Flux [Jy], x, y, major, minor [arcsec], angle [rad]."""
    return Gaussians(torch.arange(len(rows)), *torch.tensor(rows).T)


def beam_area(scale: float) -> float:
    """Pixels of a beam of 6" x 5": the sum over its image if its peak is 1."""
    return math.pi / (4 * math.log(2)) * 6 * 5 / scale**2


@pytest.fixture(scope="module")
def fields() -> RadioImages:
    return images_of(FIRST, 132, BOTH, 4, torch.arange(96))


@pytest.mark.parametrize("shape", [(0.0, 0.0, 0.0), (4.0, 4.0, 0.0), (9.0, 2.0, 2.2)])
def test_the_beam_conserves_flux(shape: tuple[float, float, float]) -> None:
    image = render(gaussians((0.3, 1.1, -2.3, *shape)), torch.tensor([0]), BEAM, 96, 1.5)
    assert image.sum().item() / beam_area(1.5) == pytest.approx(0.3, rel=1e-3)


def test_a_point_source_has_the_peak_of_its_flux_and_the_shape_of_the_beam() -> None:
    image = render(gaussians((0.02, 0.75, 0.75, 0, 0, 0)), torch.tensor([0]), BEAM, 64, 1.5)[0]
    assert image[32, 32].item() == pytest.approx(0.02)
    axis = (torch.arange(64) - 32) * 1.5
    along = axis[None, :] * math.cos(0.7) + axis[:, None] * math.sin(0.7)
    across = axis[:, None] * math.cos(0.7) - axis[None, :] * math.sin(0.7)
    expected = 0.02 * (-4 * math.log(2) * ((along / 6) ** 2 + (across / 5) ** 2)).exp()
    assert (image - expected).abs().max() < 1e-4 * 0.02


def test_sources_at_the_edge_and_outside_are_cut() -> None:
    rows = [(1.0, -48.0, 0.0, 3, 3, 0), (1.0, 48.0, 0.0, 3, 3, 0), (1.0, 500.0, 0, 3, 3, 0), (1.0, 0, -9999.0, 3, 3, 0)]
    image = render(gaussians(*rows), torch.tensor([0, 0, 1, 1]), BEAM.expand(2, 3), 64, 1.5)
    assert image[0].sum().item() / beam_area(1.5) == pytest.approx(1.0, rel=0.01)
    assert image[1].abs().max() == 0


def autocorrelation(images: Tensor, lag: int) -> float:
    return float((images[..., lag:] * images[..., : images.shape[-1] - lag]).mean() / images.square().mean())


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_noise_has_variance_one_and_the_correlation_of_the_beam(share: float) -> None:
    n, scale = 128, 1.8
    beams = torch.tensor([[5.4 / FWHM, 5.4 / FWHM, 0.0]]).expand(48, 3)
    transfer = noise.beam_transform(beams, scale, n)
    excess = noise.coverage_excess(FIRST.radio, scale, n)[torch.arange(48) % noise.ROTATIONS]
    white = Random(1, torch.arange(48)).normal(0, 1, n, n)
    images = torch.fft.irfft2(noise.noise_transform(white, transfer, excess, share), s=(n, n))
    assert images.mean().abs() < 0.02
    assert images.std().item() == pytest.approx(1, abs=0.01)
    if not share:
        for lag in (1, 2, 3, 5):
            expected = math.exp(-4 * math.log(2) * (lag * scale / 5.4) ** 2)
            assert autocorrelation(images, lag) == pytest.approx(expected, abs=0.02)


def test_sidelobes_reach_their_fraction_of_a_point_source() -> None:
    size, scale = 100, 1.8
    n = noise.padded_size(size)
    beams = torch.tensor([[5.4 / FWHM, 5.4 / FWHM, 0.0]]).expand(noise.ROTATIONS, 3)
    transfer, excess = noise.beam_transform(beams, scale, n), noise.coverage_excess(FIRST.radio, scale, n)
    factor = noise.sidelobe_factor(transfer, excess, torch.full((noise.ROTATIONS,), 0.05))
    source = gaussians(*[(2.0, 0.9, 0.9, 0, 0, 0)] * noise.ROTATIONS)
    point = render(source, torch.arange(noise.ROTATIONS), beams, n, scale)
    sidelobes = torch.fft.irfft2(torch.fft.rfft2(point) * factor, s=(n, n))
    assert sidelobes.abs().amax((1, 2)).tolist() == pytest.approx([0.1] * noise.ROTATIONS, rel=1e-3)
    assert sidelobes.sum().abs() < 1e-3  # an interferometer sees no mean


def test_a_snapshot_of_three_arms_has_six_spokes() -> None:
    """Turned by 60°, the sampling of the Fourier plane is the same."""
    excess = noise.coverage_excess(Radio(1.4, (5.4, 5.4), 0.15, arms=3, hours=0.0), 1.8, 160)
    size = noise.ROTATIONS
    assert not torch.equal(excess[0], excess[size // 2])
    for k in (0, 3):
        later = (k + size // 3) % size  # rotations are spread over 180°
        total, same = excess[k].square().sum(), (excess[k] * excess[later]).sum()
        assert same / total > 0.5
        assert (excess[k] * excess[(k + size // 6) % size]).sum() / total < 0.2


@pytest.mark.parametrize("size", [131, 132, 200])
def test_images_are_the_middle_of_what_is_computed(size: int) -> None:
    n = noise.padded_size(size)
    middle = noise.crop(torch.arange(float(n)).expand(1, n, n), size)
    assert middle.shape == (1, size, size)
    assert middle.mean() == pytest.approx((n - 1) / 2)
    assert n >= size + noise.MARGIN - 1


def test_counts_are_those_published() -> None:
    """FIRST has about 90 sources per square degree above 1 mJy (White et al. 1997), components counted singly."""
    assert 60 < counts.radio_density(1e-3, 1.4) < 110
    flux = counts.radio_fluxes(torch.rand(20000, generator=torch.Generator().manual_seed(1)), 5e-4, 1.4)
    assert flux.min() >= 5e-4 * 0.999
    expected = counts.radio_density(5e-3, 1.4) / counts.radio_density(5e-4, 1.4)
    assert (flux > 5e-3).double().mean().item() == pytest.approx(expected, rel=0.05)
    # sources of the index -0.7 are as many at the flux that they have at another frequency
    assert counts.radio_density(1e-3 * (0.144 / 1.4) ** -0.7, 0.144) == pytest.approx(counts.radio_density(1e-3, 1.4))


def test_sizes_are_those_published() -> None:
    u = torch.rand(20001, generator=torch.Generator().manual_seed(1))
    size = counts.radio_sizes(u, torch.full_like(u, 0.01), 1.4)
    assert size.median().item() == pytest.approx(2 * 10**0.3, rel=0.03)
    larger = 2.0 ** -(3**0.62)
    assert (size > 3 * 2 * 10**0.3).double().mean().item() == pytest.approx(larger, abs=0.01)


def test_infrared_counts_grow_with_magnitude() -> None:
    u = torch.rand(20000, generator=torch.Generator().manual_seed(1))
    flux = counts.infrared_fluxes(u, Infrared(faintest=17.0, slope=0.3))
    magnitude = -2.5 * (flux / 309.54).log10()
    assert magnitude.max() <= 17.001
    assert (magnitude < 16).double().mean().item() == pytest.approx(10**-0.3, abs=0.01)


def galaxy(**values: float) -> RadioGalaxies:
    defaults = {"x": 0.0, "y": 0.0, "core": 0.2, "balance": 0.5, "rise": 0.0, "hotspot": 0.3, "width": 0.05,
                "opening": 0.0}  # fmt: skip
    single = {name: torch.tensor([value]) for name, value in (defaults | values).items() if name in defaults}
    sides = {"length": 30.0, "direction": 0.0, "bend": 0.0, "inner": 0.2} | values
    pairs = {name: torch.full((1, 2), sides[name]) for name in ("length", "direction", "bend", "inner")}
    pairs["direction"] = pairs["direction"] + torch.tensor([[0.0, math.pi]])
    return RadioGalaxies(**single, **pairs)


def test_emission_has_unit_flux_a_core_and_two_sides() -> None:
    pieces = emission(galaxy(), Random(1, torch.arange(1)))
    assert len(pieces) == 2 * BLOBS + 3
    assert pieces.flux.sum().item() == pytest.approx(1)
    assert pieces.flux[pieces.x > 0].sum().item() == pytest.approx(0.4)
    assert pieces.flux[(pieces.x == 0) & (pieces.y == 0)].item() == pytest.approx(0.2)
    assert pieces.x.abs().max() < 31


@pytest.mark.parametrize("rise", [-3.0, 3.0])
def test_brightness_fades_or_rises_outward(rise: float) -> None:
    many = galaxy(rise=rise, hotspot=0.0, core=0.0)[torch.zeros(400, dtype=torch.long)]
    pieces = emission(many, Random(1, torch.arange(400)))
    mean = (pieces.flux * pieces.x.abs()).sum() / 400
    # of exp(rise t), t from 0 to 1
    t = 1 / (1 - math.exp(-rise)) - 1 / rise
    assert mean.item() == pytest.approx(30 * (0.2 + 0.8 * t), rel=0.05)


def test_a_bent_path_is_an_arc() -> None:
    t = torch.linspace(0, 1, 500)
    x, y, angle = path(galaxy(bend=1.2), t.expand(1, 2, -1))
    steps = torch.hypot(x[0, 0].diff(), y[0, 0].diff())
    assert steps.sum().item() == pytest.approx(30, rel=1e-3)
    assert (steps.max() / steps.min()).item() == pytest.approx(1, abs=0.02)
    assert angle[0, 0, -1].item() == pytest.approx(1.2)


def test_sources_keep_their_gaussians_where_images_are_selected() -> None:
    a = Sources(torch.tensor([0, 1, 1, 3]), torch.arange(4.0), torch.zeros(4), torch.zeros(4),
                gaussians(*[(float(k), 0, 0, 1, 1, 0) for k in range(4)]))  # fmt: skip
    both = Sources.concat(a, a)
    chosen = both.of_images(torch.tensor([3, 1]))
    assert chosen.image.tolist() == [1, 1, 0, 1, 1, 0]
    assert chosen.x.tolist() == chosen.gaussians.flux.tolist() == [1, 2, 3, 1, 2, 3]
    assert chosen.gaussians.source.tolist() == list(range(6))
    assert len(a.of_images(torch.tensor([2]))) == 0


def test_an_image_depends_on_seed_and_number_alone(fields: RadioImages) -> None:
    alone = images_of(FIRST, 132, BOTH, 4, torch.tensor([70, 3]))
    for k, number in enumerate((70, 3)):
        # sums are taken in another order
        assert np.allclose(alone.image[k], fields.image[number], atol=1e-7)
        assert alone.wcs[k] == fields.wcs[number]
        assert fields.truth is not None
        assert alone.truth is not None
        assert np.array_equal(alone.truth.of_image(k).boxes, fields.truth.of_image(number).boxes)
    other = images_of(FIRST, 132, BOTH, 5, torch.tensor([3]))
    assert not np.allclose(other.image, alone.image[1:])


def test_bands_do_not_change_each_other(fields: RadioImages) -> None:
    radio = images_of(FIRST, 132, ("radio",), 4, torch.arange(8))
    assert radio.bands == ("radio",)
    assert np.allclose(radio.band("radio"), fields.band("radio")[:8], atol=1e-7)


def test_labels_are_those_of_what_was_seen(fields: RadioImages) -> None:
    truth = fields.truth
    assert truth is not None
    assert truth.boxes.min() >= 0
    assert truth.boxes.max() <= 132
    assert (truth.boxes[:, 2:] > truth.boxes[:, :2]).all()
    assert truth.columns["signal_to_noise"].min() >= 5
    for row, box in enumerate(truth.boxes.astype(int)):
        ratio = fields.band("radio")[truth.image[row]] / fields.noise[truth.image[row], 0]
        inside = ratio[box[1] : box[3], box[0] : box[2]]
        assert inside.max() >= truth.columns["signal_to_noise"][row] - 1e-4
        for edge in (inside[0], inside[-1], inside[:, 0], inside[:, -1]):
            assert edge.max() > 4
    main = truth.columns["is_main"]
    assert 0.85 * len(fields) < main.sum() < len(fields)
    assert truth.columns["components"].max() <= 3


def test_main_sources_have_the_shares_asked_for() -> None:
    mix = replace(FIRST, survey=replace(FIRST.survey, shares=(0.0, 0.0, 0.0, 0.0, 0.5, 0.5), empty=0.0))
    truth = images_of(mix, 132, ("radio",), 1, torch.arange(48)).truth
    assert truth is not None
    labels = truth.labels[truth.columns["is_main"]]
    assert np.isin(labels, (4, 5)).mean() > 0.95
    assert FIRST.survey.shares == CLARAN_SHARES


def test_fields_can_be_empty() -> None:
    nothing = replace(FIRST, survey=replace(FIRST.survey, empty=1.0, neighbours=0.0))
    empty = images_of(nothing, 132, ("radio",), 1, torch.arange(8))
    assert empty.truth is not None
    assert len(empty.truth) == 0
    assert empty.image.std(axis=(1, 2, 3)).tolist() == pytest.approx(empty.noise[:, 0, 0, 0].tolist(), rel=0.1)


def test_hosts_are_at_the_stated_place_of_the_infrared_image() -> None:
    bright = replace(FIRST.infrared, hosts=(11.0, 0.1), density=0.0)
    images = images_of(replace(FIRST, infrared=bright), 132, BOTH, 2, torch.arange(16))
    truth = images.truth
    assert truth is not None
    for row in np.flatnonzero(truth.columns["is_main"]):
        k, (x, y) = truth.image[row], truth.hosts[row]
        patch = images.band("infrared")[k, int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3]
        y_peak, x_peak = np.unravel_index(patch.argmax(), patch.shape)
        wcs = images.wcs_of(k)
        assert wcs is not None
        host = SkyCoord(*wcs.pixel_to_world_values(x - 0.5, y - 0.5), unit="deg")
        peak = SkyCoord(*wcs.pixel_to_world_values(int(x) - 2 + x_peak, int(y) - 2 + y_peak), unit="deg")
        assert host.separation(peak) < 0.75 * 1.8 * units.arcsec
        centre = SkyCoord(*wcs.wcs.crval, unit="deg")
        expected = 1.8 * math.hypot(x - 66, y - 66)
        assert host.separation(centre).arcsec == pytest.approx(expected, rel=1e-4)


def test_the_position_angle_of_the_beam_is_east_of_north() -> None:
    elongated = replace(FIRST, radio=replace(FIRST.radio, beam=(12.0, 5.4), sidelobes=(0.0, 0.0)))
    images = images_of(elongated, 132, ("radio",), 1, torch.arange(12))
    truth = images.truth
    assert truth is not None
    for row in np.flatnonzero(truth.columns["is_main"] & (truth.labels == 0) & (truth.columns["signal_to_noise"] > 60)):
        k, (x, y) = truth.image[row], truth.hosts[row].astype(int)
        patch = images.band("radio")[k, y - 4 : y + 5, x - 4 : x + 5].clip(0)
        north, east = np.mgrid[-4:5, 4:-5:-1]
        moments = [(patch * m).sum() for m in (north * north, east * east, north * east)]
        measured = math.degrees(0.5 * math.atan2(2 * moments[2], moments[0] - moments[1]))
        difference = (measured - images.beam[k, 0, 2] + 90) % 180 - 90
        assert abs(difference) < 25


@pytest.mark.parametrize("name", names())
def test_instruments_draw_fields(name: str) -> None:
    camera = instrument(name)
    images = images_of(camera, 96, ("radio",), 1, torch.arange(8))
    assert np.isfinite(images.image).all()
    assert images.truth is not None
    assert len(images.truth) >= 4
    assert images.beam[0, 0, 0] == pytest.approx(camera.radio.beam[0], rel=0.25)


def test_instruments_that_cannot_be_are_refused(tmp_path) -> None:
    with pytest.raises(InputError, match="first"):
        instrument("frist")
    path_ = tmp_path / "mine.toml"
    path_.write_text("pixel_scale = 1.0\n[radio]\nfrequency = 1.4\nbeam = [5, 5]\nnoise = 0.1\nbeem = 3\n")
    with pytest.raises(SettingsError, match="beem"):
        instrument(str(path_))
    path_.write_text("pixel_scale = 1.0\n[radio]\nfrequency = 1.4\nbeam = [5, 5]\nnoise = 0.1\n")
    assert instrument(str(path_)).name == "mine"
    with pytest.raises(SettingsError, match="beam"):
        Instrument("x", 5.0, Radio(1.4, (5.0, 5.0), 0.1))
    with pytest.raises(SettingsError, match="shares"):
        replace(FIRST.survey, shares=(1.0,))
