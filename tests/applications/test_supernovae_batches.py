"""Nights and tensors of light curves, against a loop over points and what must not matter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skysure.applications.supernovae import Settings, batches
from skysure.applications.supernovae.published import fill_bands
from skysure.data.lightcurves import LightCurves

BANDS = ("g", "r", "i")


def random_curves(seed: int, objects: int = 6, most: int = 40) -> LightCurves:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, most, objects)
    owner, n = np.repeat(np.arange(objects), counts), counts.sum()
    time = rng.uniform(56000, 56120, n)
    time = time[np.lexsort((time, owner))]
    return LightCurves(
        {
            "id": np.array([f"sn{k}" for k in range(objects)]),
            "label": np.array(["Ia", "IIP", "SLSN", "", "Ic", "Ia"][:objects]),
            "redshift": np.where(rng.random(objects) < 0.3, np.nan, rng.uniform(0.1, 1, objects)),
            "redshift_error": np.full(objects, 0.03),
            "ra": rng.uniform(0, 360, objects),
        },
        np.concatenate([[0], np.cumsum(counts)]), time, rng.integers(0, 3, n).astype(np.int16),
        rng.normal(8, 12, n), rng.uniform(1, 4, n), BANDS,
    )  # fmt: skip


def by_hand(curves: LightCurves, k: int) -> tuple[float, dict[int, dict[int, tuple[float, float]]]]:
    """The trigger of object k and, by night and band, mean flux and error: a loop over its points."""
    points = range(curves.offsets[k], curves.offsets[k + 1])
    hits = [curves.time[p] for p in points if curves.flux[p] > 4 * curves.flux_error[p]]
    if not hits:
        return np.inf, {}
    cells: dict[int, dict[int, list[int]]] = {}
    for p in points:
        since = curves.time[p] - min(hits)
        if since >= -30:
            cells.setdefault(int(np.floor(since + 0.5)), {}).setdefault(int(curves.band[p]), []).append(p)
    means = {}
    for night, bands in cells.items():
        means[night] = {}
        for band, ps in bands.items():
            weight = [1 / curves.flux_error[p] ** 2 for p in ps]
            flux = sum(w * curves.flux[p] for w, p in zip(weight, ps, strict=True)) / sum(weight)
            means[night][band] = (flux, sum(weight) ** -0.5)
    return min(hits), means


@given(st.integers(0, 10_000))
@settings(max_examples=25)
def test_nights_are_the_weighted_means_of_a_loop(seed: int) -> None:
    curves = random_curves(seed)
    nights = batches.group_by_night(curves, BANDS, Settings())
    assert len(nights) == len(curves)
    for k in range(len(curves)):
        trigger, means = by_hand(curves, k)
        rows = slice(nights.offsets[k], nights.offsets[k + 1])
        assert nights.trigger[k] == trigger
        assert np.array_equal(nights.measured[rows].sum(1), [len(means[night]) for night in sorted(means)])
        for row, night in zip(range(rows.start, rows.stop), sorted(means), strict=True):
            for band, (flux, error) in means[night].items():
                assert nights.flux[row, band] == pytest.approx(flux, rel=1e-5, abs=1e-5)
                assert nights.flux_error[row, band] == pytest.approx(error, rel=1e-5)


def test_what_no_classifier_may_see_changes_nothing() -> None:
    curves = random_curves(1)
    nights = batches.group_by_night(curves, BANDS, Settings(redshift="never"))
    hidden = replace(curves, objects=curves.objects | {n: curves.objects[n][::-1] for n in ("label", "redshift")})
    hidden_nights = batches.group_by_night(hidden, BANDS, Settings(redshift="never"))
    assert np.isnan(nights.redshift).all()
    for name in ("time", "flux", "flux_error", "measured", "offsets"):
        assert np.array_equal(getattr(nights, name), getattr(hidden_nights, name))


def test_points_long_before_the_trigger_are_not_seen() -> None:
    time = np.array([0.0, 69.0, 71.0, 100.0, 101.0])
    flux = np.array([3.0, 3.0, 3.0, 50.0, 50.0])
    curves = LightCurves(
        {"id": np.array(["a"])}, np.array([0, 5]), time, np.zeros(5, np.int16), flux, np.ones(5), ("r",)
    )
    nights = batches.group_by_night(curves, ("r",), Settings())
    assert nights.time.tolist() == [-29.0, 0.0, 1.0]


def test_an_eclipse_triggers_and_a_redshift_of_zero_is_known_where_stars_vary() -> None:
    time, flux = np.array([60.0, 100.0, 101.0, 130.0] * 2), np.array([0.0, -50.0, 1.0, 50.0] * 2)
    curves = LightCurves(
        {"id": np.array(["near", "far"]), "redshift": np.array([0.0, 0.2]), "redshift_error": np.array([0.0, 0.05])},
        np.array([0, 4, 8]), time, np.zeros(8, np.int16), flux, np.ones(8), ("r",),
    )  # fmt: skip
    plain, stars = (batches.group_by_night(curves, ("r",), Settings(variables=v)) for v in (False, True))
    assert plain.trigger.tolist() == [130.0, 130.0]
    assert stars.trigger.tolist() == [100.0, 100.0]
    assert batches.tensors(plain)["redshift"][:, 2].tolist() == [0.0, 1.0]
    assert batches.tensors(stars)["redshift"][:, 2].tolist() == [-1.0, 1.0]
    whole = dict.fromkeys(("hide_redshift", "drop_nights", "drop_points", "truncate"), 0.0)
    strong = Settings(variables=True, shift_redshift=3.0, **whole)
    augmented = batches.augment(stars, strong, np.random.default_rng(0))
    assert augmented.redshift[0] == 0
    assert augmented.redshift[1] not in (0.0, np.float32(0.2))
    assert augmented.time[: augmented.counts[0]].tolist() == [0.0, 1.0, 30.0]


def test_a_label_that_is_a_class_belongs_to_no_other() -> None:
    labels = np.array(["Ia-91bg", "Ia", "IIP", "SNIax", "Ia-91T"])
    assert batches.targets(labels, ("Ia", "Ia-91bg", "CC", "Iax")).tolist() == [1, 0, 2, 3, 0]
    assert batches.targets(labels, ("Ia", "CC")).tolist() == [0, 0, 1, 0, 0]


def test_later_points_leave_earlier_nights_as_they_are() -> None:
    curves = random_curves(3, most=80)
    whole = batches.group_by_night(curves, BANDS, Settings())
    is_early = curves.time - np.where(np.isfinite(whole.trigger), whole.trigger, 0)[curves.owner] <= 12.4
    cut = batches.group_by_night(curves.select_points(is_early), BANDS, Settings())
    early = batches.group_by_night(curves, BANDS, Settings(), until=12.4)
    for name in ("offsets", "time", "flux", "flux_error", "measured", "trigger"):
        assert np.array_equal(getattr(early, name), getattr(cut, name))
    complete = whole.select(whole.time < 11.5)
    for k in range(len(curves)):
        a, b = slice(*complete.offsets[k : k + 2]), slice(cut.offsets[k], cut.offsets[k] + complete.counts[k])
        assert np.array_equal(complete.flux[a], cut.flux[b])
        assert np.array_equal(complete.time[a], cut.time[b])


def test_an_object_of_one_night_or_of_noise_cannot_be_classified() -> None:
    time = np.array([1.0, 1.2, 1.0, 9.0, 1.0, 9.0])
    flux = np.array([50.0, 60.0, 1.0, -2.0, 50.0, 1.0])
    curves = LightCurves(
        {"id": np.array(["one night", "noise", "good", "empty"])}, np.array([0, 2, 4, 6, 6]), time,
        np.zeros(6, np.int16), flux, np.ones(6), ("r",),
    )  # fmt: skip
    assert batches.group_by_night(curves, ("r",), Settings()).classifiable.tolist() == [False, False, True, False]


def test_labels_find_their_class() -> None:
    labels = np.array(["IIP", "Ia", "SLSN", "", "SN Ic", "Ic-BL", "SNIa"])
    assert batches.targets(labels, ("Ia", "II", "Ibc")).tolist() == [1, 0, -1, -1, 2, 2, 0]
    assert batches.targets(labels, ("Ia", "CC")).tolist() == [1, 0, -1, -1, 1, 1, 0]
    assert batches.targets(np.array(["x", "y"]), ("y", "x")).tolist() == [1, 0]
    assert batches.targets(np.array([], str), ("Ia",)).tolist() == []


def test_every_object_with_nights_is_in_one_batch() -> None:
    counts = np.array([3, 0, 9, 1, 4, 4, 0, 8])
    for rng in (None, np.random.default_rng(0)):
        parts = list(batches.by_length(counts, 3, rng))
        assert sorted(np.concatenate(parts).tolist()) == [0, 2, 3, 4, 5, 7]
    assert list(batches.by_length(np.zeros(3, int), 2)) == []


def test_padding_holds_each_night_once() -> None:
    nights = batches.group_by_night(random_curves(5), BANDS, Settings())
    padded = batches.tensors(nights)
    assert padded["flux"].shape == (6, nights.counts.max(), 3)
    for k in range(6):
        n = nights.counts[k]
        assert np.array_equal(padded["flux"][k, :n].numpy(), nights.flux[nights.offsets[k] : nights.offsets[k + 1]])
        assert not padded["measured"][k, n:].any()
    has_redshift = np.isfinite(nights.redshift)
    assert np.array_equal(padded["redshift"][:, 2].numpy().astype(bool), has_redshift)


QUIET = Settings(noise=0, drop_nights=0, drop_points=0, scatter=0, shift_redshift=0, truncate=0, hide_redshift=0)


def test_augmentation_of_no_strength_only_counts_time_from_nights() -> None:
    nights = batches.group_by_night(random_curves(7, most=60), BANDS, Settings())
    same = batches.augment(nights, QUIET, np.random.default_rng(0))
    for k in np.flatnonzero(nights.classifiable & (same.counts == nights.counts)):
        rows = slice(*nights.offsets[k : k + 2]), slice(*same.offsets[k : k + 2])
        assert np.array_equal(nights.flux[rows[0]], same.flux[rows[1]])
    assert np.array_equal(nights.redshift, same.redshift, equal_nan=True)


def test_augmentation_belongs_to_its_seed_and_keeps_the_rules() -> None:
    nights = batches.group_by_night(random_curves(8, most=80), BANDS, Settings())
    strong = Settings(noise=1, drop_nights=0.3, drop_points=0.3, truncate=0.5, hide_redshift=0.5)
    first, second = (batches.augment(nights, strong, np.random.default_rng(4)) for _ in range(2))
    other = batches.augment(nights, strong, np.random.default_rng(5))
    assert np.array_equal(first.flux, second.flux)
    assert first.flux.shape != other.flux.shape or not np.array_equal(first.flux, other.flux)
    assert len(first) == len(nights)
    assert first.measured.any(1).all()
    assert (first.time >= -30).all()
    hit = ((first.flux > 4 * first.flux_error) & first.measured).any(1)
    start = batches.first(first.owner, first.time.astype(float), hit, len(first))
    assert np.allclose(start[np.isfinite(first.trigger)], 0, atol=1e-4)


def test_joined_nights_are_those_of_the_joined_curves() -> None:
    curves = random_curves(9)
    whole = batches.group_by_night(curves, BANDS, Settings())
    joined = batches.Nights.concat(
        [batches.group_by_night(curves[a:b], BANDS, Settings()) for a, b in ((0, 2), (2, 6))]
    )
    for name in ("offsets", "time", "flux", "trigger"):
        assert np.array_equal(getattr(whole, name), getattr(joined, name))


def test_filling_stays_between_neighbours() -> None:
    nights = batches.group_by_night(random_curves(11, most=60), BANDS, Settings())
    full, same = fill_bands(nights, 0, 0), fill_bands(nights, 0, 0)
    assert np.array_equal(full.flux, same.flux)
    assert not np.array_equal(full.flux, fill_bands(nights, 0, 1).flux)
    assert np.array_equal(full.flux[nights.measured], nights.flux[nights.measured])
    for k in range(len(nights)):
        for band in range(3):
            rows = np.arange(nights.offsets[k], nights.offsets[k + 1])
            measured = rows[nights.measured[rows, band]]
            for row in np.setdiff1d(rows, measured):
                near = [*measured[measured < row][-1:], *measured[measured > row][:1]]
                values = nights.flux[near, band] if near else np.zeros(1)
                assert values.min() - 1e-4 <= full.flux[row, band] <= values.max() + 1e-4
    part = np.array([4, 1])
    assert np.array_equal(fill_bands(nights[part], 0, 0).flux, fill_bands(nights, 0, 0)[part].flux)
