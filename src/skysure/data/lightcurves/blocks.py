"""What every format is converted to before it is checked: runs of points, one run per object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np

from .per_object import changes, missing, reduce_rows
from .reading import OBJECT_COLUMNS

FLAWS = (
    "", "text in a number: time", "text in a number: flux", "text in a number: flux error", "the time is not a number",
    "the flux is not a number", "the flux error is not a number", "the flux error is not above zero",
    "the band is missing", "the time is JD where others are MJD, or MJD where others are JD",
)  # fmt: skip
"""What may be wrong with a point, by its code."""
TEXT, NAN, ERROR, BAND, SCALE = 1, 4, 7, 8, 9


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
    """Objects with their points, not yet checked.

    `reasons` says why some objects cannot be used, `rows` is the row of each in its file that an error names (0 where
    the file is the object), `written` its id as in the file, and `varying` which objects have several values of a
    column that is carried.
    """

    ids: np.ndarray
    offsets: np.ndarray
    points: Points
    objects: dict[str, np.ndarray]
    files: np.ndarray
    reasons: dict[int, str] = field(default_factory=dict)
    rows: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    written: np.ndarray = field(default_factory=lambda: np.zeros(0, str))
    varying: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.rows) != len(self.ids):
            self.rows = np.zeros(len(self.ids), np.int64)
        if len(self.written) != len(self.ids):
            self.written = self.ids

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
            self.rows[selection], self.written[selection], {n: v[selection] for n, v in self.varying.items()},
        )  # fmt: skip

    @staticmethod
    def concat(parts: Sequence[Block]) -> Block:
        """Join several, which may differ in their columns of objects."""
        if len(parts) == 1:
            return parts[0]
        starts = np.cumsum([0] + [len(p.points) for p in parts])
        firsts = np.cumsum([0] + [len(p) for p in parts])
        like = {n: v for p in parts for n, v in p.objects.items()}
        carried = dict.fromkeys(n for p in parts for n in p.varying)
        return Block(
            np.concatenate([p.ids for p in parts]),
            np.concatenate([[0]] + [p.offsets[1:] + s for p, s in zip(parts, starts, strict=False)]),
            Points.concat([p.points for p in parts]),
            {n: np.concatenate([p.objects.get(n, missing(v, len(p))) for p in parts]) for n, v in like.items()},
            np.concatenate([p.files for p in parts]),
            {int(f) + k: why for p, f in zip(parts, firsts, strict=False) for k, why in p.reasons.items()},
            np.concatenate([p.rows for p in parts]),
            np.concatenate([p.written for p in parts]),
            {n: np.concatenate([p.varying.get(n, np.zeros(len(p), bool)) for p in parts]) for n in carried},
        )

    def regroup(self) -> Block:
        """Bring the runs that share an id together, in order of first appearance."""
        _, first, owner = np.unique(self.ids, return_index=True, return_inverse=True)
        rank = np.empty(len(first), np.int64)
        rank[np.argsort(first)] = np.arange(len(first))
        owner = rank[owner]
        runs = self.take(np.argsort(owner, kind="stable"))
        owner = np.sort(owner, kind="stable")
        counts = np.bincount(owner, np.diff(runs.offsets), len(first)).astype(np.int64)
        heads = np.searchsorted(owner, np.arange(len(first)))
        objects, differing = reduce_rows(runs.objects, heads, len(runs))
        whole = Block(
            runs.ids[heads], np.concatenate([[0], np.cumsum(counts)]), runs.points, objects, runs.files[heads],
            {}, runs.rows[heads], runs.written[heads],
            {n: np.bincount(owner, v, len(heads)) > 0 for n, v in runs.varying.items()},
        )  # fmt: skip
        whole.set_aside(runs.reasons, owner, runs.rows)
        whole.set_aside(changes(differing), owner, runs.rows)
        spelt_apart = np.flatnonzero(runs.written != whole.written[owner])
        whole.set_aside(dict.fromkeys(spelt_apart.tolist(), SPELLING), owner, runs.rows)
        whole.mark_varying(differing, owner)
        return whole

    def set_aside(self, reasons: dict[int, str], owner: np.ndarray, rows: np.ndarray) -> None:
        """Set objects aside for the reasons of some of their rows, of which `owner` and row in the file are given."""
        for k, why in reasons.items():
            if (index := int(owner[k])) not in self.reasons:
                self.reasons[index] = why
                self.rows[index] = rows[k]

    def mark_varying(self, differing: dict[str, np.ndarray], owner: np.ndarray) -> None:
        """Mark the objects some of whose rows have another value of a column that is carried."""
        for name in (n for n in differing if n not in OBJECT_COLUMNS):
            mask = self.varying.setdefault(name, np.zeros(len(self), bool))
            mask[owner[differing[name]]] = True


SPELLING = "its id and another one of the file differ only in blanks"
