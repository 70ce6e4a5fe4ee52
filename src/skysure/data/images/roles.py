"""What a file or extension holds beside an image, judged by its name: noise, mask, PSF."""

from __future__ import annotations

import re
from typing import NamedTuple

IMAGE, SIGMA, VARIANCE, INVERSE_VARIANCE, WEIGHT, MASK, PSF = (
    "image", "sigma", "variance", "inverse variance", "weight", "mask", "psf",
)  # fmt: skip
NOISE = (SIGMA, VARIANCE, INVERSE_VARIANCE, WEIGHT)
"""The roles that say how large the noise is, best first."""
WORDS = {
    IMAGE: ("image", "img", "sci", "science", "data"),
    SIGMA: ("noise", "noisemap", "err", "error", "rms", "rmsmap", "sigma", "std", "stddev", "unc", "uncert"),
    VARIANCE: ("var", "variance"),
    INVERSE_VARIANCE: ("ivar", "invvar", "ivm", "inversevariance"),
    WEIGHT: ("wht", "weight", "weights", "wgt", "weightmap"),
    MASK: ("mask", "dq", "flag", "flags", "flg", "bpm", "badpix", "maskextragalaxies"),
    PSF: ("psf", "kernel", "psfmodel"),
}
ROLE_OF = {word: role for role, words in WORDS.items() for word in words}


class Part(NamedTuple):
    """An object and what of it a file holds; `role` is "" where the name does not say."""

    object: str
    role: str


def part_of(name: str) -> Part:
    """Judge the name of an extension, or of a file without suffix: the object's name, and the role at its end.

    >>> part_of("lens7_psf"), part_of("noise_map"), part_of("VIS.RMS"), part_of("J0037-0942")
    (Part(object='lens7', role='psf'), Part(object='', role='sigma'), Part(object='VIS', role='sigma'), \
Part(object='J0037-0942', role=''))
    """
    tokens = re.split(r"([_.\-\s]+)", name.strip())
    words = tokens[::2]
    for count in (3, 2, 1):  # "mask_extra_galaxies" and "noise_map" before "map"
        role = ROLE_OF.get("".join(words[-count:]).lower()) if count <= len(words) else None
        if role:
            return Part("".join(tokens[: -2 * count]) if len(words) > count else "", role)
    return Part(name.strip(), "")


def stem(leaf: str) -> str:
    """Name of a file without the suffixes of FITS and of compression.

    >>> stem("J0037-0942.fits.gz"), stem("a.b.FITS"), stem("mosaic.fits.fz")
    ('J0037-0942', 'a.b', 'mosaic')
    """
    name = re.sub(r"\.(gz|xz|bz2|fz|z)$", "", leaf, flags=re.IGNORECASE)
    return re.sub(r"\.(fits|fit|fts|imfits)$", "", name, flags=re.IGNORECASE)
