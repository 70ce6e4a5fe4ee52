"""How a verb reports its progress: it calls a function, which the caller gives."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, float, float | None], None]
"""Called with a stage, how much of it is done, and of how much (None: unknown; 0: the text is a note)."""


def silent(text: str, done: float, total: float | None) -> None:
    """Report nothing."""


def notify(progress: Progress) -> Callable[[str], None]:
    """Make a function that reports a note; the same note only once."""
    reported: set[str] = set()

    def note(text: str) -> None:
        """Report a note."""
        if text not in reported:
            reported.add(text)
            progress(text, 0, 0)

    return note
