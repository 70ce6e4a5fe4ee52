"""Limits written into a column of measurements, such as `>17.5`: no measurement, and no damaged number."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from skysure.data.files.values import arrow


def without_limits(values: object) -> tuple[pa.Array, int]:
    """Replace limits by nulls, and count them.

    >>> column, count = without_limits(["16.2", ">17.5", "< 18"])
    >>> column.to_pylist(), count
    (['16.2', None, None], 2)
    """
    column = arrow(values)
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column, 0
    is_limit = pc.fill_null(pc.match_substring_regex(column, r"^\s*[<>]\s*[+-]?[0-9.]"), False)
    count = pc.sum(is_limit).as_py() or 0
    return (pc.if_else(is_limit, pa.scalar(None, column.type), column) if count else column), count
