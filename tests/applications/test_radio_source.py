"""Radio images in files: pixels, noise, beam, coordinates, labels, groups, and what is set aside."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from skysure.applications.radio.images import RadioImages
from skysure.applications.radio.source import RadioImageFiles, read
from skysure.errors import InputError

SIZE = 40
BEAM = {"BMAJ": 0.0015, "BMIN": 0.001, "BPA": 30.0, "BUNIT": "Jy/beam"}


def write(folder: Path, name: str, image: np.ndarray | None = None, ra: float = 150.0, **cards: Any) -> Path:
    """Write an image of noise and a source with a SIN projection."""
    if image is None:
        image = np.random.default_rng(len(name)).normal(0, 1e-4, (SIZE, SIZE)).astype(np.float32)
        image[18:22, 18:22] += 0.01
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---SIN", "DEC--SIN"], [ra, 2.0], [20.5, 20.5]
    wcs.wcs.cdelt = [-0.0005, 0.0005]
    header = wcs.to_header()
    header.update(BEAM | cards)
    path = folder / name
    fits.PrimaryHDU(image, header).writeto(path)
    return path


def files(*paths: Path, **reading: Any) -> RadioImageFiles:
    source = read([str(path) for path in paths], reading)
    assert isinstance(source, RadioImageFiles)
    return source


def one(*paths: Path, **reading: Any) -> RadioImages:
    (chunk,) = files(*paths, **reading).chunks()
    return chunk


def test_pixels_noise_beam_and_coordinates(tmp_path: Path) -> None:
    path = write(tmp_path, "a.fits")
    images = one(path)
    np.testing.assert_array_equal(images.image[0, 0], fits.getdata(path))
    assert images.noise[0, 0, 0, 0] == pytest.approx(1e-4, rel=0.1)
    np.testing.assert_allclose(images.beam[0, 0], [5.4, 3.6, 30])
    assert images.pixel_scale[0] == pytest.approx(1.8, rel=1e-4)
    wcs = images.wcs_of(0)
    assert wcs is not None
    np.testing.assert_allclose(wcs.all_pix2world(19.5, 19.5, 0), [150, 2], atol=1e-9)
    assert images.truth is None
    assert images.flags.tolist() == ["noise estimated"]


def test_four_axes_nan_and_rice_compression_give_the_same(tmp_path: Path) -> None:
    image = fits.getdata(write(tmp_path, "a.fits"))
    image[:, :6] = np.nan
    plain = one(write(tmp_path, "b.fits", image))
    assert np.isnan(plain.image[0, 0, :, :6]).all()
    assert np.isnan(plain.noise[0, 0, :, :6]).all()
    deep = one(write(tmp_path, "c.fits", image[None, None]))
    np.testing.assert_array_equal(deep.image, plain.image)
    header = fits.getheader(tmp_path / "b.fits")
    packed = fits.CompImageHDU(image, header, compression_type="RICE_1", quantize_level=64)
    fits.HDUList([fits.PrimaryHDU(), packed]).writeto(tmp_path / "d.fits.fz")
    rice = one(tmp_path / "d.fits.fz")
    np.testing.assert_allclose(rice.image, plain.image, atol=1e-4 / 32)
    np.testing.assert_allclose(rice.beam, plain.beam)


def test_scaled_integers(tmp_path: Path) -> None:
    image = fits.getdata(write(tmp_path, "a.fits"))
    hdu = fits.PrimaryHDU(image.copy(), fits.getheader(tmp_path / "a.fits"))
    hdu.scale("int32", bscale=1e-8, bzero=0.002)
    hdu.writeto(tmp_path / "b.fits")
    np.testing.assert_allclose(one(tmp_path / "b.fits").image[0, 0], image, atol=1e-8)


def test_the_beam_in_the_history_of_aips(tmp_path: Path) -> None:
    path = write(tmp_path, "a.fits")
    with fits.open(path, mode="update") as file:
        for name in ("BMAJ", "BMIN", "BPA"):
            del file[0].header[name]
        file[0].header["HISTORY"] = "AIPS   CLEAN BMAJ=  1.7778E-03 BMIN=  1.5000E-03 BPA=  12.00"
    np.testing.assert_allclose(one(path).beam[0, 0], [6.40008, 5.4, 12])


BAD = {
    "NaN": np.full((SIZE, SIZE), np.nan), "constant": np.ones((SIZE, SIZE)), "cube": np.ones((3, SIZE, SIZE)),
    "hypercube": np.ones((2, 3, SIZE, SIZE)),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_images_set_aside(tmp_path: Path, name: str) -> None:
    source = files(write(tmp_path, "bad.fits", BAD[name]), write(tmp_path, "sound.fits"))
    assert [chunk.ids.tolist() for chunk in source.chunks()] == [["sound"]]
    assert [rejected.id for rejected in source.rejected] == ["bad"]


def test_truncated_and_without_coordinates_or_beam(tmp_path: Path) -> None:
    path = write(tmp_path, "cut.fits")
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(InputError, match="truncated"):
        list(files(path).chunks())
    fits.PrimaryHDU(fits.getdata(write(tmp_path, "a.fits"))).writeto(tmp_path / "bare.fits")
    with pytest.raises(InputError, match="pixel_scale"):
        list(files(tmp_path / "bare.fits").chunks())
    images = one(tmp_path / "bare.fits", pixel_scale=1.8)
    assert "no beam in the header" in images.flags[0]
    assert images.wcs[0] == ""
    assert np.isnan(images.beam).all()


def label(path: Path, names: str, box: tuple[int, ...] = (17, 17, 6, 6), **image: Any) -> str:
    images = [
        {"id": k, "file_name": f"{name}.fits", "width": SIZE, "height": SIZE} | image for k, name in enumerate(names)
    ]
    sources = [{"id": k, "image_id": k, "category_id": 1, "bbox": box} for k in range(len(names) - 1)]
    path.write_text(json.dumps({"images": images, "annotations": sources, "categories": [{"id": 1, "name": "1C_2P"}]}))
    return str(path)


def test_labels_of_images(tmp_path: Path) -> None:
    paths = [write(tmp_path, f"{name}.fits") for name in "abc"]
    source = files(*paths, truth=label(tmp_path / "labels.json", "abz"))
    (images,) = source.chunks()
    assert images.ids.tolist() == ["a", "b"]
    assert images.truth is not None
    np.testing.assert_array_equal(images.truth.boxes, [[17, 17, 23, 23]] * 2)
    assert images.truth.classes[images.truth.labels[0]] == "1C_2P"
    assert [(r.id, r.reason) for r in source.rejected] == [("c", "it is not among the labels")]
    assert any("1 labelled images are not among those given" in note for note in source.notes)
    assert [chunk.ids.tolist() for chunk in source.chunks()] == [["a", "b"]]  # as often as needed, always the same
    assert len(source.rejected) == 1


def test_labels_of_other_images_or_another_size(tmp_path: Path) -> None:
    path = write(tmp_path, "a.fits")
    with pytest.raises(InputError, match="labels of none of the images"):
        files(path, truth=label(tmp_path / "other.json", "xy"))
    source = files(path, truth=label(tmp_path / "size.json", "ab", width=50))
    assert list(source.chunks()) == []
    assert "labels of an image of 50 × 40 pixels" in source.rejected[0].reason


def test_images_of_the_same_sky_are_of_one_group(tmp_path: Path) -> None:
    paths = [write(tmp_path, f"{name}.fits", ra=ra) for name, ra in zip("abc", (150, 150.01, 151), strict=True)]
    ids, groups = files(*paths).index()
    assert ids.tolist() == ["a", "b", "c"]
    assert groups[0] == groups[1] != groups[2]
    labels = label(tmp_path / "labels.json", "abc", sky_group=4)
    assert files(*paths, truth=labels).index().groups.tolist() == ["4"] * 3


def test_cutouts_of_a_map_by_position(tmp_path: Path) -> None:
    sky = np.random.default_rng(0).normal(0, 1e-4, (200, 200)).astype(np.float32)
    path = write(tmp_path, "map.fits", sky)
    (tmp_path / "places.csv").write_text("id,ra,dec,group\nq,149.97,2.01,g\n")
    images = one(path, positions=str(tmp_path / "places.csv"), size=32)
    wcs = images.wcs_of(0)
    assert wcs is not None
    x, y = wcs.all_world2pix(149.97, 2.01, 0)
    assert abs(x - 15.5) <= 0.5
    assert abs(y - 15.5) <= 0.5
    assert images.image[0, 0].shape == (32, 32)
    assert images.groups.tolist() == ["g"]


def test_first_cutouts() -> None:
    """`noise_sigma_jy` of the set is the MAD of the whole field of 300 × 300 pixels."""
    if "SKYSURE_DATA" not in os.environ:
        pytest.skip("SKYSURE_DATA is not set")
    folder = Path(os.environ["SKYSURE_DATA"]) / "radio" / "rgz_first"
    source = files(folder / "cutouts", truth=str(folder / "annotations_coco.json"))
    chunks = list(source.chunks())
    assert sum(map(len, chunks)) == 176
    assert sum(len(chunk.truth) for chunk in chunks if chunk.truth is not None) == 269
    assert not source.rejected
    assert len(set(source.index().groups)) == 141
    table = np.genfromtxt(folder / "sources.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")
    theirs = dict(zip(table["first_id"].tolist(), table["noise_sigma_jy"].tolist(), strict=True))
    ratio = [chunk.noise[k, 0].max() / theirs[str(name)] for chunk in chunks for k, name in enumerate(chunk.ids)]
    assert np.median(ratio) == pytest.approx(1, abs=0.05)
