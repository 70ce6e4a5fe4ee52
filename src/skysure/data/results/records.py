"""Rows as fixed-width big-endian records: what FITS and VOTable have in common."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .layout import Column

TRUTH = np.frombuffer(b"FT", "u1")


def big_endian(column: Column) -> str:
    """Return the NumPy type of a number or boolean in a record."""
    return "u1" if pa.types.is_boolean(column.type) else column.dtype.newbyteorder(">").str


def cells(column: Column, values: pa.ChunkedArray, *, width: int, missing: int) -> np.ndarray:
    """Return values as they are stored in records.

    Parameters
    ----------
    column : Column
    values : pyarrow.ChunkedArray
        Text must be ASCII.
    width : int
        Length of text in bytes, padded with NUL.
    missing : int
        The integer that stands for a missing one; booleans are T, F or, where missing, NUL.
    """
    if column.text:
        padded = pc.ascii_rpad(values.combine_chunks(), width, padding="\0")
        return np.frombuffer(padded.buffers()[2], f"S{width}", count=len(padded))
    if pa.types.is_boolean(column.type):
        truth = TRUTH[values.fill_null(False).to_numpy().astype("u1")]
        return np.where(values.is_null().to_numpy(), np.uint8(0), truth)
    if pa.types.is_integer(column.type):
        values = values.fill_null(missing)
    return values.to_numpy()
