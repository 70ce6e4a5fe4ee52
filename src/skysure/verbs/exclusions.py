"""What was left out of the data, seen before or unusable: counted, told and listed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import Any

from skysure.data.results.writer import rejected_path, write_rejected
from skysure.data.sources import CALIBRATION, TEST
from skysure.errors import InputError

FEW = 100
"""Objects below which a calibration is told to be rough."""


def require_objects(source: Any) -> None:
    """Raise a fault where a source has no object to evaluate."""
    if hasattr(source, "chunks") and next(iter(source.chunks(TEST)), None) is None:
        raise no_object(source)


def no_object(source: Any, named: str = "the data") -> InputError:
    """Say why a source that was walked through gave nothing."""
    if dropped := _dropped(source):
        cause = f"{dropped} were trained or calibrated on (their ids or groups are in its split.parquet)"
        return InputError(f"{named}: no object that is new to the run", "others", cause, "give other data")
    if some := set_aside(source):
        cause = f"{len(some)} were set aside; {some[0].id}: {some[0].reason}"
        return InputError(f"{named}: no object that can be used", "some", cause, "skysure inspect tells all reasons")
    return InputError(
        f"{named}: no object", "some", "the files were replaced, or are empty", "give the data themselves"
    )


def set_aside(source: Any) -> list[Any]:
    """Give the objects that the last walk through the files beneath a source set aside."""
    return list(getattr(_origin(source), "rejected", ()))


def left_out(source: Any, objects: int) -> dict[str, Any]:
    """Say in metrics what was left out of a source of so many objects: seen before, or unusable."""
    dropped, rejected = _dropped(source), len(set_aside(source))
    found = {"dropped": {"count": dropped, "why": "trained or calibrated on"}} if dropped else {}
    return found | ({"rejected": {"count": rejected, "of": objects + dropped + rejected}} if rejected else {})


def tell_left_out(source: Any, out: Path, note: Callable[[str], None]) -> None:
    """List what was set aside beside `out`, and say what was done to the data."""
    if dropped := _dropped(source):
        note(f"{counted(dropped)} left out: trained or calibrated on")
    if count := write_rejected(out, map(astuple, set_aside(source))):
        note(f"{counted(count)} set aside, with their reasons in {rejected_path(out)}")
    for text in getattr(_origin(source), "notes", ()):
        note(text)


def note_few(source: Any, note: Callable[[str], None]) -> None:
    """Tell where a calibration part is small."""
    count = getattr(source, "counts", {}).get(CALIBRATION, FEW)
    if count < FEW:
        note(f"{counted(count)} to calibrate on: error bars stay rough below {FEW}")


def counted(n: int) -> str:
    """Count objects in words.

    >>> counted(1), counted(2000)
    ('1 object', '2,000 objects')
    """
    return f"{n:,} object{'' if n == 1 else 's'}"


def _dropped(source: Any) -> int:
    """How many objects the sources beneath one another left out in the last walk."""
    return getattr(source, "dropped", 0) + (_dropped(source.source) if hasattr(source, "source") else 0)


def _origin(source: Any) -> Any:
    while not hasattr(source, "rejected") and hasattr(source, "source"):
        source = source.source
    return source
