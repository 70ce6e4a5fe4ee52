"""Disk space that tables will need: stated after the first chunk, and refused where the disk has less."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from skysure.errors import InputError

SIZES = {"parquet": 1.0, "fits": 1.1, "ecsv": 2.3, "csv": 2.3, "vot": 1.5, "votable": 1.5, "xml": 1.5}
"""Size of a finished file over that of its chunks, rounded up; what is compressed may turn out smaller."""
WORTH_TELLING = 100_000_000
"""Bytes from which the space is stated."""


def expected_bytes(chunks: float, spool: Path, paths: Sequence[Path]) -> Counter[Path]:
    """Bytes by folder: of all chunks, and of the files that are made of them before the chunks are removed.

    >>> folder = Path("/data")
    >>> expected_bytes(100, folder / "a.fits.partial", [folder / "a.fits"])[folder]
    210
    """
    needed = Counter({spool.absolute().parent: int(chunks)})
    for path in paths:
        suffix = path.name.lower().removesuffix(".gz").rpartition(".")[2]
        needed[path.absolute().parent] += int(chunks * SIZES.get(suffix, 1.1))
    return needed


def require_space(needed: Counter[Path], used: int, spool: Path) -> str:
    """Say how much space is needed; raise InputError where a disk has less.

    Parameters
    ----------
    needed : Counter
        Bytes by folder.
    used : int
        Bytes that are written already, in the folder of the chunks.
    spool : Path
        The folder of the chunks.

    Returns
    -------
    str
        A sentence; empty where the space is not worth telling.
    """
    by_disk: Counter[int] = Counter()
    folders: dict[int, Path] = {}
    for folder, size in needed.items():
        disk = os.stat(folder).st_dev
        by_disk[disk] += size - (used if folder == spool.absolute().parent else 0)
        folders.setdefault(disk, folder)
    for disk, size in by_disk.items():
        free = shutil.disk_usage(folders[disk]).free
        if size > free:
            raise InputError(
                f"{folders[disk]}: {in_words(free)} free", f"about {in_words(size)} for chunks and finished files",
                "the disk is too small for all rows", "name another folder, or give the data in parts",
            )  # fmt: skip
    total = sum(needed.values())
    return (
        f"about {in_words(total)} of disk space will be needed, most of it for {spool}" if total > WORTH_TELLING else ""
    )


def in_words(size: float) -> str:
    """Size in words.

    >>> in_words(2_345_678_901), in_words(120_000)
    ('2.3 GB', '0.1 MB')
    """
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
