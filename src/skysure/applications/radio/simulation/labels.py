"""Labels measured on images as Radio Galaxy Zoo defines them: components, peaks and boxes.

Contours are drawn at the lowest level times powers of √3 (Banfield et al. 2015, and the contour files of the project).
A component is a connected region above the lowest, a peak is a contour that holds no other. The box of a source is that
of the union of its components.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

CONTOUR_STEP = math.sqrt(3)
FAR = 1 << 30
"""Pixel beyond all images."""
_WITHIN_AN_IMAGE = np.zeros((3, 3, 3), int)
_WITHIN_AN_IMAGE[1] = 1
"""Pixels that touch at a side or a corner are connected, those of different images are not."""


@dataclass(frozen=True, eq=False)
class Islands:
    """Connected regions above the lowest contour in a stack of images; region 1 has index 0.

    Parameters
    ----------
    number : ndarray of int, shape (object, row, column)
        1, 2, ... within the regions, 0 outside.
    image : ndarray of int, shape (island,)
        In which image each is.
    boxes : ndarray of int, shape (island, 4)
        x0, y0, x1, y1 in pixel edges.
    peaks : ndarray of int, shape (island,)
        Contours within that hold no other.
    height : ndarray, shape (island,)
        Brightest pixel, in units of the noise.
    """

    number: np.ndarray
    image: np.ndarray
    boxes: np.ndarray
    peaks: np.ndarray
    height: np.ndarray

    def __len__(self) -> int:
        return len(self.image)


def label_regions(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Number the connected regions of masks, shape (object, row, column), and how many there are."""
    number = np.empty(mask.shape, np.int32)
    return number, int(ndimage.label(mask, _WITHIN_AN_IMAGE, output=number))  # pyright: ignore[reportArgumentType]


def find_islands(ratio: np.ndarray, contour: float) -> Islands:
    """Find the components and peaks of images.

    Parameters
    ----------
    ratio : ndarray, shape (object, row, column)
        Images over their noise; NaN is below all contours.
    contour : float
        Lowest contour.
    """
    number, n = label_regions(ratio > contour)
    lit = np.flatnonzero(number.ravel() > 0)
    image, row, column = np.unravel_index(lit, ratio.shape)
    island = number.ravel()[lit] - 1
    boxes = np.empty((n, 4), np.int64)
    extremes = ((column, np.minimum), (row, np.minimum), (column + 1, np.maximum), (row + 1, np.maximum))
    for k, (values, ufunc) in enumerate(extremes):
        boxes[:, k] = 0 if ufunc is np.maximum else FAR
        ufunc.at(boxes[:, k], island, values)
    height = np.zeros(n, np.float32)
    np.maximum.at(height, island, ratio.ravel()[lit].astype(np.float32))
    owner = np.zeros(n, np.int64)
    owner[island] = image
    return Islands(number, owner, boxes, count_peaks(ratio, number, n, contour), height)


def count_peaks(ratio: np.ndarray, number: np.ndarray, islands: int, contour: float) -> np.ndarray:
    """Count, in each island, the contours that hold no other, shape (island,).

    Rounded down to contours, the image has plateaus; one is counted that touches no higher pixel.
    """
    level = np.full(ratio.shape, -1, np.int8)
    lit = np.flatnonzero(number.ravel() > 0)
    steps = np.log(ratio.ravel()[lit] / contour) / math.log(CONTOUR_STEP)
    level.ravel()[lit] = np.floor(steps + 1e-6).clip(0, 126)
    is_summit = (largest_nearby(level) == level) & (level >= 0)
    # a plateau of which a part touches a higher pixel is no summit: that part is a neighbour of equal height
    touches = is_summit & (largest_nearby(np.where(is_summit, np.int8(-1), level)) == level)
    plateau, n = label_regions(is_summit)
    is_peak = np.ones(n + 1, bool)
    is_peak[plateau[touches]] = False
    of_plateau = np.zeros(n + 1, np.int64)
    of_plateau[plateau[is_summit]] = number[is_summit]
    return np.bincount(of_plateau[1:][is_peak[1:]], minlength=islands + 1)[1:]


def largest_nearby(level: np.ndarray) -> np.ndarray:
    """Largest of the 3 x 3 pixels around each, shape (object, row, column)."""
    rows, result = level.copy(), level.copy()
    np.maximum(rows[:, 1:], level[:, :-1], out=rows[:, 1:])
    np.maximum(rows[:, :-1], level[:, 1:], out=rows[:, :-1])
    np.maximum(rows[..., 1:], rows[..., :-1], out=result[..., 1:])
    result[..., 0] = rows[..., 0]
    np.maximum(result[..., :-1], rows[..., 1:], out=result[..., :-1])
    return result


def owners(islands: Islands, image: np.ndarray, x: np.ndarray, y: np.ndarray, flux: np.ndarray,
           source: np.ndarray) -> np.ndarray:  # fmt: skip
    """Source that owns each island, the one with most flux in it; -1 where there is none: noise, or a sidelobe.

    Parameters
    ----------
    image, x, y, flux, source : ndarray, shape (gaussian,)
        Image, position in pixel edges, flux and source of each piece of emission.
    """
    size = islands.number.shape[1:]
    row, column = np.floor(y).astype(np.int64), np.floor(x).astype(np.int64)
    inside = (row >= 0) & (row < size[0]) & (column >= 0) & (column < size[1])
    number = np.zeros(len(x), np.int64)
    number[inside] = islands.number[image[inside], row[inside], column[inside]]
    lit = (number > 0) & (flux > 0)
    pairs, index = np.unique(np.stack([number[lit] - 1, source[lit]]), axis=1, return_inverse=True)
    total = np.bincount(index.reshape(-1), flux[lit], minlength=pairs.shape[1])
    order = np.argsort(total, kind="stable")
    owner = np.full(len(islands), -1, np.int64)
    owner[pairs[0, order]] = pairs[1, order]  # of several, the last and brightest stays
    return owner


@dataclass(frozen=True, eq=False)
class Measured:
    """Sources that were seen, in the order of their images, shape (source,).

    Parameters
    ----------
    source : ndarray of int
        Number of the source in the scene.
    boxes : ndarray of int, shape (source, 4)
    components, peaks : ndarray of int
    height : ndarray
        Brightest pixel, in units of the noise.
    """

    source: np.ndarray
    boxes: np.ndarray
    components: np.ndarray
    peaks: np.ndarray
    height: np.ndarray


def measure(islands: Islands, owner: np.ndarray, detection: float) -> Measured:
    """Join the islands of each source; sources are kept whose brightest pixel reaches `detection`."""
    owned = np.flatnonzero(owner >= 0)
    source, index = np.unique(owner[owned], return_inverse=True)
    n = len(source)
    boxes = np.tile(np.array([FAR, FAR, 0, 0]), (n, 1))
    for k, ufunc in enumerate((np.minimum, np.minimum, np.maximum, np.maximum)):
        ufunc.at(boxes[:, k], index, islands.boxes[owned, k])
    height = np.zeros(n, np.float32)
    np.maximum.at(height, index, islands.height[owned])
    columns = (source, boxes, np.bincount(index, minlength=n),
               np.bincount(index, islands.peaks[owned], minlength=n).astype(np.int64), height)  # fmt: skip
    return Measured(*(column[height >= detection] for column in columns))
