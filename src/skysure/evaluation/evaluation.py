"""What an evaluation found: plain JSON, from which alone the report is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Evaluation:
    """All numbers of an evaluation, and what its figures need; stored as `metrics.json`.

    Parameters
    ----------
    metrics : dict
        JSON: "title", "part", "objects", "scores" (each with name, label, value, low, high, unit, headline),
        "curves" and "examples", as `skysure.report` reads them.
    """

    metrics: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_metrics(cls, metrics: dict[str, Any]) -> Evaluation:
        """Read the layout of `metrics.json`."""
        return cls(metrics)
