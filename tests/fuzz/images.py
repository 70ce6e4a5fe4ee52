"""Images of lenses as FITS, with tables beside them, damaged: headers, WCS, extensions, pixels, bytes."""

from __future__ import annotations

import gzip
import io
import warnings
from collections.abc import Mapping
from functools import cache
from random import Random
from typing import Any

import numpy as np

from .formats import edit_card
from .mutations import mutate_bytes, mutate_text, several
from .vocabulary import NUMBERS, TEXTS

SIDE = 24
EXTENSIONS = ("ERR", "RMS", "WHT", "IVAR", "VARIANCE", "DQ", "MASK", "PSF", "SCI", "VIS_SCI", "", "CATALOG", "PSF,2")
WCS_CARDS = (
    b"CTYPE1", b"CTYPE2", b"CRVAL1", b"CRVAL2", b"CRPIX1", b"CDELT1", b"CDELT2", b"PC1_1", b"PC1_2", b"CD1_1", b"CD2_2",
    b"CUNIT1", b"LONPOLE", b"LATPOLE", b"RADESYS", b"EQUINOX", b"WCSAXES", b"PV1_1", b"A_ORDER", b"A_2_0", b"B_ORDER",
    b"CPDIS1", b"DP1", b"PIXSCALE", b"BUNIT", b"EXPTIME", b"GAIN", b"BSCALE", b"BZERO", b"BLANK", b"EXTNAME", b"EXTVER",
    b"MP_BAD", b"ZTILE1", b"ZTILE2", b"ZCMPTYPE", b"ZNAXIS1", b"ZBITPIX", b"ZQUANTIZ", b"ZVAL1", b"TZERO1", b"GROUPS",
)  # fmt: skip
WCS_VALUES = (
    "'RA---TAN'", "'DEC--TAN'", "'RA---TPV'", "'RA---TAN-SIP'", "'GLON-CAR'", "'RA---XXX'", "'WAVE'", "'deg'", "'FK4'",
    "'TPD'", "'Lookup'", "'electron/s'", "'DN'", "'RICE_1'", "'HCOMPRESS_1'", "'PLIO_1'", "'GZIP_2'", "'NOCOMPRESS'",
    "'SUBTRACTIVE_DITHER_2'", "9", "1D400", "'x", "T", "(1, 2)",
)  # fmt: skip


@cache
def sound(number: int) -> bytes:
    """A FITS file: alone, with extensions, compressed, of integers, a cube."""
    from astropy.io import fits

    rng = np.random.default_rng(number)
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    image = np.exp(-np.hypot(x, y) / 3) + rng.normal(0, 0.01, (SIDE, SIDE))
    cards = {
        "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 2.0, "CRPIX1": 12.5, "CRPIX2": 12.5,
        "CD1_1": -0.05 / 3600, "CD2_2": 0.05 / 3600, "BUNIT": "electron/s", "EXPTIME": 2000.0,
    }  # fmt: skip
    pixels: Any = (image, image.astype(np.float32), (image * 1e4).astype(np.int16), np.stack([image] * 3))[number % 4]
    hdus: list[Any] = [fits.PrimaryHDU(pixels, fits.Header(cards))]
    if number % 3 == 1:
        hdus += [fits.ImageHDU(np.full((SIDE, SIDE), 0.01), name="ERR"), fits.ImageHDU(_psf(), name="PSF")]
        hdus += [fits.ImageHDU((image > 0.9).astype(np.int32), name="DQ")]
    if number % 3 == 2:
        form = ("RICE_1", "GZIP_2", "HCOMPRESS_1")[number // 3 % 3]
        packed = fits.CompImageHDU(image.astype(np.float32), fits.Header(cards), compression_type=form, name="SCI")
        hdus = [fits.PrimaryHDU(), packed]
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fits.HDUList(hdus).writeto(content)
    return content.getvalue()


def _psf() -> np.ndarray:
    y, x = np.mgrid[:9, :9] - 4
    return np.exp(-(x**2 + y**2) / 2)


def edit_wcs(content: bytes, random: Random) -> bytes:
    """Change a card of the WCS, of the unit or of the compression, or put one in the place of another."""
    words = (*NUMBERS, *WCS_VALUES, *("'" + text[:60] + "'" for text in TEXTS[:20]))
    key = random.choice(WCS_CARDS)
    card = (key.ljust(8) + b"= " + str(random.choice(words)).encode("utf-8", "replace"))[:80].ljust(80)
    place = content.find(key.ljust(8) + b"=")
    if place < 0:
        cards = [k for k in range(0, min(len(content), 2880), 80) if content[k : k + 3] in (b"BUN", b"EXP", b"CRP")]
        place = random.choice(cards) if cards else 400
    return content[:place] + card + content[place + 80 :]


def name_extension(content: bytes, random: Random) -> bytes:
    """Give an extension another name."""
    name = random.choice(EXTENSIONS).encode()
    old = random.choice((b"ERR     ", b"PSF     ", b"DQ      ", b"SCI     "))
    return content.replace(b"'" + old, b"'" + name.ljust(8)[:8], 1)


def edit_pixels(content: bytes, random: Random) -> bytes:
    """Overwrite pixels with NaN, infinities, zeros or large numbers."""
    word = random.choice((b"\x7f\xc0\0\0", b"\xff\x80\0\0", b"\x7f\xf8" + bytes(6), bytes(8), b"\x7f\x7f\xff\xff"))
    start = min(2880 * random.randrange(1, 4), len(content))
    count = random.choice((1, 50, 700))
    return content[:start] + word * count + content[start + len(word) * count :]


DAMAGE = (edit_wcs, edit_wcs, edit_wcs, edit_card, name_extension, edit_pixels, mutate_bytes)


def one(random: Random) -> bytes:
    """A FITS file, damaged or not."""
    content = sound(random.randrange(36))
    return several(DAMAGE, content, random) if random.random() < 0.9 else content


def files(random: Random) -> Mapping[str, bytes]:
    """One image or several, with the files and tables that belong to them."""
    out = {random.choice(("a.fits", "a.fits", "a_sci.fits", "lens1/image.fits", "a.fits.fz", "é b.FITS")): one(random)}
    more = {
        "b.fits": one(random), "a_noise.fits": sound(0), "a_psf.fits": one(random), "psf.fits": sound(1),
        "a_mask.fits": sound(2), "lens1/noise.fits": one(random), "c.fits.gz": gzip.compress(one(random), 1, mtime=0),
        "notes.txt": b"notes", "empty.fits": b"", "d.fits.gz": mutate_bytes(gzip.compress(sound(1), 1), random),
    }  # fmt: skip
    out |= {name: more[name] for name in random.sample(sorted(more), random.randrange(4))}
    lines = "id,ra,dec,theta_E,q,PA,z_lens\na,150,2,1.2,0.7,30,0.2\nb,10:00:00,+02:00:00,1,0.5,,\nc,150.0001,2,,,,x\n"
    table = lines.replace("\n", random.choice(("\n", "\r\n"))).encode()
    return out | {"table.csv": mutate_text(table, random) if random.random() < 0.5 else table}


def read(folder: Any, random: Random) -> None:
    """Read or inspect the files; check what comes out."""
    from skysure.applications.lensing import inspect, read

    table = str(folder / "table.csv")
    reading = random.choice((
        {}, {}, {"pixel_scale": 0.05}, {"positions": table, "size": 16}, {"truth": table, "pixel_scale": 0.05},
        {"hdu": random.choice(("SCI", 1, 0, -1, "x"))}, {"center": [random.choice(NUMBERS), 3]}, {"plane": 1},
        {"noise_kind": "variance", "mask_bits": 4}, {"psf": str(folder / "a.fits"), "noise": table},
    ))  # fmt: skip
    paths = [str(folder)] if random.random() < 0.6 else [str(p) for p in sorted(folder.rglob("*.fits*"))]
    if random.random() < 0.2:
        inspect(paths, reading)
        return
    source = read(paths, reading)
    source.index()
    for chunk in source.chunks():
        check(chunk)


def check(chunk: Any) -> None:
    """What holds for images that are given to a network."""
    assert len(chunk) > 0
    assert np.isfinite(chunk.image).all()
    assert np.isfinite(chunk.noise).all()
    assert (chunk.noise > 0).all()
    assert (~chunk.mask).any((1, 2)).all()
    assert (chunk.pixel_scale > 0).all()
    assert np.isfinite(chunk.pixel_scale).all()
    assert np.isfinite(chunk.north).all()
    assert (np.abs(chunk.parity) == 1).all()
    assert (np.isfinite(chunk.psf).all((1, 2)) | np.isnan(chunk.psf).all((1, 2))).all()
    assert len(np.unique(chunk.ids)) == len(chunk)
    assert (chunk.ids != "").all()
