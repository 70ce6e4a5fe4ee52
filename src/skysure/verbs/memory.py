"""Memory of a long prediction: given back between its chunks, and kept by few allocators.

The allocator of Linux keeps what each thread has freed in an arena of its own, in pieces into which later arrays do not
fit. Without what follows, a prediction of 10^6 objects ends with a third more memory than one of 10^4 objects.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

M_ARENA_MAX, ARENAS = -8, 2


def release_memory() -> None:
    """Give memory that is free back to the system, where its allocator can do so."""
    trim = _call("malloc_trim")
    if trim is not None:
        trim(0)


def share_arenas() -> None:
    """Let the threads of this process share two arenas; it is for programs to say, not for libraries."""
    option = _call("mallopt")
    if option is not None:
        option(M_ARENA_MAX, ARENAS)


@cache
def _call(name: str) -> Callable[..., Any] | None:
    """Return a function of the allocator of the GNU C library; None on other systems."""
    try:
        library = ctypes.CDLL(None)
        return getattr(library, name) if hasattr(library, "malloc_trim") else None
    except (AttributeError, OSError, TypeError):
        return None
