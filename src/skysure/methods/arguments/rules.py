"""What an argument has to be: its axes, and which values it may have.

The checks compute with operators and methods that NumPy arrays and tensors share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from skysure.errors import InputError

from .scalars import require_count, require_fraction
from .shapes import Sizes, fit_axes

TOLERANCE = 1e-3
"""How far from 1 the sum of a row of probabilities may be."""
ROUNDING = 1e-6
WIDTHS = "finite, positive standard deviations"
Check = Callable[[str, Any, Sizes], Any]


def _as_given(name: str, values: Any, sizes: Sizes) -> Any:
    return values


@dataclass(frozen=True)
class Rule:
    """What an argument has to be.

    Parameters
    ----------
    axes : str
        Names of its axes; "..." in the first place stands for any.
    check : callable
        (name, array, sizes) to the array, converted where that is unambiguous; raises InputError.
    empty : bool
        Whether it may have no rows.
    prepare : callable
        The same, of what was given before it is an array.
    least : int, optional
        Of class numbers, the smallest one; they may be given as names where a function knows its classes.
    is_array : bool
        False: a single number.
    """

    axes: str
    check: Check
    empty: bool = False
    prepare: Check = _as_given
    least: int | None = None
    is_array: bool = True

    def __call__(self, name: str, array: Any, sizes: Sizes) -> Any:
        """Return the array, converted and checked."""
        return self.check(name, fit_axes(name, array, tuple(self.axes.split()), sizes, empty=self.empty), sizes)


def fraction(*, below_one: bool = False) -> Rule:
    """A single level or coverage from 0 to 1; with `below_one`, less than 1."""

    def check(name: str, value: Any, sizes: Sizes) -> float:
        level = require_fraction(name, value)
        if below_one and level == 1:
            raise InputError(f"{name} = 1", "a fraction below 1", "", f"{name} = 0.997, for instance")
        return level

    return Rule("", check, is_array=False)


def count(least: int = 1, axis: str = "") -> Rule:
    """A single whole number; with `axis`, the size of that axis of the arguments after it."""

    def check(name: str, value: Any, sizes: Sizes) -> int:
        number = require_count(name, value, least)
        if axis:
            sizes[axis] = (number, name)
        return number

    return Rule("", check, is_array=False)


def numbers(axes: str, *, nan: bool = False, infinite: bool = True, empty: bool = False) -> Rule:
    """Numbers; by default none is NaN."""

    def check(name: str, array: Any, sizes: Sizes) -> Any:
        array = _as_float(array)
        if not nan:
            _require(~(array != array), name, "NaN", "rows without a value, or a training that diverged")
        if not infinite:
            _require(abs(array) != np.inf, name, "infinite", "a division by zero, or an overflow")
        return array

    return Rule(axes, check, empty)


def widths(axes: str, *, zero: bool = False, nan: bool = False, empty: bool = False) -> Rule:
    """Standard deviations: finite and positive; with `zero`, zero too."""

    def check(name: str, array: Any, sizes: Sizes) -> Any:
        array = _as_float(array)
        if not nan:
            _require(~(array != array), name, "NaN", "rows without a value, or a training that diverged", WIDTHS)
        _require(array != np.inf, name, "infinite", "an overflow: a variance or its logarithm given as it is", WIDTHS)
        if bool((array < 0 if zero else array <= 0).any()):
            least, bound = float(array.min()), "zero or more" if zero else "positive"
            cause = "log variances, or residuals" if least < 0 else "a noise that is zero"
            fix = f"np.exp({name} / 2) of log variances" if least < 0 else "leave these rows out"
            raise InputError(f"{name} down to {least:g}", f"widths: standard deviations, {bound}", cause, fix)
        return array

    return Rule(axes, check, empty)


def variances(axes: str) -> Rule:
    """Variances: none negative; where the last two axes have the same name, covariances with such a diagonal."""

    def check(name: str, array: Any, sizes: Sizes) -> Any:
        array = _as_float(array)
        diagonal = array.diagonal(0, -2, -1) if axes.split()[-2:] == ["value", "value"] else array
        if bool((diagonal < 0).any()):
            cause = "log variances, or an argument in the wrong place"
            fix = f"the exponential of {name}, of log variances"
            raise InputError(f"{name} down to {float(diagonal.min()):g}", "variances of 0 or more", cause, fix)
        return array

    return Rule(axes, check)


def fractions(axes: str, *, nan: bool = False, empty: bool = False) -> Rule:
    """Numbers between 0 and 1: probabilities of one event, transforms, percentiles."""

    def check(name: str, array: Any, sizes: Sizes) -> Any:
        array = _as_float(array)
        if not nan:
            _require(~(array != array), name, "NaN", "rows without a prediction")
        if bool(((array < -ROUNDING) | (array > 1 + ROUNDING)).any()):
            low, high = float(array.min()), float(array.max())
            cause, fix = "logits, or another quantity", f"1 / (1 + np.exp(-{name})) of logits"
            if low >= 0 and 1 < high <= 100:
                cause, fix = "percentages", f"{name} / 100"
            raise InputError(f"{name} from {low:.4g} to {high:.4g}", "fractions between 0 and 1", cause, fix)
        return array

    return Rule(axes, check, empty)


def probabilities(axes: str, *, nan: bool = False, empty: bool = False) -> Rule:
    """Rows of probabilities: each from 0 to 1, and all of a row sum to 1 within `TOLERANCE`."""

    def check(name: str, array: Any, sizes: Sizes) -> Any:
        array = _as_float(array)
        wide = array if _itemsize(array) >= 4 else _as_float(array * 1.0, wide=True)
        tolerance = TOLERANCE if wide is array else TOLERANCE + array.shape[-1] * 2**-9
        total = wide.sum(-1)
        if not nan:
            _require(~(total != total), name, "NaN", "rows without a prediction, or a training that diverged")
        # Comparisons with NaN are false: such rows pass where they may.
        is_wrong = (wide < -ROUNDING).any() | (wide > 1 + ROUNDING).any() | (abs(total - 1) > tolerance).any()
        if bool(is_wrong):
            raise _no_probabilities(name, wide, total)
        return array

    return Rule(axes, check, empty)


def logits(axes: str) -> Rule:
    """Logits: any numbers, but not rows that are probabilities already."""

    def check(name: str, array: Any, sizes: Sizes) -> Any:
        array = _as_float(array)
        is_one_hot = bool(((array == 0) | (array == 1)).all())  # of which nobody can tell
        sums_to_one = bool((array >= 0).all()) and bool((abs(array.sum(-1) - 1) < TOLERANCE).all())
        if array.shape[-1] > 1 and sums_to_one and not is_one_hot:
            raise InputError(
                f"{name} from 0 to 1 whose rows sum to 1", "logits: outputs of the network before the softmax",
                "probabilities", f"the logarithm of {name}",
            )  # fmt: skip
        return array

    return Rule(axes, check)


def labels(axes: str, classes: str = "class", *, least: int = 0, empty: bool = False) -> Rule:
    """Class numbers from 0; whole numbers in floating point are converted, and so is one row of 0 and 1 per object.

    Parameters
    ----------
    axes : str
    classes : str
        The axis whose size is the number of classes; without one, or where it is not known, numbers have no upper end.
    least : int
        -1 where that stands for an unknown class.
    empty : bool
    """

    def check(name: str, array: Any, sizes: Sizes) -> Any:
        count = sizes.get(classes, (0, ""))[0]
        array = _as_whole(name, array, is_binary=count in (0, 2))
        if not len(array) or not count:
            return array
        low, high = int(array.min()), int(array.max())
        if low < least or high >= count:
            expected = f"class numbers {least} to {count - 1}"
            cause, fix = "objects of unknown class", "leave these objects out"
            if (low, high) == (1, count):
                cause, fix = "classes counted from 1", f"{name} - 1"
            raise InputError(f"labels from {low} to {high}", expected, cause, fix)
        return array

    def from_one_hot(name: str, values: Any, sizes: Sizes) -> Any:
        count = sizes.get(classes, (0, ""))[0]
        shape = getattr(values, "shape", ())
        if count < 2 or len(shape) != 2 or shape[1] != count or not isinstance(values, (ndarray, Tensor)):
            return values
        is_one_hot = bool(((values == 0) | (values == 1)).all()) and bool((values.sum(1) == 1).all())
        return values.argmax(1) if is_one_hot else values

    return Rule(axes, check, empty, from_one_hot, least)


def whole_numbers(axes: str, *, empty: bool = False) -> Rule:
    """Whole numbers: ranks, counts."""
    return Rule(axes, lambda name, array, sizes: _as_whole(name, array, is_binary=False), empty)


def booleans(axes: str, *, empty: bool = False) -> Rule:
    """True and False, or 1 and 0."""

    def check(name: str, array: Any, sizes: Sizes) -> Any:
        if array.dtype in (bool, torch.bool):
            return array
        if not bool(((array == 0) | (array == 1)).all()):
            raise InputError(
                f"`{name}` with other values than 0 and 1", "whether it is so, for each row",
                "arguments in the wrong order, or scores and class numbers", f"{name} = score > 0.5, or truth == 2",
            )  # fmt: skip
        return array == 1

    return Rule(axes, check, empty)


def weights(rows: str = "row") -> Rule:
    """Weights of rows, (row,) or (resample, row): finite, none negative, not all zero."""

    def check(name: str, array: Any, sizes: Sizes) -> Any:
        if array.ndim > 2:
            raise InputError(f"{name} of shape {array.shape}", "(row,) or (resample, row)", "", "one weight per row")
        array = _as_float(array)
        if not bool((array >= 0).all()) or not bool(np.isfinite(array).all()) or not bool((array.sum(-1) > 0).all()):
            cause = "differences, or errors in place of weights"
            raise InputError(f"{name} that are negative, not finite, or all 0", "weights of 0 or more", cause)
        return array

    return Rule(f"... {rows}", check)


def shares(axes: str) -> Rule:
    """Weights of the components of a mixture: none negative, and along the first axis they sum to 1."""

    def check(name: str, array: Any, sizes: Sizes) -> Any:
        array = _as_float(array)
        total = array.sum(0)
        if not bool((array >= -ROUNDING).all()) or not bool((abs(total - 1) <= TOLERANCE).all()):
            problem = f"{name} that sum to {float(total.min()):.4g} to {float(total.max()):.4g}"
            expected = "weights of 0 or more that sum to 1 along the first axis"
            raise InputError(problem, expected, "logits, or counts", f"{name} / {name}.sum(0)")
        return array

    return Rule(axes, check)


def _require(is_right: Any, name: str, what: str, cause: str, expected: str = "finite numbers") -> None:
    if not bool(is_right.all()):
        count, total = int((~is_right).sum()), int(np.prod(is_right.shape))
        problem = f"{name} with {count:,} of {total:,} {what}"
        raise InputError(problem, expected, cause, "leave these rows out of all arguments")


def _no_probabilities(name: str, p: Any, total: Any) -> InputError:
    low, high = float(p.min()), float(p.max())
    ends = f"{float(total.min()):.4g} to {float(total.max()):.4g}"
    cause, fix = "classes that do not exclude each other, or one that is missing", f"normalise the rows of {name}"
    if bool((abs(total - 100) < 1).all()):
        cause, fix = "percentages", f"{name} / 100"
    elif high <= 0 and bool((abs(_exp(p).sum(-1) - 1) < 0.01).all()):
        cause, fix = "log probabilities", f"the exponential of {name}"
    elif low < 0 or high > 1:
        cause, fix = "logits", f"the softmax of {name} along its last axis"
    elif p.ndim > 1 and bool((abs(p.sum(-2) - 1) <= TOLERANCE).all()):
        cause, fix = "classes along another axis than the last", f"{name}.swapaxes(-1, -2)"
    return InputError(
        f"{name} from {low:.4g} to {high:.4g}, with rows that sum to {ends}",
        f"probabilities: 0 to 1, and each row sums to 1 within {TOLERANCE:g}", cause, fix,
    )  # fmt: skip


def _as_whole(name: str, array: Any, is_binary: bool) -> Any:
    """Return whole numbers as signed integers; True and False only where there are two classes."""
    if array.dtype in (bool, torch.bool):
        if not is_binary:
            cause, fix = "one class against the rest", f"pass the class numbers, or a score of one class with {name}"
            raise InputError(f"{name} is True or False", "class numbers", cause, fix)
    elif _is_floating(array) and not bool(((array == array.round()) & (abs(array) < 2**53)).all()):
        wrong = array[~((array == array.round()) & (abs(array) < 2**53))]
        cause = "objects without a class" if bool((wrong != wrong).all()) else "arguments in the wrong order"
        fix = "leave these objects out" if bool((wrong != wrong).all()) else f"check the order; {name} are integers"
        raise InputError(f"{name} with values such as {float(wrong.reshape(-1)[0]):g}", "whole numbers", cause, fix)
    if isinstance(array, Tensor):
        return array if array.dtype in (torch.int32, torch.int64) else array.long()
    return array if array.dtype.kind == "i" else array.astype(np.int64)


def _as_float(array: Any, wide: bool = False) -> Any:
    """Return integers and booleans in float64, floating-point numbers as they are (or `wide`, in float64)."""
    if _is_floating(array) and not wide:
        return array
    return array.double() if isinstance(array, Tensor) else array.astype(np.float64)


def _is_floating(array: Any) -> bool:
    return array.is_floating_point() if isinstance(array, Tensor) else array.dtype.kind == "f"


def _itemsize(array: Any) -> int:
    return array.element_size() if isinstance(array, Tensor) else array.dtype.itemsize


def _exp(array: Any) -> Any:
    return array.exp() if isinstance(array, Tensor) else np.exp(array)
