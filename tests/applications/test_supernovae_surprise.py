"""How surprising a light curve went on: by hand, without a look at later nights, and as part of the novelty."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import norm

from skysure.applications.supernovae import Query, Schema, Settings, calibrate, network, predict
from skysure.applications.supernovae.batches import Nights, group_by_night
from skysure.applications.supernovae.forecasts import surprise as surprising
from skysure.applications.supernovae.forecasts.horizons import Fluxes
from skysure.applications.supernovae.forecasts.later import CHECKPOINT_POINTS, SPANS, forecast_checkpoints
from skysure.applications.supernovae.forecasts.prediction import fluxes_at
from skysure.applications.supernovae.forecasts.surprise import MAX_SURPRISE, Surprise, surprises
from skysure.applications.supernovae.simulator import simulate_lightcurves
from skysure.data.lightcurves import LightCurves
from skysure.data.sources import InMemorySource

SMALL = Settings(hidden=8, head=8, rate=0.2, forecast=0.5)
SCHEMA = Schema(bands=("g", "r", "i", "z"), classes=("Ia", "II", "Ibc"))


@pytest.fixture(scope="module")
def curves() -> LightCurves:
    return simulate_lightcurves(120, seed=4)


@pytest.fixture(scope="module")
def model(curves: LightCurves):
    classifier = network(SMALL, SCHEMA).eval()
    calibrate(classifier, InMemorySource(SCHEMA, [curves]))
    return classifier


def gaussian(mean: np.ndarray, std: np.ndarray) -> Fluxes:
    rows = [torch.from_numpy(x)[None] for x in (np.ones_like(mean), mean, std)]
    return Fluxes(np.ones(len(mean)), *rows, torch.zeros(len(mean), dtype=torch.float64))


def measure(model, nights: Nights) -> Surprise:
    return Surprise(nights).measure_all(model, nights)


def test_the_surprise_of_a_gaussian_knows_no_width() -> None:
    rng = np.random.default_rng(0)
    mean, std, z = rng.normal(size=20000), rng.lognormal(sigma=3, size=20000), rng.normal(size=20000)
    surprise = gaussian(mean, std).surprise(mean + std * z).numpy()
    assert surprise == pytest.approx(-norm.logpdf(z))
    assert surprise.mean() == pytest.approx(norm.entropy(), abs=4 * surprise.std() / 20000**0.5)


def test_a_course_is_looked_at_once_in_each_span_and_never_beyond_its_points(curves) -> None:
    nights = group_by_night(curves, SCHEMA.bands, SMALL)
    checkpoints = forecast_checkpoints(nights)
    assert checkpoints["ahead"].shape == (len(nights), len(SPANS) + 1, CHECKPOINT_POINTS)
    cuts, points = checkpoints["cut"], checkpoints["ahead_error"] > 0
    assert points.any((1, 2)).sum() > 100
    for k in range(len(nights)):
        object_nights = nights[k : k + 1]
        for cut, there, night, band, flux in zip(
            cuts[k], points[k], checkpoints["night"][k], checkpoints["band"][k], checkpoints["ahead"][k], strict=True
        ):
            if there.any():
                assert (night[there] > cut).all()
                assert (object_nights.flux[night[there], band[there]] == flux[there]).all()
                assert cut > 0
        used = cuts[k][points[k].any(1)]
        spans = np.searchsorted(SPANS, object_nights.time[used], side="right")
        assert len(np.unique(spans)) == len(spans)


def test_nothing_later_changes_how_surprising_a_course_was(model, curves) -> None:
    whole = group_by_night(curves, SCHEMA.bands, SMALL)
    until = group_by_night(curves, SCHEMA.bands, SMALL, 25.0)
    objects = np.flatnonzero(whole.classifiable & until.classifiable)
    last = until.counts[objects] - 1
    full = (until.flux[until.offsets[objects] + last] == whole.flux[whole.offsets[objects] + last]).all(1)
    objects, last = objects[full], last[full]  # of the others a night was cut in two
    assert len(objects) > 110
    now, then = measure(model, until).until(objects, last), measure(model, whole).until(objects, last)
    assert np.isfinite(now).mean() > 0.8
    assert then == pytest.approx(now, rel=1e-4, nan_ok=True)
    final = measure(model, whole).until(objects, whole.counts[objects] - 1)
    assert np.nanmean(np.abs(final - now)) > 0.01
    single = measure(model, whole).until(objects[7:8], whole.counts[objects[7:8]] - 1)  # in another batch
    assert single == pytest.approx(final[7:8], rel=1e-4)


def test_a_surprise_is_that_of_the_forecast_without_noise(model, curves) -> None:
    curve = curves[np.array([int(np.argmax(curves.counts))])]
    nights = group_by_night(curve, SCHEMA.bands, SMALL)
    points = forecast_checkpoints(nights)
    cut = int(points["cut"][0, 2])
    there = points["ahead_error"][0, 2] > 0
    past = curve.select_points(curve.time - nights.trigger[0] < nights.time[cut] + 0.5)
    time = nights.trigger[0] + nights.time[points["night"][0, 2]]
    still = network(replace(SMALL, dropout="none"), SCHEMA).eval()
    state = {n: t for n, t in model.state_dict().items() if not n.endswith("rate")}
    names = {n.replace(".layer.", "."): t for n, t in state.items()}
    still.load_state_dict({n: names.get(n, t) for n, t in still.state_dict().items()})
    fluxes = fluxes_at(still, past, np.zeros(there.sum(), int), time[there], points["band"][0, 2][there], Query())
    error, flux = points["ahead_error"][0, 2][there], points["ahead"][0, 2][there]
    by_hand = fluxes.measured(error.astype(float)).surprise(flux.astype(float)).clamp(max=MAX_SURPRISE)
    counted = np.zeros_like(points["ahead_error"])
    counted[0, 2] = points["ahead_error"][0, 2]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(surprising, "forecast_checkpoints", lambda nights: points | {"ahead_error": counted})
        surprise = measure(model, nights).until(np.array([0]), nights.counts - 1)
    assert surprise[0] == pytest.approx(by_hand.mean().item(), rel=1e-3)


def test_one_bad_point_is_no_new_kind(model) -> None:
    fluxes = gaussian(np.zeros(2), np.ones(2))
    values = surprises(model, fluxes, np.array([[[0.0, 1e6]]]), np.ones((1, 1, 2)))
    assert values[0, 0, 0] < 3
    assert values[0, 0, 1] == MAX_SURPRISE


def test_what_goes_on_as_nothing_else_does_is_novel(model, curves) -> None:
    """From the sixth day on every other point is too bright, and those between too faint."""
    nights = group_by_night(curves, SCHEMA.bands, SMALL)
    jumping = np.where(np.arange(len(curves.flux)) % 2 == 0, 30.0, 1 / 30.0)
    late = curves.time > nights.trigger[curves.owner] + 5
    strange = replace(curves, flux=np.where(late, curves.flux * jumping, curves.flux))
    training_kind, other_kind = (predict(model, data, Query(samples=2)) for data in (curves, strange))
    last = nights.counts - 1
    rows = np.flatnonzero(nights.classifiable)
    before, after = (
        measure(model, group_by_night(c, SCHEMA.bands, SMALL)).until(rows, last[rows]) for c in (curves, strange)
    )
    assert (after > before).mean() > 0.8
    assert np.nanmean(other_kind.ood_percentile) > np.nanmean(training_kind.ood_percentile) + 0.2
