"""Numbers in any of their usual forms as NumPy arrays or as tensors, so that every public method takes either.

Lists, NumPy arrays, tensors of any device, columns of pandas, Arrow and astropy. What holds no plain numbers (text,
masked or missing entries, dates, values with a unit) is an InputError: it could only become a wrong number.
"""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from skysure.errors import InputError

Array = Tensor | ndarray


def as_array(values: Any, name: str = "an argument") -> ndarray:
    """Convert numbers to a NumPy array; one of numbers is returned as it is.

    Parameters
    ----------
    values : array, Tensor, sequence of numbers, or column of a table
    name : str
        Of the argument, for messages.

    Raises
    ------
    InputError
        If they are no plain numbers.

    Examples
    --------
    >>> as_array(torch.tensor([1.0, 2.0])), as_array([True, False])
    (array([1., 2.], dtype=float32), array([ True, False]))
    """
    if type(values) is ndarray and values.dtype.kind in "biuf":
        return values
    if isinstance(values, Tensor):
        return _from_tensor(values)
    if values is None:
        raise InputError(f"{name} is None", "numbers", "a value that was not computed", f"pass {name}")
    if isinstance(values, (str, bytes)):
        raise InputError(f"{name} is text, {values!r}", "numbers", "a name in place of values", f"pass {name} itself")
    return _plain(name, _without_mask(name, _without_unit(name, values)))


def as_tensor(array: Any, device: torch.device | None = None, name: str = "an argument") -> Tensor:
    """Convert numbers to a tensor; a tensor is returned as it is.

    The memory is shared where torch allows it. Arrays in another byte order (FITS), read-only ones and those with
    negative strides are copied.

    Parameters
    ----------
    array : Tensor, ndarray, sequence of numbers, or column of a table
    device : torch.device, optional
        Device of the new tensor.
    name : str
        Of the argument, for messages.

    Raises
    ------
    InputError
        If they are no plain numbers.

    Examples
    --------
    >>> as_tensor(np.array([1.0, 2.0], dtype=">f8"))
    tensor([1., 2.], dtype=torch.float64)
    """
    if isinstance(array, Tensor):
        return array
    if isinstance(array, (list, tuple)) and len(array) and all(isinstance(entry, Tensor) for entry in array):
        return torch.stack(tuple(array)).to(device)
    array = as_array(array, name)
    if array.dtype.itemsize > 8:  # torch has no long double
        array = array.astype(np.float64)
    native = np.require(array, dtype=array.dtype.newbyteorder("="), requirements=["C", "W"])
    return torch.from_numpy(native).to(device)


def as_tensors(*arrays: Any, device: torch.device | None = None) -> tuple[Tensor, ...]:
    """Convert several arrays with `as_tensor`."""
    return tuple(as_tensor(array, device) for array in arrays)


def _from_tensor(tensor: Tensor) -> ndarray:
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


def _without_unit(name: str, values: Any) -> Any:
    """Return values without unit; one that is a plain number (per cent) is converted, any other refused."""
    unit = getattr(values, "unit", None)
    if unit is None or str(unit) == "" or not hasattr(values, "to_value"):
        return values
    try:
        return values.to_value("")
    except Exception:  # astropy's own classes, which methods do not import
        raise InputError(
            f"{name} with the unit {unit}", "plain numbers, all arguments in the same unit", "a column with a unit",
            f"{name}.to_value({str(unit)!r})",
        ) from None  # fmt: skip


def _without_mask(name: str, values: Any) -> Any:
    mask = getattr(values, "mask", None)
    if not isinstance(values, np.ma.MaskedArray) and not (isinstance(mask, ndarray) and hasattr(values, "unmasked")):
        return values
    if count := int(np.count_nonzero(mask)):
        raise InputError(
            f"{name} with {count:,} masked entries", "numbers without gaps", "objects that lack the value",
            "leave these rows out of all arguments",
        )  # fmt: skip
    return values.unmasked if hasattr(values, "unmasked") else np.ma.getdata(values)


def _plain(name: str, values: Any) -> ndarray:
    if isinstance(values, (list, tuple)):
        values = [as_array(entry, name) if isinstance(entry, Tensor) else entry for entry in values]
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:  # rows of different lengths
        raise InputError(f"{name}: {error}", "rows of the same length", "a list of lists that differ") from None
    if array.dtype.kind == "O" and array.size and all(isinstance(entry, Real) for entry in array.flat):
        array = array.astype(np.int64 if all(isinstance(entry, (int, np.integer)) for entry in array.flat) else float)
    if array.dtype.kind not in "biuf":
        raise not_numbers(name, array)
    return np.asarray(array)


def not_numbers(name: str, array: ndarray) -> InputError:
    """Return the error for an array of text, dates, gaps or objects."""
    entry = array.flat[0] if array.size else None
    first = repr(str(entry) if isinstance(entry, str) else entry)[:40]
    if array.dtype.kind in "US" or (array.dtype.kind == "O" and array.size and isinstance(array.flat[0], str)):
        cause, fix = "names of classes in place of their numbers", "[classes.index(name) for name in names]"
        return InputError(f"{name} holds text such as {first}", "numbers", cause, fix)
    kind = "objects" if array.dtype.kind == "O" else str(array.dtype)
    cause = "missing entries, dates, or rows of different lengths"
    return InputError(f"{name} holds {kind} such as {first}", "plain numbers", cause, "convert them, or leave them out")
