"""Headers of FITS and tar that promise what no file holds are refused at once."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from skysure.data.files.fits_headers import check_headers
from skysure.data.lightcurves import open_lightcurves
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
@pytest.mark.parametrize("number", [1000, 2**53 + 1])
def test_more_than_fits_has_is_refused(key: bytes, place: int, number: int) -> None:
    with pytest.raises(ValueError, match=f"{key.decode()} = {number}, where FITS has 999 at most"):
        check_headers(io.BytesIO(promising(content(image=True), key, number, place)))


def test_a_first_header_that_lacks_a_keyword_hides_no_later_one() -> None:
    lacking = content().replace(b"BITPIX  =", b"XXXXXX  =", 1)
    with pytest.raises(ValueError, match="where FITS has 999 at most"):
        check_headers(io.BytesIO(promising(lacking, b"TFIELDS", 2**53 + 1)))


@pytest.mark.parametrize("key", [b"NAXIS", b"TFIELDS", b"NAXIS1", b"NAXIS2", b"PCOUNT", b"GCOUNT"])
def test_negative_sizes_are_refused(key: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.fits").write_bytes(promising(content(), key, -9))
    with pytest.raises(InputError, match=f"{key.decode()} = -9, where it cannot be negative"):
        open_lightcurves([tmp_path / "a.fits"], {"unit": "nJy"})


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


@pytest.mark.parametrize("size", [10**12, 2**62])
@pytest.mark.parametrize("packing", ["", ".gz"])
def test_a_tar_whose_header_promises_more_than_it_has_ends_at_once(size: int, packing: str, tmp_path: Path) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as pack:
        for name in ("a.csv", "b.csv"):
            info = tarfile.TarInfo(name)
            info.size, info.pax_headers = 10, {"size": str(size)}
            pack.addfile(info, io.BytesIO(b"x" * 10))
    path = tmp_path / f"a.tar{packing}"
    path.write_bytes(gzip.compress(file.getvalue()) if packing else file.getvalue())
    start = time.monotonic()
    with pytest.raises(InputError, match="truncated or damaged"):
        open_lightcurves([path], {"unit": "nJy"})
    assert time.monotonic() - start < 5
