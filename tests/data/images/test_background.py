"""Background and noise: closed forms of Gaussian noise, sources that do not count, sections as the whole."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, truncnorm

from skysure.data.images.background import SPREAD, clipped, measure, signal_to_noise, stretch
from skysure.data.images.frames import Window


def reader(sky: np.ndarray):
    def read(window: Window) -> np.ndarray:
        return sky[window.row : window.row + window.rows, window.column : window.column + window.columns]

    return read


def test_the_spread_of_a_clipped_gaussian_is_that_of_scipy() -> None:
    """The MAD of a symmetric variate is the median of its absolute value: the upper quartile of the variate."""
    assert pytest.approx(truncnorm(-3, 3).ppf(0.75)) == SPREAD
    assert norm.ppf(0.75) > SPREAD


def test_gaussian_noise_is_measured_within_its_error() -> None:
    """The error of a MAD of n values is 1.167 sigma / sqrt(n), that of a median 1.253 sigma / sqrt(n)."""
    rng = np.random.default_rng(3)
    n = 40_000
    estimates = np.array([clipped(rng.normal(7, 2, n)) for _ in range(40)])
    assert abs(estimates[:, 0].mean() - 7) < 4 * 1.253 * 2 / np.sqrt(40 * n)
    assert abs(estimates[:, 1].mean() - 2) < 4 * 1.167 * 2 / np.sqrt(40 * n)


def test_sources_hardly_count_and_nan_not_at_all() -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(0, 1, 20_000)
    values[:1000] += rng.exponential(50, 1000)
    values[1000:3000] = np.nan
    middle, sigma = clipped(values)
    assert abs(middle) < 0.1
    assert 0.97 < sigma < 1.06
    assert np.isnan(clipped(np.full(9, np.nan))).all()
    assert clipped(np.full(9, 3.0)) == (3.0, 0.0)


def test_a_slope_of_the_background_and_a_noise_that_varies_are_followed() -> None:
    rng = np.random.default_rng(5)
    rows, columns = 512, 640
    y, x = np.mgrid[:rows, :columns]
    true_noise, true_background = 1 + x / columns, 0.01 * y
    sky = true_background + true_noise * rng.normal(size=(rows, columns))
    sky[100:110, 200:210] += 500
    sky[300:364, 320:384] += 1000  # fills a cell
    background, noise = measure(reader(sky), rows, columns, 64).at(Window(0, 0, rows, columns))
    inner = np.s_[64:-64, 64:-64]
    assert np.abs(noise / true_noise - 1)[inner].max() < 0.1
    assert np.abs(background - true_background)[inner].max() < 0.4
    ratio = signal_to_noise(sky, background, noise)
    assert abs(np.median(ratio[inner])) < 0.05


def test_between_cells_it_is_linear() -> None:
    """A plane is its own interpolation between the centres of cells."""
    y, x = np.mgrid[:256, :256] + 0.5
    plane = 3 * x - 2 * y
    background, _ = measure(reader(plane), 256, 256, 32).at(Window(48, 48, 160, 160))
    np.testing.assert_allclose(background, plane[48:208, 48:208], atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(20, 200), st.integers(20, 200), st.integers(0, 150), st.integers(0, 150), st.integers(0, 2**31))
def test_a_section_is_that_of_the_whole(rows: int, columns: int, row: int, column: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sky = rng.normal(size=(rows, columns))
    sky[rng.random((rows, columns)) < 0.3] = np.nan
    grid = measure(reader(sky), rows, columns, 24)
    row, column = min(row, rows - 1), min(column, columns - 1)
    window = Window(row, column, rows - row, columns - column)
    for whole, section in zip(grid.at(Window(0, 0, rows, columns)), grid.at(window), strict=True):
        np.testing.assert_allclose(section, whole[row:, column:], rtol=1e-12, atol=1e-12)


def test_blank_cells_take_the_nearest_values_and_a_blank_map_has_none() -> None:
    sky = np.random.default_rng(6).normal(size=(256, 256))
    sky[:, :128] = np.nan
    _, noise = measure(reader(sky), 256, 256, 32).at(Window(0, 0, 256, 256))
    assert np.isfinite(noise).all()
    assert (abs(noise - 1) < 0.15).all()
    for blank in (np.full((64, 64), np.nan), np.zeros((64, 64))):
        assert np.isnan(measure(reader(blank), 64, 64, 32).noise).all()


def test_the_stretch_is_linear_in_noise_and_logarithmic_in_sources() -> None:
    assert stretch(np.array([0.01]))[0] == pytest.approx(0.01, rel=1e-4)
    assert stretch(np.array([1e6]))[0] == pytest.approx(np.log(2e6))


def test_the_noise_map_of_bane_on_a_real_map() -> None:
    """`1904-66_SIN_rms.fits` was made by BANE, which clips less: of a map full of sources ours is the lower."""
    if "SKYSURE_DATA" not in os.environ:
        pytest.skip("SKYSURE_DATA is not set")
    folder = Path(os.environ["SKYSURE_DATA"]) / "radio" / "aegean_1904"
    sky, theirs = (fits.getdata(folder / f"1904-66_SIN{part}.fits").astype(float) for part in ("", "_rms"))
    _, noise = measure(reader(sky), *sky.shape, 48).at(Window(0, 0, *sky.shape))
    ratio = (noise / theirs)[np.isfinite(sky) & np.isfinite(theirs)]
    assert 0.85 < np.median(ratio) < 1
    assert np.quantile(ratio, [0.05, 0.95]) == pytest.approx([0.9, 0.9], abs=0.2)
