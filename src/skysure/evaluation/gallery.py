"""The objects worth showing: some of each class, the most uncertain, the most novel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

import numpy as np
from jaxtyping import Float

Item = TypeVar("Item")
SHOWN = 6
GROUPS = ("example", "uncertain", "novel")


class Gallery(Generic[Item]):
    """Keeps the few objects of highest rank in each group, however many are considered; ties go to the first.

    Parameters
    ----------
    shown : int
        Objects in each group.

    >>> gallery = Gallery(shown=2)
    >>> gallery.consider({"novel": np.array([0.1, 0.9, 0.5])}, "abc".__getitem__)
    >>> list(gallery)
    [('novel', 'b'), ('novel', 'c')]
    """

    def __init__(self, shown: int = SHOWN) -> None:
        self.shown = shown
        self.groups: dict[str, list[tuple[float, Item]]] = {}

    def consider(self, ranks: Mapping[str, Float[np.ndarray, " row"]], take: Callable[[int], Item]) -> None:
        """Keep the rows that rank above those kept so far; `take` gives what to keep of a row."""
        for group, rank in ranks.items():
            highest = self.groups.get(group, [])
            for row in np.argsort(-rank, kind="stable")[: self.shown]:
                if len(highest) < self.shown or rank[row] > highest[-1][0]:
                    highest = [*highest, (float(rank[row]), take(int(row)))]
                    highest = sorted(highest, key=lambda pair: -pair[0])[: self.shown]
            self.groups[group] = highest

    def __iter__(self) -> Iterator[tuple[str, Item]]:
        """All that is kept, group by group, the highest rank first."""
        for group, highest in self.groups.items():
            for _, item in highest:
                yield group, item


def rank_classes(prediction: Any) -> dict[str, Float[np.ndarray, " row"]]:
    """Ranks of the rows of a `Classes` prediction, for a `Gallery`.

    "example": the first object of each class, then the second of each, ...; "uncertain": predictive entropy;
    "novel": OOD percentile, then epistemic uncertainty.
    """
    percentile = prediction.ood_percentile
    novelty = np.zeros(len(prediction)) if percentile is None else np.nan_to_num(percentile)
    return {
        "example": -position_within(prediction.best).astype(float),
        "uncertain": prediction.aleatoric + prediction.epistemic,
        "novel": novelty + 1e-3 * prediction.epistemic,
    }


def position_within(group: np.ndarray) -> np.ndarray:
    """How many rows of the same group come before each.

    >>> position_within(np.array([2, 0, 2, 2])).tolist()
    [0, 0, 1, 2]
    """
    position = np.zeros(len(group), int)
    for name in np.unique(group):
        position[group == name] = np.arange((group == name).sum())
    return position
