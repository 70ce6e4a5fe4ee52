"""Sentences on how early light curves are classified, computed from the evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from skysure.evaluation import Evaluation
from skysure.report.quantities import percent

EARLY = 10
"""Days after detection of the scores in the sentences."""


def sentences(evaluation: Evaluation) -> Iterator[str]:
    """Give the day when half of the light curves have a set of one class, and the scores `EARLY` days in."""
    curve = evaluation.curve("early")
    if not curve:
        return
    yield _single(curve, evaluation.nouns or f"{evaluation.noun}s")
    days = curve["days"]
    if EARLY in days and days[-1] > EARLY:
        k = days.index(EARLY)
        accuracy = f"{_on_day(curve, 'accuracy', k)} (after {days[-1]:g} days {_on_day(curve, 'accuracy', -1)})"
        more = ""
        if all(curve.get(name, {k: None})[k] is not None for name in ("completeness", "purity")):
            purity, of = _on_day(curve, "purity", k), curve["of"]
            more = f"; the completeness of {of} is {_on_day(curve, 'completeness', k)} and its purity {purity}"
        yield f"{EARLY} days after detection the accuracy is {accuracy}{more}."


def _single(curve: dict[str, Any], nouns: str) -> str:
    """Give the day when half of the prediction sets contain one class, by linear interpolation between two days."""
    days, single = curve["days"], curve["single"]
    k = next((k for k, share in enumerate(single) if share >= 0.5), None)
    if k is None:
        return f"{days[-1]:g} days after detection {100 * single[-1]:.0f} % of the {nouns} have a set of one class."
    if k == 0:
        return f"On the day of detection {100 * single[0]:.0f} % of the {nouns} have a set of one class."
    day = round(days[k] - (days[k] - days[k - 1]) * (single[k] - 0.5) / (single[k] - single[k - 1]))
    when = f"{day} day{'s' * (day > 1)} after" if day else "on the day of"
    return f"Half of the {nouns} have a set of one class {when} detection."


def _on_day(curve: dict[str, Any], name: str, k: int) -> str:
    return percent(*(curve[f"{name}{end}"][k] for end in ("", "_low", "_high")))
