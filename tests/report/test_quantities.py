"""Rounding against the rule of the Particle Data Group and numbers rounded by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skysure.report.quantities import decimals, measured, number, percent, with_error


@pytest.mark.parametrize(
    ("value", "error", "expected"),
    [  # the three examples of the rule itself: 0.827 ± 0.119, 0.827 ± 0.367, and an error that rounds up
        (0.827, 0.119, ("0.83", "± 0.12")),
        (0.827, 0.367, ("0.8", "± 0.4")),
        (14.674, 0.964, ("14.7", "± 1.0")),
        (97.414, 0.157, ("97.41", "± 0.16")),
        (3663.7, 1234.0, ("3,700", "± 1,200")),
        (-1.2345, 0.02, ("−1.234", "± 0.020")),
    ],
)
def test_the_error_sets_the_digits(value, error, expected):
    assert with_error(value, value - error, value + error) == expected


def test_uneven_errors_are_both_written():
    assert with_error(0.9993, 0.9981, 0.9996) == ("0.9993", "+0.0003 −0.0012")
    assert with_error(100.0, 99.2, 100.0) == ("100.0", "+0.0 −0.8")


@pytest.mark.parametrize("ends", [(None, None), (1.0, 1.0), (2.0, 1.0), (-math.inf, 3.0), (math.nan, 1.0)])
def test_no_interval_no_error(ends):
    assert with_error(1.5, *ends) == ("1.50", "")


def test_plain_numbers():
    assert [number(x) for x in (0, 12, 10659, 0.99512, 3.2e-7, 6.02e23, math.inf)] == [
        "0",
        "12",
        "10,659",
        "0.995",
        "3.2 × 10⁻⁷",
        "6.02 × 10²³",
        "not finite",
    ]
    assert percent(0.712, 0.698, 0.726) == "71.2 ± 1.4 %"
    assert measured(3.0, unit="nat") == "3 nat"


@given(st.floats(1e-6, 1e6), st.floats(-1e6, 1e6))
def test_rounding_costs_less_than_half_an_error(error, value):
    text, bar = with_error(value, value - error, value + error)
    places = decimals(error)
    assert abs(float(text.replace(",", "").replace("−", "-")) - value) <= 0.5 * 10.0**-places * (1 + 1e-6) + 1e-9
    if bar:
        assert float(bar[2:].replace(",", "")) == pytest.approx(error, rel=0.15)
