"""What a verb works on, by its content: whoever resumes must have the same data and the same model."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from skysure.data.files.identity import identify_files
from skysure.run.directory import Run

from .inputs import is_source, is_table, list_data, paths_of


def identify(
    data: Any, outputs: Sequence[str | Path] = (), reading: Mapping[str, Any] | None = None
) -> dict[str, Any] | None:
    """Identify data by their content: files by size and checksum, chunks and tables in memory by that of their arrays.

    Parameters
    ----------
    data : path, sequence of paths, tables or chunks, or Source
    outputs : sequence of path
        What is written meanwhile, perhaps into a folder of the data: it does not count.
    reading : mapping, optional
        The `[reading]` table; files that it names count as data.

    Returns
    -------
    dict or None
        None where there are no data, and for a Source, whose content only a walk through it would tell.
    """
    items = list_data(data)
    if not items or is_source(data):
        return None
    paths = (*paths_of(items), *files_in(reading))
    facts = identify_files(paths, outputs) if paths else {}
    chunks = [chunk for chunk in items if not isinstance(chunk, str)]
    if not chunks:
        return facts
    digest = hashlib.sha256(str(facts).encode())
    for chunk in chunks:
        for name, array in _arrays_of(chunk):
            digest.update(f"{name}:{array.dtype.str}:{array.shape}:".encode())
            digest.update(_bytes_of(array))
    return facts | {"chunks": len(chunks), "sha256": digest.hexdigest()}


def files_in(reading: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Select the files that a `[reading]` table names: positions, truth, noise, PSF.

    >>> files_in({"unit": "nJy", "positions": "no such file"})
    ()
    """
    return tuple(value for value in (reading or {}).values() if isinstance(value, str) and os.path.isfile(value))


def weights_hash(run: Run) -> str:
    """Return the checksum of the weights of a run, by which it is told from others."""
    return str(run.card.get("sha256", {}).get("model.safetensors", ""))


def _arrays_of(value: Any, name: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Walk over the arrays of a chunk or table, those in mappings too, with their names."""
    if not isinstance(value, Mapping) and is_table(value):
        value = {column: value[column] for column in _columns(value)}
    elif not name and not isinstance(value, (Mapping, np.ndarray)):
        value = getattr(value, "__dict__", value)
    if isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _arrays_of(entry, f"{name}.{key}")
    elif isinstance(value, (str, int, float, list, tuple, type(None))) or hasattr(value, "__array__"):
        yield name, np.asarray(value)
    else:  # an object that does not tell its content as numbers
        yield name, np.asarray(type(value).__name__)


def _columns(table: Any) -> Sequence[str]:
    for attribute in ("colnames", "column_names", "columns"):
        names = getattr(table, attribute, None)
        if names is not None and all(isinstance(name, str) for name in names):
            return list(names)
    return []


def _bytes_of(array: np.ndarray) -> bytes:
    """Return the content of an array; of one of Python objects, what they print as."""
    return repr(array.tolist()).encode() if array.dtype.hasobject else np.ascontiguousarray(array).tobytes()
