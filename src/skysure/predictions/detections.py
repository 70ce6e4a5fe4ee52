"""Detected sources: boxes with their covariance, classes, existence probability, and the position of a host.

Boxes are (x0, y0, x1, y1) in *pixel edges*: the pixel in column c and row r covers x from c to c + 1 and y from r to
r + 1, with row 0 at the bottom as in FITS. Positions are those of pixel *centres* counted from 0, as everywhere in
astropy: the middle of a box is x = (x0 + x1) / 2 - 0.5.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from skysure.data.names import class_names_in_columns, printable

from .columns import Column, row_columns
from .prediction import Prediction
from .rows import axes

EDGES = ("x0", "y0", "x1", "y1")
CENTRE_AND_SIZE = ("x", "y", "width", "height")
TO_CENTRE_AND_SIZE = np.array([[0.5, 0, 0.5, 0], [0, 0.5, 0, 0.5], [-1, 0, 1, 0], [0, -1, 0, 1]])
"""From the edges of a box to its middle and size; the middle is in edges, half a pixel more than in centres."""
UCDS = {"x": "pos.cartesian.x", "y": "pos.cartesian.y", "width": "phys.size", "height": "phys.size"}


@dataclass(frozen=True, repr=False, eq=False)
class Detections(Prediction):
    """Sources detected in images, one row each, with the parts of their uncertainty.

    Parameters
    ----------
    rows : dict of str to array, shape (row,)
        "id", the image, and "source", the number of the source within it.
    classes : tuple of str
    images : ndarray of str, shape (image,)
        Ids of all images that were searched, also of those in which nothing was detected.
    box : ndarray, shape (row, 4)
        x0, y0, x1, y1 in pixel edges.
    aleatoric, epistemic : ndarray, shape (row, 4, 4)
        Covariances of the box [pixel²]; predictive = aleatoric + epistemic.
    score : ndarray, shape (row,)
        Calibrated probability that the source exists.
    probability : ndarray, shape (row, class)
        Probability of each class, given that the source exists.
    score_error : ndarray, shape (row,), optional
    probability_error : ndarray, shape (row, class), optional
        Standard deviations over posterior samples.
    class_aleatoric, class_epistemic : ndarray, shape (row,), optional
        Expected entropy and mutual information of the class [nat].
    prediction_set : ndarray of bool, shape (row, class), optional
        The classes in the prediction set, which holds the true class with probability `coverage`.
    coverage : float, optional
    host : ndarray, shape (row, 2), optional
        x and y of the host in pixel centres from 0; NaN where there is none.
    host_aleatoric, host_epistemic : ndarray, shape (row, 2, 2), optional
        Its covariances [pixel²].
    corners : ndarray, shape (row, 4, 2), optional
        Right ascension and declination of the corners of the box (`sky_corners`) [deg]; NaN where unknown.
    catalogue : dict of str to array, shape (row,)
        Further columns: position on the sky, fluxes; what they are stands in `labels`.
    image_shape : ndarray of int, shape (image, 2), optional
        Rows and columns of each image.
    ood_percentile, is_ood, quality_flags, labels : optional
        See `Prediction`.
    """

    classes: tuple[str, ...]
    images: np.ndarray = field(metadata=axes("image"))
    box: np.ndarray = field(metadata=axes("row", "edge"))
    aleatoric: np.ndarray = field(metadata=axes("row", "edge", "edge"))
    epistemic: np.ndarray = field(metadata=axes("row", "edge", "edge"))
    score: np.ndarray = field(metadata=axes("row"))
    probability: np.ndarray = field(metadata=axes("row", "class"))
    score_error: np.ndarray | None = field(default=None, kw_only=True, metadata=axes("row"))
    probability_error: np.ndarray | None = field(default=None, kw_only=True, metadata=axes("row", "class"))
    class_aleatoric: np.ndarray | None = field(default=None, kw_only=True, metadata=axes("row"))
    class_epistemic: np.ndarray | None = field(default=None, kw_only=True, metadata=axes("row"))
    prediction_set: np.ndarray | None = field(default=None, kw_only=True, metadata=axes("row", "class"))
    coverage: float | None = field(default=None, kw_only=True)
    host: np.ndarray | None = field(default=None, kw_only=True, metadata=axes("row", "axis"))
    host_aleatoric: np.ndarray | None = field(default=None, kw_only=True, metadata=axes("row", "axis", "axis"))
    host_epistemic: np.ndarray | None = field(default=None, kw_only=True, metadata=axes("row", "axis", "axis"))
    corners: np.ndarray | None = field(default=None, kw_only=True, metadata=axes("row", "corner", "axis"))
    catalogue: dict[str, Any] = field(default_factory=dict, kw_only=True, metadata=axes("row"))
    image_shape: np.ndarray | None = field(default=None, kw_only=True, metadata=axes("image", "axis"))

    may_be_empty: ClassVar[bool] = True

    def __len__(self) -> int:
        return len(self.box)

    @property
    def predictive(self) -> np.ndarray:
        """Covariance of the box: aleatoric + epistemic, shape (row, 4, 4) [pixel²]."""
        return self.aleatoric + self.epistemic

    @property
    def best(self) -> np.ndarray:
        """Index of the most probable class, shape (row,)."""
        return self.probability.argmax(1)

    @property
    def position(self) -> np.ndarray:
        """x and y of the middle of each box, in pixel centres from 0, shape (row, 2)."""
        return (self.box[:, :2] + self.box[:, 2:]) / 2 - 0.5

    @property
    def size(self) -> np.ndarray:
        """Width and height of each box, shape (row, 2) [pixel]."""
        return self.box[:, 2:] - self.box[:, :2]

    def columns(self) -> Iterable[Column]:
        """Give the columns of `catalogue`, score, classes, position and size, box, and host."""
        yield from row_columns(self.catalogue, self.labels)
        yield Column("score", self.score, "Calibrated probability that the source exists", "stat.probability")
        if self.score_error is not None:
            text = "Standard deviation of the score over posterior samples"
            yield Column("score_error", self.score_error, text, "stat.stdev;stat.probability")
        yield from self._class_columns()
        yield from self._box_columns()
        if self.host is not None:
            yield from self._host_columns(self.host)

    def _class_columns(self) -> Iterator[Column]:
        names = class_names_in_columns(self.classes)
        yield Column("predicted_class", np.asarray(self.classes)[self.best], "Most probable class", "meta.code.class")
        for k, name in enumerate(names):
            text = f"Probability of class {printable(self.classes[k])}, given that the source exists"
            yield Column(f"p_{name}", self.probability[:, k], text, "stat.probability")
            if self.probability_error is not None:
                text = f"Standard deviation of p_{name} over posterior samples"
                yield Column(f"p_{name}_error", self.probability_error[:, k], text, "stat.stdev;stat.probability")
        if self.prediction_set is not None:
            qualifier = "" if self.coverage is None else f" ({100 * self.coverage:g} % coverage)"
            for k, name in enumerate(names):
                text = f"Whether class {printable(self.classes[k])} is in the prediction set{qualifier}"
                yield Column(f"in_set_{name}", self.prediction_set[:, k], text, "meta.code.member")
        if self.class_aleatoric is not None:
            text = "Aleatoric uncertainty of the class: expected entropy of the posterior samples [nat]"
            yield Column("class_aleatoric", self.class_aleatoric, text, "stat.value")
        if self.class_epistemic is not None:
            text = "Epistemic uncertainty of the class: mutual information of class and model parameters [nat]"
            yield Column("class_epistemic", self.class_epistemic, text, "stat.value")

    def _box_columns(self) -> Iterator[Column]:
        values = np.concatenate([self.position, self.size], 1)
        parts = [TO_CENTRE_AND_SIZE @ c @ TO_CENTRE_AND_SIZE.T for c in (self.aleatoric, self.epistemic)]
        of_box = {"x": "Column of the middle of the box, in pixel centres from 0",
                  "y": "Row of the middle of the box, in pixel centres from 0",
                  "width": "Width of the box", "height": "Height of the box"}  # fmt: skip
        for k, name in enumerate(CENTRE_AND_SIZE):
            yield from _with_errors(name, values[:, k], of_box[name], UCDS[name], [part[:, k, k] for part in parts])
        for k, name in enumerate(EDGES):
            ucd = UCDS[name[0]]
            text = f"{'Lower' if name[1] == '0' else 'Upper'} edge of the box in {name[0]}, in pixel edges from 0"
            yield Column(f"box_{name}", self.box[:, k], text, f"{ucd};stat.{'min' if k < 2 else 'max'}", "pix")
            text = f"Standard deviation of box_{name}"
            yield Column(f"box_{name}_error", _deviation(self.predictive[:, k, k]), text, f"stat.stdev;{ucd}", "pix")

    def _host_columns(self, host: np.ndarray) -> Iterator[Column]:
        zero = np.zeros((len(self), 2, 2))
        parts = [zero if part is None else part for part in (self.host_aleatoric, self.host_epistemic)]
        for k, (name, place) in enumerate((("x", "Column"), ("y", "Row"))):
            text = f"{place} of the host, in pixel centres from 0"
            yield from _with_errors(f"host_{name}", host[:, k], text, UCDS[name], [part[:, k, k] for part in parts])

    def _about(self) -> str:
        n = len(self.images)
        return f" in {n:,} image{'' if n == 1 else 's'}, {len(self.classes)} classes ({', '.join(self.classes)})"


def sky_corners(box: np.ndarray, wcs: Any) -> np.ndarray:
    """Give right ascension and declination (ICRS) of the corners of boxes, counter-clockwise in the image [deg].

    Parameters
    ----------
    box : ndarray, shape (row, 4)
        In pixel edges.
    wcs : astropy.wcs.WCS
        With two celestial axes.

    Returns
    -------
    ndarray, shape (row, 4, 2)
    """
    sky = wcs.celestial.pixel_to_world(box[:, [0, 2, 2, 0]] - 0.5, box[:, [1, 1, 3, 3]] - 0.5).icrs
    return np.stack([sky.ra.deg, sky.dec.deg], -1)


def source_numbers(ids: np.ndarray) -> np.ndarray:
    """Number the sources of each image from 1, in the order of the rows.

    >>> source_numbers(np.array(["a", "b", "a"])).tolist()
    [1, 1, 2]
    """
    count: Counter[Any] = Counter()
    numbers = np.empty(len(ids), np.int64)
    for k, name in enumerate(np.asarray(ids).tolist()):
        count[name] += 1
        numbers[k] = count[name]
    return numbers


def _with_errors(name: str, values: np.ndarray, text: str, ucd: str, variances: list[np.ndarray]) -> Iterator[Column]:
    aleatoric, epistemic = variances
    yield Column(name, values, text, ucd, "pix")
    for kind, variance, source in (
        ("error", aleatoric + epistemic, ""),
        ("aleatoric", aleatoric, ", from noise in the data alone"),
        ("epistemic", epistemic, ", from the uncertainty of the model alone"),
    ):
        text = f"Standard deviation of {name}{source}"
        yield Column(f"{name}_{kind}", _deviation(variance), text, f"stat.stdev;{ucd}", "pix")


def _deviation(variance: np.ndarray) -> np.ndarray:
    """Square root of a variance, of which rounding may have left less than zero."""
    return np.sqrt(np.maximum(variance, 0.0))
