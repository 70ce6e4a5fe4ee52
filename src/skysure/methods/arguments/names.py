"""Names of classes in place of their numbers, where the classes are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from skysure.errors import InputError, nearest
from skysure.methods.arrays import Array, as_array, as_tensor


def class_numbers(truth: Any, classes: Sequence[str], *, unknown: bool = False) -> Array:
    """Return class numbers; names of the classes are converted.

    Parameters
    ----------
    truth : array, Tensor or sequence, shape (row,)
        Class numbers, or names.
    classes : sequence of str
        The names, in the order of their numbers.
    unknown : bool
        Whether an empty name stands for an unknown class, -1.

    Raises
    ------
    InputError
        If a name is none of the classes.

    >>> class_numbers(["spiral", "elliptical"], ("elliptical", "spiral"))
    array([1, 0])
    """
    if isinstance(truth, np.ndarray) and truth.dtype.kind in "biuf":
        return truth
    if hasattr(truth, "detach"):
        return as_tensor(truth)
    names = np.asarray(truth)
    if names.dtype.kind not in "UO" or not all(isinstance(name, str) for name in names.flat):
        return as_array(truth, "truth")
    index = {name: k for k, name in enumerate(classes)} | ({"": -1} if unknown else {})
    if missing := sorted(set(names.flat) - index.keys()):
        listed, fix = ", ".join(map(str, classes)), "leave these objects out"
        fix += ', or give them the label ""' if unknown else ""
        raise InputError(f"labels such as {missing[0]!r}", f"the classes {listed}", nearest(missing[0], classes), fix)
    return np.array([index[name] for name in names.flat], np.int64).reshape(names.shape)
