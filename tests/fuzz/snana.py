"""SNANA: a text file per object with its lists, and pairs of FITS files; then damaged."""

from __future__ import annotations

import io
from functools import cache
from random import Random

import numpy as np

from . import columns as tables
from .formats import edit_card
from .mutations import mutate_bytes, mutate_text, several
from .vocabulary import TEXTS

KEYS = (
    "SNID: ", "SNID: sn0", "NOBS: 999999999999", "NOBS: -1", "NOBS: x", "VARLIST:", "VARLIST: MJD MJD MJD", "OBS:",
    "REDSHIFT_HELIO: 0.1 +- ", "REDSHIFT_FINAL: nan +- nan", "SNTYPE: é", "END:", "OBS: 1 2 3", "FILTERS: griz",
    "SIM_COMMENT: SN Type = ", "HOSTGAL_PHOTOZ: 1e400", "VARNAMES: CID MJD", "SURVEY: DES", "RA: 400 deg", ": 3",
)  # fmt: skip


def text(random: Random, number: int) -> bytes:
    """One object as SNANA text."""
    rows = tables.light_curves(random, 1).drop("id", "label", "redshift")
    lines = [
        "SURVEY: DES", f"SNID: {number}", "FILTERS: griz", "RA: 10.5 deg", "REDSHIFT_FINAL: 0.3 +- 0.01",
        f"NOBS: {rows.rows}", "NVAR: 5", "VARLIST: MJD FLT FIELD FLUXCAL FLUXCALERR",
    ]  # fmt: skip
    for mjd, band, flux, error in zip(*rows.values, strict=True):
        lines.append(f"OBS: {mjd:.3f} {band} NULL {flux} {error}")
    return ("\n".join([*lines, "END:"]) + "\n").encode()


def edit_key(content: bytes, random: Random) -> bytes:
    """Put another line of `KEY: value` somewhere, or in place of one."""
    lines = content.split(b"\n")
    k = random.randrange(len(lines))
    lines[k : k + random.randrange(2)] = [random.choice(KEYS).encode()]
    return b"\n".join(lines)


def texts(random: Random) -> dict[str, bytes]:
    """Files of a folder: objects of which one or two are damaged, and lists beside them."""
    files = {f"sn{k}.dat": text(random, 100 + k) for k in range(3)}
    for name in random.sample(sorted(files), random.choice((1, 1, 2))):
        files[name] = several((mutate_text, edit_key, edit_key), files[name], random)
    if random.random() < 0.4:
        files["a.IGNORE"] = mutate_text(b"IGNORE: 101 59003.2 g\nIGNORE: 102 59006.1 r\n", random)
    if random.random() < 0.3:
        files["a.LIST"] = mutate_text(b"sn0.dat\nsn1.dat\nsn2.dat\n", random)
    if random.random() < 0.2:
        files["a.README"] = random.choice(TEXTS).encode("utf-8", "replace")
    return files


def pair(random: Random) -> dict[str, bytes]:
    """A HEAD and a PHOT file, of which the table or the content of one is damaged."""
    if random.random() < 0.5:
        head, phot = _pair_of_damaged(random)
    else:
        head, phot = _pair(random.randrange(4))
        if random.random() < 0.5:
            head = several((mutate_bytes, edit_card, edit_card), head, random)
        else:
            phot = several((mutate_bytes, edit_card, edit_card), phot, random)
    return {"A_HEAD.FITS": head, "A_PHOT.FITS": phot}


@cache
def _pair(number: int) -> tuple[bytes, bytes]:
    head, phot = _tables(Random(number))
    return _fits(head, phot="A_PHOT.FITS"), _fits(phot)


def _pair_of_damaged(random: Random) -> tuple[bytes, bytes]:
    head, phot = _tables(random)
    if random.random() < 0.6:
        head = tables.mutate(head, random)
    else:
        phot = tables.mutate(phot, random)
    try:
        return _fits(head, phot=random.choice(("A_PHOT.FITS", "", "../A_PHOT.FITS", "A_HEAD.FITS"))), _fits(phot)
    except Exception:  # astropy cannot write such columns
        return _pair(random.randrange(4))


def _tables(random: Random) -> tuple[tables.Columns, tables.Columns]:
    points = tables.light_curves(random)
    owner = points.values[0]
    first = np.flatnonzero(np.concatenate([[True], owner[1:] != owner[:-1]]))
    last = np.concatenate([first[1:], [len(owner)]])
    values = [owner[first], first + 1, last, points.values[6][first].astype(float), np.full(len(first), 101)]
    head = tables.Columns(["SNID", "PTROBS_MIN", "PTROBS_MAX", "REDSHIFT_FINAL", "SNTYPE"], values, [""] * 5)
    phot = points.drop("id", "label", "redshift")
    phot.names, phot.units = ["MJD", random.choice(("FLT", "BAND")), "FLUXCAL", "FLUXCALERR"], [""] * 4
    return head, phot


def _fits(columns: tables.Columns, phot: str = "") -> bytes:
    from astropy.io import fits

    from .formats import astropy_table

    primary = fits.PrimaryHDU()
    if phot:
        primary.header["PHOTFILE"] = phot
    table = fits.table_to_hdu(astropy_table(columns, Random(1), 0.0))
    content = io.BytesIO()
    fits.HDUList([primary, table]).writeto(content)
    return content.getvalue()
