"""HDF5 files of arrays along rows, written chunk by chunk."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from skysure.extras import import_extra


def require_h5py(path: Path) -> Any:
    """Import h5py, with which a file is written; raises InputError where it is not installed."""
    return import_extra("h5py", "lensing", f"{path} is an HDF5 file", "write a table: .parquet .fits .ecsv")


def arrow_table(arrays: Mapping[str, np.ndarray], attributes: Mapping[str, Mapping[str, Any]]) -> pa.Table:
    """Give arrays along rows as columns of a table; shapes and attributes of datasets are metadata of its fields.

    Parameters
    ----------
    arrays : mapping of str to ndarray, shape (row, ...)
    attributes : mapping of str to mapping
        Attributes of datasets, by the name of the dataset; "axes" are the names of its axes.
    """
    columns, fields = [], []
    for name, array in arrays.items():
        if array.dtype.kind in "US":
            column = pa.array(array.tolist(), pa.string())
        elif array.ndim == 1:
            column = pa.array(array)
        else:
            flat = pa.array(np.ascontiguousarray(array).reshape(-1))
            column = pa.FixedSizeListArray.from_arrays(flat, int(np.prod(array.shape[1:])))
        columns.append(column)
        metadata = {"shape": json.dumps(array.shape[1:]), "attributes": json.dumps(attributes.get(name, {}))}
        fields.append(pa.field(name, column.type, metadata=metadata))
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def write(path: Path, chunks: Iterable[pa.Table], rows: int, attributes: Mapping[str, Any]) -> None:
    """Write tables made by `arrow_table` to an HDF5 file, one dataset for each column.

    Parameters
    ----------
    path : Path
    chunks : iterable of pyarrow.Table
    rows : int
        Of all chunks together.
    attributes : mapping
        Attributes of the file; what HDF5 has no type for is written as JSON.
    """
    h5py, start = require_h5py(path), 0
    try:
        with h5py.File(path, "w") as file:
            file.attrs.update({name: _attribute(value) for name, value in attributes.items()})
            for chunk in chunks:
                end = start + len(chunk)
                for field, column in zip(chunk.schema, chunk.columns, strict=True):
                    _dataset(h5py, file, field, rows)[start:end] = _array(field, column)
                start = end
    except RuntimeError as error:  # HDF5 raises it where it cannot close a file
        raise OSError(errno.EIO, f"the file cannot be closed: {error}") from error


def _dataset(h5py: Any, file: Any, field: pa.Field, rows: int) -> Any:
    """Give the dataset of a column, made where it is not there yet."""
    if field.name in file:
        return file[field.name]
    kind = h5py.string_dtype() if pa.types.is_string(field.type) else _number(field.type)
    dataset = file.create_dataset(field.name, (rows, *_shape(field)), kind)
    attributes = json.loads(field.metadata[b"attributes"])
    for axis, name in enumerate(attributes.pop("axes", ())):
        dataset.dims[axis].label = name
    dataset.attrs.update({name: _attribute(value) for name, value in attributes.items()})
    return dataset


def _shape(field: pa.Field) -> tuple[int, ...]:
    return tuple(json.loads(field.metadata[b"shape"]))


def _number(kind: pa.DataType) -> Any:
    return (kind.value_type if pa.types.is_fixed_size_list(kind) else kind).to_pandas_dtype()


def _array(field: pa.Field, column: pa.ChunkedArray) -> np.ndarray:
    if pa.types.is_string(field.type):
        return np.array(column.to_pylist(), object)
    if pa.types.is_fixed_size_list(field.type):
        return column.combine_chunks().flatten().to_numpy().reshape(len(column), *_shape(field))
    return column.to_numpy()


def _attribute(value: Any) -> Any:
    if isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in value):
        return np.array(value, object) if len(value) else ""
    return json.dumps(value, default=str)
