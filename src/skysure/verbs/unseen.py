"""Data without the objects that a run was trained, stopped or calibrated on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from skysure.data.sources import DerivedSource, Index, Source, groups_of
from skysure.data.split import PARTS, SEEN, Split, drop_seen, hash_of_ids, read_parts
from skysure.errors import InputError
from skysure.run.digests import require_file
from skysure.run.directory import Run


def split_of(run: Run) -> Split | None:
    """Return the split of a run, if it has one.

    Raises InputError where it is missing or is not the one that was saved: objects that the run has seen would
    otherwise count as new.
    """
    path, digest = run.path and run.path / "split.parquet", run.card.get("sha256", {}).get("split.parquet")
    if path is None or not (digest or run.card.get("parts") or path.is_file()):
        return None
    require_file(path, digest)
    split = read_parts(path)
    if digest is None:
        _require_as_trained(split, run.card, path)
    return split


def _require_as_trained(split: Split, card: Mapping[str, Any], path: Path) -> None:
    """Raise InputError unless a split has the parts, and ids, that the card of the run tells of.

    Earlier versions saved no checksum of the file. The split of a calibrated run also holds what was seen before.
    """
    counts = {part: int(np.sum(split.parts == part)) for part in PARTS}
    if "calibrated_from" in card:
        same = all(counts.get(part, 0) >= number for part, number in card.get("parts", {}).items())
    else:
        same = {part: n for part, n in counts.items() if n} == card.get("parts", {})
        same = same and card.get("ids_hash") in (None, hash_of_ids(split.ids))
    if card.get("parts") and not same:
        raise InputError(
            f"{path} is not the file that was saved", "the parts that run.toml tells of", "edited or replaced"
        )


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
