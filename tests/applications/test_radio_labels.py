"""Labels of images: islands, peaks and boxes of scenes whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage

from skysure.applications.radio.simulation.labels import (
    CONTOUR_STEP,
    find_islands,
    largest_nearby,
    measure,
    owners,
)


def bumps(*rows: tuple[float, float, float, float], size: int = 80) -> np.ndarray:
    """One image with round Gaussians: height, x and y in pixel edges, standard deviation."""
    y, x = np.mgrid[:size, :size] + 0.5
    return sum(h * np.exp(-((x - a) ** 2 + (y - b) ** 2) / 2 / s**2) for h, a, b, s in rows)[None].astype(np.float32)


@pytest.mark.parametrize("sigma", [2.0, 5.0, 9.3])
def test_box_of_a_gaussian_is_that_of_its_contour(sigma: float) -> None:
    islands = find_islands(bumps((100.0, 40.3, 38.9, sigma)), 4.0)
    radius = sigma * math.sqrt(2 * math.log(100 / 4))
    # a pixel is inside where its centre is
    edges = [math.ceil(40.3 - radius - 0.5), math.ceil(38.9 - radius - 0.5),
             math.floor(40.3 + radius - 0.5) + 1, math.floor(38.9 + radius - 0.5) + 1]  # fmt: skip
    assert islands.boxes.tolist() == [edges]
    assert islands.peaks.tolist() == [1]
    assert islands.height[0] == pytest.approx(100, rel=0.03)


@pytest.mark.parametrize(
    ("scene", "components", "peaks"),
    [
        ([], 0, []),
        ([(3.9, 40, 40, 4)], 0, []),
        ([(50, 25, 40, 3), (50, 55, 40, 3)], 2, [1, 1]),
        ([(50, 33, 40, 4), (50, 47, 40, 4)], 1, [2]),
        ([(50, 20, 40, 4), (50, 40, 40, 4), (30, 58, 40, 4)], 1, [3]),
        ([(50, 20, 40, 3), (50, 60, 33, 3), (40, 60, 47, 3)], 2, [1, 2]),
        # a shoulder within the contour below the peak is no peak
        ([(50, 38, 40, 4), (50, 42, 40, 4)], 1, [1]),
    ],
)
def test_components_and_peaks(
    scene: list[tuple[float, float, float, float]], components: int, peaks: list[int]
) -> None:
    ratio = bumps(*scene) if scene else np.zeros((1, 80, 80), np.float32)
    islands = find_islands(ratio, 4.0)
    assert len(islands) == components
    assert sorted(islands.peaks.tolist()) == peaks


def contours_that_hold_no_other(ratio: np.ndarray, contour: float) -> int:
    """Count by definition: regions above each level in which no pixel reaches the next one."""
    count, level = 0, contour
    while (ratio > level).any():
        regions, n = ndimage.label(ratio > level, np.ones((3, 3)))
        tops = ndimage.maximum(ratio, regions, np.arange(1, n + 1))
        count += int((np.atleast_1d(tops) <= level * CONTOUR_STEP).sum())
        level *= CONTOUR_STEP
    return count


def test_peaks_are_contours_that_hold_no_other() -> None:
    rng = np.random.default_rng(3)
    ratio = ndimage.gaussian_filter(rng.normal(size=(6, 64, 64)), (0, 2, 2)).astype(np.float32)
    ratio *= 10 / ratio.std()
    islands = find_islands(ratio, 4.0)
    peaks = np.bincount(islands.image, islands.peaks, minlength=6)
    assert peaks.tolist() == [contours_that_hold_no_other(image, 4.0) for image in ratio]
    assert peaks.min() > 5


def test_largest_nearby_is_a_maximum_filter() -> None:
    level = np.random.default_rng(0).integers(-1, 9, (3, 17, 12)).astype(np.int8)
    assert np.array_equal(largest_nearby(level), ndimage.maximum_filter(level, (1, 3, 3), mode="nearest"))


def test_islands_of_different_images_are_apart() -> None:
    ratio = np.concatenate([bumps((20, 40, 40, 5))] * 3)
    islands = find_islands(ratio, 4.0)
    assert islands.image.tolist() == [0, 1, 2]


def test_pixels_without_data_are_below_all_contours() -> None:
    ratio = bumps((20, 40, 40, 5))
    ratio[:, :, 40:] = np.nan
    assert find_islands(ratio, 4.0).boxes[0, 2] == 40


def test_an_island_belongs_to_the_source_with_most_flux_in_it() -> None:
    islands = find_islands(bumps((50, 25, 40, 3), (50, 55, 40, 3)), 4.0)
    image, x, y = np.zeros(4, int), np.array([25.0, 26, 55, 5]), np.array([40.0, 40, 40, 5])
    owner = owners(islands, image, x, y, np.array([1.0, 2, 1, 9]), np.array([0, 1, 1, 2]))
    assert owner.tolist() == [1, 1]
    seen = measure(islands, owner, 5.0)
    assert seen.source.tolist() == [1]
    assert (seen.components[0], seen.peaks[0]) == (2, 2)
    assert seen.boxes[0].tolist() == [*islands.boxes.min(0)[:2], *islands.boxes.max(0)[2:]]
    assert len(measure(islands, owner, 60.0).source) == 0


def test_islands_without_emission_belong_to_nobody() -> None:
    islands = find_islands(bumps((50, 25, 40, 3)), 4.0)
    none = np.zeros(0, int)
    assert owners(islands, none, np.zeros(0), np.zeros(0), np.zeros(0), none).tolist() == [-1]
    assert len(measure(islands, np.array([-1]), 5.0).source) == 0
