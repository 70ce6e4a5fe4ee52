"""Headers of FITS that promise too much are refused before astropy makes what they promise."""

from __future__ import annotations

import gzip
import io
import re
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from skysure.data.files.fits_headers import check_headers
from skysure.data.results.writer import read_table, write_tables
from skysure.errors import InputError


def content(columns: int = 3, image: bool = False) -> bytes:
    """A file of an image or nothing, then a table."""
    first = fits.PrimaryHDU(np.zeros((50, 40), np.int16)) if image else fits.PrimaryHDU()
    table = Table({f"c{k}": np.arange(7.0) for k in range(columns)})
    file = io.BytesIO()
    fits.HDUList([first, fits.table_to_hdu(table), fits.ImageHDU(np.zeros(3))]).writeto(file)
    return file.getvalue()


def promising(whole: bytes, key: bytes, number: int, place: int = 0) -> bytes:
    """The same with another number after a keyword, in its first header or a later one."""
    at = [m.start() for m in re.finditer(key.ljust(8) + b"=", whole)][place]
    return whole[: at + 10] + str(number).encode().rjust(20) + whole[at + 30 :]


@pytest.mark.parametrize("image", [False, True])
def test_sound_headers_pass_and_the_file_is_rewound(image: bool) -> None:
    file = io.BytesIO(content(columns=999, image=image))
    check_headers(file)
    assert file.tell() == 0


@pytest.mark.parametrize(("key", "place"), [(b"NAXIS", 0), (b"NAXIS", 1), (b"NAXIS", 2), (b"TFIELDS", 0)])
@pytest.mark.parametrize("number", [1000, 2**53 + 1, -1])
def test_more_than_fits_has_is_refused(key: bytes, place: int, number: int) -> None:
    with pytest.raises(ValueError, match=f"{key.decode()} = {number}, where FITS has 999 at most"):
        check_headers(io.BytesIO(promising(content(image=True), key, number, place)))


@pytest.mark.parametrize("whole", [b"", b"SIMPLE  =", content()[:3000], b"x" * 6000, content().replace(b"END", b"xxx")])
def test_what_is_no_header_is_left_to_astropy(whole: bytes) -> None:
    check_headers(io.BytesIO(whole))


def test_sizes_beyond_any_file_are_left_to_astropy() -> None:
    check_headers(io.BytesIO(promising(content(), b"NAXIS2", 2**62)))


@pytest.mark.parametrize("suffix", [".fits", ".fits.gz"])
def test_a_table_of_results(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    write_tables(path, [Table({"id": ["a"], "p": [0.5]})])
    assert len(read_table(path)) == 1
    opener = gzip.open if suffix.endswith("gz") else open
    with opener(path, "rb") as file:
        whole = file.read()
    with opener(path, "wb") as file:
        file.write(promising(whole, b"TFIELDS", 10**9))
    with pytest.raises(InputError, match="999 at most"):
        read_table(path)
