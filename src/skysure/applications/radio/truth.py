"""Labelled sources of images: as many as there are, in flat arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from skysure.errors import InputError

from .classes import CLASSES


@dataclass(frozen=True, eq=False)
class Truth:
    """Sources in the order of their images; an image may have none.

    Parameters
    ----------
    counts : ndarray of int, shape (object,)
        Number of sources of each image.
    boxes : ndarray, shape (source, 4)
        x0, y0, x1, y1 in pixel edges: pixel (row r, column c) covers x from c to c + 1 and y from r to r + 1.
    labels : ndarray of int, shape (source,)
        Index in `classes`.
    probabilities : ndarray, shape (source, class), optional
        Of each class, as volunteers agreed on them; NaN where not known.
    hosts : ndarray, shape (source, 2), optional
        x and y of the host galaxy in pixel edges; NaN where not known.
    columns : mapping of str to ndarray, shape (source,)
        What else is known: "signal_to_noise" of the peak, "flux" [Jy], "consensus", ...
    classes : tuple of str
        Names of the classes.

    Raises
    ------
    InputError
        Where shapes do not fit, or a label is none of the classes.

    Examples
    --------
    >>> truth = Truth([1, 0], [[3, 4, 9, 12]], [5])
    >>> truth.of_image(0).boxes.tolist(), len(truth.of_image(1).boxes)
    ([[3.0, 4.0, 9.0, 12.0]], 0)
    """

    counts: Any
    boxes: Any
    labels: Any
    probabilities: Any = None
    hosts: Any = None
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)
    classes: tuple[str, ...] = CLASSES

    def __post_init__(self) -> None:
        n, classes = int(np.sum(self.counts)), tuple(self.classes)
        values: dict[str, Any] = {
            "counts": np.asarray(self.counts, np.int64).reshape(-1),
            "boxes": np.asarray(self.boxes, np.float32).reshape(-1, 4),
            "labels": np.asarray(self.labels, np.int64).reshape(-1),
            "probabilities": _filled(self.probabilities, (n, len(classes)), np.float32),
            "hosts": _filled(self.hosts, (n, 2), np.float64),
            "columns": {name: np.asarray(column) for name, column in self.columns.items()},
            "classes": classes,
        }
        sized = {name: values[name] for name in ("boxes", "labels", "probabilities", "hosts")} | values["columns"]
        for name, column in sized.items():
            if len(column) != n:
                raise InputError(f"{len(column)} values of {name}", f"{n}, one for each source that `counts` has")
        labels = values["labels"]
        if n and not 0 <= labels.min() <= labels.max() < len(classes):
            raise InputError(
                f"labels from {labels.min()} to {labels.max()}", f"indices from 0 to {len(classes) - 1}",
                "labels that count the background", "leave it out: the first class is 0",
            )  # fmt: skip
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @classmethod
    def empty(cls, images: int, classes: tuple[str, ...] = CLASSES) -> Self:
        """Images without sources."""
        return cls(np.zeros(images, int), np.zeros((0, 4)), np.zeros(0, int), classes=classes)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def image(self) -> np.ndarray:
        """Number of the image of each source, shape (source,)."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    def of_image(self, k: int) -> Self:
        """Sources of one image."""
        return self.of_images(np.array([k]))

    def of_images(self, selection: Any) -> Self:
        """Select images by a slice, a mask, or indices, in their order, each as often as it occurs."""
        images = np.arange(len(self.counts))[selection].reshape(-1)
        starts = np.concatenate([[0], np.cumsum(self.counts)])
        rows = [np.arange(starts[k], starts[k + 1]) for k in images]
        return self._of_sources(self.counts[images], np.concatenate([np.zeros(0, np.int64), *rows]))

    def where(self, chosen: np.ndarray) -> Self:
        """Keep the sources of a mask of shape (source,)."""
        counts = np.bincount(self.image[chosen], minlength=len(self.counts))
        return self._of_sources(counts, np.flatnonzero(chosen))

    def _of_sources(self, counts: np.ndarray, rows: np.ndarray) -> Self:
        return type(self)(
            counts, self.boxes[rows], self.labels[rows], self.probabilities[rows], self.hosts[rows],
            {name: column[rows] for name, column in self.columns.items()}, self.classes,
        )  # fmt: skip

    @classmethod
    def concat(cls, several: Iterable[Self]) -> Self:
        """Join the sources of several lots of images, one at least; columns that one of them lacks are left out.

        Raises
        ------
        InputError
            Where their classes differ.
        """
        lots = list(several)
        if len({lot.classes for lot in lots}) > 1:
            raise InputError(f"images with the classes {[list(lot.classes) for lot in lots]}", "the same classes")
        names = ("counts", "boxes", "labels", "probabilities", "hosts")
        shared = [name for name in lots[0].columns if all(name in lot.columns for lot in lots)]
        return cls(
            **{name: np.concatenate([getattr(lot, name) for lot in lots]) for name in names},
            columns={name: np.concatenate([lot.columns[name] for lot in lots]) for name in shared},
            classes=lots[0].classes,
        )


def _filled(values: Any, shape: tuple[int, int], dtype: type) -> np.ndarray:
    return np.full(shape, np.nan, dtype) if values is None else np.asarray(values, dtype).reshape(-1, shape[1])
