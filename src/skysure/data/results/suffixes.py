"""The files a result table can become: one module a format, each offering `write`, `count` and `read`.

`write(file, layout, batches)` streams, `count(file)` walks a finished file and says how many rows it holds,
`read(path)` gives an astropy table. `file` is a binary stream; compression is the business of the caller.
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
    """Return the suffix of `path` that decides its format; a Fault offers the nearest where there is none."""
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if path.name.lower().endswith(suffix) and len(path.name) > len(suffix):
            return suffix
    given = "".join(path.suffixes[-2:]) if path.suffix == ".gz" else path.suffix
    raise InputError(
        f"{path}: {given or 'no suffix'}",
        "a suffix that says which kind of table to write or read",
        nearest(given, SUFFIXES) if given else "known: " + ", ".join(SUFFIXES),
        f"name it, for instance, {path.name.split('.')[0] or 'table'}.parquet",
    )


def format_of(path: Path) -> ModuleType:
    """Return the module that writes and reads tables of the kind that the suffix of `path` names."""
    return import_module(f"{__package__}.{SUFFIXES[suffix_of(path)]}")
