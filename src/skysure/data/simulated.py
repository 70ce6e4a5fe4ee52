"""A simulator as a source: a number of objects, or endless for training and fixed for the other parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skysure.errors import InputError

from .sources import TRAIN, ChunkCache, Index, Source, cached_index
from .split import PARTS

Draw = Callable[[int, int, int], Any]
"""(seed, block, first) -> chunk: block number `block` of the stream `seed`; its first object has the number `first`.

The chunk depends on these three alone, and so does the number of its objects.
"""


@dataclass(frozen=True)
class SimulatedSource(Source):
    """Objects that are drawn on the fly; a walk gives the same ones every time.

    Object k is the same whatever `n` is. With `n` = None training never ends: `chunks("train")` draws without end,
    the other parts have the sizes given and streams of random numbers of their own.

    Parameters
    ----------
    schema : dataclass
    draw : callable (seed, block, first) -> chunk
    n : int, optional
        Number of objects; None: endless.
    seed : int
    sizes : mapping of str to int
        Number of objects of the parts "validation", "calibration" and "test" of an endless simulation.
    """

    schema: Any
    draw: Draw
    n: int | None
    seed: int
    sizes: Mapping[str, int | float] = field(default_factory=dict)
    _cache: ChunkCache = field(default_factory=ChunkCache, repr=False, compare=False)

    @property
    def has_parts(self) -> bool:
        """Whether parts differ: those of an endless simulation do."""
        return self.n is None

    def chunks(self, part: str | None = None) -> Iterator[Any]:
        """Draw the objects of a part; without parts, every part is the whole."""
        if self.n is not None:
            return iter(self._cache.kept) if self._cache.kept is not None else self._draw_chunks(self.seed, self.n)
        if part in (None, TRAIN):
            return self._draw_chunks(self.seed, None)
        return self._draw_chunks(seed_of_part(self.seed, part), self._size(part))

    def index(self, progress: Callable[[int], None] | None = None) -> Index:
        """Return ids and groups; the first call draws all objects and keeps them where they fit into memory."""
        if self.n is None:
            raise InputError("the index of an endless simulation", "a number of objects", "", "simulate(settings, n)")
        return cached_index(self, lambda: self._cache.keep(self._draw_chunks(self.seed, self.n)), progress)

    def _draw_chunks(self, seed: int, n: int | None) -> Iterator[Any]:
        remaining, block, first = n, 0, 0
        while remaining is None or remaining > 0:
            chunk = self.draw(seed, block, first)
            chunk = chunk if remaining is None else chunk[:remaining]
            remaining = None if remaining is None else remaining - len(chunk)
            block, first = block + 1, first + len(chunk)
            yield chunk

    def _size(self, part: str) -> int:
        size = self.sizes.get(part, 0)
        if 0 < size < 1:
            raise InputError(
                f"{part} = {size:g} of an endless simulation", "a number of objects",
                "a share of endless objects is endless", f"{part} = 1000",
            )  # fmt: skip
        return int(size)


def seed_of_part(seed: int, part: str) -> int:
    """Return a seed for a part whose random numbers are independent of those of the others."""
    return int(np.random.SeedSequence([seed, PARTS.index(part)]).generate_state(1, np.uint64)[0] >> 1)
