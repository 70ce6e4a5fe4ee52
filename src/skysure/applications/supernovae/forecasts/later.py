"""The later points that a forecast is compared with: the next ones after a night, in training another one too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skysure.data.lightcurves import LightCurves

from ..batches import Nights, group_by_night
from ..settings import MAX_DAYS_AHEAD, Settings

LaterPoints = dict[str, np.ndarray]
"""Points after a cut; see `draw_later_points` for the arrays."""
NEXT = 3
"""Points right after a cut that are targets in training, beside one that may be later."""
SPANS = (2.0, 5.0, 9.0, 14.0, 20.0, 28.0, 40.0, 60.0)
"""Days since the trigger that divide light curves into spans; each begins with a checkpoint."""
CHECKPOINT_POINTS = 8
"""Points that are forecast at each checkpoint."""


def draw_later_points(nights: Nights, cuts: int, rng: np.random.Generator) -> LaterPoints:
    """Draw nights at which each light curve is cut, and give points after them.

    A cut is a night from the trigger on, not the first of its object, that is followed by another one within
    `MAX_DAYS_AHEAD` days. The targets are the next points, and one of all points within `MAX_DAYS_AHEAD` days; an
    object without such a night has none.

    Parameters
    ----------
    nights : Nights
    cuts : int
        Cuts of each object, drawn independently.
    rng : Generator

    Returns
    -------
    dict of ndarray
        "cut" (object, cut), index of the night; "days" from the cut, "band", "ahead" (the flux), "ahead_error" and
        "night", its index, shape (object, cut, query); an error of 0 marks a missing point.
    """
    usable, ends = cuttable(nights)
    counts = np.bincount(nights.owner[usable], minlength=len(nights))
    objects = np.flatnonzero(counts)
    choice = (rng.random((len(objects), cuts)) * counts[objects, None]).astype(np.int64)
    cut = usable[(np.cumsum(counts) - counts)[objects, None] + choice]
    start = points_before(nights)
    first, stop = start[cut + 1], start[ends[cut] + 1]
    random_point = first + (rng.random(cut.shape) * (stop - first)).astype(np.int64)
    point = np.concatenate([first[..., None] + np.arange(NEXT), random_point[..., None]], -1)
    return describe_points(nights, objects, cut, np.where(point < stop[..., None], point, -1))


def forecast_checkpoints(nights: Nights) -> LaterPoints:
    """Give the points after the first night of each object in each of `SPANS`.

    The checkpoints do not depend on later nights: the surprise of a light curve until a night does not change when more
    nights follow.

    Returns
    -------
    dict of ndarray
        As of `draw_later_points`.
    """
    usable, ends = cuttable(nights)
    owner, span = nights.owner[usable], np.searchsorted(SPANS, nights.time[usable], side="right")
    objects, row = np.unique(owner, return_inverse=True)
    cut = np.full((len(objects), len(SPANS) + 1), -1)
    _, first = np.unique(row * cut.shape[1] + span, return_index=True)
    cut[row[first], span[first]] = usable[first]
    exists, cut = (cut >= 0)[..., None], np.where(cut >= 0, cut, nights.offsets[objects, None])
    start = points_before(nights)
    point = start[cut + 1][..., None] + np.arange(CHECKPOINT_POINTS)
    return describe_points(
        nights, objects, cut, np.where(exists & (point < start[ends[cut] + 1][..., None]), point, -1)
    )


def cuttable(nights: Nights) -> tuple[np.ndarray, np.ndarray]:
    """Give the nights at which light curves can be cut, and the last night within `MAX_DAYS_AHEAD` days of each."""
    night, ends = np.arange(len(nights.time)), last_within(nights, MAX_DAYS_AHEAD)
    return np.flatnonzero((night > nights.offsets[nights.owner]) & (nights.time > -0.5) & (ends > night)), ends


def points_before(nights: Nights) -> np.ndarray:
    """Give the number of points before each night, and of all points, shape (night + 1,)."""
    return np.concatenate([[0], np.cumsum(nights.measured.sum(1))])


def describe_points(nights: Nights, objects: np.ndarray, cut: np.ndarray, point: np.ndarray) -> LaterPoints:
    """Describe points after cuts of some `objects`; all others have none.

    `point` holds the indices among all points, shape (object, cut, query), -1 where there is none.
    """
    night, band = np.nonzero(nights.measured)  # all points, in the order of the nights
    exists, offset = point >= 0, nights.offsets[objects, None]
    night, band = night[np.maximum(point, 0)], band[np.maximum(point, 0)]

    def for_all(values: np.ndarray) -> np.ndarray:
        full = np.zeros((len(nights), *values.shape[1:]), values.dtype)
        full[objects] = values
        return full

    return {
        "cut": for_all(cut - offset),
        "days": for_all(np.where(exists, nights.time[night] - nights.time[cut][..., None], 1.0).astype(np.float32)),
        "band": for_all(band),
        "ahead": for_all(nights.flux[night, band]),
        "ahead_error": for_all(np.where(exists, nights.flux_error[night, band], 0.0).astype(np.float32)),
        "night": for_all(night - offset[..., None]),
    }


def last_within(nights: Nights, days: float) -> np.ndarray:
    """Give the index of the last night of the same object within `days` after each night, shape (night,)."""
    # one sorted key for all objects: in float64, with room for any time between them
    span = float(np.ptp(nights.time)) + days + 1 if len(nights.time) else 1.0
    key = nights.owner * span + (nights.time - nights.time.min(initial=0.0))
    return np.searchsorted(key, key + days, "right") - 1


@dataclass(frozen=True)
class NextPoints:
    """Light curves cut after a night, and the points that follow.

    Parameters
    ----------
    past : LightCurves
        The light curves up to that night.
    owner : ndarray of int, shape (row,)
        Index of the object of each later point, ascending.
    time, flux, flux_error : ndarray, shape (row,)
        As in light curves.
    band : ndarray of int, shape (row,)
    """

    past: LightCurves
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
    """Cut light curves after a random night, or `until` days after the trigger, and give the next points.

    The last night used is one from the trigger on, not the first of its object, that `points` points follow within
    `MAX_DAYS_AHEAD` days; objects without such a night are left out.
    """
    curves = curves.in_bands(tuple(bands))
    curves = curves.select_points(np.isfinite(curves.flux) & np.isfinite(curves.flux_error) & (curves.flux_error > 0))
    nights = group_by_night(curves, bands, settings, until)
    night, owner = np.arange(len(nights.time)), nights.owner
    origin = curves.time.min(initial=np.inf)
    span = float(np.ptp(curves.time)) + MAX_DAYS_AHEAD + 1 if len(curves.time) else 1.0
    # a night is a day centred on the time of the trigger
    cut = nights.trigger[owner] + np.floor(nights.time + 0.5) + 0.5
    n_past = np.bincount(curves.owner[curves.time - nights.trigger[curves.owner] <= until], minlength=len(curves))
    start = np.searchsorted(curves.owner * span + (curves.time - origin), owner * span + (cut - origin))
    start = np.minimum(start, curves.offsets[owner] + n_past[owner])
    final = start + points - 1
    exists = final < curves.offsets[owner + 1]
    near = curves.time[np.where(exists, final, 0)] - (nights.trigger[owner] + nights.time) <= MAX_DAYS_AHEAD
    allowed = (night + 1 == nights.offsets[owner + 1]) | np.isinf(until)
    candidates = np.flatnonzero(allowed & (night > nights.offsets[owner]) & (nights.time > -0.5) & exists & near)
    selected = candidates[np.lexsort((rng.random(len(candidates)), owner[candidates]))]
    selected = selected[np.unique(owner[selected], return_index=True)[1]]
    ends = np.zeros(len(curves), np.int64)
    ends[owner[selected]] = start[selected]
    past = curves.select_points(np.arange(len(curves.time)) < ends[curves.owner])[owner[selected]]
    rows = (start[selected, None] + np.arange(points)).ravel()
    later = (values[rows] for values in (curves.time, curves.band, curves.flux, curves.flux_error))
    return NextPoints(past, np.repeat(np.arange(len(selected)), points), *later)
