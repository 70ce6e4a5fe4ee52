"""Objects cut out of mosaics by position."""

from __future__ import annotations

import tracemalloc
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS, Sip

from skysure.applications.lensing.images import LensImages
from skysure.applications.lensing.source import LensImageFiles, read
from skysure.errors import InputError

from .skies import Write, tangent, write_image

SIDE, CUT = 400, 32
PLACES = np.array([[100, 120], [250, 300], [399, 200], [20, 390]])
"""x and y of stars, the first pixel being 0."""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a FITS file into the folder of the test."""
    return partial(write_image, tmp_path)


def field(shape: tuple[int, int] = (SIDE, SIDE)) -> np.ndarray:
    """Noise with a star of brightness k + 1 at each place."""
    image = np.random.default_rng(0).normal(0, 0.01, shape)
    for k, (x, y) in enumerate(PLACES):
        image[y, x] += k + 1
    return image


def catalogue(folder: Path, wcs: WCS, sexagesimal: bool = False, frame: str = "icrs") -> Path:
    """Write the positions of the stars."""
    sky = wcs.pixel_to_world(PLACES[:, 0], PLACES[:, 1]).transform_to(frame)
    text = [p.to_string("hmsdms", precision=5) if sexagesimal else f"{p.ra.deg:.8f} {p.dec.deg:.8f}" for p in sky]
    lines = [f"star{k},{t.replace(' ', ',')},0.{k + 1}" for k, t in enumerate(text)]
    path = folder / "lenses.csv"
    path.write_text("\r\n".join(["Name,RA,Dec,z_lens", *lines]) + "\r\n")
    return path


def source(image: Path, positions: Path, **reading: Any) -> LensImageFiles:
    opened = read([str(image)], {"positions": str(positions), "size": CUT} | reading)
    assert isinstance(opened, LensImageFiles)
    return opened


def require_stars(lenses: LensImages) -> None:
    """Each star lies at the centre: at one of the four middle pixels, as the number of pixels is even."""
    for k, name in enumerate(lenses.ids):
        y, x = np.unravel_index(np.argmax(lenses.image[k]), (CUT, CUT))
        assert {x, y} <= {CUT // 2 - 1, CUT // 2}
        np.testing.assert_allclose(lenses.image[k].max(), int(name[-1]) + 1, atol=0.05)


def sip() -> WCS:
    """A tangential projection with a distortion of three pixels at the corners."""
    wcs = tangent(SIDE)
    wcs.wcs.ctype = ["RA---TAN-SIP", "DEC--TAN-SIP"]
    a = np.zeros((3, 3))
    a[2, 0] = a[1, 1] = 4e-5
    wcs.sip = Sip(a, a.T, None, None, wcs.wcs.crpix)
    return wcs


def galactic() -> WCS:
    """A projection in galactic coordinates, latitude first."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["GLAT-TAN", "GLON-TAN"], [40, 230], [200, 200]
    wcs.wcs.cdelt = [0.05 / 3600] * 2
    return wcs


@pytest.mark.parametrize("wcs", [tangent(SIDE), tangent(SIDE, angle=70, mirrored=True), sip(), galactic()])
@pytest.mark.parametrize("sexagesimal", [False, True])
def test_stars_lie_at_the_centre(write: Write, tmp_path: Path, wcs: WCS, sexagesimal: bool) -> None:
    lenses = source(write("m.fits", field(), wcs=wcs), catalogue(tmp_path, wcs, sexagesimal))
    chunk = LensImages.concat(lenses.chunks())
    require_stars(chunk)
    assert chunk.ids.tolist() == [f"star{k}" for k in range(4)] == lenses.index().ids.tolist()
    np.testing.assert_allclose(chunk.objects["z_lens"], [0.1, 0.2, 0.3, 0.4])
    np.testing.assert_allclose(chunk.pixel_scale, 0.05, rtol=0.05)
    assert chunk.mask[2, :, -15:].all()  # off the edge of the mosaic
    there = SkyCoord(chunk.objects["ra"], chunk.objects["dec"], unit="deg")
    offset = there.separation(wcs.pixel_to_world(PLACES[:, 0], PLACES[:, 1]).icrs).arcsec
    assert (offset < 0.05).all()


def test_compressed_mosaics_are_read_by_section(tmp_path: Path) -> None:
    wcs = tangent(SIDE)
    hdu = fits.CompImageHDU(field().astype(np.float32), wcs.to_header(), quantize_level=-0.001, name="SCI")
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(tmp_path / "m.fits.fz")
    require_stars(LensImages.concat(source(tmp_path / "m.fits.fz", catalogue(tmp_path, wcs)).chunks()))


def test_positions_that_cannot_be_cut_are_set_aside(write: Write, tmp_path: Path) -> None:
    rows = ["id,ra,dec", "a,150,2", "off,151,2", "text,north,2", "empty,,", "a,150.001,2", ",150,2", "pole,150,95"]
    (tmp_path / "p.csv").write_text("\n".join(rows))
    lenses = source(write("m.fits", field(), wcs=tangent(SIDE)), tmp_path / "p.csv")
    assert [chunk.ids.tolist() for chunk in lenses.chunks()] == [["a"]]
    reasons = {(r.id, r.row): r.reason for r in lenses.rejected}
    assert set(reasons) == {("off", 2), ("text", 3), ("empty", 4), ("a", 5), ("", 6), ("pole", 7)}
    assert "off the images" in reasons["off", 2]
    assert "duplicate" in reasons["a", 5]
    assert "cannot be read" in reasons["text", 3]


def test_the_tile_in_which_a_position_is_deeper_gives_its_cutout(write: Write, tmp_path: Path) -> None:
    wcs = tangent(SIDE)
    left, right = field()[:, :260], field()[:, 200:]
    write("tiles/a.fits", left, wcs=wcs)
    shifted = wcs.deepcopy()
    shifted.wcs.crpix -= [200, 0]
    write("tiles/b.fits", right, wcs=shifted)
    chunk = LensImages.concat(source(tmp_path / "tiles", catalogue(tmp_path, wcs)).chunks())
    assert sorted(chunk.ids.tolist()) == [f"star{k}" for k in range(4)]
    require_stars(chunk)
    assert not chunk.mask[chunk.ids == "star1"].any()


def test_a_mosaic_without_positions_is_refused(write: Write) -> None:
    with pytest.raises(InputError, match="--positions"):
        list(read([str(write("m.fits", np.zeros((3100, 20), np.uint8)))]).chunks())


def test_memory_stays_flat_on_a_large_mosaic(tmp_path: Path) -> None:
    """20,000 × 20,000 pixels of 4 bytes, most of which is a hole in the file."""
    side, place = 20_000, 15_000
    header = fits.PrimaryHDU(np.zeros((1, 1), np.float32), tangent(side).to_header()).header
    header["NAXIS1"] = header["NAXIS2"] = side
    path = tmp_path / "m.fits"
    content = header.tostring().encode()
    patch = np.random.default_rng(0).normal(0, 1, (64, 64)).astype(">f4")
    with path.open("wb") as file:
        file.write(content)
        file.truncate(len(content) + -(-4 * side * side // 2880) * 2880)
        for row in range(64):
            file.seek(len(content) + 4 * ((place + row - 32) * side + place - 32))
            file.write(patch[row].tobytes())
    sky = tangent(side).pixel_to_world(place, place)
    (tmp_path / "p.csv").write_text(f"ra,dec\n{sky.ra.deg:.9f},{sky.dec.deg:.9f}\n")
    tracemalloc.start()
    (chunk,) = source(path, tmp_path / "p.csv", size=63).chunks()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_allclose(chunk.image[0], patch[1:, 1:], rtol=1e-6)
    assert peak < 1e8
