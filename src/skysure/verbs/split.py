"""Divide the data of a training into parts: their sizes, and which object belongs to which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from skysure.data.sources import CALIBRATION, TEST, TRAIN, VALIDATION, Source, SplitSource
from skysure.data.split import Split, assign_parts
from skysure.errors import SettingsError

from .exclusions import no_object
from .progress import Progress


def sizes_of(settings: Any) -> dict[str, Any]:
    """Return the sizes of the parts from settings; the rest is for training."""
    sizes = {part: getattr(settings, part) for part in (VALIDATION, CALIBRATION, TEST)}
    if (together := sum(size for size in sizes.values() if size < 1)) >= 1:
        raise SettingsError(
            ", ".join(f"{part} = {size:g}" for part, size in sizes.items()), "fractions that sum to less than 1",
            f"they sum to {together:g}, and nothing is left to train on", "make one smaller",
        )  # fmt: skip
    return {TRAIN: None} | sizes


def in_parts(
    source: Source, sizes: Mapping[str, Any], seed: int, progress: Progress, *, grouped: bool = True
) -> Source:
    """Divide a source into parts of given sizes: fractions, counts, or None for the rest; groups stay together.

    A source that has parts keeps them.
    """
    if source.has_parts:
        return source
    ids, groups = source.index(lambda count: progress("reading", count, None))
    if not len(ids):
        raise no_object(source)
    groups = groups if grouped else np.full(len(ids), "")
    return SplitSource(source, Split(ids, groups, assign_parts(ids, groups, **sizes, seed=seed)))
