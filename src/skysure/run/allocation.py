"""A limit on the tensors that a network makes: settings of a stranger's run must not take all memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch.overrides import TorchFunctionMode

FACTORIES = ("empty", "zeros", "ones", "full", "rand", "randn", "eye")


class TooLarge(Exception):
    """A tensor was asked for that is larger than the limit."""


@contextmanager
def limited_allocation(largest: int) -> Iterator[None]:
    """Raise TooLarge, before memory is taken, where a new tensor would have more than so many elements.

    Examples
    --------
    >>> import torch
    >>> with limited_allocation(1000):
    ...     layer = torch.nn.Linear(10, 99)
    >>> try:
    ...     with limited_allocation(1000):
    ...         torch.zeros(10**6, 10**6)
    ... except TooLarge as error:
    ...     print(error)
    a tensor of 1000000 x 1000000
    """
    with _Limit(largest):
        yield


class _Limit(TorchFunctionMode):
    def __init__(self, largest: int) -> None:
        super().__init__()
        self.largest = largest

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if getattr(func, "__name__", "") in FACTORIES:
            size = _size_of(func.__name__, args, kwargs or {})
            if math.prod(size) > self.largest:
                raise TooLarge(f"a tensor of {' x '.join(map(str, size))}")
        return func(*args, **(kwargs or {}))


def _size_of(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[int]:
    """Give the size that a call asks for, as a sequence or as several numbers."""
    first = kwargs.get("size", args[0] if args else ())
    size = list(first) if isinstance(first, Sequence) else [n for n in args if isinstance(n, int)]
    return size * 2 if name == "eye" and len(size) == 1 else size
