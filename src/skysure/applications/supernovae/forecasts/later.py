"""Which later points a forecast is held against: the next ones after a night, in training another one too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skysure.data.lightcurves import LightCurves

from ..batches import Nights, nights
from ..settings import FURTHEST, Settings

Drawn = dict[str, np.ndarray]
NEXT = 3
"""Points right after a cut that are asked for in training, beside one that may be later."""


def later(given: Nights, cuts: int, rng: np.random.Generator) -> Drawn:
    """Draw nights of each object after which nothing is seen, and give what came then.

    A cut is a night from the trigger on, the second of its object at least, that has another one within `FURTHEST`
    days. It is asked for the points that come next, and for one of all those within `FURTHEST` days; an object
    without such a night for nothing.

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
        shape (object, cut, query); where the error is 0 there was no such point.
    """
    night, ends = np.arange(len(given.time)), last_within(given, FURTHEST)
    usable = np.flatnonzero((night > given.offsets[given.owner]) & (given.time > -0.5) & (ends > night))
    counts = np.bincount(given.owner[usable], minlength=len(given))
    some = np.flatnonzero(counts)
    lot = (rng.random((len(some), cuts)) * counts[some, None]).astype(np.int64)
    cut = usable[(np.cumsum(counts) - counts)[some, None] + lot]
    night, band = np.nonzero(given.measured)  # the points, in the order of the nights
    start = np.concatenate([[0], np.cumsum(given.measured.sum(1))])
    first, stop = start[cut + 1], start[ends[cut] + 1]
    other = first + (rng.random(cut.shape) * (stop - first)).astype(np.int64)
    point = np.concatenate([first[..., None] + np.arange(NEXT), other[..., None]], -1)
    there = point < stop[..., None]
    night, band = night[np.where(there, point, 0)], band[np.where(there, point, 0)]

    def whole(values: np.ndarray) -> np.ndarray:
        full = np.zeros((len(given), *values.shape[1:]), values.dtype)
        full[some] = values
        return full

    return {
        "cut": whole(cut - given.offsets[some, None]),
        "days": whole(np.where(there, given.time[night] - given.time[cut][..., None], 1.0).astype(np.float32)),
        "band": whole(band),
        "ahead": whole(given.flux[night, band]),
        "ahead_error": whole(np.where(there, given.flux_error[night, band], 0.0).astype(np.float32)),
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
    curves: LightCurves,
    bands: Sequence[str],
    settings: Settings,
    points: int,
    rng: np.random.Generator,
    until: float = np.inf,
) -> NextPoints:
    """Cut light curves after a random night, or `until` so many days after the trigger, and give what came next.

    The last night seen is one from the trigger on, the second of its object at least, after which so many points come
    within `FURTHEST` days; objects without such a night are left out.
    """
    curves = curves.in_bands(tuple(bands))
    curves = curves.select_points(np.isfinite(curves.flux) & np.isfinite(curves.flux_error) & (curves.flux_error > 0))
    given = nights(curves, bands, settings, until)
    night, owner = np.arange(len(given.time)), given.owner
    origin = curves.time.min(initial=np.inf)
    span = float(np.ptp(curves.time)) + FURTHEST + 1 if len(curves.time) else 1.0
    # a night is a day centred on the time of the trigger
    cut = given.trigger[owner] + np.floor(given.time + 0.5) + 0.5
    seen = np.bincount(curves.owner[curves.time - given.trigger[curves.owner] <= until], minlength=len(curves))
    start = np.searchsorted(curves.owner * span + (curves.time - origin), owner * span + (cut - origin))
    start = np.minimum(start, curves.offsets[owner] + seen[owner])
    final = start + points - 1
    there = final < curves.offsets[owner + 1]
    near = curves.time[np.where(there, final, 0)] - (given.trigger[owner] + given.time) <= FURTHEST
    asked = (night + 1 == given.offsets[owner + 1]) | np.isinf(until)
    fit = np.flatnonzero(asked & (night > given.offsets[owner]) & (given.time > -0.5) & there & near)
    chosen = fit[np.lexsort((rng.random(len(fit)), owner[fit]))]
    chosen = chosen[np.unique(owner[chosen], return_index=True)[1]]
    ends = np.zeros(len(curves), np.int64)
    ends[owner[chosen]] = start[chosen]
    known = curves.select_points(np.arange(len(curves.time)) < ends[curves.owner])[owner[chosen]]
    rows = (start[chosen, None] + np.arange(points)).ravel()
    later = (values[rows] for values in (curves.time, curves.band, curves.flux, curves.flux_error))
    return NextPoints(known, np.repeat(np.arange(len(chosen)), points), *later)
