"""Rows of predictions: which axis of each array they are, joining predictions along them, and selecting some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np

from skysure.errors import InputError

P = TypeVar("P")


def axes(*names: str) -> dict[str, tuple[str, ...]]:
    """Name the axes of an array, as metadata of its dataclass field: `field(metadata=axes("sample", "row"))`.

    An array (or a dict of arrays) with an axis "row" is joined and indexed with the rows; one with the axis "image" is
    joined too, each image of `images` once, and not indexed; "sample" is the axis of posterior samples.
    """
    return {"axes": names}


def axes_of(prediction: Any) -> dict[str, tuple[str, ...]]:
    """Give the names of the axes of each array of a prediction; what has none (class names, coverage) is left out.

    >>> from skysure.predictions import Classes
    >>> axes_of(Classes)["samples"]
    ('sample', 'row', 'class')
    """
    return {f.name: f.metadata["axes"] for f in fields(prediction) if "axes" in f.metadata}


def concat(predictions: Sequence[P]) -> P:
    """Join predictions of one kind along their rows; an array that one of them lacks (None), the result lacks.

    Parameters
    ----------
    predictions : sequence of Classes, of Values, of Actions or of Detections

    Raises
    ------
    InputError
        Where there is none, or they differ in kind, in the names of their rows, or in what is not per row
        (class names, units, coverage).
    """
    if not predictions:
        raise InputError("no predictions to join", "at least one")
    first = predictions[0]
    _require_alike(predictions)
    joined: dict[str, Any] = {}
    for name, names in axes_of(first).items():
        arrays = [getattr(p, name) for p in predictions]
        axis = names.index("row" if "row" in names else "image")
        if isinstance(arrays[0], Mapping):
            joined[name] = {key: np.concatenate([part[key] for part in arrays], axis) for key in arrays[0]}
        else:
            missing = any(part is None for part in arrays)
            joined[name] = None if missing else np.concatenate(arrays, axis)
    return replace(first, **_each_image_once(first, joined))  # type: ignore[type-var]


def _each_image_once(prediction: Any, joined: dict[str, Any]) -> dict[str, Any]:
    """Keep the first entry of each image, where several predictions share one."""
    if "images" not in joined:
        return joined
    first = np.sort(np.unique(joined["images"], return_index=True)[1])
    of_images = [name for name, names in axes_of(prediction).items() if names[0] == "image"]
    return joined | {name: joined[name][first] for name in of_images if joined[name] is not None}


def take(prediction: P, indices: slice | np.ndarray | Sequence[int]) -> P:
    """Select rows of a prediction: a slice, a mask of shape (row,), or indices, in their order.

    Examples
    --------
    >>> from skysure.predictions import Values
    >>> y = Values({"id": np.array(["a", "b"])}, ("y",), ("",), np.array([[1.0], [2.0]]), *np.ones((2, 2, 1, 1)))
    >>> take(y, [1]).mean.tolist()
    [[2.0]]
    """
    rows = indices if isinstance(indices, slice) else np.asarray(indices)
    if isinstance(rows, np.ndarray) and rows.size == 0 and rows.dtype.kind != "b":
        rows = rows.astype(np.intp)
    arrays: dict[str, Any] = {}
    for name, names in axes_of(prediction).items():
        if "row" not in names:
            continue
        array, where = getattr(prediction, name), (slice(None),) * names.index("row") + (rows,)
        if isinstance(array, Mapping):
            arrays[name] = {key: part[where] for key, part in array.items()}
        elif array is not None:
            arrays[name] = array[where]
    return replace(prediction, **arrays)  # type: ignore[type-var]


def _require_alike(predictions: Sequence[Any]) -> None:
    first = predictions[0]
    shared = [f.name for f in fields(first) if "axes" not in f.metadata]
    for other in predictions[1:]:
        if type(other) is not type(first):
            kinds = f"{type(first).__name__} and {type(other).__name__}"
            raise InputError(f"{kinds} cannot be joined", "predictions of one kind")
        for name in shared:
            if getattr(first, name) != getattr(other, name):
                values = f"{getattr(first, name)} and {getattr(other, name)}"
                raise InputError(f"predictions with different {name} ({values})", "the same in all of them")
        for name in axes_of(first):
            columns, others = getattr(first, name), getattr(other, name)
            if isinstance(columns, Mapping) and columns.keys() != others.keys():
                odd = ", ".join(sorted(columns.keys() ^ others.keys()))
                raise InputError(f"predictions with different columns of {name} ({odd})", "the same in all of them")
