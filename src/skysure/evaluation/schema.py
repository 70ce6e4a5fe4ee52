"""What `metrics.json` has to look like: checked where a report is made from a file, which anybody may have edited.

A kind is a function of a value and its place; it raises InputError. What is not declared here (curves and examples of
one application) may be anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from skysure.errors import InputError

Kind = Callable[[Any, str], None]
LARGEST = 1e300
"""Numbers beyond it cannot be drawn."""


def check_metrics(metrics: Any, where: str) -> None:
    """Raise InputError, with the place, where the content of `metrics.json` is not of the declared form.

    >>> check_metrics({"scores": 5}, "run/metrics.json")
    Traceback (most recent call last):
    ...
    skysure.errors.InputError: Problem:  run/metrics.json: scores is the number 5
    Expected: a list
    Cause:    an edit by hand, or a file of another program
    Fix:      evaluate the run again
    """
    METRICS(metrics, where)


def text(value: Any, where: str) -> None:
    """Text that can be written as UTF-8."""
    if not isinstance(value, str):
        raise _wrong(value, where, "text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _wrong(value, where, "text in UTF-8") from None


def number(value: Any, where: str) -> None:
    """A finite number."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise _wrong(value, where, "a number")
    if not abs(value) <= LARGEST:  # also of an integer that no float holds, and of NaN
        raise _wrong(value, where, "a finite number")


def count(value: Any, where: str) -> None:
    """A whole number from 0."""
    number(value, where)
    if value < 0 or value != math.floor(value):
        raise _wrong(value, where, "a whole number of 0 or more")


def flag(value: Any, where: str) -> None:
    """True or false."""
    if not isinstance(value, bool):
        raise _wrong(value, where, "true or false")


def anything(value: Any, where: str) -> None:
    """Whatever JSON can hold."""


def optional(kind: Kind) -> Kind:
    """null, or a kind."""
    return lambda value, where: None if value is None else kind(value, where)


def list_of(kind: Kind, length: int | None = None) -> Kind:
    """A list whose entries are of a kind; numbers also as an array."""

    def check(value: Any, where: str) -> None:
        if isinstance(value, np.ndarray) and value.ndim == 1:
            value = value.tolist()
        if not isinstance(value, (list, tuple)):
            raise _wrong(value, where, "a list")
        if length is not None and len(value) != length:
            raise _wrong(value, where, f"a list of {length}")
        for k, entry in enumerate(value):
            kind(entry, f"{where}[{k}]")

    return check


def mapping_of(kind: Kind) -> Kind:
    """An object with any names, whose values are of a kind."""

    def check(value: Any, where: str) -> None:
        for name, entry in _object(value, where).items():
            text(name, where)
            kind(entry, f"{where}.{name}")

    return check


def record(required: Mapping[str, Kind], others: Mapping[str, Kind] | None = None) -> Kind:
    """An object with these names; of `others` those that it has, unless null; further names may hold anything."""

    def check(value: Any, where: str) -> None:
        content = _object(value, where)
        for name, kind in required.items():
            if name not in content:
                raise InputError(f"{where} has no {name!r}", f"an object with {', '.join(required)}", *_REST)
            kind(content[name], _place(where, name))
        for name, kind in (others or {}).items():
            if content.get(name) is not None:
                kind(content[name], _place(where, name))

    return check


def columns_of(*names: str, **others: Kind) -> Kind:
    """An object of lists of numbers (or null) of the same length."""
    lists = record(dict.fromkeys(names, list_of(optional(number))), others)

    def check(value: Any, where: str) -> None:
        lists(value, where)
        lengths = {name: len(value[name]) for name in names}
        if len(set(lengths.values())) > 1:
            raise InputError(f"{where}: lists of different lengths {lengths}", "lists of the same length", *_REST)

    return check


def square(value: Any, where: str) -> None:
    """A confusion matrix: names of classes, and a row of counts for each."""
    record({"classes": list_of(text)})(value, where)
    size = len(value["classes"])
    counts = value.get("counts")
    record({"counts": list_of(list_of(count, size), size)})({"counts": _as_list(counts)}, where)


def table(value: Any, where: str) -> None:
    """A table whose rows have a cell for each column."""
    columns = list_of(record({"label": text}, {"name": text, "unit": text}))
    record({"columns": columns, "rows": anything}, _TABLE)(value, where)
    list_of(list_of(cell, len(value["columns"])))(value["rows"], f"{where}.rows")


def cell(value: Any, where: str) -> None:
    """Text, a number, null, or a number with its interval."""
    if isinstance(value, Mapping):
        record({"value": number}, {"low": number, "high": number})(value, where)
    elif value is not None and not isinstance(value, str):
        number(value, where)


def _bins(value: Any, where: str) -> None:
    """Bins of a column, for each column."""
    mapping_of(list_of(record({"n": count}, {"low": number, "high": number, **_BIN})))(value, where)


_REST = ("an edit by hand, or a file of another program", "evaluate the run again")
_TABLE = {"name": text, "title": text, "section": text, "caption": text, "wanted": number}
_BIN = {
    f"{name}{end}": number
    for name in ("accuracy", "coverage")
    for end in ("", "_low", "_high", "_band_low", "_band_high")
} | {"confidence": number, "wanted": number}
_SCORE = {
    **dict.fromkeys(("unit", "help"), text),
    **dict.fromkeys(("value", "low", "high", "before", "against", "expected", "expected_low", "expected_high"), number),
    **dict.fromkeys(("change", "change_low", "change_high"), number),
    "headline": flag, "digits": count, "wanted": list_of(optional(number), 2),
}  # fmt: skip
_RELIABILITY = columns_of("predicted", "observed", "low", "high", "n")
_COVERAGE = {"before": list_of(optional(number)), "size": list_of(optional(number)), "calibrated_on": count}
_CURVES = {
    "confusion": square,
    "roc": list_of(columns_of("false_positive", "true_positive", of=text, area=number)),
    "reliability": record({"after": _RELIABILITY}, {"before": _RELIABILITY, "of": text}),
    "coverage": columns_of("nominal", "actual", "low", "high", **_COVERAGE),
    "sets": columns_of("nominal", "actual", "low", "high", **_COVERAGE),
    "by": _bins,
    "posterior_coverage": list_of(columns_of("nominal", "actual", "low", "high", of=text, unit=text, **_COVERAGE)),
    "posterior_ranks": list_of(columns_of("low", "high", "count", "expected", "band_low", "band_high", of=text)),
    "joint_coverage": columns_of("nominal", "actual", "band_low", "band_high", **_COVERAGE, n=count),
    "predicted": list_of(columns_of("truth", "mean", "low", "high", "level", of=text, unit=text)),
}
_EXAMPLE = {**dict.fromkeys(("group", "id", "title", "truth"), text), "flags": list_of(text)}
METRICS = record(
    {},
    {
        **dict.fromkeys(("application", "title", "part", "noun", "nouns", "against"), text),
        "objects": count, "truth": flag,
        "scores": list_of(record({"name": text, "label": text}, _SCORE)),
        "curves": record({}, _CURVES),
        "tables": list_of(table),
        "examples": list_of(record({}, _EXAMPLE)),
        "uncertainty": record({"measure": text, "aleatoric": number, "epistemic": number}),
        "is_ood": record({"count": count, "of": count}),
        "dropped": record({"count": count, "why": text}),
        "rejected": record({"count": count, "of": count}),
    },
)  # fmt: skip


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(value, where, "an object: names with values")
    return value


def _as_list(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


def _place(where: str, name: str) -> str:
    return f"{where}: {name}" if where.endswith(".json") else f"{where}.{name}"


def _wrong(value: Any, where: str, expected: str) -> InputError:
    return InputError(f"{where} is {_described(value)}", expected, *_REST)


def _described(value: Any) -> str:
    if isinstance(value, (bool, type(None))):
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, (int, float)):
        large = isinstance(value, int) and abs(value) > 10**15
        return "an integer of many digits" if large else f"the number {value:g}"
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    return f"a list of {len(value)}" if isinstance(value, (list, tuple)) else "an object or array"
