"""Objects left out of the data, because a run has seen them or they cannot be used: counted, reported and listed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import astuple
from pathlib import Path
from typing import IO, Any

from skysure.data.results import formulas
from skysure.data.results.writer import rejected_path, write_rejected
from skysure.data.sources import CALIBRATION, TEST, Source, SplitSource
from skysure.data.targets import check_target, replacing
from skysure.errors import InputError

FEW = 100
"""Number of objects below which a calibration is reported as rough."""


def require_objects(source: Any) -> None:
    """Raise an InputError where a source has no object to evaluate."""
    if isinstance(source, Source) and next(iter(source.chunks(TEST)), None) is None:
        raise no_object(source)


def no_object(source: Source, name: str = "the data") -> InputError:
    """Return the error for a source whose walk gave nothing, with the likely cause."""
    if source.dropped:
        cause = f"{source.dropped} were trained or calibrated on (their ids or groups are in its split.parquet)"
        return InputError(f"{name}: no object that is new to the run", "other objects", cause, "give other data")
    if source.rejected:
        first = source.rejected[0]
        cause = f"{source.rejected_count} were set aside; {first.id}: {first.reason}"
        return InputError(f"{name}: no object that can be used", "one or more", cause, "skysure inspect lists reasons")
    return InputError(
        f"{name}: no object", "one or more", "the files were replaced, or are empty", "give the data themselves"
    )


def left_out(source: Any, objects: int) -> dict[str, Any]:
    """Return for the metrics what was left out of a source of so many objects: seen before, or unusable."""
    if not isinstance(source, Source):
        return {}
    dropped, rejected = source.dropped, source.rejected_count
    counts = {"dropped": {"count": dropped, "why": "trained or calibrated on"}} if dropped else {}
    return counts | ({"rejected": {"count": rejected, "of": objects + dropped + rejected}} if rejected else {})


def require_unlisted(out: Path, *, force: bool) -> None:
    """Raise InputError where the list of rejected objects of an earlier result would be replaced without `force`.

    A list beside the folder of an unfinished result belongs to that result, and is made again.
    """
    unfinished = any(out.with_name(f"{out.name}.{suffix}").exists() for suffix in ("training", "evaluation"))
    if not unfinished:
        check_target(rejected_path(out), force=force)


def tell_left_out(
    source: Any,
    out: Path,
    note: Callable[[str], None],
    opened: Callable[[Path], AbstractContextManager[IO[bytes]]] = replacing,
) -> None:
    """List what was set aside in a table beside `out`, opened by `opened`, and report what was done to the data."""
    if not isinstance(source, Source):
        return
    if source.dropped:
        note(f"{counted(source.dropped)} left out: trained or calibrated on")
    if n_written := write_rejected(out, map(astuple, source.rejected), opened):
        first = f" of the first {n_written:,}" if n_written < source.rejected_count else ""
        reasons = "the reasons" if first else "their reasons"
        note(f"{counted(source.rejected_count)} set aside, with {reasons}{first} in {rejected_path(out)}")
        if formulas.any_formula(text for reject in source.rejected for text in astuple(reject)):
            note(formulas.NOTE)
    for text in source.notes:
        note(text)


def note_few(source: Any, note: Callable[[str], None]) -> None:
    """Report a small calibration part."""
    count = source.counts.get(CALIBRATION, FEW) if isinstance(source, SplitSource) else FEW
    if count < FEW:
        note(f"{counted(count)} to calibrate on: error bars stay rough below {FEW}")


def counted(n: int) -> str:
    """Count objects in words.

    >>> counted(1), counted(2000)
    ('1 object', '2,000 objects')
    """
    return f"{n:,} object{'' if n == 1 else 's'}"
