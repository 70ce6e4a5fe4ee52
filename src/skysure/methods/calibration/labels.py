"""Labels that a calibration can use."""

from __future__ import annotations

from jaxtyping import Int
from numpy import ndarray
from torch import Tensor

from skysure.errors import InputError


def labels_checked(truth: Int[Tensor | ndarray, " row"], classes: int) -> None:
    """Raise a Fault where there is no label, or one is no class."""
    if not len(truth):
        raise InputError("no labels", "at least one", "an empty part of the data", "give more labelled objects")
    low, high = int(truth.min()), int(truth.max())
    if low < 0 or high >= classes:
        wanted = f"class numbers 0 to {classes - 1}"
        raise InputError(f"labels from {low} to {high}", wanted, "objects of unknown class", "leave those objects out")
