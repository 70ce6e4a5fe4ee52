"""Tiles cover a map once, and give the boxes of the whole map: by a detector of islands of which all is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation, find_objects, label

from skysure.methods.detection.tiles import Tile, in_core, layout, resolve, to_map

LARGEST, REACH = 40, 8
"""Longest side of a source, and how far apart two of its components may be."""


def detect(pixels: np.ndarray) -> torch.Tensor:
    """Boxes around islands above 5, those at most REACH pixels apart taken as one source."""
    bright = pixels > 5
    groups, _ = label(binary_dilation(bright, iterations=REACH // 2))
    slices = find_objects(np.where(bright, groups, 0))
    boxes = [[c.start, r.start, c.stop, r.stop] for r, c in filter(None, slices)]
    return torch.tensor(boxes, dtype=torch.float64).reshape(-1, 4)


def by_tiles(sky: np.ndarray, tiles: tuple[Tile, ...]) -> np.ndarray:
    boxes, owner = [torch.zeros(0, 4, dtype=torch.float64)], [torch.zeros(0, dtype=torch.int64)]
    for index, tile in enumerate(tiles):
        pixels = np.full((tile.size, tile.size), np.nan)
        section = sky[tile.row : tile.row + tile.size, tile.column : tile.column + tile.size]
        pixels[: section.shape[0], : section.shape[1]] = section
        moved = to_map(detect(np.nan_to_num(pixels)), tile)
        boxes.append(moved[in_core(moved, tile)])
        owner.append(torch.full((len(boxes[-1]),), index))
    every, owners = torch.cat(boxes), torch.cat(owner)
    return every[resolve(every, owners, tiles)].numpy()


def ordered(boxes: np.ndarray) -> np.ndarray:
    return boxes[np.lexsort(boxes.T)]


def triple(sky: np.ndarray, x: int, y: int, dx: int, dy: int) -> None:
    """Three components of 3 by 3 pixels on a line."""
    for k in (-1, 0, 1):
        row, column = y + k * dy, x + k * dx
        sky[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2] = 9


def test_triples_across_borders_and_corners_come_out_once() -> None:
    sky = np.zeros((300, 420))
    tiles = layout(*sky.shape, size=128, overlap=LARGEST + 8, multiple=16)
    borders = sorted({tile.core[0] for tile in tiles if np.isfinite(tile.core[0])})
    rows = sorted({tile.core[1] for tile in tiles if np.isfinite(tile.core[1])})
    for k, x in enumerate(borders):
        for y in rows:
            triple(sky, int(x) + k, int(y) - k, 8, 5)  # on corners of four cores
        triple(sky, int(x), 20, 8, 0)  # across a border
        triple(sky, int(x), 270, 0, 8)  # along a border
    triple(sky, 2, 150, 1, 8)  # at the rim of the map
    np.testing.assert_array_equal(ordered(by_tiles(sky, tiles)), ordered(detect(sky).numpy()))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.integers(60, 260), st.integers(60, 260), st.sampled_from([1, 8, 32]))
def test_tiles_give_what_the_whole_gives(seed: int, rows: int, columns: int, multiple: int) -> None:
    rng, sky = np.random.default_rng(seed), np.zeros((rows, columns))
    for _ in range(rng.integers(1, 12)):
        triple(sky, rng.integers(columns), rng.integers(rows), rng.integers(-7, 8), rng.integers(-7, 8))
    whole = detect(sky).numpy()
    overlap = int((whole[:, 2:] - whole[:, :2]).max()) + 8
    tiles = layout(rows, columns, size=32 * (overlap // 32 + 2), overlap=overlap, multiple=multiple)
    np.testing.assert_array_equal(ordered(by_tiles(sky, tiles)), ordered(whole))


@given(st.integers(1, 900), st.integers(1, 900), st.integers(2, 9), st.integers(0, 60), st.sampled_from([1, 16, 32]))
def test_cores_cover_each_pixel_once_and_lie_within_tiles(
    rows: int, columns: int, sides: int, overlap: int, multiple: int
) -> None:
    size = 32 * sides
    if size - overlap < multiple:
        with pytest.raises(ValueError, match="overlap"):
            layout(rows, columns, size, overlap, multiple)
        return
    tiles = layout(rows, columns, size, overlap, multiple)
    count = np.zeros((rows, columns), int)
    for tile in tiles:
        x0, y0, x1, y1 = np.clip(tile.core, 0, [columns, rows, columns, rows])
        y, x = (np.arange(n) + 0.5 for n in (rows, columns))
        count += ((y >= y0) & (y < y1))[:, None] & ((x >= x0) & (x < x1))[None]
        assert tile.row % multiple == tile.column % multiple == 0
        assert x0 - tile.column >= (overlap / 2 if tile.column else 0)
        assert x1 == columns or tile.column + size - x1 >= overlap / 2
        assert (tile.row, tile.column) <= (rows, columns)
        assert y1 <= tile.row + size
        assert x1 <= tile.column + size
    assert (count == 1).all()


def test_a_centre_put_on_both_sides_of_a_border_is_kept_once() -> None:
    tiles = layout(100, 180, size=100, overlap=20)
    assert [tile.column for tile in tiles] == [0, 80]
    left, right = torch.tensor([[80.0, 40, 100.6, 60]]), torch.tensor([[80.0, 40, 99.2, 60]])  # centres 90.3 and 89.6
    assert tiles[0].core[2] == 90
    assert in_core(left, tiles[0]).all()
    assert in_core(right, tiles[1]).all()
    both = torch.cat([left, right])
    assert resolve(both, torch.tensor([0, 1]), tiles).tolist() == [0]  # -0.3 against -0.4 pixels within its core
    assert resolve(both, torch.tensor([0, 0]), tiles).tolist() == [0, 1]  # one tile has suppressed its own


def test_neighbours_and_nested_sources_of_two_tiles_stay() -> None:
    tiles = layout(100, 180, size=100, overlap=20)
    boxes = torch.tensor([[70.0, 40, 90, 60], [84.0, 40, 104, 60], [85.0, 45, 95, 55]])
    assert resolve(boxes, torch.tensor([0, 1, 1]), tiles).tolist() == [0, 1, 2]
    assert resolve(boxes[:0], torch.zeros(0, dtype=torch.int64), tiles).tolist() == []


def test_many_boxes_are_resolved_in_less_than_quadratic_memory() -> None:
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 10_000, (40_000, 2))
    boxes = torch.from_numpy(np.hstack([corner, corner + rng.uniform(5, 30, (40_000, 2))]))
    tiles = layout(10_000, 10_000, size=512, overlap=128, multiple=32)
    owner = torch.full((len(boxes),), -1)
    for index, tile in enumerate(tiles):
        owner[in_core(boxes, tile, 0.0)] = index
    assert (owner >= 0).all()
    kept = resolve(boxes, owner, tiles)
    assert 39_000 < len(kept) <= 40_000
