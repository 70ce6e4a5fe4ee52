"""Sources: anything that is walked in chunks of bounded size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np

from .split import PARTS, Split

TRAIN, VALIDATION, CALIBRATION, TEST = PARTS


@runtime_checkable
class Source(Protocol):
    """Files, a simulator, an environment or memory; `schema` says what the application needs to know of it.

    A chunk is some of its objects: it has a length and `ids`, where it can a `groups`, and a mask takes some of them.
    """

    @property
    def schema(self) -> Any: ...
    def chunks(self, part: str | None = None) -> Iterator[Any]: ...


@dataclass(frozen=True)
class InMemorySource:
    """A source of chunks that are in memory already.

    Parameters
    ----------
    schema : dataclass
    held : sequence of chunks
    """

    schema: Any
    held: Sequence[Any]

    def chunks(self, part: str | None = None) -> Iterator[Any]:
        """Give the chunks; without parts, every part is the whole."""
        yield from self.held


@dataclass(frozen=True)
class SplitSource:
    """A source whose objects belong to parts: train, validation, calibration, test.

    Parameters
    ----------
    source : Source
    split : Split
    """

    source: Any
    split: Split

    @property
    def schema(self) -> Any:
        """Schema of the whole source."""
        return self.source.schema

    @property
    def counts(self) -> dict[str, int]:
        """Number of objects of each part."""
        return {part: n for part in PARTS if (n := len(self.split.of(part)))}

    def chunks(self, part: str | None = None) -> Iterator[Any]:
        """Give the objects of a part, or all, chunk by chunk; an object of no known part is left out."""
        for chunk in self.source.chunks():
            if part is None:
                yield chunk
                continue
            keep = self.part_of(chunk.ids) == part
            if keep.any():
                yield chunk if keep.all() else chunk[keep]

    def part_of(self, ids: np.ndarray) -> np.ndarray:
        """Name the part of each id; "" where it is unknown."""
        known, parts = self.split.ids, self.split.parts
        if len(known) == 0:
            return np.full(len(ids), "", parts.dtype)
        place = self._order[np.minimum(np.searchsorted(known, ids, sorter=self._order), len(known) - 1)]
        return np.where(known[place] == ids, parts[place], "")

    @cached_property
    def _order(self) -> np.ndarray:
        return np.argsort(self.split.ids)
