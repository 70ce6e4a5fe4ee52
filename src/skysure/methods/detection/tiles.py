"""Tiles of a map that is too large for one pass, and the boxes of all tiles as those of the map.

Tiles overlap, and each has a core; the cores cover the map without overlap. A box counts where its centre lies in the
core of its tile. With an overlap of at least the largest source, such a source lies wholly within its tile, and one
that is cut by the rim of a tile has its centre outside of the core. Cores are widened by a margin, so that a centre
that two tiles put on different sides of a border is not lost; what two tiles then give twice is resolved by
intersection over union. Starts of tiles are multiples of the largest stride of the network, so that its grid is that of
the whole map.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.spatial import cKDTree
from torch import Tensor

MARGIN = 4.0
"""Pixels by which cores are widened."""
SAME = 0.5
"""Intersection over union from which boxes of two tiles are one source."""


@dataclass(frozen=True)
class Tile:
    """A square of a map, which may reach beyond the last row and column.

    Parameters
    ----------
    row, column : int
        First row and column.
    size : int
        Pixels along each side.
    core : tuple of four floats
        x0, y0, x1, y1 in pixel edges of the map; infinite at the rim of the map.
    """

    row: int
    column: int
    size: int
    core: tuple[float, float, float, float]


def layout(rows: int, columns: int, size: int, overlap: int, multiple: int = 1) -> tuple[Tile, ...]:
    """Cover a map with tiles, row by row; one tile covers a map that is no larger.

    Parameters
    ----------
    rows, columns : int
        Size of the map.
    size : int
        Pixels along each side of a tile: a multiple of `multiple`.
    overlap : int
        Least overlap of neighbours: the longest side of a source, and twice the margin.
    multiple : int
        Tiles start at multiples of it.

    Raises
    ------
    ValueError
        Where tiles do not advance.

    Examples
    --------
    >>> [(tile.row, tile.column, tile.core) for tile in layout(10, 16, size=12, overlap=4, multiple=4)]
    [(0, 0, (-inf, -inf, 10.0, inf)), (0, 8, (10.0, -inf, inf, inf))]
    """
    step = (size - overlap) // multiple * multiple
    if size % multiple or step <= 0:
        raise ValueError(f"tiles of {size} pixels with an overlap of {overlap} and starts at multiples of {multiple}")
    lines = [_intervals(length, size, step) for length in (rows, columns)]
    return tuple(
        Tile(row, column, size, (x0, y0, x1, y1)) for (row, y0, y1), (column, x0, x1) in product(lines[0], lines[1])
    )


def _intervals(length: int, size: int, step: int) -> list[tuple[int, float, float]]:
    """Starts of tiles along an axis, and where their cores begin and end: in the middle of overlaps."""
    starts = range(0, max(length - size, 0) + step, step) if length > size else range(1)
    borders = [-np.inf, *(start + (size - step) / 2 for start in starts[1:]), np.inf]
    return [(start, borders[k], borders[k + 1]) for k, start in enumerate(starts)]


def to_map(boxes: Float[Tensor, "box 4"], tile: Tile) -> Float[Tensor, "box 4"]:
    """Move boxes from the pixels of a tile to those of the map."""
    return boxes + boxes.new_tensor([tile.column, tile.row, tile.column, tile.row])


def in_core(boxes: Float[Tensor, "box 4"], tile: Tile, margin: float = MARGIN) -> Bool[Tensor, " box"]:
    """Whether the centre of a box, in pixels of the map, lies in the core of a tile or at most `margin` beyond it."""
    x, y = (0.5 * (boxes[:, k] + boxes[:, k + 2]) for k in (0, 1))
    x0, y0, x1, y1 = tile.core
    return (x >= x0 - margin) & (x < x1 + margin) & (y >= y0 - margin) & (y < y1 + margin)


def resolve(
    boxes: Float[Tensor, "box 4"], tile_of: Int[Tensor, " box"], tiles: tuple[Tile, ...], same: float = SAME
) -> Int[Tensor, " kept"]:
    """Choose one of the boxes that several tiles give of one source: that whose centre is deepest in its own core.

    Parameters
    ----------
    boxes : Tensor, shape (box, 4)
        In pixels of the map, each of them `in_core` of its tile.
    tile_of : Tensor of int, shape (box,)
        Index of the tile of each.
    tiles : tuple of Tile
    same : float
        Intersection over union from which two boxes, of two tiles, are one source.

    Returns
    -------
    Tensor of int, shape (kept,)
        Indices of the boxes that are kept, in their order.
    """
    corners = boxes.detach().cpu().double().numpy()
    owner = tile_of.cpu().numpy()
    cores = np.array([tile.core for tile in tiles]).reshape(-1, 4)[owner]
    depth = _depth(corners, cores)
    pairs = _overlapping(corners, owner, cores, same)
    removed = np.zeros(len(corners), bool)
    first, second = pairs.T
    swap = depth[second] > depth[first]
    better, worse = np.where(swap, second, first), np.where(swap, first, second)
    for k in np.argsort(-depth[better], kind="stable"):
        removed[worse[k]] |= not removed[better[k]]
    return torch.from_numpy(np.flatnonzero(~removed)).to(boxes.device)


def _depth(boxes: np.ndarray, cores: np.ndarray) -> np.ndarray:
    """How far inside its core the centre of each box is [pixel]."""
    centre = 0.5 * (boxes[:, :2] + boxes[:, 2:])
    return np.minimum(centre - cores[:, :2], cores[:, 2:] - centre).min(1, initial=np.inf)


def _overlapping(boxes: np.ndarray, owner: np.ndarray, cores: np.ndarray, same: float) -> np.ndarray:
    """Find pairs of boxes of different tiles with at least this intersection over union, shape (pair, 2)."""
    centre, half = 0.5 * (boxes[:, :2] + boxes[:, 2:]), 0.5 * np.hypot(*(boxes[:, 2:] - boxes[:, :2]).T)
    reaching = np.flatnonzero(((boxes[:, :2] < cores[:, :2]) | (boxes[:, 2:] > cores[:, 2:])).any(1))
    if not len(reaching):
        return np.zeros((0, 2), int)
    near = cKDTree(centre).query_ball_point(centre[reaching], half[reaching] + half.max())
    one = np.repeat(reaching, [len(others) for others in near])
    pairs = np.unique(np.sort(np.column_stack([one, np.concatenate([np.asarray(k, int) for k in near])]), 1), axis=0)
    pairs = pairs[owner[pairs[:, 0]] != owner[pairs[:, 1]]]
    return pairs[_iou(boxes[pairs[:, 0]], boxes[pairs[:, 1]]) >= same]


def _iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes, row by row."""
    sides = np.clip(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0, None)
    shared = sides.prod(1)
    union = np.prod(a[:, 2:] - a[:, :2], 1) + np.prod(b[:, 2:] - b[:, :2], 1) - shared
    return shared / np.maximum(union, np.finfo(float).tiny)
