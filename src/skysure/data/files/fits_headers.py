"""Headers of FITS files, looked at before astropy makes all that they promise."""

from __future__ import annotations

import warnings
from contextlib import suppress
from math import prod
from typing import IO

from astropy.io import fits

MOST = 999
"""Largest number of axes, and of columns, that FITS has (Standard 4.0, sections 4.4.1 and 7.3.1)."""
BLOCK = 2880
DAMAGE = (EOFError, OSError, KeyError, TypeError, ValueError, OverflowError, fits.VerifyError)


def check_headers(file: IO[bytes]) -> None:
    """Raise ValueError where a header promises more axes or columns than FITS has; the file is rewound.

    A header that cannot be parsed is left to astropy, which says what is wrong with it.
    """
    start, promise = file.tell(), ""
    with warnings.catch_warnings(), suppress(*DAMAGE):
        warnings.simplefilter("ignore")
        while not promise:
            header = fits.Header.fromfile(file)
            if not (promise := _too_much(header)):
                file.seek(-(-_data_size(header) // BLOCK) * BLOCK, 1)
    file.seek(start)
    if promise:
        raise ValueError(f"{promise}, where FITS has {MOST} at most")


def _too_much(header: fits.Header) -> str:
    """The card that promises more than FITS has; "" where none does."""
    counts = {key: header.get(key, 0) for key in ("NAXIS", "TFIELDS")}
    return next((f"{k} = {n}" for k, n in counts.items() if isinstance(n, int) and not 0 <= n <= MOST), "")


def _data_size(header: fits.Header) -> int:
    """Bytes of the data that follow a header; raises ValueError where they would be less than none."""
    axes = [header[f"NAXIS{k + 1}"] for k in range(header["NAXIS"])]
    if header.get("GROUPS", False) and axes[:1] == [0]:
        axes = axes[1:]
    count = prod(axes) if axes else 0
    size = abs(header["BITPIX"]) // 8 * header.get("GCOUNT", 1) * (header.get("PCOUNT", 0) + count)
    if size < 0:
        raise ValueError(f"{size} bytes")
    return size
