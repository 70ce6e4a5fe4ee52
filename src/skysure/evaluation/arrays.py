"""Large arrays apart from numbers: arrays go to `metrics.safetensors`, the rest to `metrics.json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from skysure.errors import InputError

LARGE = 1_000
"""Numbers from which a NumPy array is stored as a tensor; shorter ones, and all lists, are JSON."""
KEY = "array"


def split_arrays(value: Any, name: str = "") -> tuple[Any, dict[str, np.ndarray]]:
    """Replace each large numeric array by `{"array": name}`, its name being its place; give the arrays by name.

    >>> plain, arrays = split_arrays({"curves": {"images": np.zeros((20, 50))}})
    >>> plain, list(arrays)
    ({'curves': {'images': {'array': 'curves.images'}}}, ['curves.images'])
    """
    if isinstance(value, np.ndarray) and value.size >= LARGE and value.dtype.kind in "fiub":
        return {KEY: name}, {name: np.ascontiguousarray(value)}
    if isinstance(value, Mapping):
        items = [(key, split_arrays(entry, f"{name}.{key}" if name else str(key))) for key, entry in value.items()]
        return {key: plain for key, (plain, _) in items}, _merge(arrays for _, (_, arrays) in items)
    if isinstance(value, list | tuple):
        entries = [split_arrays(entry, f"{name}.{k}") for k, entry in enumerate(value)]
        return [plain for plain, _ in entries], _merge(arrays for _, arrays in entries)
    return value, {}


def join_arrays(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """Put the arrays back where `split_arrays` took them from.

    Raises
    ------
    InputError
        Where an array is missing.
    """
    if isinstance(value, Mapping):
        if value.keys() == {KEY} and isinstance(value[KEY], str):
            return _array(value[KEY], arrays)
        return {key: join_arrays(entry, arrays) for key, entry in value.items()}
    if isinstance(value, list):
        return [join_arrays(entry, arrays) for entry in value]
    return value


def _array(name: str, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    if name not in arrays:
        raise InputError(
            f"metrics.json refers to the array {name!r}", "it in metrics.safetensors", "the file was lost or replaced",
            "evaluate again",
        )  # fmt: skip
    return arrays[name]


def _merge(parts: Any) -> dict[str, np.ndarray]:
    return {name: array for part in parts for name, array in part.items()}
