"""Background and noise of a map: in cells by clipped medians, interpolated between them; a section at a time.

The noise of an image with sources is measured by the median absolute deviation (MAD) of its pixels, those farther than
three standard deviations from the median clipped until nothing changes. A Gaussian so clipped has

    MAD = sigma Phi^-1(1/2 + p/4),    p = P(|z| < 3) = 0.9973

by which it is divided. A map in which the noise varies is measured in square cells (as by SExtractor, Bertin & Arnouts
1996, and BANE, Hancock et al. 2018), each cell replaced by the median of the 3 by 3 around it, so that a bright source
that fills a cell does not count. Between the centres of cells it is interpolated linearly, and constant beyond the
outermost. Cells are counted from the first pixel of the map: a section has the same background and noise, whether it is
read alone or with the whole map.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.stats import norm

from .frames import Window

CLIP = 3.0
"""Standard deviations from the median beyond which pixels do not count."""
ROUNDS = 10
"""Most rounds of clipping."""
CELL = 64
"""Pixels along each side of a cell."""
FEWEST = 0.2
"""Fraction of the pixels of a cell that must be finite."""
SPREAD = float(norm.ppf(0.5 + 0.25 * (2 * norm.cdf(CLIP) - 1)))
"""MAD of a standard normal variate clipped at CLIP."""

Read = Callable[[Window], np.ndarray]
"""Reads a window of a map, shape (row, column); NaN where it is blank, or outside."""


def clipped(values: np.ndarray) -> tuple[float, float]:
    """Median and noise of values, those that are not finite or are clipped left out; NaN where none is finite.

    Examples
    --------
    >>> sky = np.random.default_rng(0).normal(5, 2, 100_000)
    >>> sky[:5_000] += 100
    >>> [round(number, 1) for number in clipped(sky)]
    [5.0, 2.0]
    """
    values = np.asarray(values)
    used = values[np.isfinite(values)].astype(np.float64)
    if not len(used):
        return np.nan, np.nan
    for _ in range(ROUNDS):
        middle = np.median(used)
        deviation = np.abs(used - middle)
        sigma = np.median(deviation) / SPREAD
        inside = deviation <= CLIP * sigma
        if inside.all() or sigma == 0:
            break
        used = used[inside]
    return float(middle), float(sigma)


@dataclass(frozen=True)
class BackgroundMap:
    """Background and noise of a map at the centres of its cells.

    Parameters
    ----------
    background, noise : ndarray, shape (cell row, cell column)
        In the unit of the map; NaN where nothing could be measured.
    cell : int
        Pixels along each side of a cell.
    """

    background: np.ndarray
    noise: np.ndarray
    cell: int

    def at(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """Interpolate background and noise to the pixels of a window, each of shape (row, column)."""
        rows = self._weights(window.row, window.rows, self.noise.shape[0])
        columns = self._weights(window.column, window.columns, self.noise.shape[1])
        background, noise = (rows @ values @ columns.T for values in (self.background, self.noise))
        return background, noise

    def _weights(self, start: int, count: int, cells: int) -> np.ndarray:
        """Weights of the cells along an axis in each of `count` pixels, shape (pixel, cell)."""
        place = np.clip((np.arange(start, start + count) + 0.5) / self.cell - 0.5, 0, cells - 1)
        lower = np.minimum(place.astype(int), max(cells - 2, 0))
        weights, pixel = np.zeros((count, cells)), np.arange(count)
        weights[pixel, lower] = 1 - (place - lower)
        weights[pixel, np.minimum(lower + 1, cells - 1)] += place - lower
        return weights


def measure(read: Read, rows: int, columns: int, cell: int = CELL) -> BackgroundMap:
    """Measure background and noise of a map, reading a row of cells at a time.

    Cells with too few finite pixels take the values of the nearest that has enough.

    Parameters
    ----------
    read : callable
        Reads a window of the map.
    rows, columns : int
        Size of the map.
    cell : int
        Pixels along each side of a cell: several times the longest side of most sources.
    """
    counts = [max(1, -(-n // cell)) for n in (rows, columns)]
    background, noise = np.full(counts, np.nan), np.full(counts, np.nan)
    for row in range(counts[0]):
        strip = read(Window(row * cell, 0, min(cell, rows - row * cell), columns))
        for column in range(counts[1]):
            values = strip[:, column * cell : (column + 1) * cell]
            if np.isfinite(values).mean() >= FEWEST:
                background[row, column], noise[row, column] = clipped(values)
    noise[noise == 0] = np.nan
    background[np.isnan(noise)] = np.nan
    return BackgroundMap(_smooth(background), _smooth(noise), cell)


def _smooth(values: np.ndarray) -> np.ndarray:
    """Fill cells without a value from the nearest, then take the median of 3 by 3 cells."""
    missing = np.isnan(values)
    if missing.all():
        return values
    nearest = distance_transform_edt(missing, return_distances=False, return_indices=True)
    padded = np.pad(values[tuple(nearest)], 1, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    return np.median(windows, axis=(-2, -1))


def signal_to_noise(image: np.ndarray, background: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Subtract the background and divide by the noise; NaN where the noise is not positive."""
    with np.errstate(all="ignore"):
        return np.where(noise > 0, (image - background) / noise, np.nan)


def stretch(ratio: np.ndarray) -> np.ndarray:
    """Compress a signal-to-noise ratio: asinh, which is linear in the noise and logarithmic in bright sources."""
    return np.arcsinh(ratio)
