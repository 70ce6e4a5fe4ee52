"""What every format is converted to before it is checked: runs of points, one run per object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np

FLAWS = (
    "", "text in a number: time", "text in a number: flux", "text in a number: flux error", "the time is not a number",
    "the flux is not a number", "the flux error is not a number", "the flux error is not above zero",
    "the band is missing", "the label changes within the object", "the group changes within the object",
    "the redshift changes within the object", "the redshift error changes within the object",
)  # fmt: skip
"""What may be wrong with a point, by its code."""
TEXT, NAN, ERROR, BAND = 1, 4, 7, 8
CHANGES = {"label": 9, "group": 10, "redshift": 11, "redshift_error": 12}
"""Codes of columns of objects that must not change from point to point."""


@dataclass
class Points:
    """Points in file order: MJD, code of the band, flux at zero point 27.5, code of what is wrong, row in the file."""

    time: np.ndarray
    band: np.ndarray
    flux: np.ndarray
    flux_error: np.ndarray
    flaw: np.ndarray
    row: np.ndarray

    def __len__(self) -> int:
        return len(self.time)

    def __getitem__(self, selection: np.ndarray | slice) -> Points:
        return Points(*(getattr(self, f.name)[selection] for f in fields(self)))

    @staticmethod
    def concat(parts: Sequence[Points]) -> Points:
        """Join several."""
        return Points(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Points)))


@dataclass
class Block:
    """Objects with their points, not yet checked; `reasons` holds the reasons why some objects cannot be used."""

    ids: np.ndarray
    offsets: np.ndarray
    points: Points
    objects: dict[str, np.ndarray]
    files: np.ndarray
    reasons: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, selection: np.ndarray) -> Block:
        """Take objects by index, in that order."""
        counts = np.diff(self.offsets)[selection]
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        points = np.repeat(self.offsets[selection] - offsets[:-1], counts) + np.arange(offsets[-1])
        place = {old: new for new, old in enumerate(selection.tolist())} if self.reasons else {}
        return Block(
            self.ids[selection], offsets, self.points[points], {n: v[selection] for n, v in self.objects.items()},
            self.files[selection], {place[k]: why for k, why in self.reasons.items() if k in place},
        )  # fmt: skip

    @staticmethod
    def concat(parts: Sequence[Block]) -> Block:
        """Join several, which may differ in their columns of objects."""
        if len(parts) == 1:
            return parts[0]
        starts = np.cumsum([0] + [len(p.points) for p in parts])
        firsts = np.cumsum([0] + [len(p) for p in parts])
        like = {n: v for p in parts for n, v in p.objects.items()}
        return Block(
            np.concatenate([p.ids for p in parts]),
            np.concatenate([[0]] + [p.offsets[1:] + s for p, s in zip(parts, starts, strict=False)]),
            Points.concat([p.points for p in parts]),
            {n: np.concatenate([p.objects.get(n, missing(v, len(p))) for p in parts]) for n, v in like.items()},
            np.concatenate([p.files for p in parts]),
            {int(f) + k: why for p, f in zip(parts, firsts, strict=False) for k, why in p.reasons.items()},
        )

    def regroup(self) -> Block:
        """Bring the runs that share an id together, in order of first appearance."""
        _, first, owner = np.unique(self.ids, return_index=True, return_inverse=True)
        rank = np.empty(len(first), np.int64)
        rank[np.argsort(first)] = np.arange(len(first))
        owner = rank[owner]
        runs = self.take(np.argsort(owner, kind="stable"))
        counts = np.bincount(owner, np.diff(self.offsets), len(first)).astype(np.int64)
        heads = np.concatenate([[0], np.cumsum(np.bincount(owner))])[:-1]
        places = np.sort(owner, kind="stable")
        return Block(
            runs.ids[heads], np.concatenate([[0], np.cumsum(counts)]), runs.points,
            {n: v[heads] for n, v in runs.objects.items()}, runs.files[heads],
            {int(places[k]): why for k, why in runs.reasons.items()},
        )  # fmt: skip


def missing(like: np.ndarray, n: int) -> np.ndarray:
    """Give n missing values of the kind of an array: NaN for numbers, "" for text."""
    return np.full(n, np.nan) if like.dtype.kind in "fiub" else np.full(n, "", like.dtype)
