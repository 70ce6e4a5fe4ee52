"""What a run has seen: the split it kept, and data without those objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from skysure.data.sources import Source
from skysure.data.split import SEEN, Split, drop_seen, read_parts
from skysure.run.directory import Run


def split_of(run: Run) -> Split | None:
    """Give the split of a run, if it has one."""
    path = run.path / "split.parquet" if run.path else None
    return read_parts(path) if path is not None and path.is_file() else None


def with_seen(split: Split, earlier: Split) -> Split:
    """Add to a split what was seen under an earlier one, so that it will be left out later too."""
    more = np.isin(earlier.parts, SEEN) & ~np.isin(earlier.ids, split.ids)
    pairs = zip(
        (split.ids, split.groups, split.parts), (earlier.ids, earlier.groups, earlier.parts), strict=True
    )  # fmt: skip
    return Split(*(np.concatenate([mine, theirs[more]]) for mine, theirs in pairs))


@dataclass
class Unseen:
    """A source without the objects of some ids and groups; `dropped` counts those of the last walk.

    Parameters
    ----------
    source : Source
    split : Split
        Its parts that a run was trained, stopped or calibrated on are left out.
    """

    source: Any
    split: Split
    dropped: int = 0

    @property
    def schema(self) -> Any:
        """Schema of the whole source."""
        return self.source.schema

    def chunks(self, part: str | None = None) -> Iterator[Any]:
        """Give the objects that are new, chunk by chunk."""
        self.dropped = 0
        for chunk in self.source.chunks(part):
            new, count = drop_seen(chunk.ids, self.split, getattr(chunk, "groups", None))
            self.dropped += count
            if count < len(chunk):
                yield chunk[new] if count else chunk


def unseen(source: Source, run: Run) -> Unseen:
    """Leave out of a source what a run has seen; a run that kept no split has seen nothing of it."""
    return Unseen(source, split_of(run) or Split(*(np.array([], str) for _ in range(3))))
