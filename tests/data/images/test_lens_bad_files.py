"""Bad input: an image that cannot be used is set aside with its reason, and the others are read."""

from __future__ import annotations

import gzip
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from skysure.applications.lensing.images import LensImages
from skysure.applications.lensing.source import LensImageFiles, read
from skysure.errors import InputError, SettingsError

from .skies import SIZE, SKY, Write, galaxy, gaussian_psf, tangent, write_image

SIGMA = np.full((SIZE, SIZE), SKY)
CENTRE = (slice(20, 28), slice(20, 28))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a FITS file into the folder of the test."""
    return partial(write_image, tmp_path)


def lens_of(path: Path, **reading: Any) -> LensImages:
    (chunk,) = read([str(path)], reading).chunks()
    return chunk


def reason_of(write: Write, path: Path, **reading: Any) -> str:
    """Read a bad file beside a sound one: the reason for which it is set aside."""
    sound = write("sound/cutout.fits", ERR=SIGMA)
    source = read([str(path), str(sound)], reading)
    assert isinstance(source, LensImageFiles)
    assert [chunk.ids.tolist() for chunk in source.chunks()] == [["cutout"]]
    (rejected,) = source.rejected
    with pytest.raises(InputError):
        list(read([str(path)], reading).chunks())
    return rejected.reason


def changed(image: np.ndarray, where: Any, value: float) -> np.ndarray:
    image = image.copy()
    image[where] = value
    return image


BAD_IMAGES = {
    "NaN": (np.full((SIZE, SIZE), np.nan), {}, "all of them are NaN"),
    "infinite": (np.full((SIZE, SIZE), np.inf), {}, "all of them are NaN"),
    "zeros": (np.zeros((SIZE, SIZE)), {}, "every pixel is 0"),
    "negative noise": (galaxy(), {"ERR": -SIGMA}, "without a meaning in 100%"),
    "no noise": (galaxy(), {"ERR": 0 * SIGMA}, "without a meaning"),
    "noise of NaN": (galaxy(), {"ERR": np.nan * SIGMA}, "without a meaning"),
    "noise of another shape": (galaxy(), {"ERR": SIGMA[1:]}, "48 × 48"),
    "all masked": (galaxy(), {"DQ": np.ones((SIZE, SIZE), np.int16)}, "all of them are masked"),
    "nearly all masked": (galaxy(), {"DQ": changed(np.ones((SIZE, SIZE)), np.s_[:4], 0)}, "92% of the pixels"),
    "RGB": (np.stack([galaxy()] * 3), {}, "plane = 0"),
    "cube": (np.stack([galaxy()] * 7), {}, "a cube"),
    "hypercube": (np.zeros((2, 2, 9, 9)), {}, "a hypercube"),
    "without noise": (np.pad(galaxy(8), 20), {}, "none that can be measured"),
}


@pytest.mark.parametrize("name", BAD_IMAGES)
def test_images_set_aside(write: Write, name: str) -> None:
    image, extensions, reason = BAD_IMAGES[name]
    assert reason in reason_of(write, write("bad.fits", image, **extensions))


def test_a_plane_of_a_cube_is_read(write: Write) -> None:
    cube = np.stack([galaxy(seed=k) for k in range(3)]).astype(np.float32)
    lens = lens_of(write("cube.fits", cube), plane=2)
    np.testing.assert_array_equal(lens.image[0], cube[2])
    with pytest.raises(InputError, match="0 to 2"):
        lens_of(write("cube.fits", cube), plane=3)


def test_a_masked_centre_is_flagged(write: Write) -> None:
    lens = lens_of(write("a.fits", changed(galaxy(), CENTRE, np.nan), ERR=SIGMA))
    assert "the centre is masked" in lens.flags[0]
    assert lens.mask[0][CENTRE].all()
    assert lens.mask.sum() == 64
    assert np.isfinite(lens.image).all()


def test_some_bad_noise_is_masked(write: Write) -> None:
    for value in (np.nan, -1, 0, 1e8, np.inf):
        lens = lens_of(write("a.fits", ERR=changed(SIGMA, np.s_[3, 5], value)))
        assert np.argwhere(lens.mask[0]).tolist() == [[3, 5]]
        np.testing.assert_allclose(lens.noise, SKY, rtol=1e-6)


def shifted(dx: float, dy: float) -> np.ndarray:
    return gaussian_psf(dx=dx, dy=dy)


PSFS = {
    "even": (gaussian_psf(14), "PSF of an even number of pixels resampled"),
    "not normalised": (7 * gaussian_psf(), "PSF normalised"),
    "off the middle": (shifted(1.4, -0.7), "PSF moved to its middle"),
    "with NaN at the rim": (changed(gaussian_psf(), 0, np.nan), ""),
}


@pytest.mark.parametrize("name", PSFS)
def test_psfs_are_mended(write: Write, name: str) -> None:
    psf, flag = PSFS[name]
    lens = lens_of(write("a.fits", ERR=SIGMA, PSF=psf))
    assert lens.flags[0] == flag
    np.testing.assert_allclose(lens.psf[0][5:20, 5:20], gaussian_psf(), atol=0.007)
    np.testing.assert_allclose(lens.psf.sum(), 1, rtol=1e-5)


@pytest.mark.parametrize("psf", [np.zeros((9, 9)), np.full((9, 9), np.nan), -gaussian_psf(), np.ones((1, 5)),
                                 np.ones((3, 9, 9)), np.ones((2000, 3))])  # fmt: skip
def test_psfs_without_a_meaning_count_as_none(write: Write, psf: np.ndarray) -> None:
    lens = lens_of(write("a.fits", ERR=SIGMA, PSF=psf))
    assert lens.flags.tolist() == ["PSF not usable"]
    assert np.isnan(lens.psf).all()


@pytest.mark.parametrize("keep", [10, 2880, 2900, 9000, 15000])
@pytest.mark.parametrize("packed", [False, True])
def test_truncated_files(write: Write, keep: int, packed: bool) -> None:
    path = write("a.fits")
    content = gzip.compress(path.read_bytes()) if packed else path.read_bytes()
    bad = path.with_name("bad.fits.gz" if packed else "bad.fits")
    bad.write_bytes(content[:keep])
    with pytest.raises(InputError):
        list(read([str(bad)]).chunks())
    sound = write("sound/a.fits")
    (chunk,) = (
        read([str(sound.parent), str(bad.parent / "b*")]).chunks() if keep > 2880 else read([str(sound)]).chunks()
    )
    assert chunk.ids.tolist() == ["a"]


@pytest.mark.parametrize(
    "content", [b"", b"not FITS", b"<html>404</html>", b"SIMPLE  = " + b"T" * 3000, b"\x89HDF\r\n"]
)
def test_what_only_claims_to_be_an_image(write: Write, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "fake.fits").write_bytes(content)
    with pytest.raises(InputError):
        list(read([str(tmp_path / "folder")]).chunks())
    write("folder/sound.fits")
    source = read([str(tmp_path / "folder")])
    assert [chunk.ids.tolist() for chunk in source.chunks()] == [["sound"]]
    assert "fake" in source.rejected[0].file


def test_no_image_at_all(tmp_path: Path, write: Write) -> None:
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tmp_path / "missing.fits"):
        with pytest.raises(InputError):
            read([str(path)])
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "readme.txt").write_text("nothing")
    with pytest.raises(InputError, match="an empty folder"):
        read([str(tmp_path / "notes")])
    with pytest.raises(InputError, match="by its name a psf"):
        read([str(write("psf.fits", gaussian_psf()))])
    table = fits.BinTableHDU.from_columns([fits.Column("x", "E", array=[1.0])])
    table.writeto(tmp_path / "table.fits")
    with pytest.raises(InputError, match="it holds tables only"):
        list(read([str(tmp_path / "table.fits")]).chunks())


@pytest.mark.parametrize("axes", [(10**9, 10**9), (2**62, 2**62), (10**6, 1), (100_000, 100_000)])
def test_claims_of_many_pixels_take_no_memory(tmp_path: Path, axes: tuple[int, int]) -> None:
    header = fits.PrimaryHDU(np.zeros((1, 1), np.float32), tangent().to_header()).header
    header["NAXIS1"], header["NAXIS2"] = axes
    (tmp_path / "a.fits").write_bytes(header.tostring().encode() + bytes(2880))
    with pytest.raises(InputError, match="promises"):
        list(read([str(tmp_path / "a.fits")], {"center": [5, 5]}).chunks())


@pytest.mark.parametrize("positions", [False, True])
def test_axes_in_words_are_refused(tmp_path: Path, positions: bool) -> None:
    header = fits.PrimaryHDU(galaxy().astype(np.float32), tangent().to_header()).header
    header["NAXIS1"] = "48"
    (tmp_path / "a.fits").write_bytes(header.tostring().encode() + bytes(4 * 48 * 48 + 2880))
    (tmp_path / "positions.csv").write_text("id,ra,dec\na,150,2\n")
    reading = {"positions": str(tmp_path / "positions.csv")} if positions else {}
    source = read([str(tmp_path / "a.fits")], reading)
    try:
        assert not list(source.chunks())
    except InputError:
        return
    assert source.rejected


@pytest.mark.parametrize("dtype", [">i2", ">i4", "u1", ">f8", ">f4", "uint16"])
def test_every_type_of_number(write: Write, dtype: str) -> None:
    image = (1000 * galaxy(noise=0.03) + 200).clip(0, 250 if dtype == "u1" else None).astype(dtype)
    lens = lens_of(write("a.fits", image))
    np.testing.assert_allclose(lens.image[0], image.astype(np.float64), rtol=1e-6)
    assert lens.image.dtype == np.dtype(np.float32)


def test_scaled_integers_with_blanks(tmp_path: Path) -> None:
    image = galaxy()
    whole = np.round((image + 1) / 1e-4).astype(np.int16)
    whole[7, 9] = -32768
    hdu = fits.PrimaryHDU(whole, tangent().to_header())
    hdu.header["BLANK"] = -32768
    hdu.header["BSCALE"], hdu.header["BZERO"] = 1e-4, -1.0
    content = hdu.header.tostring().encode() + whole.astype(">i2").tobytes()
    (tmp_path / "a.fits").write_bytes(content + bytes(-len(content) % 2880))
    lens = lens_of(tmp_path / "a.fits")
    assert np.argwhere(lens.mask[0]).tolist() == [[7, 9]]
    good = ~lens.mask[0]
    np.testing.assert_allclose(lens.image[0][good], image[good], atol=6e-5)


@pytest.mark.parametrize(
    "cards",
    [
        {"CRPIX1": 1e300}, {"PC1_1": 0.0, "PC2_2": 0.0}, {"CTYPE1": "WAVE", "CTYPE2": "TIME"}, {"WCSAXES": 65536},
        {"WCSAXES": "two"},
    ],
)  # fmt: skip
def test_a_wcs_without_a_meaning_is_none(write: Write, cards: dict[str, Any]) -> None:
    path = write("a.fits", cards=cards)
    with pytest.raises(InputError, match="no WCS that can be used"):
        lens_of(path)
    assert lens_of(path, pixel_scale=0.05).pixel_scale[0] == 0.05


def test_duplicate_ids(write: Write, tmp_path: Path) -> None:
    write("one/hst.fits", galaxy(seed=1))
    write("two/hst.fits", galaxy(seed=2))
    (chunk,) = read([str(tmp_path)]).chunks()
    assert chunk.ids.tolist() == ["one/hst", "two/hst"]
    source = read([str(tmp_path / "one" / "hst.fits")] * 2)
    assert [c.ids.tolist() for c in source.chunks()] == [["hst"]]
    assert "of the same object" in source.rejected[0].reason


@pytest.mark.parametrize("name", ["=1+1", "a b,c;d", "名前", "x\n\ty", 'O\'Neil "7"', "-", "x" * 200])
def test_odd_ids(write: Write, name: str) -> None:
    assert lens_of(write(f"{name}.fits")).ids.tolist() == [name]


def test_readings_that_contradict_themselves(write: Write) -> None:
    path = write("a.fits")
    for reading in (
        {"pixel_scale": -1}, {"pixel_scale": "wide"}, {"size": 3}, {"hud": "SCI"}, {"center": [1]}, {"plane": -1},
        {"positions": "a.csv", "center": [1, 2]}, {"noise_kind": "loud"}, {"columns": 3},
    ):  # fmt: skip
        with pytest.raises(SettingsError):
            read([str(path)], reading)


def test_extensions_are_chosen_by_name(write: Write) -> None:
    first, second = galaxy(seed=1), galaxy(seed=2)
    path = write("a.fits", np.zeros((1, 1)), VIS_SCI=first, VIS_RMS=SIGMA, NIR_SCI=second, NIR_RMS=3 * SIGMA)
    for hdu in ("NIR_SCI", 3):
        lens = lens_of(path, hdu=hdu, pixel_scale=0.1)
        np.testing.assert_allclose(lens.image[0], second, rtol=1e-6)
        np.testing.assert_allclose(lens.noise, 3 * SKY, rtol=1e-6)
    with pytest.raises(InputError, match="several images"):
        lens_of(path)
    with pytest.raises(InputError, match="no image in hdu = 'H'"):
        lens_of(path, hdu="H")
