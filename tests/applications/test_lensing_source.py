"""Images of lenses as a source: tables, inspection, identity, what the command line says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

import skysure
from skysure.applications.lensing.evaluation import known_parameters
from skysure.applications.lensing.images import LensImages
from skysure.applications.lensing.inspection import inspect
from skysure.applications.lensing.source import from_table, read, truth_of
from skysure.cli import main
from skysure.data.images.noise import Unit, estimate, unit_of
from skysure.data.images.reading import Reading
from skysure.data.images.tables import degrees
from skysure.errors import InputError
from skysure.verbs.identity import files_in, identify

SIZE, SKY = 64, 0.01
WCS_CARDS = {
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 2.0, "CRPIX1": 32.5, "CRPIX2": 32.5,
    "CD1_1": -0.05 / 3600, "CD2_2": 0.05 / 3600, "BUNIT": "ELECTRONS/S", "EXPTIME": 2000.0,
}  # fmt: skip


def galaxy(seed: int = 0, peak: float = 5.0, exposure: float = 2000.0) -> tuple[np.ndarray, np.ndarray]:
    """A galaxy in electrons per second with the noise of sky and photons; and that noise."""
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    light = peak * np.exp(-np.hypot(x, y) / 3)
    noise = np.sqrt(SKY**2 + light / exposure)
    return light + np.random.default_rng(seed).normal(0, 1, light.shape) * noise, noise


def write(path: Path, image: np.ndarray, cards: dict[str, Any] = WCS_CARDS, **extensions: np.ndarray) -> Path:
    hdus = [fits.PrimaryHDU(image, fits.Header(cards)), *(fits.ImageHDU(v, name=n) for n, v in extensions.items())]
    fits.HDUList(hdus).writeto(path)
    return path


def one(path: Path, **reading: Any) -> LensImages:
    (chunk,) = read([str(path)], reading).chunks()
    return chunk


def test_the_noise_is_estimated_with_that_of_the_photons(tmp_path: Path) -> None:
    image, noise = galaxy()
    lens = one(write(tmp_path / "a.fits", image))
    assert lens.flags.tolist() == ["noise estimated"]
    np.testing.assert_allclose(lens.noise[0], noise, rtol=0.2)
    np.testing.assert_allclose(np.median(lens.noise[0] / noise), 1, atol=0.06)


@pytest.mark.parametrize(("unit", "factor", "gain"), [("electron", 2000, 0), ("DN/s", 0.5, 2), ("counts", 1000, 2)])
def test_counts_change_the_noise_and_not_the_signal_to_noise_ratio(
    tmp_path: Path, unit: str, factor: float, gain: float
) -> None:
    image, _ = galaxy()
    reference = one(write(tmp_path / "a.fits", image))
    cards = WCS_CARDS | {"BUNIT": unit} | ({"GAIN": gain} if gain else {})
    lens = one(write(tmp_path / "b.fits", image * factor, cards))
    np.testing.assert_allclose(lens.image / lens.noise, reference.image / reference.noise, rtol=1e-4, atol=1e-4)


def test_noise_in_counts_is_converted_to_the_unit_of_the_image(tmp_path: Path) -> None:
    image, noise = galaxy()
    path = write(tmp_path / "a.fits", image, ERR=noise * 2000)
    with fits.open(path, mode="update") as file:
        file["ERR"].header["BUNIT"] = "ELECTRONS"
    lens = one(path)
    np.testing.assert_allclose(lens.noise[0], noise, rtol=1e-5)
    assert "converted" in lens.flags[0]
    other = one(write(tmp_path / "b.fits", image, ERR=noise * 2000))
    assert other.flags.tolist() == ["noise far larger than that of the image"]


def test_exposure_times_as_weights_are_scaled(tmp_path: Path) -> None:
    image, noise = galaxy()
    exposure = np.full(image.shape, 2000.0)
    exposure[:, :20] = 500
    lens = one(write(tmp_path / "a.fits", image, WHT=exposure))
    assert lens.flags.tolist() == ["noise scaled from weights"]
    np.testing.assert_allclose(np.median(lens.noise[0, :, 30:] / noise[:, 30:]), 1, atol=0.15)
    np.testing.assert_allclose(lens.noise[0, 0, 0] / lens.noise[0, 0, -1], 2, rtol=0.05)


@pytest.mark.parametrize(
    ("text", "per_second", "electrons"),
    [("electron/s", True, 2000), ("e-/s", True, 2000), ("ELECTRONS", False, 1), ("MJy/sr", None, None),
     ("DN", None, None), ("e- s-1", True, 2000), ("", None, None), ("erg/s", None, None)],
)  # fmt: skip
def test_units(text: str, per_second: bool | None, electrons: float | None) -> None:
    unit = unit_of((fits.Header({"BUNIT": text, "EXPTIME": 2000.0}),), Reading())
    assert (unit.per_second, unit.electrons) == (per_second, electrons)


def test_no_noise_can_be_measured_without_sky() -> None:
    assert estimate(np.zeros((32, 32)), np.zeros((32, 32), bool), Unit())[0] is None
    assert estimate(np.ones((32, 32)), np.ones((32, 32), bool), Unit())[0] is None


def test_lsst_masks_mark_detections_that_are_no_harm(tmp_path: Path) -> None:
    image, noise = galaxy()
    bits = np.where(image > 1, 1 << 5, 0).astype(np.int32)
    bits[3, 4] = 1 << 3
    path = write(tmp_path / "a.fits", np.zeros((1, 1)), IMAGE=image, MASK=bits, VARIANCE=noise**2)
    with fits.open(path, mode="update") as file:
        file["IMAGE"].header.update(WCS_CARDS)
        file["MASK"].header.update({"MP_BAD": 0, "MP_CR": 3, "MP_DETEC": 5})
        del file[0].data
    lens = one(path, hdu="IMAGE")
    assert np.argwhere(lens.mask[0]).tolist() == [[3, 4]]
    assert one(path, hdu="IMAGE", mask_bits=32).mask[0].sum() == (image > 1).sum()


def test_tables_give_truth_redshifts_and_what_is_carried(tmp_path: Path) -> None:
    image, noise = galaxy()
    for name in "abc":
        write(tmp_path / f"{name}.fits", image, WCS_CARDS | {"ZSRC": 0.9}, ERR=noise)
    (tmp_path / "truth.csv").write_text("Name,bSIE,phi,q,zl,field\na,1.2,30,0.5,0.2,N\nb,,,,0.3,S\n")
    reading = {
        "truth": str(tmp_path / "truth.csv"), "carry": ["field"],
        "columns": {"theta_E": "bSIE", "z_source": "ZSRC", "id": "Name"},
    }  # fmt: skip
    source = read([str(tmp_path / f"{name}.fits") for name in "abc"], reading)
    (lens,) = source.chunks()
    np.testing.assert_allclose(lens.truth[0, :3], [1.2, 1 / 6, np.sqrt(3) / 6])
    assert np.isnan(lens.truth[1:]).all()
    np.testing.assert_allclose(lens.objects["z_lens"], [0.2, 0.3, np.nan])
    np.testing.assert_allclose(lens.objects["z_source"], 0.9)
    assert lens.carried["field"].tolist() == ["N", "S", ""]
    assert "1 images have no row" in source.notes[-1]
    (alone,) = source.take(np.array(["c"]))
    assert alone.objects.keys() == lens.objects.keys()
    assert source.schema.theta_e == (1.2, 1.2)
    assert source.schema.size == SIZE


def test_true_values_of_a_row() -> None:
    row = {"theta_E": "1.5", "q": 1 / 3, "position_angle": 0.0, "mu": None, "gamma1": "none"}
    truth = truth_of(row, north=90.0, parity=1.0)
    np.testing.assert_allclose(truth[:3], [1.5, -0.5, 0], atol=1e-12)
    assert np.isnan(truth[3:]).all()


def test_images_in_memory() -> None:
    image, noise = galaxy()
    lenses = from_table(
        {"image": np.stack([image] * 2), "noise": np.stack([noise] * 2), "id": ["a", "b"], "theta_E": [1.0, 2.0],
         "z_lens": [0.1, 0.2]}, {"pixel_scale": 0.05},
    )  # fmt: skip
    assert lenses.ids.tolist() == ["a", "b"]
    assert lenses.truth[:, 0].tolist() == [1, 2]
    assert list(lenses.objects) == ["z_lens"]
    with pytest.raises(InputError, match="pixel scale"):
        from_table({"image": image})
    with pytest.raises(InputError, match="no column 'image'"):
        from_table({"pixels": image})
    bare = LensImages(image.astype(">f8"), pixel_scale=0.05, psf=7 * np.ones((3, 3)))
    assert bare.flags.tolist() == ["noise estimated; photon noise not known"]
    np.testing.assert_allclose(bare.noise, SKY, rtol=0.2)
    np.testing.assert_allclose(bare.psf.sum(), 1, rtol=1e-6)
    assert bare.cut(80).mask.sum() == 80**2 - SIZE**2
    assert bare[[0]].flags.tolist() == bare.flags.tolist()
    assert isinstance(skysure.LensImages(image, pixel_scale=0.05), LensImages)


@pytest.mark.parametrize("text", ["10h30m00s", "10:30:00", "10 30 00", "157.5"])
def test_right_ascensions(text: str) -> None:
    import pyarrow as pa

    np.testing.assert_allclose(degrees(pa.array([text, "x" * 99, ""]), "", "ra"), [157.5, np.nan, np.nan])


def test_inspect_says_what_is_missing(tmp_path: Path) -> None:
    image, noise = galaxy()
    findings = inspect([str(write(tmp_path / "a.fits", image))]).to_dict()
    assert findings["kind"] == "images"
    assert findings["pixel_scale"] == 0.05
    assert findings["pixels"] == "64 × 64"
    assert findings["unit"] == "ELECTRONS/S"
    assert findings["missing"] == ["noise", "psf"]
    assert not findings["problems"]
    y, x = np.mgrid[:15, :15] - 7
    psf = np.exp(-(x**2 + y**2) / (2 * 1.5**2))
    findings = inspect([str(write(tmp_path / "b.fits", image, {}, ERR=noise, PSF=psf))]).to_dict()
    assert findings["missing"] == ["pixel_scale", "position_angle_of_y"]
    assert "pixel_scale = 0.05" in findings["problems"][0]
    findings = inspect([str(tmp_path / "b.fits")], {"pixel_scale": 0.1, "position_angle_of_y": 0.0}).to_dict()
    assert findings["missing"] == []
    np.testing.assert_allclose(findings["psf_fwhm"], 2.355 * 1.5 * 0.1, rtol=0.05)
    (tmp_path / "c.csv").write_text("x,y\n1,2\n")
    assert not inspect([str(tmp_path / "c.csv")]).recognised


def test_the_command_line_inspects_and_proposes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image, noise = galaxy()
    path = write(tmp_path / "a.fits", image, {}, ERR=noise)
    assert main(["inspect", str(path), "--write", str(tmp_path / "reading.toml")]) == 1
    assert "# pixel_scale = ..." in (tmp_path / "reading.toml").read_text()
    assert "Fix:      [reading] pixel_scale = 0.05" in capsys.readouterr().err
    mosaic = np.random.default_rng(1).normal(0, SKY, (264, 264)) + np.pad(image, 100)
    write(tmp_path / "m.fits", mosaic)
    (tmp_path / "p.csv").write_text("id,ra,dec\nlens,149.9986,2.0014\n")
    assert main(["inspect", str(tmp_path / "m.fits"), "--positions", str(tmp_path / "p.csv")]) == 0
    assert "pixels: 192 × 192" in capsys.readouterr().out


def test_files_that_a_reading_names_identify_the_data(tmp_path: Path) -> None:
    path = write(tmp_path / "a.fits", galaxy()[0])
    table = tmp_path / "truth.csv"
    table.write_text("id,theta_E\na,1\n")
    reading = {"truth": str(table), "pixel_scale": 0.05}
    assert files_in(reading) == (str(table),)
    before = identify([path], (), reading)
    assert before == identify([path], (), reading) != identify([path])
    table.write_text("id,theta_E\na,2\n")
    os.utime(table)
    assert identify([path], (), reading) != before


def test_what_is_known_of_the_truth_is_scored() -> None:
    truth = np.full((3, 8), np.nan)
    assert known_parameters(truth).tolist() == []
    truth[1, :3] = 1
    truth[2, 0] = 1
    assert known_parameters(truth).tolist() == [0, 1, 2]
