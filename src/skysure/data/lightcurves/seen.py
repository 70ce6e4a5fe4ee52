"""Remember ids at eight bytes each, to find repeated ones."""

from __future__ import annotations

from zlib import crc32

import numpy as np


def hashes(ids: np.ndarray) -> np.ndarray:
    """64-bit hashes of text; two of 10^7 ids collide with a probability of 3 in 10^6."""
    return np.fromiter(map(hash, ids.tolist()), np.int64, len(ids))


def shares(ids: np.ndarray, count: int) -> np.ndarray:
    """Assign text to one of `count` shares, the same in every process (Python's own hash is salted).

    >>> shares(np.array(["a", "b", "a"]), 4).tolist()
    [3, 1, 3]
    """
    return np.fromiter((crc32(text.encode()) % count for text in ids.tolist()), np.int64, len(ids))


class Seen:
    """Remember ids as sorted runs of hashes that merge as they grow."""

    def __init__(self) -> None:
        self._runs: list[np.ndarray] = []

    def add(self, ids: np.ndarray) -> np.ndarray:
        """Add ids; return a mask of those that came before, in this or an earlier call."""
        new = hashes(ids)
        order = np.argsort(new, kind="stable")
        ranked = new[order]
        repeats = np.concatenate([[False], ranked[1:] == ranked[:-1]])[: len(new)]
        unique = ranked[~repeats]
        before = np.zeros(len(new), bool)
        before[order[repeats]] = True
        for run in self._runs:
            before |= run[np.minimum(np.searchsorted(run, new), len(run) - 1)] == new
        if len(unique):
            self._runs.append(unique)
        while len(self._runs) > 1 and len(self._runs[-2]) < 2 * len(self._runs[-1]):
            merged = np.concatenate([self._runs.pop(), self._runs.pop()])
            merged.sort(kind="stable")
            self._runs.append(merged)
        return before
