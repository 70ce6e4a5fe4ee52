"""Columns of any type (Arrow, with nulls and text) to NumPy numbers and text."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MISSING = pa.array(["", "nan", "null", "none", "na", "n/a", "--", "-", "<na>"])
NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$|^(?i:[+-]?inf(inity)?)$"


def arrow(values: object) -> pa.Array:
    """Convert values to one Arrow array without dictionary or chunks."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if not isinstance(values, pa.Array):
        values = pa.array(values)
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    return values


def numbers(values: object) -> tuple[np.ndarray, np.ndarray]:
    """Convert values to float64, NaN where missing, with a mask of those that are text."""
    if isinstance(values, np.ndarray) and values.dtype.kind == "f":
        return values.astype(np.float64, copy=False), np.zeros(len(values), bool)
    column = arrow(values)
    text = np.zeros(len(column), bool)
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        column = column.cast(pa.string())
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        try:
            return _floats(column.cast(pa.float64())), text
        except pa.ArrowInvalid:
            column = pc.utf8_trim_whitespace(column)
            empty = pc.is_in(pc.utf8_lower(column), MISSING.cast(column.type))
            number = pc.match_substring_regex(column, NUMBER)
            text = pc.fill_null(pc.invert(pc.or_(empty, number)), False).to_numpy(zero_copy_only=False)
            column = pc.if_else(number, column, None)
            column = pc.replace_substring_regex(column, r"^\+", "")
    if pa.types.is_temporal(column.type) or pa.types.is_nested(column.type):
        return np.full(len(column), np.nan), np.ones(len(column), bool)
    return _floats(column.cast(pa.float64(), safe=False)), text


def texts(values: object) -> tuple[np.ndarray, np.ndarray]:
    """Convert values to codes into an array of text: 7, 7.0 and b"7 " are all "7", missing values are ""."""
    column = arrow(values)
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        column = column.cast(pa.string()) if not pa.types.is_string(column.type) else column
    coded = column.dictionary_encode(null_encoding="encode")
    names = np.array([_text(v) for v in _python(coded.dictionary)] or [""], dtype=str)
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


def _python(column: pa.Array) -> list:
    try:
        return column.to_pylist()
    except UnicodeDecodeError:
        return [None if v is None else v.decode("latin-1") for v in column.cast(pa.binary()).to_pylist()]


def _text(value: object) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()
