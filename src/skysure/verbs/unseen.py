"""Data without the objects that a run was trained, stopped or calibrated on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from skysure.data.sources import DerivedSource, Index, Source, groups_of
from skysure.data.split import SEEN, Split, drop_seen, read_parts
from skysure.run.directory import Run


def split_of(run: Run) -> Split | None:
    """Return the split of a run, if it has one."""
    path = run.path / "split.parquet" if run.path else None
    return read_parts(path) if path is not None and path.is_file() else None


def with_seen(split: Split, earlier: Split) -> Split:
    """Add to a split what was seen under an earlier one, so that it will be left out later too."""
    seen = np.isin(earlier.parts, SEEN) & ~np.isin(earlier.ids, split.ids)
    pairs = zip(
        (split.ids, split.groups, split.parts), (earlier.ids, earlier.groups, earlier.parts), strict=True
    )  # fmt: skip
    return Split(*(np.concatenate([new, old[seen]]) for new, old in pairs))


@dataclass
class Unseen(DerivedSource):
    """A source without the objects, and their groups, that a run has seen.

    Parameters
    ----------
    source : Source
    split : Split
        Its parts that a run was trained, stopped or calibrated on are left out.
    """

    source: Source
    split: Split
    _count: int = 0

    @property
    def dropped(self) -> int:
        """Number of objects left out in the last walk, by this source and by those beneath it."""
        return self._count + self.source.dropped

    def index(self, progress: Callable[[int], None] | None = None) -> Index:
        """Return ids and groups of the objects that are new."""
        ids, groups = self.source.index(progress)
        new, self._count = drop_seen(ids, self.split, groups)
        return Index(ids[new], groups[new])

    def chunks(self, part: str | None = None) -> Iterator[Any]:
        """Walk through the objects that are new."""
        return self._without_seen(self.source.chunks(part))

    def _without_seen(self, chunks: Iterator[Any]) -> Iterator[Any]:
        self._count = 0
        for chunk in chunks:
            new, count = drop_seen(chunk.ids, self.split, groups_of(chunk))
            self._count += count
            if count < len(chunk):
                yield chunk[new] if count else chunk


def unseen(source: Source, run: Run) -> Unseen:
    """Leave out of a source what a run has seen; a run without a split has seen nothing of it."""
    return Unseen(source, split_of(run) or Split(*(np.array([], str) for _ in range(3))))
