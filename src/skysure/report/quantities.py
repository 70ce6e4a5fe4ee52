"""Numbers as an astronomer writes them: as many digits as the error allows.

Rounding follows the Particle Data Group (Navas et al. 2024, Phys. Rev. D 110, 030001, section 5.3): of the
first three digits of the error, 100 to 354 keep two digits, 355 to 949 keep one, above that it rounds up.
"""

from __future__ import annotations

import math

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def decimals(error: float) -> int:
    """Decimals that an error leaves to its value; negative where it reaches above the units.

    >>> decimals(0.123), decimals(0.82), decimals(0.96), decimals(1234.0)
    (2, 1, 1, -2)
    """
    exponent = math.floor(math.log10(error))
    first_three = round(error / 10.0 ** (exponent - 2))
    return 1 - exponent if first_three < 355 else -exponent


def number(value: float, places: int | None = None) -> str:
    """A number with `places` decimals, or three significant digits; thousands are set apart.

    >>> number(10659), number(0.9951), number(-1.5, 2), number(3.2e-7)
    ('10,659', '0.995', '−1.50', '3.2 × 10⁻⁷')
    """
    if places is None:
        if not math.isfinite(value):
            return "not finite"
        if value and not 1e-4 <= abs(value) < 1e9:
            mantissa, exponent = f"{value:.2e}".split("e")
            mantissa = mantissa.rstrip("0").rstrip(".")
            return f"{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPTS)}".replace("-", "−")
        places = 0 if value == 0 or float(value).is_integer() else max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{round(value, places):,.{max(places, 0)}f}"
    return text.replace("-", "−")


def with_error(value: float, low: float | None = None, high: float | None = None) -> tuple[str, str]:
    """The value and its error as text; "" where no error is known.

    Parameters
    ----------
    value, low, high : float
        The value and the ends of its 68.3 % interval. An interval whose sides differ by more than a half
        is written with two errors.

    >>> with_error(97.414, 97.26, 97.58)
    ('97.41', '± 0.16')
    >>> with_error(0.9993, 0.9981, 0.9996)
    ('0.9993', '+0.0003 −0.0012')
    """
    if low is None or high is None or not high > low or not math.isfinite(high - low):
        return number(value), ""
    down, up = value - low, high - value
    half = (high - low) / 2
    even = min(down, up) > 0 and max(down, up) <= 1.5 * min(down, up)
    places = decimals(half if even else max(down, up))
    if even:
        return number(value, places), f"± {number(half, places)}"
    return number(value, places), f"+{number(max(up, 0.0), places)} −{number(max(down, 0.0), places)}"


def measured(value: float, low: float | None = None, high: float | None = None, unit: str = "") -> str:
    """Value, error and unit in one string.

    >>> measured(71.2, 69.8, 72.6, "%")
    '71.2 ± 1.4 %'
    """
    return " ".join(part for part in (*with_error(value, low, high), unit) if part)


def percent(fraction: float, low: float | None = None, high: float | None = None) -> str:
    """A fraction with its interval, in per cent.

    >>> percent(0.9026, 0.8956, 0.9095)
    '90.3 ± 0.7 %'
    """
    ends = (100 * end if end is not None else None for end in (low, high))
    return measured(100 * fraction, *ends, unit="%")
