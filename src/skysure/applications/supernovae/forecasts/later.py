"""Which later points a forecast is held against: the next ones after some nights, in training another one too."""

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
SPANS = (2.0, 5.0, 9.0, 14.0, 20.0, 28.0, 40.0, 60.0)
"""Days since the trigger that part light curves into spans, at whose beginnings their course is looked at."""
COURSE = 8
"""Points that are asked for there."""


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
        "cut" (object, cut), index of the night; "days" from there, "band", "ahead" (the flux), "ahead_error" and
        "night", its index, shape (object, cut, query); where the error is 0 there was no such point.
    """
    usable, ends = cuttable(given)
    counts = np.bincount(given.owner[usable], minlength=len(given))
    some = np.flatnonzero(counts)
    lot = (rng.random((len(some), cuts)) * counts[some, None]).astype(np.int64)
    cut = usable[(np.cumsum(counts) - counts)[some, None] + lot]
    start = points_before(given)
    first, stop = start[cut + 1], start[ends[cut] + 1]
    other = first + (rng.random(cut.shape) * (stop - first)).astype(np.int64)
    point = np.concatenate([first[..., None] + np.arange(NEXT), other[..., None]], -1)
    return asked_for(given, some, cut, np.where(point < stop[..., None], point, -1))


def forecast_checkpoints(given: Nights) -> Drawn:
    """Give the points that came after the first night of each object in each of `SPANS`.

    Which nights these are, no later night decides: what is said of the course of a light curve until a night does not
    change when it goes on.

    Returns
    -------
    dict of ndarray
        As `later` does.
    """
    usable, ends = cuttable(given)
    owner, span = given.owner[usable], np.searchsorted(SPANS, given.time[usable], side="right")
    some, which = np.unique(owner, return_inverse=True)
    cut = np.full((len(some), len(SPANS) + 1), -1)
    _, first = np.unique(which * cut.shape[1] + span, return_index=True)
    cut[which[first], span[first]] = usable[first]
    known, cut = (cut >= 0)[..., None], np.where(cut >= 0, cut, given.offsets[some, None])
    start = points_before(given)
    point = start[cut + 1][..., None] + np.arange(COURSE)
    return asked_for(given, some, cut, np.where(known & (point < start[ends[cut] + 1][..., None]), point, -1))


def cuttable(given: Nights) -> tuple[np.ndarray, np.ndarray]:
    """Give the nights after which a light curve can be cut, and of every night the last one within `FURTHEST` days."""
    night, ends = np.arange(len(given.time)), last_within(given, FURTHEST)
    return np.flatnonzero((night > given.offsets[given.owner]) & (given.time > -0.5) & (ends > night)), ends


def points_before(given: Nights) -> np.ndarray:
    """Give how many points come before each night, and in all, shape (night + 1,)."""
    return np.concatenate([[0], np.cumsum(given.measured.sum(1))])


def asked_for(given: Nights, some: np.ndarray, cut: np.ndarray, point: np.ndarray) -> Drawn:
    """Describe points by their place among all points, (object, cut, query), -1 where there is none, after some cuts.

    They are those of `some` objects; all others are asked for nothing.
    """
    night, band = np.nonzero(given.measured)  # the points, in the order of the nights
    there, offset = point >= 0, given.offsets[some, None]
    night, band = night[np.maximum(point, 0)], band[np.maximum(point, 0)]

    def whole(values: np.ndarray) -> np.ndarray:
        full = np.zeros((len(given), *values.shape[1:]), values.dtype)
        full[some] = values
        return full

    return {
        "cut": whole(cut - offset),
        "days": whole(np.where(there, given.time[night] - given.time[cut][..., None], 1.0).astype(np.float32)),
        "band": whole(band),
        "ahead": whole(given.flux[night, band]),
        "ahead_error": whole(np.where(there, given.flux_error[night, band], 0.0).astype(np.float32)),
        "night": whole(night - offset[..., None]),
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
