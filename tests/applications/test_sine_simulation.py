"""The points of `sine`: what they scatter around, where they lie, and settings that cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from skysure.application import preset, presets
from skysure.applications import sine
from skysure.errors import SettingsError
from skysure.settings import build


def test_the_line_is_the_published_one() -> None:
    """y = 2x + 8 + N(0, 1) with x ~ N(0, 1), by a least-squares fit and its errors."""
    settings = build(sine.Settings, preset("sine", "line"))
    points = sine.simulate(settings, 20_000, seed=3).held[0]
    assert stats.kstest(points.x, "norm").pvalue > 0.01
    (slope, intercept), covariance = np.polyfit(points.x, points.y, 1, cov=True)
    assert abs(slope - 2) < 4 * covariance[0, 0] ** 0.5
    assert abs(intercept - 8) < 4 * covariance[1, 1] ** 0.5
    assert stats.kstest(points.y - 2 * points.x - 8, "norm").pvalue > 0.01


def test_the_sine_is_a_sine() -> None:
    settings = sine.Settings(low=-1, high=3, sigma=0.3)
    points = sine.simulate(settings, 20_000, seed=3).held[0]
    assert stats.kstest(points.x, "uniform", (-1, 4)).pvalue > 0.01
    assert stats.kstest((points.y - np.sin(points.x)) / 0.3, "norm").pvalue > 0.01


@pytest.mark.parametrize("function", ["sine", "line"])
def test_the_schema_says_where_points_lie(function: str) -> None:
    source = sine.simulate(build(sine.Settings, {"function": function}), 500, seed=1)
    points, schema = source.held[0], source.schema
    assert schema.low <= points.x.min()
    assert points.x.max() <= schema.high
    assert (schema.mean, schema.scale) == (points.y.mean(), points.y.std())


def test_a_seed_gives_the_same_points() -> None:
    first, same, other = (sine.simulate(sine.Settings(), 50, seed).held[0].y for seed in (1, 1, 2))
    assert np.array_equal(first, same)
    assert not np.isin(first, other).any()


@pytest.mark.parametrize("name", presets("sine"))
def test_presets_are_settings(name: str) -> None:
    build(sine.Settings, preset("sine", name))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"function": "cosine"}, "sine, line"),
        ({"layers": 0}, "from 1"),
        ({"low": 2, "high": 1}, "low below high"),
        ({"grid": "perhaps"}, "true or false"),
    ],
)
def test_bad_settings_are_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        build(sine.Settings, fields)


def test_an_endless_simulation_has_fixed_parts_for_all_but_training() -> None:
    source = sine.simulate(sine.Settings(validation=5000, test=30), None, seed=1)
    training = [chunk for chunk, _ in zip(source.chunks("train"), range(3), strict=False)]
    x = np.concatenate([chunk.x for chunk in training])
    assert stats.kstest(x, "uniform", (-np.pi, 2 * np.pi)).pvalue > 0.01
    validation = np.concatenate([chunk.x for chunk in source.chunks("validation")])
    assert (len(validation), sum(map(len, source.chunks("test")))) == (5000, 30)
    assert not np.isin(validation, x).any()
