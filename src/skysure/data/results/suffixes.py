"""Formats of result tables by suffix: one module per format, each with `write`, `count` and `read`.

`write(file, layout, batches)` writes batch by batch, `count(file)` counts the rows of a finished file, `read(path)`
returns an astropy table. `file` is a binary stream; the caller compresses it.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

from skysure.errors import InputError, nearest

SUFFIXES = {
    ".parquet": "parquet",
    ".fits": "fits",
    ".fit": "fits",
    ".fits.gz": "fits",
    ".fit.gz": "fits",
    ".ecsv": "ecsv",
    ".csv": "csv",
    ".csv.gz": "csv",
    ".vot": "votable",
    ".votable": "votable",
    ".xml": "votable",
}


def suffix_of(path: Path) -> str:
    """Return the suffix that decides the format of a table; raises InputError with the nearest ones if unknown."""
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if path.name.lower().endswith(suffix) and len(path.name) > len(suffix):
            return suffix
    suffix = "".join(path.suffixes[-2:]) if path.suffix == ".gz" else path.suffix
    raise InputError(
        f"{path}: {f'unknown suffix {suffix}' if suffix else 'no suffix'}",
        "the suffix of a table: " + " ".join(SUFFIXES),
        nearest(suffix, SUFFIXES) if suffix else "",
        f"name it, for instance, {path.name.split('.')[0] or 'table'}.parquet",
    )


def format_of(path: Path) -> ModuleType:
    """Return the module that writes and reads the format that the suffix of `path` names."""
    return import_module(f"{__package__}.{SUFFIXES[suffix_of(path)]}")
