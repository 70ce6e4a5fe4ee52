"""Images that cannot be used, with the reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rejected:
    """An object that was set aside: its file, its row there (0 where the file is the object), and the reason."""

    id: str
    file: str
    row: int
    reason: str
