"""How a verb tells what it does: it calls, somebody else prints."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, float, float | None], None]
"""Told what is being done, how much of it is done, and of how much (None where nobody knows; 0: a note)."""


def silent(text: str, done: float, total: float | None) -> None:
    """Tell nobody."""


def notify(tell: Progress) -> Callable[[str], None]:
    """Tell something once, apart from the progress."""
    return lambda text: tell(text, 0, 0)
