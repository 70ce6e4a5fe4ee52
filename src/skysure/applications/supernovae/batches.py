"""Light curves to tensors: the points of a night become one step, time counts from the first detection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from skysure.data.lightcurves import LightCurves

from .settings import KINDS, Settings

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class Nights:
    """Light curves by night, flat: the nights of object k are `offsets[k]:offsets[k + 1]`.

    Parameters
    ----------
    offsets : ndarray of int64, shape (object + 1,)
    time : ndarray of float32, shape (night,)
        Days since the first point with high signal to noise (the trigger).
    flux, flux_error : ndarray of float32, shape (night, band)
        Inverse-variance means over the night; 0 and 1 without a measurement.
    measured : ndarray of bool, shape (night, band)
    trigger : ndarray of float64, shape (object,)
        Modified Julian date of the trigger; infinite without one.
    redshift, redshift_error : ndarray of float32, shape (object,)
        NaN if unknown.
    position : ndarray of float32, shape (object, 3)
        Right ascension and declination [deg], Galactic reddening [mag]; 0 if unknown.
    """

    offsets: np.ndarray
    time: np.ndarray
    flux: np.ndarray
    flux_error: np.ndarray
    measured: np.ndarray
    trigger: np.ndarray
    redshift: np.ndarray
    redshift_error: np.ndarray
    position: np.ndarray

    def __len__(self) -> int:
        return len(self.trigger)

    @cached_property
    def smallest_error(self) -> np.ndarray:
        """Smallest flux error of each object, shape (object,); NaN without measurements."""
        smallest = np.full(len(self), np.inf)
        np.minimum.at(smallest, self.owner, np.where(self.measured, self.flux_error, np.inf).min(1))
        return np.where(np.isfinite(smallest), smallest, np.nan)

    @property
    def counts(self) -> np.ndarray:
        """Number of nights of each object, shape (object,)."""
        return np.diff(self.offsets)

    @property
    def owner(self) -> np.ndarray:
        """Index of the object of each night, shape (night,)."""
        return np.repeat(np.arange(len(self)), self.counts)

    @property
    def classifiable(self) -> np.ndarray:
        """Whether an object has a trigger and two nights at least, shape (object,)."""
        return np.isfinite(self.trigger) & (self.counts >= 2)

    def select(self, keep: np.ndarray) -> Nights:
        """Keep the nights of a mask of shape (night,), and all objects, even those left without nights."""
        n_kept = np.concatenate([[0], np.cumsum(keep)])
        flat = {n: getattr(self, n)[keep] for n in ("time", "flux", "flux_error", "measured")}
        return replace(self, offsets=n_kept[self.offsets], **flat)

    @staticmethod
    def concat(parts: Sequence[Nights]) -> Nights:
        """Concatenate along objects."""
        starts = np.cumsum([0] + [len(p.time) for p in parts])
        offsets = [p.offsets[1:] + s for p, s in zip(parts, starts, strict=False)]
        arrays = {f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Nights)}
        return Nights(**arrays | {"offsets": np.concatenate([[0], *offsets])})

    def __getitem__(self, selection: np.ndarray) -> Nights:
        """Select objects by their indices, in that order."""
        counts = self.counts[selection]
        offsets = np.concatenate([[0], np.cumsum(counts)])
        index = np.repeat(self.offsets[selection] - offsets[:-1], counts) + np.arange(offsets[-1])
        flat = {n: getattr(self, n)[index] for n in ("time", "flux", "flux_error", "measured")}
        rows = {n: getattr(self, n)[selection] for n in ("trigger", "redshift", "redshift_error", "position")}
        return Nights(offsets=offsets, **flat, **rows)


def group_by_night(curves: LightCurves, bands: Sequence[str], settings: Settings, until: float = np.inf) -> Nights:
    """Group points by night, from `settings.before` days before the trigger to `until` days after it.

    A night is a day centred on the time of the trigger. Points without a positive error are left out.
    """
    curves = curves.in_bands(tuple(bands))
    good = np.isfinite(curves.flux) & np.isfinite(curves.flux_error) & (curves.flux_error > 0)
    if not good.all():
        curves = curves.select_points(good)
    owner = curves.owner
    start = first(owner, curves.time, triggers(curves.flux, curves.flux_error, settings), len(curves))
    since = curves.time - np.where(np.isfinite(start), start, 0.0)[owner]
    in_window = np.isfinite(start)[owner] & (since >= -settings.before) & (since <= until)
    owner, since, band = owner[in_window], since[in_window], curves.band[in_window]
    day = np.floor(since + 0.5)
    new = np.ones(len(day), bool)
    new[1:] = (owner[1:] != owner[:-1]) | (day[1:] != day[:-1])
    step, count, width = np.cumsum(new) - 1, int(new.sum()), len(bands)
    cell, weight = step * width + band, curves.flux_error[in_window] ** -2.0
    total = np.bincount(cell, weight, count * width)
    flux = np.bincount(cell, weight * curves.flux[in_window], count * width) / np.where(total > 0, total, 1.0)
    error = np.where(total > 0, total, 1.0) ** -0.5
    counts = np.bincount(owner[new], minlength=len(curves))
    return Nights(
        offsets=np.concatenate([[0], np.cumsum(counts)]),
        time=(np.bincount(step, since, count) / np.bincount(step, minlength=count)).astype(np.float32),
        flux=flux.reshape(count, width).astype(np.float32),
        flux_error=error.reshape(count, width).astype(np.float32),
        measured=(total > 0).reshape(count, width),
        trigger=start,
        position=np.stack([np.nan_to_num(curves.column(n)) for n in ("ra", "dec", "mwebv")], 1).astype(np.float32),
        **_redshift(curves, settings),
    )


def triggers(flux: np.ndarray, flux_error: np.ndarray, settings: Settings) -> np.ndarray:
    """Whether each flux can be the trigger: far enough above zero, or with `variables` below it."""
    return (np.abs(flux) if settings.variables else flux) > settings.trigger_snr * flux_error


def _redshift(curves: LightCurves, settings: Settings) -> dict[str, np.ndarray]:
    redshift = curves.column("redshift")
    has_redshift = (redshift > 0) | (redshift == 0) & settings.variables
    has_redshift &= np.isfinite(redshift) & (settings.redshift != "never")
    error = np.nan_to_num(curves.column("redshift_error"), nan=0.0)
    return {
        "redshift": np.where(has_redshift, redshift, np.nan).astype(np.float32),
        "redshift_error": np.where(has_redshift, error, np.nan).astype(np.float32),
    }


def first(owner: np.ndarray, time: np.ndarray, hit: np.ndarray, objects: int) -> np.ndarray:
    """Give the time of the first hit of each object, infinite without one, shape (object,).

    >>> first(np.array([0, 0, 1]), np.array([1.0, 2.0, 3.0]), np.array([False, True, False]), 2)
    array([ 2., inf])
    """
    earliest = np.full(objects, np.inf)
    np.minimum.at(earliest, owner[hit], time[hit])
    return earliest


def targets(labels: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Give the index of the class of each label, -1 for labels outside the classes, shape (object,).

    A class contains its subtypes in `KINDS`, except those that are classes themselves.

    >>> targets(np.array(["IIP", "Ia", "SLSN"]), ("Ia", "II"))
    array([ 1,  0, -1])
    """
    names, inverse = np.unique(labels.astype(str), return_inverse=True)
    bare = np.array([name.removeprefix("SN").strip() for name in names.tolist()], str)
    place = np.full(len(names), -1)
    for k, name in enumerate(classes):
        mask = np.isin(bare, KINDS.get(name, (name,))) & ~np.isin(bare, classes) | (bare == name) | (names == name)
        place[mask & (place < 0)] = k
    return place[inverse]


def augment(nights: Nights, settings: Settings, rng: np.random.Generator) -> Nights:
    """Degrade light curves: noise, missing nights and points, scatter, an early end, a hidden redshift.

    The trigger is determined again in the degraded light curve, as in a shallower survey.
    """
    size, owner, n = nights.flux.shape, nights.owner, len(nights)
    scale = np.exp(0.4 * np.log(10) * settings.scatter * rng.standard_normal(n))[owner, None]
    added = settings.noise * rng.random((n, 1)) * (rng.random((n, 1)) < 0.5)
    added = added[owner] * nights.flux_error
    flux = scale * (nights.flux + added * rng.standard_normal(size))
    error = scale * np.hypot(nights.flux_error, added)
    keep = nights.measured & (rng.random(size) >= 2 * settings.drop_points * rng.random((n, 1))[owner])
    keep &= (rng.random(len(owner)) >= 2 * settings.drop_nights * rng.random(n)[owner])[:, None]
    end = np.where(rng.random(n) < settings.truncate, 80 * rng.random(n), np.inf)
    keep &= (nights.time <= end[owner])[:, None]
    hidden = settings.hide_redshift * (settings.redshift == "optional") > rng.random(n)
    shift = nights.redshift_error * settings.shift_redshift * rng.standard_normal(n)
    shifted = np.where(nights.redshift == 0, 0.0, np.maximum(nights.redshift + shift, 0.005))
    redshift = np.where(hidden, np.nan, shifted)
    degraded = replace(
        nights,
        flux=np.where(keep, flux, 0.0).astype(np.float32),
        flux_error=np.where(keep, error, 1.0).astype(np.float32),
        measured=keep,
        redshift=redshift.astype(np.float32),
    )
    return reset_trigger(degraded.select(keep.any(1)), settings)


def reset_trigger(nights: Nights, settings: Settings) -> Nights:
    """Set time zero to the first night with high signal to noise, and drop nights that are too long before it."""
    hit = (triggers(nights.flux, nights.flux_error, settings) & nights.measured).any(1)
    start = first(nights.owner, nights.time, hit, len(nights))
    since = nights.time - np.where(np.isfinite(start), start, 0.0)[nights.owner].astype(np.float32)
    in_window = np.isfinite(start)[nights.owner] & (since >= -settings.before)
    return replace(nights, time=since, trigger=nights.trigger + start).select(in_window)


def tensors(nights: Nights) -> dict[str, Tensor]:
    """Pad nights to the longest light curve: tensors with objects along axis 0, nights along axis 1.

    "redshift" holds redshift, its error, and whether it is known (-1: zero, in our Galaxy), shape (object, 3).
    """
    counts, width = nights.counts, nights.flux.shape[1]
    longest = max(int(counts.max(initial=0)), 1)
    row, step = nights.owner, np.arange(len(nights.time)) - nights.offsets[:-1].repeat(counts)

    def pad(values: np.ndarray, fill: float) -> Tensor:
        full = np.full((len(nights), longest, *values.shape[1:]), fill, np.float32)
        full[row, step] = values
        return torch.from_numpy(full)

    has_redshift = np.where(nights.redshift == 0, -1, np.isfinite(nights.redshift))
    redshift = np.stack([np.nan_to_num(nights.redshift), np.nan_to_num(nights.redshift_error), has_redshift], 1)
    return {
        "time": pad(nights.time, 0.0),
        "flux": pad(nights.flux, 0.0).view(len(nights), longest, width),
        "flux_error": pad(nights.flux_error, 1.0),
        "measured": pad(nights.measured, 0.0),
        "redshift": torch.from_numpy(redshift.astype(np.float32)),
        "position": torch.from_numpy(nights.position),
        "nights": torch.from_numpy(counts.astype(np.int64)),
    }


def by_length(counts: np.ndarray, batch: int, rng: np.random.Generator | None = None) -> Iterator[np.ndarray]:
    """Give the objects of each batch, of similar length so that there is little padding.

    With `rng`, lengths are jittered and batches shuffled; objects without nights are left out.
    """
    objects = np.flatnonzero(counts > 0)
    jitter = 8 * rng.random(len(objects)) if rng is not None else 0.0
    order = objects[np.argsort(counts[objects] + jitter, kind="stable")]
    parts = np.split(order, np.arange(batch, len(order), batch)) if len(order) else []
    for k in rng.permutation(len(parts)) if rng is not None else range(len(parts)):
        yield parts[k]
