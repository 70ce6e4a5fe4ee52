"""Checks of class labels."""

from __future__ import annotations

from jaxtyping import Int
from numpy import ndarray
from torch import Tensor

from skysure.errors import InputError


def check_labels(truth: Int[Tensor | ndarray, " row"], classes: int) -> None:
    """Raise an InputError if there are no labels, or a label is not a class number."""
    if not len(truth):
        raise InputError("no labels", "at least one", "an empty part of the data", "pass more labelled objects")
    low, high = int(truth.min()), int(truth.max())
    if low < 0 or high >= classes:
        expected = f"class numbers 0 to {classes - 1}"
        raise InputError(
            f"labels from {low} to {high}", expected, "objects of unknown class", "leave these objects out"
        )
