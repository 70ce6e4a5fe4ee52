"""Errors that no check foresaw, as a message that says where they arose and asks for a report."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

from skysure.errors import InputError, reason_of

VARIABLE = "SKYSURE_TRACEBACK"
"""Environment variable that shows developers the traceback instead."""
PACKAGE = Path(__file__).parents[1]


def shows_tracebacks() -> bool:
    """Whether an error that no check foresaw is raised with its traceback."""
    return os.environ.get(VARIABLE, "") not in ("", "0")


def unforeseen(error: Exception) -> InputError:
    """Say what went wrong, while what was read, and at which line of skysure.

    Notes of the error (`add_note`) say what was being done, such as reading a file.

    >>> print(unforeseen(KeyError("band")).problem)
    KeyError: 'band'
    """
    during = "".join(f"{note}: " for note in getattr(error, "__notes__", ()))
    if isinstance(error, MemoryError):
        return InputError(
            f"{during}memory ran out", "data that fit into memory", "",
            "fewer objects at a time, or a machine with more memory",
        )  # fmt: skip
    if isinstance(error, OSError) and error.strerror:
        return InputError(f"{during}{error.filename or 'a file'}: {error.strerror}")
    text = reason_of(error)
    kind = type(error).__name__
    return InputError(
        f"{during}{text if text.startswith(kind) else f'{kind}: {text}'}", "",
        f"an input that skysure did not foresee, or a mistake in skysure{_place(error)}",
        f"please report it, with the command and, if you can, the file; {VARIABLE}=1 shows the traceback",
    )  # fmt: skip


def _place(error: Exception) -> str:
    """Say at which line of skysure an error arose."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).is_relative_to(PACKAGE)]
    if not frames:
        return ""
    return f" ({Path(frames[-1].filename).relative_to(PACKAGE)}, line {frames[-1].lineno})"
