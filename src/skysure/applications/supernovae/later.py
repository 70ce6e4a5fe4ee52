"""Which later points a forecast is held against: those of the night after a cut, and of another night after it."""

from __future__ import annotations

import numpy as np

from .batches import Nights
from .settings import FURTHEST

Drawn = dict[str, np.ndarray]


def later(given: Nights, cuts: int, rng: np.random.Generator) -> Drawn:
    """Draw nights of each object after which nothing is seen, and give what came then.

    A cut is a night from the trigger on, the second of its object at least, that has another one within `FURTHEST`
    days. It is asked for all bands of the next night and of one of those after it; an object without such a night for
    nothing.

    Parameters
    ----------
    given : Nights
    cuts : int
        How many for each object, each anew.
    rng : Generator

    Returns
    -------
    dict of ndarray
        "cut" (object, cut), index of the night; "days" from there, "band", "ahead" (the flux) and "ahead_error",
        shape (object, cut, query); where the error is 0 nothing was measured.
    """
    night, width = np.arange(len(given.time)), given.flux.shape[1]
    first, ends = given.offsets[given.owner], last_within(given, FURTHEST)
    usable = np.flatnonzero((night > first) & (given.time > -0.5) & (ends > night))
    counts = np.bincount(given.owner[usable], minlength=len(given))
    some = np.flatnonzero(counts)
    lot = (rng.random((len(some), cuts)) * counts[some, None]).astype(np.int64)
    cut = usable[(np.cumsum(counts) - counts)[some, None] + lot]
    other = cut + 1 + (rng.random(cut.shape) * (ends[cut] - cut)).astype(np.int64)
    target = np.stack([cut + 1, other], -1)
    measured = given.measured[target] & (np.array([True, False]) | (other != cut + 1)[..., None])[..., None]
    days = (given.time[target] - given.time[cut][..., None])[..., None]

    def whole(values: np.ndarray) -> np.ndarray:
        full = np.zeros((len(given), *values.shape[1:]), values.dtype)
        full[some] = values
        return full.reshape(len(given), cuts, *(() if values.ndim == 2 else (-1,)))

    shape = (*target.shape, width)
    return {
        "cut": whole(cut - given.offsets[some, None]),
        "days": whole(np.broadcast_to(days, shape)),
        "band": whole(np.broadcast_to(np.arange(width), shape)),
        "ahead": whole(given.flux[target]),
        "ahead_error": whole(np.where(measured, given.flux_error[target], 0.0).astype(np.float32)),
    }


def last_within(given: Nights, days: float) -> np.ndarray:
    """Give the index of the last night of the same object not more than some days after each night, shape (night,)."""
    # one sorted key for all objects: in float64, with room for any time between them
    span = float(np.ptp(given.time)) + days + 1 if len(given.time) else 1.0
    key = given.owner * span + (given.time - given.time.min(initial=0.0))
    return np.searchsorted(key, key + days, "right") - 1
