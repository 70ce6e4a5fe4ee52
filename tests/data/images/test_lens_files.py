"""Images in files: what belongs together, and what comes out."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from skysure.applications.lensing.images import LensImages
from skysure.applications.lensing.source import read
from skysure.data.images.hdf5 import ImageWriter
from skysure.errors import InputError

from .skies import SIZE, SKY, Write, galaxy, gaussian_psf, tangent, write_image

SIGMA = np.full((SIZE, SIZE), SKY)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a FITS file into the folder of the test."""
    return partial(write_image, tmp_path)


def one(*paths: Path, **reading: Any) -> LensImages:
    (chunk,) = read([str(path) for path in paths], reading).chunks()
    return chunk


def test_an_image_with_wcs_alone_is_enough(write: Write) -> None:
    lens = one(write("cutout.fits"))
    assert lens.ids.tolist() == ["cutout"]
    np.testing.assert_allclose(lens.pixel_scale, 0.05, rtol=1e-6)
    np.testing.assert_allclose(lens.noise.min(), SKY, rtol=0.15)
    assert "noise estimated" in lens.flags[0]
    assert np.isnan(lens.psf).all()
    np.testing.assert_allclose([lens.objects["ra"][0], lens.objects["dec"][0]], [150, 2], atol=1e-6)


@pytest.mark.parametrize("pattern", ["{}.fits.gz", "lens7_{}.fits", "lens7-{}.fits.gz"])
def test_files_of_one_object_belong_together(write: Write, tmp_path: Path, pattern: str) -> None:
    folder = tmp_path / "lens7"
    write(f"lens7/{pattern.format('image')}")
    write(f"lens7/{pattern.format('noise')}", 2 * SIGMA)
    write(f"lens7/{pattern.format('psf')}", gaussian_psf())
    lens = one(folder)
    assert lens.ids.tolist() == ["lens7"]
    np.testing.assert_allclose(lens.noise, 2 * SKY, rtol=1e-6)
    np.testing.assert_allclose(lens.psf.sum(), 1, rtol=1e-5)
    assert lens.flags.tolist() == [""]


@pytest.mark.parametrize(
    ("name", "values"),
    [("ERR", SIGMA), ("RMS", SIGMA), ("VARIANCE", SIGMA**2), ("IVAR", SIGMA**-2), ("WHT", SIGMA**-2)],
)
def test_extensions_say_the_noise(write: Write, name: str, values: np.ndarray) -> None:
    lens = one(write("a.fits", **{name: values, "PSF": gaussian_psf()}))
    np.testing.assert_allclose(lens.noise, SKY, rtol=1e-5)
    assert lens.flags.tolist() == [""]


def test_slacs_folders(sky_data: Path) -> None:
    folder = sky_data / "lens" / "slacs"
    truth = {"theta_E": "bSIE", "q": "qSIE", "position_angle": "PASIE"}
    source = read([str(folder)], {"pixel_scale": 0.05, "truth": str(folder / "truth.csv"), "columns": truth})
    lenses = LensImages.concat(source.chunks())
    assert lenses.image.shape[1:] == (201, 201)
    assert np.isfinite(lenses.truth[:, :3]).all()
    assert 0.001 < lenses.mask.mean() < 0.2
    assert not source.rejected
    first = fits.getdata(folder / lenses.ids[0] / "image.fits.gz")
    good = ~lenses.mask[0]
    np.testing.assert_array_equal(lenses.image[0][good], first[good])


@pytest.mark.parametrize("angle", [0.0, 35.0, 120.0, -80.0])
@pytest.mark.parametrize("mirrored", [False, True])
def test_true_position_angles_turn_with_the_wcs(write: Write, tmp_path: Path, angle: float, mirrored: bool) -> None:
    """An axis along +y has the position angle of +y, whatever the parity."""
    wcs = tangent(angle=angle, mirrored=mirrored)
    (tmp_path / "truth.csv").write_text(f"id,q,PA\r\na,0.5,{angle}\r\n")
    lens = one(write("a.fits", wcs=wcs), truth=str(tmp_path / "truth.csv"))
    np.testing.assert_allclose(lens.truth[0, 1:3], [-1 / 3, 0], atol=1e-5)
    assert lens.parity[0] == (-1 if mirrored else 1)


def test_no_pixel_scale_is_an_error_with_its_line(write: Write) -> None:
    with pytest.raises(InputError, match=r"pixel_scale = 0\.05"):
        one(write("a.fits", bare=True))
    lens = one(write("a.fits", bare=True), pixel_scale=0.1)
    assert "orientation assumed" in lens.flags[0]
    lens = one(write("a.fits", bare=True), pixel_scale=0.1, position_angle_of_y=30.0)
    assert "orientation" not in lens.flags[0]
    assert lens.north[0] == 60


def test_sizes_are_gathered_and_cut(write: Write) -> None:
    paths = [write(f"{k}.fits", galaxy(size, k)) for k, size in enumerate([48, 50, 48, 50])]
    chunks = list(read([str(path) for path in paths]).chunks())
    assert [chunk.ids.tolist() for chunk in chunks] == [["0", "2"], ["1", "3"]]
    small = chunks[1].cut(48)
    np.testing.assert_array_equal(small.image, chunks[1].image[:, 1:-1, 1:-1])
    large = chunks[0].cut(64)
    np.testing.assert_array_equal(large.image[:, 8:-8, 8:-8], chunks[0].image)
    assert large.mask[:, :8].all()
    assert not large.mask[:, 8:-8, 8:-8].any()


def test_simulated_images_are_read_again(tmp_path: Path, write: Write) -> None:
    pytest.importorskip("h5py")
    count = 70
    images = LensImages(
        np.stack([galaxy(seed=k) for k in range(count)]), noise=np.broadcast_to(SIGMA, (count, SIZE, SIZE)),
        psf=gaussian_psf(), pixel_scale=0.05, truth=np.full((count, 8), 0.5), objects={"z_lens": np.arange(count)},
    )  # fmt: skip
    with ImageWriter(tmp_path / "a.h5", count) as writer:
        writer.write(images.to_arrays())
    write("b.fits", wcs=tangent())
    source = read([str(tmp_path)])
    assert [len(chunk) for chunk in source.chunks()] == [64, 6, 1]
    assert len(source.index().ids) == 71
    stored = LensImages.concat(list(source.chunks())[:2])
    np.testing.assert_array_equal(stored.image, images.image)
    np.testing.assert_array_equal(stored.objects["z_lens"], np.arange(count))
    assert [chunk.ids.tolist() for chunk in source.take(np.array(["3", "69", "b"]))] == [["3"], ["69"], ["b"]]
    (tmp_path / "c.h5").write_bytes((tmp_path / "a.h5").read_bytes()[:1000])
    assert sum(map(len, source.chunks())) == 71
    source = read([str(tmp_path)])
    assert sum(map(len, source.chunks())) == 71
    assert "c.h5" in source.rejected[0].file
