"""Verdicts on a share: consistent with its nominal level, above, below, or too few objects to tell.

A share inside the band of a calibrated model (95.5 %) speaks for calibration only where that band is narrow: with 30
objects, sets of 90 % nominal coverage that hold the truth for 77 to 100 % all lie inside.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from scipy.stats import binom

Verdict = Literal["consistent", "above", "below", "too few"]
EXPECTED_ERROR = 0.05
"""Calibration error above which no verdict is given where chance alone reaches it."""


def tolerance(nominal: float) -> float:
    """Half width of a band up to which lying inside is a verdict: half the share of misses, between 2 and 10 %.

    >>> tolerance(0.9), tolerance(0.683), tolerance(0.997)
    (0.05, 0.1, 0.02)
    """
    return round(min(max((1 - nominal) / 2, 0.02), 0.1), 6)


def judge(actual: float, nominal: float, band: tuple[float, float]) -> Verdict:
    """Compare a share with the band of a calibrated model.

    >>> judge(27 / 30, 0.9, (0.767, 1.0)), judge(0.903, 0.9, (0.886, 0.914)), judge(0.6, 0.9, (0.767, 1.0))
    ('too few', 'consistent', 'below')
    """
    low, high = band
    if actual < low:
        return "below"
    if actual > high:
        return "above"
    return "consistent" if (high - low) / 2 <= tolerance(nominal) else "too few"


def band_of(point: Mapping[str, Any], nominal: float, n: int) -> tuple[float, float]:
    """The band of a calibrated model: that of the point, or the binomial one for `n` objects."""
    if point.get("band_low") is not None:
        return point["band_low"], point["band_high"]
    low, high = binom.interval(0.955, n, nominal)
    return float(low) / n, float(high) / n


def few(n: int, noun: str = "objects", where: str = "") -> str:
    """Say that no verdict is possible.

    >>> few(30)
    'too few objects to tell (N = 30)'
    """
    return f"too few {noun} to tell (N = {n:,}{where})"
