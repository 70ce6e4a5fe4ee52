"""Labels of objects as class indices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from skysure.errors import InputError

from .names import require_class_names
from .sources import Source


def class_indices(labels: np.ndarray, classes: Sequence[str]) -> Int[np.ndarray, " object"]:
    """Index of the class of each label, -1 for a label that is none of the classes.

    >>> class_indices(np.array(["spiral", "", "elliptical"]), ("elliptical", "spiral"))
    array([ 1, -1,  0])
    """
    index = {name: k for k, name in enumerate(classes)}
    return np.array([index.get(label, -1) for label in labels.tolist()], np.int64)


def labelled(source: Source, part: str, classes: Sequence[str]) -> tuple[Any, Int[np.ndarray, " object"]]:
    """Give the objects of a part that have a label of the classes, and the index of the class of each.

    Parameters
    ----------
    source : Source
        Of chunks (`skysure.data.chunks.Chunk`) with a field `label`.
    part : str
    classes : sequence of str

    Raises
    ------
    InputError
        Where a class has no object, or the name of one cannot be that of a column.
    """
    require_class_names(classes)
    chunks = list(source.chunks(part))
    truth = [class_indices(chunk.label, classes) for chunk in chunks]
    counts = np.bincount(np.concatenate([np.zeros(0, np.int64), *truth]) + 1, minlength=len(classes) + 1)[1:]
    if not len(classes) or not counts.all():
        missing = ", ".join(name for name, count in zip(classes, counts, strict=True) if not count)
        raise InputError(
            f"no object of the {part} part has the label {missing}" if missing else "no object has a label",
            f"objects of each class{f' ({text})' if (text := ', '.join(classes)) else ''}",
            "too few objects, or labels of other names", "give more labelled objects, or a larger part",
        )  # fmt: skip
    objects = type(chunks[0]).concat(chunk[index >= 0] for chunk, index in zip(chunks, truth, strict=True))
    return objects, np.concatenate([index[index >= 0] for index in truth])
