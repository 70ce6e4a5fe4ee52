"""Headers of FITS files, looked at before astropy makes all that they promise."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import suppress
from typing import IO

from astropy.io import fits

MOST = 999
"""Largest number of axes, and of columns, that FITS has (Standard 4.0, sections 4.4.1 and 7.3.1)."""
DAMAGE = (EOFError, OSError, KeyError, TypeError, ValueError, OverflowError, fits.VerifyError)


def walk_headers(file: IO[bytes]) -> Iterator[tuple[fits.Header, int]]:
    """Walk over the headers of a FITS file, each with the bytes of its data, at whose beginning the file then is.

    It ends before a header that cannot be parsed: astropy says what is wrong with that.

    Raises
    ------
    ValueError
        Where a header has more axes or columns than FITS has, or a negative size. Astropy would make a column for each,
        and look for the next header before this one, for ever.
    """
    while (header := _parse(file)) is not None:
        sizes = _sizes(header)
        if sizes is None:
            return
        yield header, sizes[0]
        with suppress(*DAMAGE):
            file.seek(sizes[1], 1)
            continue
        return


def _parse(file: IO[bytes]) -> fits.Header | None:
    """Read the next header; None where there is none that can be parsed."""
    with warnings.catch_warnings(), suppress(*DAMAGE):
        warnings.simplefilter("ignore")
        return fits.Header.fromfile(file)
    return None


def _sizes(header: fits.Header) -> tuple[int, int] | None:
    """Bytes of the data that follow a header, without and with their padding; None where it does not tell."""
    problem = ""
    with suppress(*DAMAGE):
        problem = _problem(header)
        if not problem:
            padded = _data_size(header)
            return header.data_size, padded
    if problem:
        raise ValueError(problem)
    return None


def holds_images_alone(file: IO[bytes]) -> bool:
    """Whether a FITS file has images and no table, by its headers; nothing else is read."""
    images = 0
    for header, _ in walk_headers(file):
        if header.get("XTENSION") in ("BINTABLE", "TABLE") and not header.get("ZIMAGE", False):
            return False
        images += header.get("NAXIS", 0) not in (0, 1)
    return images > 0


def check_headers(file: IO[bytes]) -> None:
    """Raise ValueError where a header asks for what FITS does not allow; the file is rewound.

    A header that cannot be parsed is left to astropy, which says what is wrong with it.
    """
    start = file.tell()
    for _ in walk_headers(file):
        pass
    file.seek(start)


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
