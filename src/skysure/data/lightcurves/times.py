"""Times of a table as MJD: numbers in any unit of time, dates, timestamps."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skysure.data.files.values import arrow, numbers, texts
from skysure.errors import InputError

from .columns import Columns

JULIAN = 1e6
"""Larger times are no MJD (it would be the year 4596), smaller ones no JD."""
MJD_OF_JD_ZERO = 2400000.5
MJD_OF_1970 = 40587.0
MICROSECONDS = 86400e6
"""Of a day."""
LARGEST_GAP = 20_000.0
"""Longest time without a point within an object [d], 55 years; longer ones join two scales, such as years and MJD."""
APART = f"its times are more than {LARGEST_GAP:,.0f} days apart: are they of one scale?"
DATE = re.compile(r"[+-]?\d{4,}-\d\d?|\d{4}:\d{3}|\d{4}/\d\d")


def convert_times(columns: Columns, values: object) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Convert a column of times.

    Returns
    -------
    time : ndarray of float64
        MJD, NaN where it is missing.
    text : ndarray of bool
        Times that are no number and no date.
    other_scale : ndarray of bool
        Times that are JD in a column of MJD, or MJD in one of JD.

    Raises
    ------
    InputError
        Where most of the times are not what the column should hold.
    """
    column, name = arrow(values), columns.of["time"][0]
    nothing = np.zeros(len(column), bool)
    if (days := days_of_timestamps(column)) is not None:
        return days, nothing, nothing
    factor = columns.factors.get(name, 1.0)
    time, text = numbers(column)
    time = time if factor == 1 else time * factor
    if columns.time_format not in ("mjd", "jd"):
        return (*_parse(columns, column, time, text), nothing)
    if len(time) and text.all():
        raise _no_numbers(columns, name, texts(column)[1].tolist())
    is_jd = columns.time_format == "jd"
    _check_scale(columns, time, is_jd)
    with np.errstate(invalid="ignore"):
        other_scale = (time > JULIAN) != is_jd
    return (time - MJD_OF_JD_ZERO if is_jd else time), text, other_scale & np.isfinite(time)


def _no_numbers(columns: Columns, name: str, values: list[str]) -> InputError:
    """Return the error for a column of times without any number: dates, decimal commas or other text."""
    example = next((value for value in values if value), "")
    cause, fix = f"its values are text, such as '{example}'", 'name another column in [reading.columns]: time = "..."'
    if re.fullmatch(r"[+-]?[\d.]*,\d+", example):
        cause = f"its numbers have a decimal comma ('{example}')"
        fix = "write them with a point, here and in the other columns, or as a table with semicolons"
    elif DATE.match(example):
        time_format = "isot" if "T" in example else "iso" if re.match(r"\d{4}-", example) else "..."
        cause = f"its values are dates, such as '{example}'"
        fix = f'add to [reading]: time_format = "{time_format}" (isot, iso, yday, ... as astropy names them)'
    return InputError(
        f"{columns.file}: column '{name}'", f"numbers ({columns.time_format.upper()})", cause, fix
    )  # fmt: skip


def days_of_timestamps(column: pa.Array) -> np.ndarray | None:
    """MJD of timestamps and dates, days of durations; None for a column of another type."""
    kind = column.type
    if pa.types.is_duration(kind):
        target, start = pa.duration("us"), 0.0
    elif pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        target, start = pa.timestamp("us", getattr(kind, "tz", None)), MJD_OF_1970
    else:
        return None
    microseconds = column.cast(target, safe=False).cast(pa.int64()).cast(pa.float64(), safe=False)
    return pc.fill_null(microseconds, np.nan).to_numpy(zero_copy_only=False) / MICROSECONDS + start


def scale_name(time: float) -> str:
    """What a number around `time` that is no MJD looks like.

    >>> scale_name(2459000.5), scale_name(1.6e9), scale_name(59000.0)
    ('jd', 'unix', 'mjd')
    """
    if time <= JULIAN:
        return "mjd"
    return "unix" if 1e8 < time < 1e10 else "jd"


def far_apart(time: np.ndarray, owner: np.ndarray, order: np.ndarray) -> list[tuple[int, int]]:
    """Objects whose times have a gap that no light curve has, each with the first point after it."""
    sorted_time, sorted_owner = time[order], owner[order]
    after = 1 + np.flatnonzero((np.diff(sorted_time) > LARGEST_GAP) & (np.diff(sorted_owner) == 0))
    return list(zip(sorted_owner[after].tolist(), order[after].tolist(), strict=True))


def _check_scale(columns: Columns, time: np.ndarray, is_jd: bool) -> None:
    """Refuse a column of which half or more is of another scale; fewer are flaws of their objects."""
    finite = time[np.isfinite(time)]
    if len(finite) and (np.median(finite) > JULIAN) != is_jd:
        median = np.median(finite)
        likely = scale_name(float(median))
        raise InputError(
            f"{columns.file}: column '{columns.of['time'][0]}' around {median:.1f}", columns.time_format.upper(),
            f"the values look like {likely.upper() if likely != 'unix' else 'seconds since 1970'}",
            f'add to [reading]: time_format = "{likely}"',
        )  # fmt: skip


def _parse(columns: Columns, values: pa.Array, time: np.ndarray, text: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Times of a format of astropy: of numbers, or of texts, in which what is no date is marked."""
    if not text.any():
        finite = np.isfinite(time)
        mjd = np.full(len(time), np.nan)
        mjd[finite] = _mjd(columns, time[finite])
        return mjd, text
    codes, names = texts(values)
    is_date = np.array([bool(DATE.match(name)) for name in names.tolist()])
    if not is_date.any():
        is_date = names != ""
    mjd = np.full(len(names), np.nan)
    mjd[is_date] = _mjd(columns, np.array([name.removesuffix("Z") for name in names[is_date].tolist()]))
    return mjd[codes], ~is_date[codes] & (names[codes] != "")


def _mjd(columns: Columns, values: np.ndarray) -> np.ndarray:
    from astropy.time import Time

    try:
        return Time(values, format=columns.time_format).mjd
    except ValueError as error:
        raise InputError(
            f"{columns.file}: column '{columns.of['time'][0]}'", f'times of the format "{columns.time_format}"',
            str(error).splitlines()[0], "correct time_format in [reading]: mjd, jd, isot, unix ...",
        ) from None  # fmt: skip
