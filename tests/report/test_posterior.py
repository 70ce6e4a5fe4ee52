"""The figures of posteriors draw the numbers they are given."""

import matplotlib.figure
import numpy as np
import pytest

from skysure.report import (
    joint_coverage,
    posterior_coverage,
    posterior_ranks,
    predicted,
    render,
    standard_figures,
    style,
)

LEVELS = [0.1, 0.5, 0.9, 0.683]


def plot(figure) -> matplotlib.figure.Figure:
    with style.applied():
        canvas = matplotlib.figure.Figure(figsize=(figure.width, figure.height), layout="constrained")
        figure.draw(canvas)
    return canvas


def coverage_of(name, before=None):
    return {
        "of": name, "nominal": LEVELS, "actual": [0.11, 0.49, 0.91, 0.69], "low": LEVELS, "high": LEVELS, "n": 1000,
        "before": before,
    }  # fmt: skip


def shown(canvas):
    return [axes for axes in canvas.axes if axes.get_visible()]


def test_coverage_of_each_value_is_drawn_in_the_order_of_levels():
    figure = posterior_coverage([coverage_of(name, [0.2, 0.6, 0.95, 0.8]) for name in "abcde"])
    panels = shown(plot(figure))
    assert [axes.get_title(loc="left") or axes.get_title() for axes in panels] == list("abcde")
    lines = {line.get_label(): line for line in panels[0].lines}
    np.testing.assert_allclose(lines["after calibration"].get_xdata(), sorted(LEVELS))
    np.testing.assert_allclose(lines["after calibration"].get_ydata(), [1, -1, 0.7, 1])
    assert "at most 1 %, before calibration 12 %" in figure.caption
    alone = {line.get_label() for line in shown(plot(posterior_coverage([coverage_of("a")])))[0].lines}
    assert "before" not in alone


def test_ranks_are_shown_relative_to_those_expected():
    histogram = {
        "of": "a", "low": [0, 10], "high": [9, 19], "count": [60, 40], "expected": [50, 50], "band_low": [45, 45],
        "band_high": [55, 55],
    }  # fmt: skip
    axes = shown(plot(posterior_ranks([histogram])))[0]
    np.testing.assert_allclose(axes.patches[0].get_data().values, [1.2, 0.8])
    assert axes.get_ylim()[1] > 1.2


@pytest.mark.parametrize(("inside", "text"), [([True] * 2, ": inside"), ([True, False], "not everywhere inside")])
def test_joint_coverage_says_whether_it_is_inside(inside, text):
    curve = {
        "nominal": [0.3, 0.6], "actual": [0.31, 0.58], "before": [0.4, 0.7], "n": 100, "inside": inside,
        "band_low": [0.2, 0.5], "band_high": [0.4, 0.7],
    }  # fmt: skip
    figure = joint_coverage(curve)
    assert text in figure.caption
    lines = {line.get_label(): line.get_ydata() for line in shown(plot(figure))[0].lines}
    np.testing.assert_allclose(lines["after calibration"], [1, -2])
    np.testing.assert_allclose(lines["before"], [10, 10])


def test_predictions_are_coloured_by_the_interval_that_holds_the_truth():
    curve = {
        "of": "theta_E", "unit": "arcsec", "truth": [1.0, 2.0, 3.0, 4.0], "mean": [1.1, 2.0, 3.4, 5.0],
        "low": [1.0, 1.9, 3.3, 4.9], "high": [1.2, 2.1, 3.5, 5.1], "level": [0, 0, 1, 3],
    }  # fmt: skip
    figure = predicted([curve])
    axes = shown(plot(figure))[0]
    by_level = {container.get_label(): container[0] for container in axes.containers}
    np.testing.assert_allclose(by_level["68.3 %"].get_ydata(), [1.1, 2.0])
    np.testing.assert_allclose(by_level["none"].get_xdata(), [4.0])
    assert (axes.get_title(loc="left") or axes.get_title()) == "theta_E [arcsec]"
    assert "50, 75 and 75.0 %" in figure.caption


def test_standard_figures_hold_them():
    curves = {"posterior_coverage": [coverage_of("a")]}
    figures = list(standard_figures({"curves": curves}))
    assert [figure.name for figure in figures] == ["posterior-coverage"]
    assert render(figures[0]).startswith(b"<?xml")
