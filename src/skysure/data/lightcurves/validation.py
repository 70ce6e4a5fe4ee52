"""Checks of single points and objects: bad ones are set aside, the others are sorted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from skysure import limits

from .bands import band_names
from .blocks import ERROR, FLAWS, NAN, Block
from .conversion import is_too_long
from .curves import LightCurves
from .reading import Reading
from .times import APART, far_apart


@dataclass(frozen=True)
class Rejected:
    """An object that was set aside: its file, its row there (0 where the file is the object), and the reason."""

    id: str
    file: str
    row: int
    reason: str


def clean(
    block: Block, reading: Reading, repeated: np.ndarray, notes: Callable[[str, int], None]
) -> tuple[LightCurves, list[Rejected]]:
    """Set bad objects aside, drop the points that the reading allows to drop, sort what is not sorted.

    Parameters
    ----------
    block : Block
    reading : Reading
        With its survey format filled in.
    repeated : ndarray of bool, shape (object,)
        Whether an object of this id came before.
    notes : callable
        Called with what was done and to how many.

    Returns
    -------
    LightCurves
        The sound objects, with only the bands that occur.
    list of Rejected
    """
    block = _drop_points(block, reading, notes)
    points, counts = block.points, np.diff(block.offsets)
    owner = np.repeat(np.arange(len(block)), counts)
    order = _order(points.time, owner, notes)
    doubled = _repeated_points(block, owner, order)
    if doubled.any():
        notes("points that occur twice were taken once", int(doubled.sum()))
    counts = np.bincount(owner[~doubled], minlength=len(block))
    reasons = _reasons(block, owner, order, counts, repeated)
    good = np.ones(len(block), bool)
    good[list(reasons)] = False
    keep = good[owner] & ~doubled
    index = order[keep[order]]
    used = np.unique(points.band[index])
    names = band_names(reading)
    curves = LightCurves(
        {"id": block.ids[good], **{n: v[good] for n, v in block.objects.items()}},
        np.concatenate([[0], np.cumsum(counts[good])]).astype(np.int64),
        points.time[index], np.searchsorted(used, points.band[index]).astype(np.int16), points.flux[index],
        points.flux_error[index], tuple(names[k] for k in used),
    )  # fmt: skip
    rejected = [Rejected(str(block.ids[k]), str(block.files[k]), row, why) for k, (row, why) in sorted(reasons.items())]
    return curves, rejected


def _drop_points(block: Block, reading: Reading, notes: Callable[[str, int], None]) -> Block:
    """Drop points without a number or without a positive error, where the reading says so."""
    flaw = block.points.flaw
    drop = np.zeros(len(flaw), bool)
    if "error" in reading.drop_points:
        drop |= flaw == ERROR
    if "nan" in reading.drop_points:
        drop |= (flaw >= NAN) & (flaw < ERROR)
    if not drop.any():
        return block
    for code in np.unique(flaw[drop]):
        notes(f"points dropped because {FLAWS[code]}", int((flaw[drop] == code).sum()))
    offsets = np.concatenate([[0], np.cumsum(~drop)])[block.offsets].astype(np.int64)
    return replace(block, offsets=offsets, points=block.points[~drop])


def _order(time: np.ndarray, owner: np.ndarray, notes: Callable[[str, int], None]) -> np.ndarray:
    """Order of the points by object and time."""
    back = (np.diff(time) < 0) & (owner[1:] == owner[:-1])
    if not back.any():
        return np.arange(len(time))
    notes("objects had unsorted times; sorted", len(np.unique(owner[1:][back])))
    return np.lexsort((time, owner))


def _repeated_points(block: Block, owner: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Points that repeat another one of their object in time, band, flux and error."""
    p = block.points
    time, owner_of_point = p.time[order], owner[order]
    doubled = np.zeros(len(time), bool)
    tied = np.flatnonzero((time[1:] == time[:-1]) & (owner_of_point[1:] == owner_of_point[:-1]))
    if len(tied) == 0:
        return doubled
    index = order[np.union1d(tied, tied + 1)]
    keys = [owner[index], p.time[index], p.band[index], p.flux[index], p.flux_error[index]]
    by_key = np.lexsort(keys[::-1])
    same = np.all([k[by_key][1:] == k[by_key][:-1] for k in keys], axis=0)
    doubled[index[by_key[1:]][same]] = True
    return doubled


def _reasons(
    block: Block, owner: np.ndarray, order: np.ndarray, counts: np.ndarray, repeated: np.ndarray
) -> dict[int, tuple[int, str]]:  # fmt: skip
    """Row and reason of every object that cannot be used; of several reasons the first."""
    rows = block.rows.tolist()
    out: dict[int, tuple[int, str]] = {k: (rows[k], why) for k, why in block.reasons.items()}
    for k in np.flatnonzero(block.ids == "").tolist():
        out.setdefault(k, (rows[k], "it has no id"))
    for k in np.flatnonzero(is_too_long(block.ids)).tolist():
        out.setdefault(k, (rows[k], f"id of more than {limits.current().text_length:,} characters"))
    for k in np.flatnonzero(repeated).tolist():
        out.setdefault(k, (rows[k], "duplicate id: an object of this id came before"))
    flawed = np.flatnonzero(block.points.flaw)
    objects, first = np.unique(owner[flawed], return_index=True)
    for k, point in zip(objects.tolist(), flawed[first].tolist(), strict=True):
        flaw = int(block.points.flaw[point])
        hint = "; the times cannot be sorted" if flaw == NAN else ""
        fix = ' (drop_points = ["nan"] keeps the rest)' if NAN < flaw < ERROR else ""
        fix = ' (drop_points = ["error"] keeps the rest)' if flaw == ERROR else fix
        out.setdefault(k, (int(block.points.row[point]), FLAWS[flaw] + hint + fix))
    for k, point in far_apart(block.points.time, owner, order):
        out.setdefault(k, (int(block.points.row[point]), APART))
    for k in np.flatnonzero(counts < 2).tolist():
        out.setdefault(k, (rows[k], "one point" if counts[k] else "no points"))
    return out
