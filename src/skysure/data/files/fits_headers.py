"""Headers of FITS files, looked at before astropy makes all that they promise."""

from __future__ import annotations

import warnings
from contextlib import suppress
from typing import IO

from astropy.io import fits

MOST = 999
"""Largest number of axes, and of columns, that FITS has (Standard 4.0, sections 4.4.1 and 7.3.1)."""
DAMAGE = (EOFError, OSError, KeyError, TypeError, ValueError, OverflowError, fits.VerifyError)


def holds_images_alone(file: IO[bytes]) -> bool:
    """Whether every extension of a FITS file is an image, as far as its headers can be parsed; nothing else is read."""
    images = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            while True:
                header = fits.Header.fromfile(file)
                is_table = header.get("XTENSION") in ("BINTABLE", "TABLE") and not header.get("ZIMAGE", False)
                if is_table or _problem(header):
                    return False
                images += header["NAXIS"] > 1
                file.seek(-(-_data_size(header) // BLOCK) * BLOCK, 1)
        except DAMAGE as error:
            return isinstance(error, EOFError) and images > 0


def check_headers(file: IO[bytes]) -> None:
    """Raise ValueError where a header has more axes or columns than FITS has, or a negative size.

    Astropy would make a column for each, and look for the next header before this one, for ever. The file is rewound.

    A header that cannot be parsed is left to astropy, which says what is wrong with it.
    """
    start, problem = file.tell(), ""
    with warnings.catch_warnings(), suppress(*DAMAGE):
        warnings.simplefilter("ignore")
        while not problem:
            header = fits.Header.fromfile(file)
            if not (problem := _problem(header)):
                file.seek(_data_size(header), 1)
    file.seek(start)
    if problem:
        raise ValueError(problem)


def _problem(header: fits.Header) -> str:
    """The card that FITS does not allow; "" where there is none."""
    for key in ("NAXIS", "TFIELDS"):
        if isinstance(count := header.get(key, 0), int) and count > MOST:
            return f"{key} = {count}, where FITS has {MOST} at most"
    for key in ("NAXIS", "TFIELDS", "PCOUNT", "GCOUNT", *(f"NAXIS{k + 1}" for k in range(header.get("NAXIS", 0)))):
        if isinstance(count := header.get(key, 0), int) and count < 0:
            return f"{key} = {count}, where it cannot be negative"
    return ""


def _data_size(header: fits.Header) -> int:
    """Bytes of the blocks of data that follow a header, as astropy counts them."""
    if header.get("GROUPS", False) and header.get("NAXIS1") == 0:  # random groups
        header["NAXIS1"] = 1
    return header.data_size_padded
