"""Columns of any type (Arrow, with nulls and text) to NumPy numbers and text."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skysure import limits

from .types import plain_array

MISSING = pa.array(["", "nan", "null", "none", "na", "n/a", "--", "-", "<na>"])
NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$|^(?i:[+-]?inf(inity)?)$"


def arrow(values: object) -> pa.Array:
    """Convert values to one Arrow array of a plain type, without chunks."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    return plain_array(values if isinstance(values, pa.Array) else pa.array(values))


def numbers(values: object) -> tuple[np.ndarray, np.ndarray]:
    """Convert values to float64, NaN where missing, with a mask of those that are text."""
    if isinstance(values, np.ndarray) and values.dtype.kind == "f":
        return values.astype(np.float64, copy=False), np.zeros(len(values), bool)
    column = arrow(values)
    text = np.zeros(len(column), bool)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        try:
            return _floats(column.cast(pa.float64())), text
        except pa.ArrowInvalid:
            column = _valid_text(column)
            column = pc.utf8_trim_whitespace(column)
            empty = pc.is_in(pc.utf8_lower(column), MISSING.cast(column.type))
            number = pc.match_substring_regex(column, NUMBER)
            text = pc.fill_null(pc.invert(pc.or_(empty, number)), False).to_numpy(zero_copy_only=False)
            column = pc.if_else(number, column, None)
            column = pc.replace_substring_regex(column, r"^\+", "")
    elif not _is_number(column.type):
        return np.full(len(column), np.nan), np.ones(len(column), bool)
    return _floats(column.cast(pa.float64(), safe=False)), text


def texts(values: object) -> tuple[np.ndarray, np.ndarray]:
    """Convert values to codes into an array of text: 7, 7.0 and b"7 " are all "7", missing values are "".

    A text longer than the limit is cut just beyond it: an array of text is as wide as its longest, in every row.
    """
    column = arrow(values)
    kind = column.type
    if pa.types.is_boolean(kind) or pa.types.is_null(kind) or not (_is_number(kind) or pa.types.is_string(kind)):
        column = column.cast(pa.string())
    coded = column.dictionary_encode(null_encoding="encode")
    most = limits.current().text_length + 1
    names = np.array([_text(v)[:most] for v in _python(coded.dictionary)] or [""], dtype=str)
    codes = coded.indices.to_numpy(zero_copy_only=False)
    unique, place = np.unique(names, return_inverse=True)
    return place[codes].astype(np.int64), unique


def run_starts(values: object) -> np.ndarray:
    """Indices where runs of equal values begin."""
    column = arrow(values)
    if len(column) == 0:
        return np.zeros(0, np.int64)
    if column.null_count or not pa.types.is_integer(column.type):
        keys = column.dictionary_encode(null_encoding="encode").indices.to_numpy(zero_copy_only=False)
    else:
        keys = column.to_numpy(zero_copy_only=False)
    return np.concatenate([[0], np.flatnonzero(keys[1:] != keys[:-1]) + 1])


def _floats(column: pa.Array) -> np.ndarray:
    return column.to_numpy(zero_copy_only=False) if not column.null_count else pc.fill_null(column, np.nan).to_numpy()


def _valid_text(column: pa.Array) -> pa.Array:
    """Text as it is, or as Latin-1 where it is not UTF-8."""
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return pa.array(_python(column), pa.string())
    return column


def _python(column: pa.Array) -> list:
    try:
        return column.to_pylist()
    except UnicodeDecodeError:
        return [None if v is None else v.decode("latin-1") for v in column.cast(pa.binary()).to_pylist()]


def _is_number(kind: pa.DataType) -> bool:
    """Whether values of a type are numbers, or are none at all."""
    t = pa.types
    return t.is_integer(kind) or t.is_floating(kind) or t.is_decimal(kind) or t.is_boolean(kind) or t.is_null(kind)


def _text(value: object) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, Decimal):
        value = format(value.normalize(), "f")
    return str(value).strip()
