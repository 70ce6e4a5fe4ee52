"""The data of a training in parts: how large they are, and who belongs to which."""

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
    """Sizes of the parts that settings ask for; what is left is trained on."""
    sizes = {part: getattr(settings, part) for part in (VALIDATION, CALIBRATION, TEST)}
    if (together := sum(size for size in sizes.values() if size < 1)) >= 1:
        raise SettingsError(
            ", ".join(f"{part} = {size:g}" for part, size in sizes.items()), "shares below 1 together",
            f"they are {together:g}, and nothing is left to train on", "make one smaller",
        )  # fmt: skip
    return {TRAIN: None} | sizes


def in_parts(
    source: Source, sizes: Mapping[str, Any], seed: int, tell: Progress, *, grouped: bool = True
) -> SplitSource:
    """Divide a source into parts of given sizes: shares, counts, or None for the rest; relatives stay together.

    One that is in parts already keeps them.
    """
    if isinstance(source, SplitSource):
        return source
    ids, groups, count = [], [], 0
    for chunk in source.chunks():
        ids.append(chunk.ids)
        groups.append(getattr(chunk, "groups", np.full(len(chunk), "")) if grouped else np.full(len(chunk), ""))
        count += len(chunk)
        tell("reading", count, None)
    if not count:
        raise no_object(source)
    joined, relatives = np.concatenate(ids), np.concatenate(groups)
    parts = assign_parts(joined, relatives, **sizes, seed=seed)
    return SplitSource(source, Split(joined, relatives, parts))
