"""NumPy arrays as tensors, so that every public method takes either."""

from __future__ import annotations

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

Array = Tensor | ndarray


def as_tensor(array: Array, device: torch.device | None = None) -> Tensor:
    """Convert a NumPy array to a tensor; a tensor is returned as it is.

    The memory is shared where torch allows it. Arrays in another byte order (FITS), read-only ones and those with
    negative strides are copied.

    Parameters
    ----------
    array : Tensor or ndarray
    device : torch.device, optional
        Device of the new tensor.

    Examples
    --------
    >>> as_tensor(np.array([1.0, 2.0], dtype=">f8"))
    tensor([1., 2.], dtype=torch.float64)
    """
    if isinstance(array, Tensor):
        return array
    native = np.require(array, dtype=array.dtype.newbyteorder("="), requirements=["C", "W"])
    return torch.from_numpy(native).to(device)


def as_tensors(*arrays: Array, device: torch.device | None = None) -> tuple[Tensor, ...]:
    """Convert several arrays with `as_tensor`."""
    return tuple(as_tensor(array, device) for array in arrays)
