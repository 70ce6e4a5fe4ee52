"""Memory between the chunks of a long prediction."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache


def release_memory() -> None:
    """Give memory that is free back to the system, where its allocator can do so.

    The allocator of Linux keeps what each thread has freed, in pieces into which later arrays do not fit: without this
    a prediction of 10^6 objects ends with a third more memory than one of 10^4 objects.
    """
    trim = _allocator()
    if trim is not None:
        trim(0)


@cache
def _allocator() -> Callable[[int], int] | None:
    """Return `malloc_trim` of the C library; None where there is none."""
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
