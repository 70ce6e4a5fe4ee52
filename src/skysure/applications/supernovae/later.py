"""Which later points a forecast is held against: in training those of the next night and another, in proof the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skysure.data.lightcurves import LightCurves

from .batches import Nights, nights
from .settings import FURTHEST, Settings

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


@dataclass(frozen=True)
class NextPoints:
    """Light curves that end at some night, and the points that came next.

    Parameters
    ----------
    known : LightCurves
        Up to that night.
    owner : ndarray of int, shape (row,)
        Index of the object of each later point, ascending.
    time, flux, flux_error : ndarray, shape (row,)
        As in light curves.
    band : ndarray of int, shape (row,)
    """

    known: LightCurves
    owner: np.ndarray
    time: np.ndarray
    band: np.ndarray
    flux: np.ndarray
    flux_error: np.ndarray


def next_points(
    curves: LightCurves, bands: Sequence[str], settings: Settings, points: int, rng: np.random.Generator
) -> NextPoints:
    """Cut light curves after a random night, and give the points that came next.

    The night is one from the trigger on, the second of its object at least, after which so many points come within
    `FURTHEST` days; objects without such a night are left out.
    """
    curves = curves.in_bands(tuple(bands))
    curves = curves.select_points(curves.flux_error > 0)
    given = nights(curves, bands, settings)
    night, owner = np.arange(len(given.time)), given.owner
    origin = curves.time.min(initial=np.inf)
    span = float(np.ptp(curves.time)) + FURTHEST + 1 if len(curves.time) else 1.0
    # a night is a day centred on the time of the trigger
    cut = given.trigger[owner] + np.floor(given.time + 0.5) + 0.5
    start = np.searchsorted(curves.owner * span + (curves.time - origin), owner * span + (cut - origin))
    final = start + points - 1
    there = final < curves.offsets[owner + 1]
    near = curves.time[np.where(there, final, 0)] - (given.trigger[owner] + given.time) <= FURTHEST
    fit = np.flatnonzero((night > given.offsets[owner]) & (given.time > -0.5) & there & near)
    chosen = fit[np.lexsort((rng.random(len(fit)), owner[fit]))]
    chosen = chosen[np.unique(owner[chosen], return_index=True)[1]]
    ends = np.zeros(len(curves), np.int64)
    ends[owner[chosen]] = start[chosen]
    known = curves.select_points(np.arange(len(curves.time)) < ends[curves.owner])[owner[chosen]]
    rows = (start[chosen, None] + np.arange(points)).ravel()
    later = (values[rows] for values in (curves.time, curves.band, curves.flux, curves.flux_error))
    return NextPoints(known, np.repeat(np.arange(len(chosen)), points), *later)
