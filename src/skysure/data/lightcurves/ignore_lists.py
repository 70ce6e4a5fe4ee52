"""Lists of epochs to leave out, which SNANA keeps beside the light curves as VERSION.IGNORE."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from skysure.data.files.delimited import split_lines
from skysure.data.files.entries import Entry, bare

from .bands import band_names, band_of
from .blocks import Points
from .reading import Reading

Epochs = dict[str, list[tuple[float, str]]]
"""MJD and band of epochs, by object."""
Ignored = dict[str, Epochs]
"""Epochs to leave out by folder."""
NOTE = "points were left out that an IGNORE list of SNANA names"
DAYS = 1.5e-3
"""Largest difference in time: the lists have three decimals."""


def is_ignore_list(name: str) -> bool:
    """Whether a file is such a list by its name, packed or not."""
    return PurePosixPath(bare(name)).suffix == ".ignore"


def lists_beside(folder: Path) -> Iterator[Entry]:
    """Lists in a folder, for files that were named one by one."""
    with os.scandir(folder) as files:
        names = sorted(file.name for file in files if is_ignore_list(file.name) and file.is_file())
    for name in names:
        yield Entry(folder / name)


def read_ignored(content: bytes) -> tuple[Epochs, int]:
    """Read a list: a row an epoch, of object, MJD and band, with or without a key in front.

    Returns
    -------
    epochs : dict of str to list of (float, str)
    int
        Number of rows with the key IGNORE that are something else, such as an object without MJD.
    """
    out: Epochs = {}
    unread = 0
    for line in split_lines(content.decode("latin-1")):
        words = line.partition("#")[0].split()
        has_key = bool(words) and words[0].endswith(":")
        is_row = has_key and words[0].upper() == "IGNORE:"
        words = words[1:] if has_key else words
        if len(words) >= 3 and re.fullmatch(r"\d+\.?\d*", words[1]):
            out.setdefault(words[0], []).append((float(words[1]), words[2]))
        else:
            unread += is_row
    return out, unread


def points_to_ignore(
    folders: list[str], ids: np.ndarray, counts: np.ndarray, points: Points, ignored: Ignored, reading: Reading
) -> np.ndarray:  # fmt: skip
    """Points that a list of their folder names (to a thousandth of a day)."""
    mask = np.zeros(len(points), bool)
    if not ignored:
        return mask
    names = np.array(band_names(reading))
    starts = np.concatenate([[0], np.cumsum(counts)])
    for k, folder in enumerate(folders):
        for time, band in ignored.get(folder, {}).get(str(ids[k]), ()):
            inside = slice(starts[k], starts[k + 1])
            same = np.isin(names[points.band[inside]], _meanings(band, reading))
            mask[inside] |= same & (points.band[inside] >= 0) & (np.abs(points.time[inside] - time) < DAYS)
    return mask


def _meanings(band: str, reading: Reading) -> list[str]:
    """Our names of a band of a list, which may be the code behind the slash of a full name (q of CFA3K-B/q)."""
    return [band_of(band, reading)] + [ours for name, ours in reading.bands.items() if name.endswith(f"/{band}")]
