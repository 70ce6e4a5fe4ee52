"""Instruments: those that ship, those of users, their PSFs; bad files."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from skysure.applications.lensing.simulation.instruments import Instrument, PsfModel, instrument, names
from skysure.applications.lensing.simulation.psf import blur_and_shift, draw_psfs, telescope_bank
from skysure.applications.lensing.simulation.random import Random
from skysure.errors import InputError

USERS = """band = "g"
pixel_scale = 0.263
zero_point = 30.0
sky = 40.0
exposure = [900]
read_noise = 7.0
readouts = 10
[psf]
kind = "moffat"
fwhm = [0.9, 1.3]
"""


@pytest.mark.parametrize("name", names())
def test_instruments_that_ship_have_psfs_of_sum_one(name: str) -> None:
    camera = instrument(name)
    psf = draw_psfs(camera.psf, camera.pixel_scale, Random(32, 0))
    assert psf.shape == (32, 25, 25)
    assert torch.allclose(psf.sum((1, 2)), torch.ones(32), atol=1e-5)
    assert bool((psf >= 0).all())
    assert bool((psf.flatten(1).argmax(1) == 12 * 25 + 12).all())


def test_a_user_writes_an_instrument_in_ten_lines(tmp_path: Path) -> None:
    path = tmp_path / "decam.toml"
    path.write_text(USERS)
    assert instrument(str(path)) == Instrument(
        "decam", 0.263, 30.0, 40.0, (900.0,), "g", read_noise=7.0, readouts=10, psf=PsfModel("moffat", (0.9, 1.3))
    )


@pytest.mark.parametrize(
    ("line", "other", "said"),
    [
        ("pixel_scale = 0.263", "pixel_size = 0.263", "nearest: pixel_scale"),
        ("pixel_scale = 0.263", "pixel_scale = -1", "pixel_scale = -1"),
        ('kind = "moffat"', 'kind = "moffatt"', "moffatt"),
        ("fwhm = [0.9, 1.3]", "fwhm = [1.3, 0.9]", "rising"),
        ("fwhm = [0.9, 1.3]", "", "the smallest and the largest width"),
        ("exposure = [900]", "exposure = []", "exposure"),
        ("sky = 40.0", 'sky = "dark"', "sky"),
        ("readouts = 10", "correlation = [0.5, 0.4]", "correlation"),
        ("readouts = 10", "cosmic_rays = [1, 2]", "cosmic_rays"),
        ("zero_point = 30.0", "", "zero_point"),
        ('kind = "moffat"', 'kind = "telescope"', "diameter"),
        ("[psf]", "[survey]\nshear = 2\n[psf]", "shear = 2"),
        ("[psf]", "[survey]\nsignal_to_noise = [9, 5]\n[psf]", "signal_to_noise"),
    ],
)
def test_impossible_instruments_are_refused(tmp_path: Path, line: str, other: str, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(USERS.replace(line, other))
    with pytest.raises(InputError, match=said.replace("[", r"\[")):
        instrument(str(path))


def test_unknown_instruments_are_named_with_the_nearest() -> None:
    with pytest.raises(InputError, match="nearest: euclid"):
        instrument("euclide")
    with pytest.raises(InputError, match="no such file"):
        instrument("nowhere/mine.toml")


def test_a_gaussian_psf_has_its_width() -> None:
    fwhm = 0.2
    psf = draw_psfs(PsfModel("gaussian", (fwhm, fwhm)), 0.05, Random(1, 0))[0].double()
    k = torch.arange(25) - 12.0
    variance = float((psf.sum(0) * k**2).sum()) * 0.05**2
    assert variance == pytest.approx(fwhm**2 / (8 * math.log(2)) + 0.05**2 / 12, rel=0.01)


def test_an_open_pupil_has_the_dark_ring_of_airy() -> None:
    pixel = 0.01
    model = PsfModel("telescope", diameter=2.4, wavelengths=(0.8,), vanes=0)
    psf = telescope_bank(model, pixel)[0]
    row = psf[12, 12:]
    dark = 1.22 * 0.8e-6 / 2.4 * 206264.8 / pixel
    assert int(row[:12].argmin()) == round(dark)
    assert float(row[round(dark)] / row[0]) < 0.01


def test_psfs_are_moved_and_blurred() -> None:
    model = PsfModel("gaussian", (0.15, 0.15))
    psf = draw_psfs(model, 0.05, Random(1, 0))
    moved = blur_and_shift(psf, torch.tensor([1.0]), torch.tensor([0.7]), torch.tensor([-0.4]))[0].double()
    k = torch.arange(25) - 12.0
    x, y = (moved.sum(0) * k).sum(), (moved.sum(1) * k).sum()
    assert (float(x), float(y)) == pytest.approx((0.7, -0.4), abs=0.01)
    before = float((psf[0].double().sum(0) * k**2).sum())
    assert float((moved.sum(0) * (k - x) ** 2).sum()) == pytest.approx(before + 1, rel=0.01)
