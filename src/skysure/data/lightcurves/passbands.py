"""What surveys' own names of passbands mean, where that is known; nothing is guessed."""

from __future__ import annotations

import re

BANDS = ("u", "U", "B", "g", "c", "V", "r", "R", "o", "i", "I", "z", "y", "Y", "J", "H", "K", "w")
"""Names of bands that need no mapping, in order of wavelength."""
AMBIGUOUS = "cow"
"""Bands of one survey only (ATLAS c and o, Pan-STARRS w); elsewhere such letters are codes."""

JOHNSON = {"ux": "U"} | {letter: band for band in "UBVRI" for letter in (band, band.lower())}
SLOAN = {band: band for band in "ugriz"}
WITH_Y = SLOAN | {"y": "y", "Y": "y"}
LETTERS = {band: band for band in BANDS if band not in AMBIGUOUS}
SURVEYS = {
    "lsst": WITH_Y, "lsstcam": WITH_Y, "rubin": WITH_Y, "ps1": WITH_Y | {"w": "w"}, "panstarrs": WITH_Y | {"w": "w"},
    "panstarrs1": WITH_Y | {"w": "w"}, "hsc": WITH_Y, "des": SLOAN | {"y": "Y", "Y": "Y"},
    "decam": SLOAN | {"y": "Y", "Y": "Y"}, "ztf": {band: band for band in "gri"}, "sdss": SLOAN, "sloan": SLOAN,
    "skymapper": SLOAN, "megacam": SLOAN, "megacampsf": SLOAN, "cfht": SLOAN, "atlas": {"c": "c", "o": "o"},
    "asassn": {"g": "g", "V": "V"}, "ogle": {"V": "V", "I": "I"}, "2mass": {"J": "J", "H": "H", "j": "J", "h": "H"},
    "bessell": JOHNSON, "bessel": JOHNSON, "johnson": JOHNSON, "cousins": JOHNSON, "johnsoncousins": JOHNSON,
    "swift": {letter: band for letter, band in JOHNSON.items() if band in "UBV"},
    "uvot": {letter: band for letter, band in JOHNSON.items() if band in "UBV"},
    "band": LETTERS, "filter": LETTERS, "passband": LETTERS, "filt": LETTERS, "flt": LETTERS,
}  # fmt: skip
"""Letters of a survey or system to our names of bands."""

SEPARATORS = r"[\s_.:|-]"
DASH = "[-\u2010-\u2015\u2212]"
PASSBAND = r"[UBVRIJHKYZGLNMugrizycowbvjhk]['p]?|[JHK]s|BP|RP|bp|rp|W[1-4]|w[1-4]|UVW[12]|UVM2|NUV|FUV"


def guess_band(name: str) -> str:
    """Return the band that a survey's name stands for, such as lsst_g, ztfr, g-DES; "" where it is not known.

    SNANA writes SURVEY-BAND/CODE, where the code is a letter without meaning.

    >>> guess_band("lsst_g"), guess_band("ztfr"), guess_band("g-DES"), guess_band("CFA3K-V/r"), guess_band("bessellr")
    ('g', 'r', 'g', 'V', 'R')
    >>> guess_band("g-r"), guess_band("clear"), guess_band("-"), guess_band("1"), guess_band("new_r")
    ('', '', '', '', '')
    """
    name = name.strip()
    if is_colour(name):
        return ""
    if match := re.fullmatch(r"(\S+)-([A-Za-z])/\S", name):
        letters = survey_bands(match[1]) or LETTERS
        return letters.get(match[2], "")
    if match := re.fullmatch(rf"(.+?){SEPARATORS}+([A-Za-z]+\d*)['\u2032]?", name):
        return survey_bands(match[1]).get(match[2], "") or survey_bands(match[2]).get(match[1].rstrip("'\u2032"), "")
    name = re.sub("['\u2032]$", "", name)
    if name in BANDS:
        return name
    return next((band for k in (1, 2) if (band := survey_bands(name[:-k]).get(name[-k:], ""))), "")


def survey_bands(name: str) -> dict[str, str]:
    """Return the bands of a survey by its name, whatever its case and punctuation; empty where it is unknown."""
    return SURVEYS.get(re.sub(r"[\W_]", "", name.lower()), {})


def is_colour(name: str) -> bool:
    """Whether a name is the difference of two passbands, such as g-r or B-V.

    >>> is_colour("g-r"), is_colour("ztf_g - ztf_r"), is_colour("BP-RP"), is_colour("DES-g"), is_colour("X-V/r")
    (True, True, True, False, False)
    """
    parts = re.split(DASH, re.sub(r"(?i)[()\s]|colou?r|mag$", "", name))
    return len(parts) == 2 and all(_is_passband(part) for part in parts)


def code(name: str) -> str:
    """Return a numeric code as an integer, such as 1 for 1.0; other names as they are.

    >>> code("1.0"), code("-777.00"), code("r"), code("1.5")
    ('1', '-777', 'r', '1.5')
    """
    return re.sub(r"^([+-]?\d+)\.0*$", r"\1", name)


def _is_passband(part: str) -> bool:
    return bool(re.fullmatch(PASSBAND, part)) or (len(part) > 1 and "/" not in part and bool(guess_band(part)))
