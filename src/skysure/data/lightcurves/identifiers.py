"""Identifiers of objects as text, exactly as the file has them: no two objects become one."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skysure import limits
from skysure.data.files.values import arrow, numbers, texts
from skysure.errors import InputError

EXACT = {pa.float16(): 2**11, pa.float32(): 2**24, pa.float64(): 2**53}
"""From here on, floating-point numbers of a type cannot tell neighbouring integers apart."""


def identifiers(file: str, name: str, values: object) -> tuple[np.ndarray, np.ndarray]:
    """Convert a column of ids to text: 7, 7.0 and "7 " are all "7", a missing id is "".

    Returns
    -------
    ids : ndarray of str
        Without blanks around them.
    written : ndarray of str
        As the file has them. Ids that differ only here are not the same object.

    Raises
    ------
    InputError
        Where ids are floating-point numbers so large that several integers are the same number.
    """
    column = arrow(values)
    refuse_inexact(file, name, column)
    codes, names = texts(column)
    ids = names[codes]
    return ids, _as_written(column, ids)


def refuse_inexact(file: str, name: str, column: pa.Array) -> None:
    """Refuse ids that are floating-point numbers beyond the integers that their type holds exactly."""
    if column.type not in EXACT or len(column) == 0:
        return
    values, _ = numbers(column)
    large = np.abs(np.nan_to_num(values)) >= EXACT[column.type]
    if large.any():
        bits = EXACT[column.type].bit_length() - 1
        raise InputError(
            f"{file}: id column '{name}' has {values[np.argmax(large)]:.0f} as a floating-point number",
            "ids as integers or text", f"integers from 2^{bits} on are no longer exact in {column.type}, so that "
            "several objects may have become one", "write the column as int64 or as text",
        )  # fmt: skip


def _as_written(column: pa.Array, ids: np.ndarray) -> np.ndarray:
    """Ids of a column of text with the blanks around them; of others the ids themselves."""
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return ids
    if (pc.max(pc.binary_length(column)).as_py() or 0) > limits.current().text_length:
        column = pc.utf8_slice_codeunits(column, 0, limits.current().text_length + 1)
    return column.fill_null("").to_numpy(zero_copy_only=False).astype(str)
